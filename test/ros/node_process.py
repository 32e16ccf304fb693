"""A node in its own process, and what listens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from neurok_ros.client import NodeUnreachableError, PredictorClient
from neurok_ros.connection import Connection

ROOT = Path(__file__).parents[2]
REAL_NAMESPACE = "real"
"""Where the node with the shipped checkpoint serves."""

SLIDING_NODE = Path(__file__).with_name("sliding_node.py")


class NodeProcess:
    """Starts a node, waits until it serves, and at the end interrupts it and checks that it leaves cleanly.

    Args:
        program: arguments to Python.
        parameters: set on the command line.
        extra_arguments: for ROS, such as remaps.
        namespace: in which the node's services are waited for; None to wait for nothing.
    """

    def __init__(
        self,
        program: list[str],
        parameters: dict[str, str] | None = None,
        extra_arguments: list[str] | None = None,
        namespace: str | None = "neurok",
    ) -> None:
        self._namespace = namespace
        arguments = ["--ros-args", *(extra_arguments or [])]
        for name, value in (parameters or {}).items():
            arguments += ["-p", f"{name}:={value}"]
        self._log = tempfile.NamedTemporaryFile("w+", suffix=".log")  # noqa: SIM115
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment,
        )

    @property
    def log(self) -> str:
        """What the node wrote so far."""
        return Path(self._log.name).read_text()

    def wait(self, timeout: float = 60.0) -> int:
        """Wait for the process to end, and return its exit status."""
        return self.process.wait(timeout)

    def interrupt(self) -> None:
        """Do what Control-C does."""
        self.process.send_signal(signal.SIGINT)

    def __enter__(self) -> NodeProcess:
        if self._namespace is None:
            return self
        try:
            self._wait_until_ready(self._namespace)
        except Exception:
            self.process.kill()
            print(self.log)
            raise
        return self

    def _wait_until_ready(self, namespace: str, timeout: float = 90.0) -> None:
        deadline = time.monotonic() + timeout
        with PredictorClient(namespace) as client:
            while True:
                try:
                    client.wait_until_ready(timeout=1.0)
                except NodeUnreachableError:
                    assert self.process.poll() is None, "the node died"
                    if time.monotonic() > deadline:
                        raise
                else:
                    return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.interrupt()
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        assert status == 0, self.log


class Listener:
    """Collects the messages of one topic.

    Args:
        connection: the listener's place in the ROS graph.
        kind: message type.
        topic: relative to the node's namespace, or absolute.
        quality: of service.
    """

    def __init__(self, connection: Connection, kind: Any, topic: str, quality: Any = 10) -> None:
        self._changed = threading.Condition()
        self.messages: list[Any] = []
        self.subscription = connection.node.create_subscription(kind, topic, self._received, quality)
        connection.wait_for_publisher(self.subscription)

    def wait_for(self, condition: Callable[[list[Any]], bool], timeout: float = 20.0) -> list[Any]:
        """Return all messages once they fulfil a condition; fail when they do not in time."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.messages), timeout), (
                f"{len(self.messages)} messages on {self.subscription.topic_name}, none as expected"
            )
            return list(self.messages)

    def _received(self, message: Any) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
