"""The node's subscriptions: scans, observations, forces, velocities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import TwistStamped, WrenchStamped
from rclpy.qos import QoSProfile
from scipy.spatial import cKDTree
from sensor_msgs.msg import PointCloud2
from shape_msgs.msg import Mesh
from std_msgs.msg import Header

from neurok_model import geometry
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import Contact, ImposedVelocity, Push
from neurok_msgs.msg import ContactArray, TriangleMesh
from neurok_ros.conversions.arrays import three
from neurok_ros.conversions.contacts import action_from_message
from neurok_ros.conversions.meshes import mesh_from_message, mesh_from_shape
from neurok_ros.conversions.point_clouds import cloud_from_message
from neurok_ros.conversions.transforms import RigidTransform
from neurok_ros.quality import NEWEST, SENSOR
from neurok_ros.runtime import Runtime
from neurok_ros.session import HeldObject
from neurok_ros.showing import show_later


class Inputs:
    """Hands every message to the worker; while it is busy, only the newest of each topic waits.

    Args:
        runtime: the configured node.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        reliable_points = runtime.settings["points_reliability"] == "reliable"
        self._subscriptions = [
            self._subscribe(TriangleMesh, "scan/mesh", self._scan_mesh, NEWEST),
            self._subscribe(Mesh, "scan/shape", self._scan_shape, NEWEST),
            self._subscribe(PointCloud2, "scan/points", self._scan_points, NEWEST if reliable_points else SENSOR),
            self._subscribe(ContactArray, "contacts", self._contacts, NEWEST),
            self._subscribe(WrenchStamped, "wrench", self._wrench, SENSOR),
            self._subscribe(TwistStamped, "contact_twist", self._contact_twist, SENSOR),
        ]

    def destroy(self) -> None:
        """Remove the subscriptions."""
        for subscription in self._subscriptions:
            self._runtime.node.destroy_subscription(subscription)

    def _subscribe(self, kind: Any, topic: str, handler: Callable[[Any], None], quality: QoSProfile) -> Any:
        runtime = self._runtime

        def handle(message: Any) -> None:
            try:
                handler(message)
            except Exception as error:
                runtime.report(topic, error)

        def received(message: Any) -> None:
            if runtime.is_active():
                runtime.worker.offer(topic, lambda: handle(message))

        return runtime.node.create_subscription(kind, topic, received, quality)

    def _scan_mesh(self, message: Any) -> None:
        self._runtime.check_age(message.header)
        self._set_object("scan/mesh", mesh_from_message(message), message.header)

    def _scan_shape(self, message: Any) -> None:
        self._set_object("scan/shape", mesh_from_shape(message), Header())

    def _scan_points(self, message: Any) -> None:
        runtime = self._runtime
        runtime.check_age(message.header)
        cloud = cloud_from_message(message, runtime.settings.position("cloud_viewpoint"))
        held = runtime.session.held
        if held is None:
            self._set_object("scan/points", cloud, message.header)
            return
        transform = runtime.into_object_frame(message.header, held)
        answer = runtime.session.estimate(held, transform.scan(cloud), update=True)
        runtime.diagnostics.served("scan/points", answer.timings)
        runtime.outputs.state_changed(runtime.session.require(), runtime.header(held.frame_id))

    def _set_object(self, topic: str, scan: geometry.TriangleMesh | geometry.PointCloud, header: Header) -> None:
        runtime = self._runtime
        transform, frame_id = runtime.scan_frame(header)
        before = runtime.session.held
        held, timings = runtime.session.set_object(
            transform.scan(scan), runtime.settings.physics(), frame_id, keep_state=True
        )
        runtime.diagnostics.served(topic, timings)
        if before is None or held.model is not before.model:
            runtime.outputs.object_changed(held, runtime.header(frame_id))

    def _contacts(self, message: Any) -> None:
        self._predict("contacts", message.header, lambda held, transform: action_from_message(message, transform, ""))

    def _wrench(self, message: Any) -> None:
        """Predict under a measured force. Its torque needs an extended contact and is left out."""

        def push(held: HeldObject, transform: RigidTransform) -> list[Contact]:
            force = transform.vectors(three(message.wrench.force))
            return [Push(self._contact_point(transform), force, self._runtime.settings["prediction.duration"])]

        self._predict("wrench", message.header, push)

    def _contact_twist(self, message: Any) -> None:
        """Predict under a grasp that holds the surface around the contact point."""

        def grasp(held: HeldObject, transform: RigidTransform) -> list[Contact]:
            settings = self._runtime.settings
            centre = self._contact_point(transform)
            vertices = held.model.surface.vertices(held.state.q)
            radius = settings["grasp_radius"]
            near = cKDTree(vertices).query_ball_point(centre, radius)
            if not near:
                raise NeurokError(
                    ErrorCode.CONTACT_OFF_SURFACE,
                    "contact_twist",
                    f"no vertex within {radius:g} m of {np.round(centre, 4).tolist()}",
                    "a contact point closer to the object's surface, or a larger parameter grasp_radius",
                )
            linear = transform.vectors(three(message.twist.linear))
            angular = transform.vectors(three(message.twist.angular))
            duration = settings["prediction.duration"]
            return [ImposedVelocity(vertices[near], linear, angular, centre, duration)]

        self._predict("contact_twist", message.header, grasp)

    def _contact_point(self, transform: RigidTransform) -> np.ndarray:
        """Return where a wrench or twist acts, in the object's frame."""
        point = self._runtime.settings.position("contact_point")
        return transform.points(np.zeros(3) if point is None else point)

    def _predict(
        self, topic: str, header: Header, action: Callable[[HeldObject, RigidTransform], list[Contact]]
    ) -> None:
        runtime = self._runtime
        held = runtime.session.require()
        contacts = action(held, runtime.into_object_frame(header, held))
        answer = runtime.session.predict(
            held,
            contacts,
            runtime.settings["prediction.horizon"],
            runtime.settings["prediction.step"],
            held.state,
            with_vertices=False,
            cancelled=runtime.worker.cancelled,
        )
        runtime.diagnostics.served(topic, answer.timings)
        show_later(runtime, held, answer, contacts)
