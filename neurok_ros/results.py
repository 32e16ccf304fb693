"""What the client returns: NumPy arrays in SI units, in the object's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from neurok_model.errors import ErrorCode
from neurok_model.mechanics import Outcome


class PredictionError(RuntimeError):
    """The node refused a request.

    Args:
        code: why.
        message: what is wrong with which field, and what is allowed.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code.name}: {message}")


class NodeUnreachableError(TimeoutError):
    """The node did not answer in time; the text says what to check."""


@dataclass(frozen=True)
class ObjectInformation:
    """The object that the node holds now.

    Args:
        object_id: names it in later requests.
        dimension: number of reduced coordinates.
        vertex_count: number of vertices.
        triangle_count: number of triangles; 0 for a point cloud.
        timings: milliseconds of ``encode`` and ``compile`` (absent for a scan that was held already),
            ``compute``, ``convert``, ``queue``, and ``round_trip`` as the client saw it.
    """

    object_id: str
    dimension: int
    vertex_count: int
    triangle_count: int
    timings: dict[str, float]


@dataclass(frozen=True)
class ObjectMesh:
    """The rest mesh that the node published.

    Args:
        object_id: the object's.
        frame_id: the frame that it was scanned in.
        vertices: in metres.
        triangles: corners; none for a point cloud.
    """

    object_id: str
    frame_id: str
    vertices: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "t 3"]


@dataclass(frozen=True)
class PredictedMotion:
    """One predicted motion.

    Args:
        object_id: the object's.
        times: seconds since the beginning, T of them, the first one 0.
        vertices: of every frame in metres, or None where they were not asked for.
        q: reduced coordinates, no unit.
        qdot: their velocities, 1/s.
        kinetic_energy: joules.
        potential_energy: joules.
        outcome: how the rollout ended; OK where the message does not tell (topic `prediction`).
        residual: share of the contacts' motion that the object could not follow, 0 to 1; NaN where not told.
        energy_drift: energy without a cause, as a share of what was exchanged; NaN where not told.
        timings: milliseconds by stage (see the message StageTiming), and ``round_trip`` as the client saw it.
    """

    object_id: str
    times: Float[np.ndarray, " T"]
    vertices: Float[np.ndarray, "T n 3"] | None
    q: Float[np.ndarray, "T k"]
    qdot: Float[np.ndarray, "T k"]
    kinetic_energy: Float[np.ndarray, " T"]
    potential_energy: Float[np.ndarray, " T"]
    outcome: Outcome
    residual: float
    energy_drift: float
    timings: dict[str, float]


@dataclass(frozen=True)
class PredictedBatch:
    """The ends of K candidates.

    Args:
        times: seconds since the beginning, T of them.
        final_q: reduced coordinates at the end.
        final_qdot: their velocities, 1/s.
        outcomes: how each rollout ended.
        residuals: share of each action that the object could not follow.
        tracked_points: paths of the tracked vertices in metres, or None.
        final_vertices: whole meshes at the end in metres, or None.
        costs: distance to the goal in metres, infinite where the end says nothing; None without a goal.
        best: the candidate with the lowest cost, or None.
        timings: milliseconds by stage, and ``round_trip`` as the client saw it.
    """

    times: Float[np.ndarray, " T"]
    final_q: Float[np.ndarray, "K k"]
    final_qdot: Float[np.ndarray, "K k"]
    outcomes: list[Outcome]
    residuals: Float[np.ndarray, " K"]
    tracked_points: Float[np.ndarray, "K T p 3"] | None
    final_vertices: Float[np.ndarray, "K n 3"] | None
    costs: Float[np.ndarray, " K"] | None
    best: int | None
    timings: dict[str, float]


@dataclass(frozen=True)
class ObservedState:
    """The state of the object.

    Args:
        object_id: the object's.
        q: reduced coordinates, no unit.
        qdot: their velocities, 1/s.
        residual: distance between the observation and the object in metres; 0 at rest.
        timings: milliseconds by stage, and ``round_trip`` as the client saw it.
    """

    object_id: str
    q: Float[np.ndarray, " k"]
    qdot: Float[np.ndarray, " k"]
    residual: float
    timings: dict[str, float]


@dataclass(frozen=True)
class PlausiblePoses:
    """Draws from the prior.

    Args:
        q: reduced coordinates of each.
        vertices: of each, in metres, or None where they were not asked for.
        timings: milliseconds by stage, and ``round_trip`` as the client saw it.
    """

    q: Float[np.ndarray, "c k"]
    vertices: Float[np.ndarray, "c n 3"] | None
    timings: dict[str, float]


@dataclass(frozen=True)
class RefinedObject:
    """The object that the node holds after it was refined.

    Args:
        object_id: names it in later requests.
        dimension: number of reduced coordinates.
        misfit_before: root-mean-square distance between the watched vertices and the nearest that the object could do
            before, as a share of the watched motion.
        misfit: the same as it is now.
        parameters: value, and lower and upper bound of the 95 % interval, of every physical parameter that was fitted,
            in SI units; of ``reach`` for either end of each way in which the object was seen to move, "reach[0]" on,
            "reach[1]" back, and so on.
        timings: milliseconds by stage, and ``round_trip`` as the client saw it.
    """

    object_id: str
    dimension: int
    misfit_before: float
    misfit: float
    parameters: dict[str, tuple[float, float, float]]
    timings: dict[str, float]
