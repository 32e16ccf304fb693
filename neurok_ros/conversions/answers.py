"""Service responses and topics to the client's results."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurok_model.errors import ErrorCode
from neurok_model.mechanics import Outcome
from neurok_msgs.msg import MeshTrajectory
from neurok_ros.conversions.arrays import numpy_view
from neurok_ros.conversions.status import timings_from_messages
from neurok_ros.results import (
    ObjectInformation,
    ObjectMesh,
    ObservedState,
    PlausiblePoses,
    PredictedBatch,
    PredictedMotion,
    PredictionError,
    RefinedObject,
)


def raise_for_status(status: Any) -> None:
    """Raise when a Status says that a request was refused.

    Raises:
        PredictionError: with the status's code and sentence.
    """
    if status.code != ErrorCode.OK:
        known = status.code in ErrorCode.__members__.values()
        raise PredictionError(ErrorCode(status.code) if known else ErrorCode.INTERNAL, status.message)


def object_information(response: Any, timings: dict[str, float]) -> ObjectInformation:
    """Return the result of SetObject."""
    return ObjectInformation(
        response.object_id, response.dimension, response.vertex_count, response.triangle_count, timings
    )


def object_mesh(message: Any) -> ObjectMesh:
    """Return the mesh of topic object/mesh."""
    return ObjectMesh(
        message.object_id,
        message.header.frame_id,
        numpy_view(message.vertices, np.float32).reshape(-1, 3),
        numpy_view(message.triangles, np.uint32).reshape(-1, 3).astype(np.int64),
    )


def predicted_motion(trajectory: MeshTrajectory, response: Any | None, timings: dict[str, float]) -> PredictedMotion:
    """Return a predicted motion.

    Args:
        trajectory: from a response, or from topic prediction.
        response: of Predict or the result of Rollout, or None for the topic.
        timings: milliseconds by stage.
    """
    times = numpy_view(trajectory.times, np.float64)
    frames, dimension = len(times), trajectory.dimension
    vertices = numpy_view(trajectory.vertices, np.float32)
    return PredictedMotion(
        object_id=trajectory.object_id,
        times=times,
        vertices=vertices.reshape(frames, trajectory.vertex_count, 3) if len(vertices) else None,
        q=numpy_view(trajectory.q, np.float64).reshape(frames, dimension),
        qdot=numpy_view(trajectory.qdot, np.float64).reshape(frames, dimension),
        kinetic_energy=numpy_view(trajectory.kinetic_energy, np.float64),
        potential_energy=numpy_view(trajectory.potential_energy, np.float64),
        outcome=Outcome.OK if response is None else Outcome(response.outcome.value),
        residual=float("nan") if response is None else response.residual,
        energy_drift=float("nan") if response is None else response.energy_drift,
        timings=timings,
    )


def predicted_batch(response: Any, timings: dict[str, float]) -> PredictedBatch:
    """Return the result of PredictBatch."""
    times = numpy_view(response.times, np.float64)
    outcomes = numpy_view(response.outcomes, np.uint8)
    candidates, dimension = len(outcomes), response.dimension
    tracked = numpy_view(response.tracked_points, np.float32)
    final = numpy_view(response.final_vertices, np.float32)
    costs = numpy_view(response.costs, np.float64)
    return PredictedBatch(
        times=times,
        final_q=numpy_view(response.final_q, np.float64).reshape(candidates, dimension),
        final_qdot=numpy_view(response.final_qdot, np.float64).reshape(candidates, dimension),
        outcomes=[Outcome(int(value)) for value in outcomes],
        residuals=numpy_view(response.residuals, np.float64),
        tracked_points=tracked.reshape(candidates, len(times), -1, 3) if len(tracked) else None,
        final_vertices=final.reshape(candidates, response.vertex_count, 3) if len(final) else None,
        costs=costs if len(costs) else None,
        best=response.best if response.best >= 0 else None,
        timings=timings,
    )


def observed_state(state: Any, timings: dict[str, float]) -> ObservedState:
    """Return an ObjectState."""
    return ObservedState(
        state.object_id,
        numpy_view(state.q, np.float64),
        numpy_view(state.qdot, np.float64),
        state.residual,
        timings,
    )


def plausible_poses(response: Any, timings: dict[str, float]) -> PlausiblePoses:
    """Return the result of SampleStates."""
    q = numpy_view(response.q, np.float64).reshape(-1, response.dimension)
    vertices = numpy_view(response.vertices, np.float32)
    return PlausiblePoses(q, vertices.reshape(len(q), response.vertex_count, 3) if len(vertices) else None, timings)


def refined_object(response: Any, timings: dict[str, float]) -> RefinedObject:
    """Return the result of Refine."""
    fitted = zip(response.values, response.lower, response.upper, strict=True)
    return RefinedObject(
        response.object_id,
        response.dimension,
        response.misfit_before,
        response.misfit,
        dict(zip(response.parameters, fitted, strict=True)),
        timings,
    )


def stage_timings(response: Any, round_trip: float) -> dict[str, float]:
    """Return a response's timings with the round trip in milliseconds added."""
    return {**timings_from_messages(getattr(response, "timings", ())), "round_trip": round_trip}
