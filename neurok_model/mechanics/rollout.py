"""The rollout: many candidates of one object, from a state and contacts to motion."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import fast_path, reference
from neurok_model.mechanics.actions import Actions
from neurok_model.mechanics.contact_fit import contact_residual
from neurok_model.mechanics.frame_refinement import FrameRefinement
from neurok_model.mechanics.integrators import Integrator, Variational
from neurok_model.mechanics.outcome import Outcome
from neurok_model.mechanics.system import LagrangianSystem, State
from neurok_model.mechanics.trajectory import Rollout, Trajectories

COARSEST = 0.15
"""Largest product of an integration step and the system's fastest rate, however loose the tolerance."""

FRAME_SHARE = 0.6
"""Share of the tolerance that the frames of a motion have together. The rest is a margin: a motion that is off by more
is integrated again, and small losses by damping are to be told from errors.
"""

REFINEMENTS = (2, 4, 16)
"""Factors by which the steps of a candidate that went wrong may be shortened."""

Backend = Literal["auto", "reference", "compiled"]


@dataclass(frozen=True)
class RolloutSettings:
    """How to integrate.

    Attributes:
        integrator: the method.
        maximum_step: longest integration step [s]; recorded steps are divided to stay below it.
        drift_tolerance: share by which a candidate's energy balance may be off. It decides how long steps are at
            first, and a candidate that is off by more is integrated again with shorter ones.
        maximum_refinements: how often; with 0 all steps are as long as they are at first.
        frame_halvings: how often the steps of a single frame may be halved, where the energy does not balance over it.
        maximum_substeps: integration steps per recorded step that are never exceeded, however stiff the
            system.
        unstable_drift: a candidate whose energy balance is off by more than this share even then counts as diverged
            from where it is.
        backend: "auto" takes the machine code where it can, "reference" never does, and "compiled" refuses what it
            cannot do (gradients, obstacles, other integrators).
    """

    integrator: Integrator = field(default_factory=Variational)
    maximum_step: float = 1.0 / 120.0
    drift_tolerance: float = 1e-3
    maximum_refinements: int = 3
    frame_halvings: int = 5
    maximum_substeps: int = 128
    unstable_drift: float = 0.5
    backend: Backend = "auto"


def rollout(
    system: LagrangianSystem,
    state: State,
    actions: Actions,
    horizon: float,
    step: float,
    *,
    settings: RolloutSettings | None = None,
    cancelled: Callable[[], bool] | None = None,
    attempt: Trajectories | None = None,
) -> Rollout:
    """Integrate K candidates, each with its own contacts, over ``horizon``.

    Candidates are independent: each is integrated as it would be alone, and one that diverges stays at its
    last good state. A recorded step that is long for the system's stiffness is divided; a candidate whose
    equations were not solved, or whose energy does not balance, is integrated again with shorter steps.

    Args:
        system: the object's mechanics.
        state: where the candidates start: [K, k], or [k] for all of them.
        actions: the contacts of K candidates.
        horizon: how far to look [s]; rounded up to whole steps.
        step: time between recorded states [s].
        settings: how to integrate.
        cancelled: asked now and then; once true, every candidate stops where it is.
        attempt: the first integration of all candidates, where it was made already, with ``initial_substeps`` and these
            settings.

    Raises:
        NeurokError: INVALID_HORIZON for a horizon or step that is not positive and finite; INVALID_PARAMETER
            for a state that is not finite or of another shape, for what the compiled backend cannot do, and for
            gradients through obstacles.
    """
    settings = settings or RolloutSettings()
    steps = step_count(horizon, step)
    start = _checked_state(system, state, actions.count)
    actions = actions.to(start.q)
    # Impacts change the energy at once, however short the steps are.
    if settings.maximum_refinements == 0 or system.constraints or fast_path.wants_gradient(start, actions):
        settings = replace(settings, frame_halvings=0)
    substeps = initial_substeps(system, step, settings)
    integrate = _backend(system, start, actions, settings)
    if integrate is fast_path.integrate and actions.grasps is None:
        residual = fast_path.residual(system, start, actions)
    else:
        residual = contact_residual(system, system.at(start), actions)

    def run(index: Int[Tensor, " n"] | None, parts: int) -> Trajectories:
        return integrate(
            system,
            start if index is None else State(start.q[index], start.qdot[index]),
            actions if index is None else actions.select(index),
            steps=steps,
            step=step,
            substeps=parts,
            integrator=settings.integrator,
            refinement=frame_refinement(parts, settings),
            cancelled=cancelled,
        )

    trajectories = run(None, substeps) if attempt is None else attempt
    used = torch.full_like(trajectories.outcome, substeps)
    for _ in range(settings.maximum_refinements):
        if _sound(trajectories, settings):
            break
        wanted = _wanted_substeps(system, trajectories, used, settings)
        if not bool((wanted > used).any()):
            break
        for parts in wanted[wanted > used].unique().tolist():
            index = torch.nonzero((wanted == parts) & (wanted > used))[:, 0]
            trajectories = trajectories.replaced_by(run(index, parts), index)
        used = torch.maximum(used, wanted)
    trajectories = trajectories.stopped_where_unstable(settings.unstable_drift)
    times = torch.arange(steps + 1, dtype=start.q.dtype, device=start.q.device) * step
    return Rollout(times, trajectories, residual, used)


def _backend(
    system: LagrangianSystem, start: State, actions: Actions, settings: RolloutSettings
) -> Callable[..., Trajectories]:
    """The function that integrates: machine code where it can do what is asked for."""
    if system.constraints and fast_path.wants_gradient(start, actions):
        allowed = "a system without obstacles and stops: impacts have no gradients here"
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "requires_grad", "True", allowed)
    if settings.backend == "reference":
        return reference.integrate
    refusal = fast_path.refusal(system, start, actions, settings.integrator)
    if refusal is None:
        return fast_path.integrate
    if settings.backend == "compiled":
        allowed = f'"auto" or "reference", because the machine code does not do {refusal}'
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "settings.backend", settings.backend, allowed)
    return reference.integrate


def initial_substeps(system: LagrangianSystem, step: float, settings: RolloutSettings) -> int:
    """Integration steps per recorded step that the system's stiffness and damping about rest ask for.

    The energy of a vibration oscillates by a quarter of the square of rate times step. Where frames are refined one by
    one, only those pay for it that vibrate as fast.
    """
    resolution = COARSEST if settings.frame_halvings > 0 else min(COARSEST, 2.0 * math.sqrt(settings.drift_tolerance))
    shortest = min(settings.maximum_step, resolution / max(system.highest_rate, 1e-9))
    return min(max(1, math.ceil(step / shortest - 1e-9)), settings.maximum_substeps)


def frame_refinement(substeps: int, settings: RolloutSettings) -> FrameRefinement | None:
    """How single frames of ``substeps`` steps are refined; None where they are not."""
    halvings = min(settings.frame_halvings, int(math.log2(max(settings.maximum_substeps / substeps, 1.0))))
    return FrameRefinement(FRAME_SHARE * settings.drift_tolerance, halvings) if halvings > 0 else None


def step_count(horizon: float, step: float) -> int:
    """Number of recorded steps that cover ``horizon``.

    Raises:
        NeurokError: INVALID_HORIZON where either is not positive and finite.
    """
    for name, value in (("horizon", horizon), ("step", step)):
        if not (math.isfinite(value) and value > 0.0):
            raise NeurokError(ErrorCode.INVALID_HORIZON, name, value, "a finite time of more than 0 s")
    return max(1, math.ceil(horizon / step - 1e-6))


def _sound(trajectories: Trajectories, settings: RolloutSettings) -> bool:
    """Whether no candidate failed and every energy balances: the usual case, decided quickly."""
    drift, outcome = trajectories.energy_drift, trajectories.outcome
    return bool((drift <= settings.drift_tolerance).all()) and not bool((outcome == int(Outcome.DIVERGED)).any())


def _wanted_substeps(
    system: LagrangianSystem, trajectories: Trajectories, used: Int[Tensor, " K"], settings: RolloutSettings
) -> Int[Tensor, " K"]:
    """Substeps for every candidate: what it had, or more where it failed or its energy does not balance.

    The error of the balance falls with the square of the step, which tells how much shorter the step must be.
    A candidate that left the region for good did so whatever the step.
    """
    failed = trajectories.outcome == int(Outcome.DIVERGED)
    if system.region is not None:
        limit = system.trust_factor * system.region.radius
        failed = failed & (system.region.distance(trajectories.q[:, -1]) <= limit)
    drift = torch.where(failed, torch.inf, trajectories.energy_drift.nan_to_num(torch.inf))
    ratio = (drift / settings.drift_tolerance).sqrt()
    factor = torch.ones_like(used)
    for smaller, refinement in zip((1, *REFINEMENTS), REFINEMENTS, strict=False):
        factor = torch.where(ratio > smaller, refinement, factor)
    factor = torch.where(trajectories.outcome == int(Outcome.CANCELLED), 1, factor)
    return torch.maximum(used, (used * factor).clamp_max(settings.maximum_substeps))


def _checked_state(system: LagrangianSystem, state: State, count: int) -> State:
    """The state as [K, k], in the embedding's dtype and on its device."""
    embedding = system.embedding
    checked = []
    for name, value in (("q", state.q), ("qdot", state.qdot)):
        allowed = f"finite numbers, [{embedding.dimension}] or [{count}, {embedding.dimension}]"
        if value.shape not in ((embedding.dimension,), (count, embedding.dimension)):
            raise NeurokError(ErrorCode.INVALID_PARAMETER, f"state.{name}", tuple(value.shape), allowed)
        if not bool(value.isfinite().all()):
            raise NeurokError(ErrorCode.INVALID_PARAMETER, f"state.{name}", value.tolist(), allowed)
        checked.append(value.to(embedding.device, embedding.dtype).expand(count, -1))
    return State(*checked)
