"""What predictions, estimates and samples return: NumPy arrays in SI units, in the object's frame."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from neurok_model.mechanics import Outcome
from neurok_model.surface import ReducedSurface


@dataclass(frozen=True)
class ObjectState:
    """Reduced coordinates and velocities of one object.

    Attributes:
        q: reduced coordinates, no unit; 0 is the scanned pose.
        qdot: their velocities, 1/s.
    """

    q: Float[np.ndarray, " k"]
    qdot: Float[np.ndarray, " k"]


@dataclass(frozen=True)
class Prediction:
    """One predicted motion.

    Attributes:
        times: seconds since the beginning, T + 1 of them.
        q: reduced coordinates.
        qdot: their velocities, 1/s.
        kinetic_energy: joules.
        potential_energy: joules.
        work: joules that the contacts put in so far.
        dissipated: joules that damping took out so far.
        outcome: how the rollout ended.
        residual: share of the contacts' motion that the object could not follow, 0 to 1.
        energy_drift: largest energy that appeared or vanished without a cause, as a share of what was exchanged.
        timings: milliseconds of ``contact_fit`` and ``integrate``, and of ``decode`` once vertices were asked for;
            ``ObjectModel.timings`` has those of ``encode`` and ``compile``.
        spread: what else could happen, given how well the physical parameters are known; None where it was not asked
            for.
        warnings: what a user should know before trusting it, as sentences.
    """

    times: Float[np.ndarray, " frames"]
    q: Float[np.ndarray, "frames k"]
    qdot: Float[np.ndarray, "frames k"]
    kinetic_energy: Float[np.ndarray, " frames"]
    potential_energy: Float[np.ndarray, " frames"]
    work: Float[np.ndarray, " frames"]
    dissipated: Float[np.ndarray, " frames"]
    outcome: Outcome
    residual: float
    energy_drift: float
    timings: dict[str, float]
    surface: ReducedSurface = field(repr=False)
    spread: PredictionSpread | None = None
    warnings: tuple[str, ...] = ()

    def vertices(self) -> Float[np.ndarray, "frames n 3"]:
        """Vertices of the scan in every frame, metres, float32."""
        return self._decoded(None)

    def points(self, indices: Int[np.ndarray, " p"]) -> Float[np.ndarray, "frames p 3"]:
        """Chosen vertices in every frame, metres, float32."""
        return self._decoded(indices)

    def _decoded(self, indices: Int[np.ndarray, " p"] | None) -> Float[np.ndarray, "frames p 3"]:
        begin = time.perf_counter()
        positions = self.surface.vertices(self.q, indices)
        self.timings["decode"] = self.timings.get("decode", 0.0) + 1e3 * (time.perf_counter() - begin)
        return positions


@dataclass(frozen=True)
class PredictionSpread:
    """Futures of the same action under physical parameters drawn from their uncertainty.

    Attributes:
        futures: one prediction per draw.
    """

    futures: tuple[Prediction, ...]

    def points(self, indices: Int[np.ndarray, " p"]) -> Float[np.ndarray, "draws frames p 3"]:
        """Chosen vertices of every future and frame, metres."""
        return np.stack([future.points(indices) for future in self.futures])

    def deviation(self, indices: Int[np.ndarray, " p"]) -> Float[np.ndarray, "frames p"]:
        """Root-mean-square distance of the futures from their mean, for each frame and chosen vertex, metres."""
        points = self.points(indices).astype(np.float64)
        return np.asarray(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0)))


@dataclass(frozen=True)
class BatchPrediction:
    """Motions of K candidate actions.

    Attributes:
        times: seconds since the beginning, T + 1 of them.
        q: reduced coordinates of every candidate and frame.
        qdot: their velocities, 1/s.
        outcome: how each rollout ended, values of :class:`Outcome`.
        residual: share of each candidate's contact motion that the object could not follow.
        energy_drift: see :class:`Prediction`.
        tracked: positions of the tracked vertices, metres, or None where none were asked for.
        final_vertices: all vertices at the last frame, metres, or None where they were not asked for.
        timings: milliseconds of ``contact_fit``, ``integrate`` and ``decode``.
        extrapolated: which candidates left the configurations that the compiled map was fitted to, so that their motion
            from there on says little; see :meth:`ObjectModel.refitted`.
    """

    times: Float[np.ndarray, " frames"]
    q: Float[np.ndarray, "K frames k"]
    qdot: Float[np.ndarray, "K frames k"]
    outcome: Int[np.ndarray, " K"]
    residual: Float[np.ndarray, " K"]
    energy_drift: Float[np.ndarray, " K"]
    tracked: Float[np.ndarray, "K frames p 3"] | None
    final_vertices: Float[np.ndarray, "K n 3"] | None
    timings: dict[str, float]
    extrapolated: Bool[np.ndarray, " K"]

    @property
    def final_q(self) -> Float[np.ndarray, "K k"]:
        """Reduced coordinates at the last frame."""
        return self.q[:, -1]

    @property
    def final_qdot(self) -> Float[np.ndarray, "K k"]:
        """Velocities at the last frame, 1/s."""
        return self.qdot[:, -1]


@dataclass(frozen=True)
class StateEstimate:
    """A state that explains an observation.

    Attributes:
        state: the estimate, at rest.
        residual: root-mean-square distance between the observation and the object, metres.
        vertices: the object's vertices in that state, metres.
        warnings: what to know about the estimate.
    """

    state: ObjectState
    residual: float
    vertices: Float[np.ndarray, "n 3"]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SampledStates:
    """Draws from the learned prior.

    Attributes:
        q: reduced coordinates.
        vertices: the object's vertices in each, metres, float32.
    """

    q: Float[np.ndarray, "count k"]
    vertices: Float[np.ndarray, "count n 3"]
