"""What the parts of the node share while it is configured."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from neurok_model.errors import ErrorCode, NeurokError
from neurok_ros.conversions.transforms import RigidTransform
from neurok_ros.diagnostics import Diagnostics
from neurok_ros.frames import FrameResolver
from neurok_ros.outputs import Outputs
from neurok_ros.requests import check_age
from neurok_ros.session import HeldObject, ObjectSession
from neurok_ros.settings import Settings
from neurok_ros.worker import Worker


@dataclass(frozen=True)
class Runtime:
    """The configured node's parts.

    Args:
        node: the lifecycle node.
        settings: its parameters.
        session: the object that it holds.
        worker: where the model runs.
        frames: transforms between frames.
        outputs: its publishers.
        diagnostics: what it reports about itself.
        is_active: whether it is in the lifecycle state "active".
    """

    node: Any
    settings: Settings
    session: ObjectSession
    worker: Worker
    frames: FrameResolver
    outputs: Outputs
    diagnostics: Diagnostics
    is_active: Callable[[], bool]

    def require_active(self) -> None:
        """Raise ``NOT_ACTIVE`` unless the node is active."""
        if not self.is_active():
            raise NeurokError(
                ErrorCode.NOT_ACTIVE,
                "lifecycle state",
                "not active",
                "a request to an activated node (ros2 lifecycle set <node> activate, or autostart: true)",
            )

    def check_age(self, header: Header) -> None:
        """Raise ``STALE_MESSAGE`` when a message is too old."""
        check_age(header.stamp, self.node.get_clock().now().nanoseconds, self.settings["max_message_age"])

    def scan_frame(self, header: Header) -> tuple[RigidTransform, str]:
        """Return the transform that a new scan needs, and the frame it is in afterwards.

        Raises:
            NeurokError: ``UNKNOWN_FRAME``.
        """
        world = self.settings["world_frame"]
        if not world:
            return RigidTransform(), header.frame_id
        return self.frames.transform(world, header.frame_id, header.stamp), world

    def into_object_frame(self, header: Header, held: HeldObject) -> RigidTransform:
        """Return the transform from a message's frame to the object's, after checking the message's age.

        Raises:
            NeurokError: ``STALE_MESSAGE``, ``UNKNOWN_FRAME``.
        """
        self.check_age(header)
        return self.frames.transform(held.frame_id, header.frame_id, header.stamp)

    def header(self, frame_id: str) -> Header:
        """Return a header of the present time."""
        stamp: Time = self.node.get_clock().now().to_msg()
        return Header(stamp=stamp, frame_id=frame_id)

    def report(self, where: str, error: Exception) -> None:
        """Count a refusal, and log it in one sentence; a fault of the program with its traceback."""
        if not self.diagnostics.refused(where, error):
            return
        if isinstance(error, NeurokError):
            self.node.get_logger().warning(f"{where}: {error.code.name}: {error}")
        else:
            self.node.get_logger().error(f"{where}: INTERNAL: {''.join(traceback.format_exception(error))}")
