"""Brings what arrives in one frame into another, by tf2 where it is installed."""

from __future__ import annotations

from typing import Any

from rclpy.duration import Duration
from rclpy.time import Time

from neurok_model.errors import ErrorCode, NeurokError
from neurok_ros.conversions.transforms import RigidTransform, transform_from_message

try:
    import tf2_ros
except ImportError:  # tf2 is on no package registry; it comes with a full ROS 2 installation
    tf2_ros = None

LONGEST_WAIT = 0.2
"""How long, in seconds, a lookup may wait for a transform that has not arrived yet."""


class FrameResolver:
    """Looks up rigid transforms by frame name; without tf2 it knows only that a frame equals itself.

    Args:
        buffer: anything with ``lookup_transform(target, source, time, timeout)``, or None for no tf2.
    """

    def __init__(self, buffer: Any | None = None) -> None:
        self._buffer = buffer
        self._listener: Any | None = None

    @classmethod
    def listening(cls, node: Any) -> FrameResolver:
        """Return a resolver that listens to /tf and /tf_static through ``node``, where there is tf2_ros."""
        if tf2_ros is None:
            return cls()
        resolver = cls(tf2_ros.Buffer())
        resolver._listener = tf2_ros.TransformListener(resolver._buffer, node)
        return resolver

    def transform(self, target: str, source: str, stamp: Any, field: str = "header.frame_id") -> RigidTransform:
        """Return the transform that takes coordinates in ``source`` to coordinates in ``target``.

        Args:
            target: a frame name.
            source: a frame name; empty means the target.
            stamp: the time at which it is wanted (builtin_interfaces/Time; zero: the latest).
            field: what to call the source in an error.

        Raises:
            NeurokError: ``UNKNOWN_FRAME`` when nothing is known about the two.
        """
        if source in ("", target):
            return RigidTransform()
        if not target:
            raise NeurokError(
                ErrorCode.UNKNOWN_FRAME,
                field,
                f"'{source}'",
                "an empty frame_id, since the object was scanned with one",
            )
        allowed = f"the object's frame '{target}', or an empty frame_id for the same"
        if self._buffer is None:
            raise NeurokError(
                ErrorCode.UNKNOWN_FRAME,
                field,
                f"'{source}'",
                f"{allowed}; others need tf2_ros, which is not installed here (it comes with a full ROS 2)",
            )
        try:
            found = self._buffer.lookup_transform(target, source, *_tf_time(stamp))
        except Exception as error:  # tf2's exceptions share no public base class across releases
            raise NeurokError(
                ErrorCode.UNKNOWN_FRAME,
                field,
                f"'{source}'",
                f"{allowed}, or a frame that tf2 connects to it ({error})",
            ) from error
        return transform_from_message(found.transform)

    def destroy(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.unregister()
            self._listener = None


def _tf_time(stamp: Any) -> tuple[Time, Duration]:
    """Return the time to look up, and how long to wait for transforms that are still under way."""
    return Time.from_msg(stamp), Duration(seconds=LONGEST_WAIT)
