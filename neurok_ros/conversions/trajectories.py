"""Predictions to neurok_msgs/MeshTrajectory and its kin."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from std_msgs.msg import Header

from neurok_model.mechanics import Outcome
from neurok_msgs.msg import MeshTrajectory, ObjectState
from neurok_msgs.msg import Outcome as OutcomeMessage
from neurok_ros.conversions.arrays import flat_array


def outcome_to_message(outcome: Outcome) -> OutcomeMessage:
    """Return a neurok_msgs/Outcome; the numbers are the same on both sides."""
    return OutcomeMessage(value=int(outcome))


def trajectory_to_message(
    prediction: Any,
    vertices: Float[np.ndarray, "frames n 3"] | None,
    vertex_count: int,
    object_id: str,
    header: Header,
) -> MeshTrajectory:
    """Return a neurok_msgs/MeshTrajectory.

    Args:
        prediction: a Prediction of neurok_model.
        vertices: its vertices in metres, or None to leave them out.
        vertex_count: n.
        object_id: the object's.
        header: the object's frame, and the time of the first frame.
    """
    q = np.asarray(prediction.q)
    return MeshTrajectory(
        header=header,
        object_id=object_id,
        times=flat_array(prediction.times, np.float64),
        vertex_count=vertex_count,
        vertices=flat_array([] if vertices is None else vertices, np.float32),
        dimension=q.shape[-1],
        q=flat_array(q, np.float64),
        qdot=flat_array(prediction.qdot, np.float64),
        kinetic_energy=flat_array(prediction.kinetic_energy, np.float64),
        potential_energy=flat_array(prediction.potential_energy, np.float64),
    )


def state_to_message(state: Any, residual: float, object_id: str, header: Header) -> ObjectState:
    """Return a neurok_msgs/ObjectState; its pose is the identity: the object's frame is the header's."""
    message = ObjectState(
        header=header,
        object_id=object_id,
        q=flat_array(state.q, np.float64),
        qdot=flat_array(state.qdot, np.float64),
        residual=float(residual),
    )
    message.pose.orientation.w = 1.0
    return message
