"""The node's publishers, and the animation of the last prediction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from neurok_model.mechanics import Contact
from neurok_msgs.msg import MeshTrajectory, ObjectState, TriangleMesh
from neurok_ros.animation import Animation
from neurok_ros.conversions.markers import (
    DecimatedMesh,
    clear_marker,
    contact_markers,
    decimate,
    object_marker,
    text_marker,
)
from neurok_ros.conversions.meshes import mesh_to_message
from neurok_ros.conversions.point_clouds import cloud_to_message
from neurok_ros.conversions.trajectories import state_to_message
from neurok_ros.quality import LATCHED, NEWEST
from neurok_ros.session import HeldObject
from neurok_ros.settings import Settings


@dataclass(frozen=True)
class Shown:
    """A prediction that is being shown.

    Args:
        held: the object.
        vertices: of every frame, in metres.
        contacts: what acts on the object.
        outcome: how the prediction ended, in words.
    """

    held: HeldObject
    vertices: Float[np.ndarray, "frames n 3"]
    contacts: Sequence[Contact]
    outcome: str


class Outputs:
    """Publishes objects, states and predictions; plays the last prediction in real time.

    Args:
        node: the lifecycle node; nothing is published while it is not active.
        settings: its parameters.
    """

    def __init__(self, node: Any, settings: Settings) -> None:
        self._node = node
        self._settings = settings
        create = node.create_lifecycle_publisher
        self._object_mesh = create(TriangleMesh, "object/mesh", LATCHED)
        self._state = create(ObjectState, "state", LATCHED)
        self._prediction = create(MeshTrajectory, "prediction", NEWEST)
        self._frame = create(TriangleMesh, "prediction/mesh", NEWEST)
        self._points = create(PointCloud2, "prediction/points", NEWEST)
        self._markers = create(MarkerArray, "markers", NEWEST)
        self._decimated: tuple[str, int, DecimatedMesh] | None = None
        self._last_markers = 0.0
        self._animation: Animation[Shown] = Animation(
            self._show_frame,
            rate=lambda: float(settings["animation.rate"]),
            loop=lambda: bool(settings["animation.loop"]),
            failed=lambda error: node.get_logger().error(f"the prediction cannot be shown: {error!r}"),
        )

    def wants_predictions(self) -> bool:
        """Whether anybody listens to a topic that shows predictions."""
        publishers = (self._prediction, self._frame, self._points, self._markers)
        return any(publisher.get_subscription_count() > 0 for publisher in publishers)

    def object_changed(self, held: HeldObject, header: Header) -> None:
        """Publish the rest mesh and the state of a new object, and stop showing the old one."""
        self._animation.stop()
        model = held.model
        self._object_mesh.publish(mesh_to_message(model.rest_vertices, model.triangles, header, model.object_id))
        self.state_changed(held, header)

    def state_changed(self, held: HeldObject, header: Header) -> None:
        """Publish the state."""
        self._state.publish(state_to_message(held.state, held.residual, held.model.object_id, header))

    def predicted(
        self,
        held: HeldObject,
        message: MeshTrajectory,
        vertices: Float[np.ndarray, "frames n 3"],
        contacts: Sequence[Contact],
        outcome: str,
    ) -> None:
        """Publish a prediction and begin to show it."""
        self._prediction.publish(message)
        self._animation.play(Shown(held, vertices, contacts, outcome), np.asarray(message.times))

    def destroy(self) -> None:
        """Stop showing, and remove all publishers."""
        self._animation.close()
        for publisher in (
            self._object_mesh,
            self._state,
            self._prediction,
            self._frame,
            self._points,
            self._markers,
        ):
            self._node.destroy_lifecycle_publisher(publisher)

    def _show_frame(self, shown: Shown, index: int, first: bool, last: bool) -> None:
        """Publish one frame to those who listen; markers only as often as they may be."""
        stamp = self._node.get_clock().now().to_msg()
        header = Header(stamp=stamp, frame_id=shown.held.frame_id)
        vertices, model = shown.vertices[index], shown.held.model
        if self._frame.get_subscription_count():
            self._frame.publish(mesh_to_message(vertices, model.triangles, header, model.object_id))
        if self._points.get_subscription_count():
            self._points.publish(cloud_to_message(vertices, header=header))
        now = time.monotonic()
        due = first or last or now - self._last_markers >= 1.0 / self._settings["markers.rate"]
        if due and self._markers.get_subscription_count():
            self._last_markers = now
            self._markers.publish(self._marker_array(shown, vertices, header, first))

    def _marker_array(
        self, shown: Shown, vertices: Float[np.ndarray, "n 3"], header: Header, first: bool
    ) -> MarkerArray:
        markers = [object_marker(vertices, self._decimate(shown.held), header)]
        if first:
            top = np.append(vertices[:, :2].mean(axis=0), vertices[:, 2].max())
            size = float(np.ptp(vertices, axis=0).max())
            caption = text_marker(shown.outcome, top + [0.0, 0.0, 0.1 * size], 0.06 * size, header)
            markers = [clear_marker(header), *markers, *contact_markers(shown.contacts, header), caption]
        return MarkerArray(markers=markers)

    def _decimate(self, held: HeldObject) -> DecimatedMesh:
        count = self._settings["markers.triangles"]
        if self._decimated is None or self._decimated[:2] != (held.model.object_id, count):
            shape = decimate(held.model.rest_vertices, held.model.triangles, count)
            self._decimated = (held.model.object_id, count, shape)
        return self._decimated[2]
