"""Starts the node: ``python -m neurok_ros.predictor`` (or ``ros2 run neurok_ros predictor``)."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from neurok_ros.environment import MissingRosError, prepare

EXECUTOR_THREADS = 12
"""Each service and the action can occupy one while the model works; the rest keep parameters, lifecycle and
topics responsive. They mostly wait."""

SWITCH_INTERVAL = 0.001
"""Seconds after which Python lets another thread run while the model computes (5 ms by default)."""


PATIENCE = 1.0
"""Seconds that work which cannot be stopped midway, such as encoding a scan, is given when the process ends."""

INTERRUPTED = 130
"""Exit status, as of a shell, of a node that was interrupted before it began to spin."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the node until it is interrupted, and end the process."""
    leave(status(arguments))


def status(arguments: Sequence[str] | None = None) -> int:
    """Run the node until it is interrupted, and return the exit status of the process, which goes on."""
    try:
        prepare()
        return run(arguments)
    except MissingRosError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def leave(status: int) -> NoReturn:
    """End the process at once. Everything has left the ROS graph by then, and been written out here.

    Python would otherwise take apart all modules, which takes about a second of computing (PyTorch, Numba), and many
    times that on a loaded machine, and would wait for work that cannot be stopped: launch loses patience after 5 s.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # whoever read it has gone
            stream.flush()
    os._exit(status)


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
        # Launch passes a Control-C on that the terminal has delivered already; the second one must not interrupt
        # this. Again afterwards: rclpy puts back what it found when it started.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        node.release(PATIENCE)
        executor.shutdown(timeout_sec=PATIENCE)
        node.destroy_node()  # tells the others now; a process that just ended would be missed only after a while
        rclpy.try_shutdown()
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
    main()
