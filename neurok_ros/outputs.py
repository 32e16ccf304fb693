"""The node's publishers, and the animation of the last prediction."""

from __future__ import annotations

import threading
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
        times: of the frames, in seconds.
        contacts: what acts on the object.
        outcome: how the prediction ended, in words.
        begun: when showing it began, on the monotonic clock.
    """

    held: HeldObject
    vertices: Float[np.ndarray, "frames n 3"]
    times: Float[np.ndarray, " frames"]
    contacts: Sequence[Contact]
    outcome: str
    begun: float


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
        self._lock = threading.Lock()
        self._shown: Shown | None = None
        self._decimated: tuple[str, int, DecimatedMesh] | None = None
        self._last_markers = -np.inf
        self._timer = node.create_timer(1.0 / settings["animation.rate"], self._show_frame, autostart=False)

    def wants_predictions(self) -> bool:
        """Whether anybody listens to a topic that shows predictions."""
        publishers = (self._prediction, self._frame, self._points, self._markers)
        return any(publisher.get_subscription_count() > 0 for publisher in publishers)

    def object_changed(self, held: HeldObject, header: Header) -> None:
        """Publish the rest mesh and the state of a new object, and stop showing the old one."""
        with self._lock:
            self._shown = None
        self._timer.cancel()
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
        times = np.asarray(message.times)
        with self._lock:
            self._shown = Shown(held, vertices, times, contacts, outcome, time.monotonic())
            self._last_markers = -np.inf
        self._timer.timer_period_ns = int(1e9 / self._settings["animation.rate"])
        self._timer.reset()
        self._node.executor.wake()  # a running wait does not notice that a timer was started

    def destroy(self) -> None:
        """Remove all publishers and the timer."""
        self._node.destroy_timer(self._timer)
        for publisher in (
            self._object_mesh,
            self._state,
            self._prediction,
            self._frame,
            self._points,
            self._markers,
        ):
            self._node.destroy_lifecycle_publisher(publisher)

    def _show_frame(self) -> None:
        """Publish the frame that is due; at the end stop, or begin again."""
        with self._lock:
            shown = self._shown
        if shown is None:
            self._timer.cancel()
            return
        elapsed, length = time.monotonic() - shown.begun, float(shown.times[-1])
        ended = elapsed >= length
        if ended and self._settings["animation.loop"] and length > 0.0:
            elapsed, ended = elapsed % length, False
        index = min(int(np.searchsorted(shown.times, elapsed, side="right")) - 1, len(shown.times) - 1)
        self._publish_frame(shown, index, last=ended)
        if ended:
            with self._lock:
                if self._shown is shown:
                    self._shown = None
                    self._timer.cancel()

    def _publish_frame(self, shown: Shown, index: int, last: bool) -> None:
        stamp = self._node.get_clock().now().to_msg()
        header = Header(stamp=stamp, frame_id=shown.held.frame_id)
        vertices, model = shown.vertices[index], shown.held.model
        if self._frame.get_subscription_count():
            self._frame.publish(mesh_to_message(vertices, model.triangles, header, model.object_id))
        if self._points.get_subscription_count():
            self._points.publish(cloud_to_message(vertices, header=header))
        now = time.monotonic()
        due = last or now - self._last_markers >= 1.0 / self._settings["markers.rate"]
        if due and self._markers.get_subscription_count():
            first = not np.isfinite(self._last_markers)
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
