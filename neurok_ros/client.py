# ruff: noqa: E402
"""A blocking Python client of the node: NumPy in, NumPy out, no futures.

For example::

    with PredictorClient() as client:
        client.set_object(TriangleMesh(vertices, triangles))
        motion = client.predict([Push(point, force, duration=0.1)], horizon=0.5, step=1 / 60)
        motion.vertices  # [frames, n, 3] in metres
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.identification import MotionObservation
from neurok_model.mechanics import Contact, Impulse, Push
from neurok_model.results import ObjectState
from neurok_ros.environment import prepare

prepare()  # before rclpy: it may be missing, and Fast DDS reads its profile when the first context is made

from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from neurok_msgs.msg import ContactArray, MeshTrajectory
from neurok_msgs.msg import TriangleMesh as TriangleMeshMessage
from neurok_msgs.srv import (
    EstimateState,
    Predict,
    PredictBatch,
    Refine,
    Reset,
    SampleStates,
    SetObject,
)
from neurok_ros.connection import ADVICE, Connection
from neurok_ros.conversions import answers
from neurok_ros.conversions.arrays import flat_array
from neurok_ros.conversions.contacts import action_to_message, contact_array
from neurok_ros.conversions.meshes import mesh_to_message
from neurok_ros.conversions.motions import motion_to_message
from neurok_ros.conversions.point_clouds import cloud_to_message
from neurok_ros.conversions.requests import initial_state_to_message, scan_request
from neurok_ros.quality import LATCHED, NEWEST
from neurok_ros.results import (
    NodeUnreachableError,
    ObjectInformation,
    ObjectMesh,
    ObservedState,
    PlausiblePoses,
    PredictedBatch,
    PredictedMotion,
    PredictionError,
    RefinedObject,
)

__all__ = [
    "NodeUnreachableError",
    "ObjectInformation",
    "ObjectMesh",
    "ObservedState",
    "PlausiblePoses",
    "PredictedBatch",
    "PredictedMotion",
    "PredictionError",
    "PredictorClient",
    "RefinedObject",
]

_SERVICES = {
    "set_object": SetObject,
    "predict": Predict,
    "predict_batch": PredictBatch,
    "estimate_state": EstimateState,
    "sample_states": SampleStates,
    "refine": Refine,
    "reset": Reset,
}


class PredictorClient:
    """Talks to one node. Has a ROS context of its own, so it goes with any other use of rclpy in the process.

    Methods may be called from several threads. Close it, or use it in a ``with`` statement.

    Args:
        namespace: of the node.
        timeout: seconds to wait for the node to appear, and for an answer.

    Raises:
        MissingRosError: (on import) when rclpy or neurok_msgs is missing, with the commands that mend it.
    """

    def __init__(self, namespace: str = "neurok", timeout: float = 60.0) -> None:
        self._namespace = namespace
        self._connection = Connection(namespace, _SERVICES, timeout)
        create = self._connection.node.create_publisher
        self._mesh_publisher = create(TriangleMeshMessage, "scan/mesh", NEWEST)
        self._cloud_publisher = create(PointCloud2, "scan/points", NEWEST)
        self._contact_publisher = create(ContactArray, "contacts", NEWEST)
        self._changed = threading.Condition()
        self._object: ObjectMesh | None = None
        self._prediction: PredictedMotion | None = None
        self._prediction_subscription: Any | None = None
        self._connection.node.create_subscription(TriangleMeshMessage, "object/mesh", self._object_received, LATCHED)

    def __enter__(self) -> PredictorClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the ROS graph. Idempotent."""
        self._connection.close()

    def wait_until_ready(self, timeout: float | None = None) -> None:
        """Wait until the node's services are there.

        Raises:
            NodeUnreachableError: when they are not within ``timeout`` seconds.
        """
        self._connection.wait_for_services(timeout)

    def set_object(
        self,
        scan: TriangleMesh | PointCloud,
        *,
        mass: float = 0.0,
        frame_id: str = "",
        timeout: float | None = None,
    ) -> ObjectInformation:
        """Give the node a new object, and wait until it can be predicted.

        Args:
            scan: mesh or cloud in metres, z up.
            mass: in kilograms; 0 for the node's parameter.
            frame_id: the frame that the scan is in; empty for one without a name.
            timeout: seconds to wait, instead of the client's.

        Raises:
            PredictionError: when the scan is refused.
            NodeUnreachableError: when no answer comes.
        """
        request = scan_request(SetObject.Request(mass=float(mass)), scan, frame_id)
        response, timings = self._connection.call("set_object", request, timeout)
        return answers.object_information(response, timings)

    def predict(
        self,
        contacts: Sequence[Contact],
        *,
        horizon: float,
        step: float,
        initial_state: ObjectState | str = "current",
        with_vertices: bool = True,
        object_id: str = "",
        frame_id: str = "",
        timeout: float | None = None,
    ) -> PredictedMotion:
        """Predict the motion under contacts.

        Args:
            contacts: all contacts of the horizon together; none lets the object move on its own.
            horizon: how far to look, in seconds.
            step: between frames, in seconds.
            initial_state: "current" for the state that the node holds, "rest", or a state.
            with_vertices: whether the mesh of every frame is wanted.
            object_id: to be sure which object is meant; empty for the present one.
            frame_id: of the contacts; empty for the object's own.
            timeout: seconds to wait, instead of the client's.

        Raises:
            PredictionError: when the request is refused.
            NodeUnreachableError: when no answer comes.
        """
        request = Predict.Request(
            header=Header(frame_id=frame_id),
            object_id=object_id,
            action=action_to_message(contacts),
            horizon=float(horizon),
            step=float(step),
            initial_state=initial_state_to_message(initial_state),
            with_vertices=with_vertices,
        )
        response, timings = self._connection.call("predict", request, timeout)
        return answers.predicted_motion(response.trajectory, response, timings)

    def predict_batch(
        self,
        actions: Sequence[Sequence[Contact]],
        *,
        horizon: float,
        step: float,
        initial_state: ObjectState | str = "current",
        tracked_vertices: Int[np.ndarray, " p"] | None = None,
        full_meshes: bool = False,
        goal: tuple[Int[np.ndarray, " g"], Float[np.ndarray, "g 3"]] | None = None,
        object_id: str = "",
        frame_id: str = "",
        timeout: float | None = None,
    ) -> PredictedBatch:
        """Predict K candidate actions at once. See :meth:`predict`.

        Args:
            actions: the contacts of each candidate.
            horizon: how far to look, in seconds.
            step: between frames, in seconds.
            initial_state: where all candidates begin.
            tracked_vertices: vertices whose paths are wanted.
            full_meshes: whether the whole mesh at the end of every candidate is wanted.
            goal: vertices, and where they shall be at the end in metres; gives every candidate a cost.
            object_id: to be sure which object is meant.
            frame_id: of the contacts and the goal.
            timeout: seconds to wait, instead of the client's.

        Raises:
            PredictionError: when the request is refused.
            NodeUnreachableError: when no answer comes.
        """
        goal_vertices, goal_positions = ([], []) if goal is None else goal
        request = PredictBatch.Request(
            header=Header(frame_id=frame_id),
            object_id=object_id,
            actions=[action_to_message(contacts) for contacts in actions],
            horizon=float(horizon),
            step=float(step),
            initial_state=initial_state_to_message(initial_state),
            tracked_vertices=flat_array([] if tracked_vertices is None else tracked_vertices, np.uint32),
            full_meshes=full_meshes,
            goal_vertices=flat_array(goal_vertices, np.uint32),
            goal_positions=flat_array(goal_positions, np.float32),
        )
        response, timings = self._connection.call("predict_batch", request, timeout)
        return answers.predicted_batch(response, timings)

    def estimate_state(
        self,
        observation: TriangleMesh | PointCloud,
        *,
        update_state: bool = True,
        object_id: str = "",
        frame_id: str = "",
        timeout: float | None = None,
    ) -> ObservedState:
        """Find the state at which the object looks like an observation.

        Args:
            observation: mesh or cloud in metres.
            update_state: whether the estimate becomes the state that the node holds.
            object_id: to be sure which object is meant.
            frame_id: of the observation; empty for the object's own.
            timeout: seconds to wait, instead of the client's.

        Raises:
            PredictionError: when the request is refused.
            NodeUnreachableError: when no answer comes.
        """
        request = EstimateState.Request(object_id=object_id, update_state=update_state)
        response, timings = self._connection.call(
            "estimate_state", scan_request(request, observation, frame_id), timeout
        )
        return answers.observed_state(response.state, timings)

    def sample_states(
        self,
        count: int,
        *,
        seed: int = 0,
        with_vertices: bool = True,
        object_id: str = "",
        timeout: float | None = None,
    ) -> PlausiblePoses:
        """Draw plausible poses; the same seed gives the same ones.

        Raises:
            PredictionError: when the request is refused.
            NodeUnreachableError: when no answer comes.
        """
        request = SampleStates.Request(count=count, seed=seed, with_vertices=with_vertices, object_id=object_id)
        response, timings = self._connection.call("sample_states", request, timeout)
        return answers.plausible_poses(response, timings)

    def refine(
        self,
        motions: Sequence[MotionObservation],
        parameters: Sequence[str] = (),
        *,
        object_id: str = "",
        frame_id: str = "",
        timeout: float | None = None,
    ) -> RefinedObject:
        """Correct how the object moves by motions that were watched; the refined object replaces it. Takes seconds.

        Args:
            motions: one or several, all from the scanned pose on, without an initial state.
            parameters: physical parameters to fit afterwards to the same motions, for example "reach", "mass" or
                "damping_rate"; the motions' contacts are read only for these.
            object_id: to be sure which object is meant.
            frame_id: of points and contacts; empty for the object's own.
            timeout: seconds to wait, instead of the client's.

        Raises:
            PredictionError: when the request is refused; object and state are then as they were.
            NodeUnreachableError: when no answer comes.
        """
        messages = [motion_to_message(motion, frame_id, f"motions[{index}]") for index, motion in enumerate(motions)]
        request = Refine.Request(object_id=object_id, motions=messages, parameters=list(parameters))
        response, timings = self._connection.call("refine", request, timeout)
        return answers.refined_object(response, timings)

    def reset(self, *, object_id: str = "", timeout: float | None = None) -> ObservedState:
        """Put the state that the node holds back to rest.

        Raises:
            PredictionError: when there is no object, or another one.
            NodeUnreachableError: when no answer comes.
        """
        response, timings = self._connection.call("reset", Reset.Request(object_id=object_id), timeout)
        return answers.observed_state(response.state, timings)

    def publish_scan(self, scan: TriangleMesh | PointCloud, *, frame_id: str = "", stamped: bool = False) -> None:
        """Publish a scan on ``scan/mesh`` or ``scan/points``; then see :meth:`wait_for_object`.

        Waits for the node's subscription first, so that the message is not lost, but not for the encoding.

        Raises:
            NodeUnreachableError: when no node subscribes.
        """
        header = self._header(frame_id, stamped)
        if isinstance(scan, TriangleMesh):
            self._connection.publish(self._mesh_publisher, mesh_to_message(scan.vertices, scan.triangles, header))
        else:
            self._connection.publish(self._cloud_publisher, cloud_to_message(scan.points, scan.normals, header))

    def publish_contacts(
        self, contacts: Sequence[Push | Impulse], *, frame_id: str = "", stamped: bool = False
    ) -> None:
        """Publish contacts on ``contacts`` and return at once (see :meth:`latest_prediction`).

        Raises:
            NodeUnreachableError: when no node subscribes.
        """
        self._listen_to_predictions()
        self._connection.publish(self._contact_publisher, contact_array(contacts, self._header(frame_id, stamped)))

    def wait_for_object(self, object_id: str = "", timeout: float | None = None) -> ObjectMesh:
        """Return the object that the node published last; wait for it, or for a certain one.

        Raises:
            NodeUnreachableError: when none comes.
        """
        seconds = self._connection.seconds(timeout)
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: self._object is not None and object_id in ("", self._object.object_id), seconds
            )
            if arrived and self._object is not None:
                return self._object
        raise NodeUnreachableError(
            f"no object {object_id} on topic object/mesh of namespace {self._namespace} within {seconds:g} s: "
            f"was a scan published, and accepted (see /diagnostics and the node's log)? {ADVICE}"
        )

    def latest_prediction(self, timeout: float = 0.0) -> PredictedMotion | None:
        """Return the newest message of topic ``prediction``; wait up to ``timeout`` seconds for a first one.

        The node publishes there only while somebody listens; the first call of this method or of
        :meth:`publish_contacts` begins to listen.
        """
        self._listen_to_predictions()
        with self._changed:
            self._changed.wait_for(lambda: self._prediction is not None, timeout)
            return self._prediction

    def _listen_to_predictions(self) -> None:
        with self._changed:
            if self._prediction_subscription is not None:
                return
            self._prediction_subscription = self._connection.node.create_subscription(
                MeshTrajectory, "prediction", self._prediction_received, NEWEST
            )
        self._connection.wait_for_publisher(self._prediction_subscription)

    def _object_received(self, message: Any) -> None:
        with self._changed:
            self._object = answers.object_mesh(message)
            self._changed.notify_all()

    def _prediction_received(self, message: Any) -> None:
        with self._changed:
            self._prediction = answers.predicted_motion(message, None, {})
            self._changed.notify_all()

    def _header(self, frame_id: str, stamped: bool) -> Header:
        header = Header(frame_id=frame_id)
        if stamped:
            header.stamp = self._connection.node.get_clock().now().to_msg()
        return header
