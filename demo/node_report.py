"""What the node says about itself on ``/diagnostics``: its model, its device, how long its work takes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping

from neurok_ros.environment import prepare

prepare()  # before rclpy: Fast DDS reads its profile when the first context is made

import rclpy  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor  # noqa: E402

SECONDS_TO_WAIT = 15.0
_LATENCY = "milliseconds."


class NodeReport:
    """Listens to ``/diagnostics`` in a ROS context of its own. Use it in a ``with`` statement."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._values: dict[str, str] = {}
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("demo_report", context=self._context)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._received, 10)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def __enter__(self) -> NodeReport:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    def value(self, key: str, timeout: float = SECONDS_TO_WAIT) -> str:
        """The newest value of a key, as soon as the node reports it.

        Raises:
            TimeoutError: when it does not within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            if not self._changed.wait_for(lambda: key in self._values, deadline - time.monotonic()):
                raise TimeoutError(f"/diagnostics has no '{key}' after {timeout:g} s")
            return self._values[key]

    def latency(self, work: str, stage: str) -> float:
        """Milliseconds that a stage of the last such work took, for example ``("scan/mesh", "encode")``."""
        return float(self.value(f"{_LATENCY}{work}.{stage}"))

    def _received(self, message: DiagnosticArray) -> None:
        reported: Mapping[str, str] = {pair.key: pair.value for status in message.status for pair in status.values}
        with self._changed:
            self._values.update(reported)
            self._changed.notify_all()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()
