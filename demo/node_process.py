"""The predictor node in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PREDICTOR = ("-m", "neurok_ros.predictor")
SECONDS_TO_STOP = 15.0
LINES_OF_LOG_SHOWN = 15


class NodeStoppedError(RuntimeError):
    """The node ended by itself; the text has the end of its log."""


class NodeProcess:
    """Starts the node, and stops it at the end of a ``with`` statement.

    Args:
        parameters: of the node, by name.
        log: file that receives what the node prints.
        program: arguments to Python that start the node.
    """

    def __init__(self, parameters: Mapping[str, object], log: Path, program: Sequence[str] = PREDICTOR) -> None:
        self._log = log
        assignments = [f"{name}:={_as_yaml(value)}" for name, value in parameters.items()]
        options = [word for assignment in assignments for word in ("-p", assignment)]
        self._command = [sys.executable, *program, "--ros-args", *options]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> NodeProcess:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def require_running(self) -> None:
        """Check that the node has not ended.

        Raises:
            NodeStoppedError: when it has.
        """
        if self._process is None or self._process.poll() is None:
            return
        lines = self._log.read_text(errors="replace").splitlines()[-LINES_OF_LOG_SHOWN:]
        status = self._process.returncode
        raise NodeStoppedError("\n".join([f"the node ended with status {status}; its last words:", *lines]))


def _as_yaml(value: object) -> str:
    """A parameter's value as the command line of ROS reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
