"""Starts the node: ``python -m neurok_ros.predictor`` (or ``ros2 run neurok_ros predictor``)."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from neurok_ros.environment import MissingRosError, prepare

EXECUTOR_THREADS = 12
"""Each service and the action can occupy one while the model works; the rest keep parameters, lifecycle and
topics responsive. They mostly wait."""

SWITCH_INTERVAL = 0.001
"""Seconds after which Python lets another thread run while the model computes (5 ms by default)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until it is interrupted, and return the process's exit status."""
    try:
        prepare()
    except MissingRosError as error:
        print(error, file=sys.stderr)
        return 1
    return run(arguments)


def run(arguments: Sequence[str] | None = None, **node_arguments: Any) -> int:
    """Spin a PredictorNode until it is interrupted, and return the process's exit status.

    Args:
        arguments: of the command line, with ``--ros-args``.
        node_arguments: passed to PredictorNode, for example another ``load``.
    """
    # Only here, since these modules import rclpy and neurok_msgs, which may be missing.
    import rclpy
    from rclpy.executors import MultiThreadedExecutor

    from neurok_ros.node import PredictorNode
    from neurok_ros.parameters import ParameterError

    sys.setswitchinterval(SWITCH_INTERVAL)
    rclpy.init(args=arguments)
    try:
        node = PredictorNode(**node_arguments)
    except ParameterError as error:
        print(f"The node cannot start: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 2
    executor = MultiThreadedExecutor(num_threads=EXECUTOR_THREADS)
    executor.add_node(node)
    try:
        if node.get_parameter("autostart").value:
            node.start()
        _spin(executor, node)
    except KeyboardInterrupt:
        pass
    finally:
        node.release()
        executor.shutdown(timeout_sec=5.0)
        rclpy.try_shutdown()
        # Launch passes a Control-C on that the terminal has delivered already; the second one must not
        # interrupt the interpreter's own clean-up.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return 0


def _spin(executor: Any, node: Any) -> None:
    """Spin until the context is shut down; no exception but an interrupt gets through.

    The node's own callbacks raise nothing, but rclpy's may: when it takes a broken message, for example.
    """
    from rclpy.executors import ExternalShutdownException

    while node.context.ok():
        try:
            executor.spin()
        except ExternalShutdownException:
            return
        except Exception as error:
            node.get_logger().error(f"in the executor: {''.join(traceback.format_exception(error))}")


if __name__ == "__main__":
    sys.exit(main())
