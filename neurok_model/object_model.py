"""One object that can be predicted: what ``Predictor.encode`` returns."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from neurok_model.assembly import ObjectParts
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.estimation import fit_configuration
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.gradients import DifferentiableMotion, DifferentiablePush, differentiable_motion
from neurok_model.identification import IDENTIFIED, IdentifiedPhysics, MotionObservation, identify_physics
from neurok_model.mechanics import (
    Contact,
    Damping,
    LagrangianSystem,
    Obstacle,
    Outcome,
    Potential,
    RolloutSettings,
    State,
    gather_actions,
    region_with_base,
    rollout,
    step_count,
)
from neurok_model.mechanics.motion import Motion
from neurok_model.mechanics.quick_rollout import PlacedContacts, quick_rollout, takes
from neurok_model.physics import PhysicsParameters
from neurok_model.reduction import PriorRegion, SampledRegion
from neurok_model.request_size import check_rollout, memory_and_device_errors
from neurok_model.results import (
    BatchPrediction,
    ObjectState,
    Prediction,
    PredictionSpread,
    SampledStates,
    StateEstimate,
)
from neurok_model.sampled_motion import (
    REFITTED,
    REFITTED_ESTIMATE,
    estimate_warnings,
    extrapolated,
    farthest_outside,
)
from neurok_model.surface import ReducedSurface
from neurok_model.surroundings import with_obstacles

BASE_PRECISION = 1.0
"""Prior of a free base's pose where it is estimated, per square metre and square radian."""


class ObjectModel:
    """An encoded and compiled object.

    Positions and forces are in the frame of the scan (z up), in SI units. The object itself has no state that
    changes: predictions start from ``initial_state``, which defaults to rest.

    Args:
        object_id: hexadecimal digest of scan, physics and checkpoint.
        surface: vertices and contact rows.
        system: the Lagrangian mechanics.
        region: the learned prior over q.
        physics: the physical parameters that the system was built with.
        timings: milliseconds of ``encode`` and ``compile``.
        compile_error: error of the compiled map against the decoder, as a share of the motion.
        parts: what the surface and the system were put together from; needed for other physical parameters.
    """

    def __init__(
        self,
        object_id: str,
        surface: ReducedSurface,
        system: LagrangianSystem,
        region: PriorRegion,
        physics: PhysicsParameters,
        timings: dict[str, float],
        compile_error: float,
        parts: ObjectParts | None = None,
    ) -> None:
        self.object_id = object_id
        self.surface = surface
        self.system = system
        self.region = region
        self.physics = physics
        self.timings = timings
        self.compile_error = compile_error
        self.parts = parts

    def with_physics(self, physics: PhysicsParameters) -> ObjectModel:
        """The same object under other physical parameters, without encoding it again.

        Raises:
            NeurokError: INVALID_PARAMETER for an object that was not made from a scan.
        """
        if self.parts is None:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "model", self.object_id, "an object encoded from a scan")
        surface, system = self.parts.assembled(physics)
        digest = hashlib.blake2b(f"{self.object_id} {astuple(physics)}".encode(), digest_size=8)
        region = self.parts.region_of(physics)
        return ObjectModel(
            digest.hexdigest(), surface, system, region, physics, self.timings, self.compile_error, self.parts
        )

    def with_terms(self, *, potentials: Sequence[Potential] = (), damping: Sequence[Damping] = ()) -> ObjectModel:
        """The same object with more potentials and damping terms than the standard ones."""
        system = replace(
            self.system,
            potentials=(*self.system.potentials, *potentials),
            damping=(*self.system.damping, *damping),
        )
        return ObjectModel(
            self.object_id,
            self.surface,
            system,
            self.region,
            self.physics,
            self.timings,
            self.compile_error,
            self.parts,
        )

    def refitted(self, state: ObjectState) -> ObjectModel:
        """The same object, its compiled map fitted around ``state`` as well, in the same coordinates; takes seconds.

        For a state that left what the map was fitted to: see ``Prediction.warnings``.

        Raises:
            NeurokError: INVALID_PARAMETER for an object that has nothing to fit, or a state of another size.
        """
        if self.parts is None or self.parts.refit is None:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "model", self.object_id, "an object compiled from a scan")
        q = torch.as_tensor(self._checked(state).q)[-self.region.dimension :]
        parts = self.parts.refit(q)
        surface, system = parts.assembled(self.physics)
        error = getattr(parts.embedding, "relative_error", self.compile_error)
        return ObjectModel(self.object_id, surface, system, self.region, self.physics, self.timings, error, parts)

    @property
    def rest_vertices(self) -> Float[np.ndarray, "n 3"]:
        """The scan's vertices, metres, float32."""
        return self.surface.rest_vertices

    @property
    def triangles(self) -> Int[np.ndarray, "t 3"]:
        """The scan's triangles, int32; none for a point cloud."""
        return self.surface.triangles

    @property
    def dimension(self) -> int:
        """Number k_q of reduced coordinates."""
        return self.system.embedding.dimension

    @property
    def rest_state(self) -> ObjectState:
        """The scanned pose, without velocity."""
        return ObjectState(np.zeros(self.dimension), np.zeros(self.dimension))

    def predict(
        self,
        contacts: Sequence[Contact],
        *,
        horizon: float,
        step: float,
        initial_state: ObjectState | None = None,
        settings: RolloutSettings | None = None,
        cancelled: Callable[[], bool] | None = None,
        obstacles: Sequence[Obstacle] = (),
        uncertainty: IdentifiedPhysics | None = None,
        draws: int = 16,
        seed: int = 0,
        refit: bool = False,
    ) -> Prediction:
        """Predict the motion that contacts cause.

        Args:
            contacts: all contacts of the horizon together; none lets the object move on its own.
            horizon: how far to look, s.
            step: time between frames, s.
            initial_state: where to begin; rest when left out.
            settings: integrator and tolerances.
            cancelled: asked now and then; once true, the prediction ends early with outcome CANCELLED.
            obstacles: what the object cannot pass through, in the frame of the scan.
            uncertainty: what ``identify`` found; the prediction is then made with its parameters, and its ``spread``
                holds what happens under others that could be true as well.
            draws: how many of those.
            seed: of the draws.
            refit: whether a motion that leaves what the compiled map was fitted to is predicted again by a map that is
                fitted around where it went, which takes seconds. The warnings say so either way.

        Raises:
            NeurokError: INVALID_HORIZON, INVALID_PARAMETER, CONTACT_OFF_SURFACE, REQUEST_TOO_LARGE, or INVALID_CONTACT
                for an obstacle that the object is inside of.
        """
        asked: dict[str, Any] = {
            "horizon": horizon,
            "step": step,
            "initial_state": initial_state,
            "settings": settings,
            "cancelled": cancelled,
            "obstacles": obstacles,
        }
        if uncertainty is not None:
            under = [uncertainty.physics, *uncertainty.draw(draws, seed)]
            futures = [self.with_physics(physics).predict(contacts, refit=refit, **asked) for physics in under]
            return replace(futures[0], spread=PredictionSpread(tuple(futures[1:])))
        result, fit_time, integrate_time = self._rollout([contacts], **asked)
        farthest, warnings = farthest_outside(self._sampled, result)
        if refit and farthest is not None and self.parts is not None and self.parts.refit is not None:
            there = ObjectState(farthest, np.zeros(self.dimension))
            again = self.refitted(there).predict(contacts, **asked)
            return replace(again, warnings=(REFITTED, *again.warnings))
        return Prediction(
            times=result.times,
            q=result.q[0],
            qdot=result.qdot[0],
            kinetic_energy=result.kinetic_energy[0],
            potential_energy=result.potential_energy[0],
            work=result.work[0],
            dissipated=result.dissipated[0],
            outcome=Outcome(int(result.outcome[0])),
            residual=float(result.residual[0]),
            energy_drift=float(result.energy_drift[0]),
            timings={"contact_fit": fit_time, "integrate": integrate_time},
            surface=self.surface,
            warnings=warnings,
        )

    def predict_batch(
        self,
        actions: Sequence[Sequence[Contact]],
        *,
        horizon: float,
        step: float,
        initial_state: ObjectState | None = None,
        tracked_vertices: Int[np.ndarray, " p"] | None = None,
        full_meshes: bool = False,
        settings: RolloutSettings | None = None,
        cancelled: Callable[[], bool] | None = None,
        obstacles: Sequence[Obstacle] = (),
    ) -> BatchPrediction:
        """Predict the motions of K candidate actions from one state.

        Args:
            actions: the contacts of each candidate.
            horizon: how far to look, s.
            step: time between frames, s.
            initial_state: where all candidates begin; rest when left out.
            tracked_vertices: vertices whose positions are wanted in every frame.
            full_meshes: whether all vertices are wanted at the last frame.
            settings: integrator and tolerances.
            cancelled: asked now and then; once true, all candidates end early with outcome CANCELLED.
            obstacles: what the object cannot pass through, in the frame of the scan.

        Raises:
            NeurokError: INVALID_HORIZON, INVALID_PARAMETER, CONTACT_OFF_SURFACE, REQUEST_TOO_LARGE, or INVALID_CONTACT
                for an obstacle that the object is inside of.
        """
        if len(actions) == 0:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "actions", "none", "at least one candidate")
        if tracked_vertices is not None:
            tracked_vertices = self.surface.checked_indices(tracked_vertices)
        decoded = {
            "tracked": 0 if tracked_vertices is None else len(tracked_vertices),
            "vertices": len(self.rest_vertices) if full_meshes else 0,
        }
        result, fit_time, integrate_time = self._rollout(
            actions, horizon, step, initial_state, settings, cancelled, obstacles, **decoded
        )
        q = result.q
        begin = time.perf_counter()
        tracked = None if tracked_vertices is None else self.surface.vertices(q, tracked_vertices)
        final = self.surface.vertices(q[:, -1]) if full_meshes else None
        decode_time = _milliseconds_since(begin)
        return BatchPrediction(
            result.times,
            q,
            result.qdot,
            result.outcome,
            result.residual,
            result.energy_drift,
            tracked,
            final,
            {"contact_fit": fit_time, "integrate": integrate_time, "decode": decode_time},
            extrapolated=extrapolated(self._sampled, result),
        )

    def differentiable_motion(
        self,
        pushes: Sequence[DifferentiablePush],
        *,
        horizon: float,
        step: float,
        q: Float[torch.Tensor, " k"] | None = None,
        qdot: Float[torch.Tensor, " k"] | None = None,
        settings: RolloutSettings | None = None,
    ) -> DifferentiableMotion:
        """Predict a motion whose cost can be differentiated by contacts and initial state.

        Args:
            pushes: forces on the surface, in tensors.
            horizon: how far to look, s.
            step: time between frames, s.
            q: initial coordinates; rest when left out.
            qdot: initial velocities, 1/s; zero when left out.
            settings: integrator and tolerances.

        Raises:
            NeurokError: as ``predict``, and INVALID_PARAMETER for the compiled backend.
        """
        return differentiable_motion(
            self.surface, self.system, pushes, horizon=horizon, step=step, q=q, qdot=qdot, settings=settings
        )

    def identify(
        self,
        observations: Sequence[MotionObservation],
        parameters: Sequence[str] = IDENTIFIED,
        model_error: float = 0.0,
    ) -> IdentifiedPhysics:
        """Fit physical parameters to one or a few observed pokes.

        The stated parameters are the median of a wide prior, so that what the observations do not show stays as
        stated, with its uncertainty.

        Args:
            observations: pokes and the motions that followed.
            parameters: which to fit, of ``identification.RANGES``.
            model_error: by how much predictions are off whatever the parameters are, as a share of the observed motion:
                what explains less than that is not taken for a finding.

        Raises:
            NeurokError: INVALID_PARAMETER for no observation, a parameter that cannot be fitted, or a model error that
                is negative or not finite.
        """

        def predicted(
            physics: PhysicsParameters, observation: MotionObservation, indices: Int[np.ndarray, " p"]
        ) -> Float[np.ndarray, "f p 3"]:
            step = observation.step
            motion = self.with_physics(physics).predict(
                observation.contacts,
                horizon=step * (len(observation.times) - 1),
                step=step,
                initial_state=observation.initial_state,
            )
            return motion.points(self.surface.checked_indices(indices))

        return identify_physics(
            predicted,
            observations,
            self._physics_of_every_end(),
            parameters,
            len(self.rest_vertices),
            self.region.dimension,
            model_error,
            self._ends_that_were_seen(),
        )

    def estimate_state(
        self, observation: TriangleMesh | PointCloud, initial_state: ObjectState | None = None, *, refit: bool = False
    ) -> StateEstimate:
        """Find the configuration that an observation of the same object shows (inverse kinematics).

        Args:
            observation: a mesh with the same vertices as the scan (correspondences are then known), any other
                mesh, or a cloud; in the frame of the scan, metres.
            initial_state: where to begin looking; rest when left out.
            refit: whether a configuration outside of what the compiled map was fitted to is looked for again with a map
                that is fitted around it, which takes seconds. The warnings say so either way.

        Raises:
            NeurokError: when the observation is not a valid scan.
        """
        start = (initial_state or self.rest_state).q
        q, residual = fit_configuration(self.surface, self._region_of_all(), observation, start)
        state = ObjectState(q, np.zeros(self.dimension))
        warnings = estimate_warnings(self._sampled, q)
        if refit and warnings and self.parts is not None and self.parts.refit is not None:
            again = self.refitted(state).estimate_state(observation, state)
            return replace(again, warnings=(REFITTED_ESTIMATE, *again.warnings))
        return StateEstimate(state, residual, self.surface.vertices(q), warnings)

    def sample(self, count: int, seed: int) -> SampledStates:
        """Draw configurations from the learned prior.

        Raises:
            NeurokError: INVALID_PARAMETER for a count that is not positive.
        """
        if count < 1:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "count", count, "at least 1")
        q = _numpy(self.region.sample(count, torch.Generator().manual_seed(seed)))
        q = np.concatenate((np.zeros((count, self.dimension - q.shape[1]), q.dtype), q), axis=1)
        return SampledStates(q, self.surface.vertices(q))

    @property
    def _sampled(self) -> SampledRegion | None:
        """Where the compiled map was fitted; None where nothing was."""
        return None if self.parts is None else self.parts.sampled

    def _physics_of_every_end(self) -> PhysicsParameters:
        """The physical parameters, with a reach for each end of each way in which the object was seen to move."""
        watched = None if self.parts is None else self.parts.watched
        if watched is None:
            return self.physics
        return replace(self.physics, reach=tuple(each for ends in watched.factors(self.physics.reach) for each in ends))

    def _ends_that_were_seen(self) -> list[dict[str, float]]:
        """Each way ends where the object was seen to go farthest: where a fit of its ends may begin."""
        if self.parts is None or self.parts.watched is None:
            return []
        reach = self.parts.watched.seen_reach(self.parts.region)
        return [{f"reach[{index}]": factor for index, factor in enumerate(reach)}]

    def _region_of_all(self) -> PriorRegion:
        """The prior over all coordinates: a free base is anywhere within an arm's length."""
        if self.dimension == self.region.dimension:
            return self.region
        return region_with_base(self.region, BASE_PRECISION)

    def _rollout(
        self,
        actions: Sequence[Sequence[Contact]],
        horizon: float,
        step: float,
        initial_state: ObjectState | None,
        settings: RolloutSettings | None,
        cancelled: Callable[[], bool] | None,
        obstacles: Sequence[Obstacle],
        **decoded: int,
    ) -> tuple[Motion, float, float]:
        """Run the mechanics; returns its result and the milliseconds of contact fit and integration."""
        begin = time.perf_counter()
        start = self.rest_state if initial_state is None else self._checked(initial_state)
        embedding, steps = self.system.embedding, step_count(horizon, step)
        check_rollout(self.surface.memory_limit, embedding, actions, steps + 1, **decoded)
        with memory_and_device_errors(f"{len(actions)} candidates over {horizon:g} s"):
            if not obstacles and takes(self.system, actions, settings):
                placed = PlacedContacts(actions, self.surface.contact_arrays(start.q), embedding.embedding_dimension)
                fitted = time.perf_counter()
                result = quick_rollout(
                    self.system,
                    start.q,
                    start.qdot,
                    placed,
                    steps=steps,
                    step=step,
                    settings=settings,
                    cancelled=cancelled,
                )
            else:
                gathered = gather_actions(actions, self.surface.contact_modes(start.q), embedding.embedding_dimension)
                system = with_obstacles(self.system, self.surface, self.region, obstacles, start.q)
                fitted = time.perf_counter()
                state = State(torch.as_tensor(start.q), torch.as_tensor(start.qdot))
                result = Motion.of(
                    rollout(system, state, gathered, horizon, step, settings=settings, cancelled=cancelled)
                )
        return result, 1e3 * (fitted - begin), _milliseconds_since(fitted)

    def _checked(self, state: ObjectState) -> ObjectState:
        for name in ("q", "qdot"):
            value = np.asarray(getattr(state, name), dtype=np.float64)
            if value.shape != (self.dimension,) or not np.isfinite(value).all():
                raise NeurokError(
                    ErrorCode.INVALID_PARAMETER, f"initial_state.{name}", value, f"{self.dimension} finite numbers"
                )
        return state


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _milliseconds_since(begin: float) -> float:
    return 1e3 * (time.perf_counter() - begin)
