"""A client's place in the ROS graph: a context, a node and a thread, behind blocking calls."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from neurok_ros.conversions import answers
from neurok_ros.results import NodeUnreachableError

ADVICE = "Node and client must share ROS_DOMAIN_ID and the namespace, and see each other on the network."

DISCOVERY_TIME = 0.2
"""Seconds that the other side is given to discover us, which cannot be observed from here. Without them, a first
message to a best-effort subscription may be lost.
"""

PRESENCE_PERIOD = 1.0
"""Seconds between two looks whether a node that owes an answer is still there."""

POLL_PERIOD = 0.01
"""Seconds between two looks at the ROS graph."""


class Connection:
    """Calls services and publishes, blocking. Independent of any other use of rclpy in the process.

    Args:
        namespace: of the node that serves.
        services: service types by relative name.
        timeout: seconds to wait where a call does not say.
    """

    def __init__(self, namespace: str, services: Mapping[str, Any], timeout: float) -> None:
        self._timeout = timeout
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        name = f"predictor_client_{id(self):x}"
        # Nobody sets a client's parameters or reads its log; without both, the executor has less to look at.
        self.node = rclpy.create_node(
            name,
            namespace=namespace,
            context=self._context,
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._clients = {name: self.node.create_client(kind, name) for name, kind in services.items()}
        self._discovered: set[Any] = set()
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave the ROS graph. Idempotent."""
        if self._context.ok():
            self._executor.shutdown()
            self._thread.join()
            self.node.destroy_node()
            rclpy.shutdown(context=self._context)

    def seconds(self, timeout: float | None) -> float:
        """Return how long to wait."""
        return self._timeout if timeout is None else timeout

    def wait_for_services(self, timeout: float | None) -> None:
        """Wait until all services are there.

        Raises:
            NodeUnreachableError: when they are not in time.
        """
        deadline = time.monotonic() + self.seconds(timeout)
        for name in self._clients:
            self._wait_for_service(name, max(0.0, deadline - time.monotonic()))

    def call(self, name: str, request: Any, timeout: float | None) -> tuple[Any, dict[str, float]]:
        """Send a request, wait for the response, and return it with its timings.

        Raises:
            PredictionError: when the node refuses.
            NodeUnreachableError: when no answer comes in time.
        """
        seconds = self.seconds(timeout)
        begin = time.perf_counter()
        self._wait_for_service(name, seconds)
        answered = threading.Event()
        future = self._clients[name].call_async(request)
        future.add_done_callback(lambda _: answered.set())
        if not self._wait_for_answer(answered, name, seconds):
            self._clients[name].remove_pending_request(future)
            raise NodeUnreachableError(
                f"{self.node.resolve_service_name(name)} did not answer within {seconds:g} s: the work takes "
                "longer (give the call a larger timeout), or the node has stopped"
            )
        response = future.result()
        round_trip = 1e3 * (time.perf_counter() - begin)
        answers.raise_for_status(response.status)
        return response, answers.stage_timings(response, round_trip)

    def _wait_for_answer(self, answered: threading.Event, name: str, seconds: float) -> bool:
        """Wait for an answer, but not for a node that is gone."""
        deadline = time.monotonic() + seconds
        while not answered.wait(max(0.0, min(PRESENCE_PERIOD, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                return False
            if not self._clients[name].service_is_ready() and not answered.wait(PRESENCE_PERIOD):
                raise NodeUnreachableError(
                    f"{self.node.resolve_service_name(name)} disappeared while it worked: the node has stopped"
                )
        return True

    def publish(self, publisher: Any, message: Any) -> None:
        """Publish once somebody subscribes.

        Raises:
            NodeUnreachableError: when nobody does in time.
        """
        self._wait_until(
            lambda: publisher.get_subscription_count() > 0, f"no node subscribes to {publisher.topic_name}"
        )
        if publisher not in self._discovered:
            time.sleep(DISCOVERY_TIME)
            self._discovered.add(publisher)
        publisher.publish(message)

    def wait_for_publisher(self, subscription: Any) -> None:
        """Wait until a new subscription has found its publisher, and the publisher most likely it.

        Raises:
            NodeUnreachableError: when there is none in time.
        """
        self._wait_until(lambda: subscription.get_publisher_count() > 0, f"no node publishes {subscription.topic_name}")
        time.sleep(DISCOVERY_TIME)

    def _wait_until(self, condition: Any, otherwise: str) -> None:
        deadline = time.monotonic() + self._timeout
        while not condition():
            if time.monotonic() > deadline:
                raise NodeUnreachableError(f"{otherwise} after {self._timeout:g} s. {ADVICE}")
            time.sleep(POLL_PERIOD)

    def _wait_for_service(self, name: str, seconds: float) -> None:
        client = self._clients[name]
        if not client.service_is_ready() and not client.wait_for_service(seconds):
            raise NodeUnreachableError(
                f"no node offers {self.node.resolve_service_name(name)} after {seconds:g} s: start one with "
                f"`python -m neurok_ros.predictor` or `ros2 launch neurok_ros predictor.launch.py`. {ADVICE}"
            )

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()
