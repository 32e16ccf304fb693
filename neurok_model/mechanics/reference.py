"""The plain rollout in torch, for every system, integrator and device: the reference for every faster one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neurok_model.mechanics.actions import Actions, Grasps
from neurok_model.mechanics.collisions.stepping import step_with_contacts
from neurok_model.mechanics.contact_fit import VelocityChange, apply_impulse, impose_velocity
from neurok_model.mechanics.framed import FreeBody
from neurok_model.mechanics.integrators.base import Integrator, damp, undamp
from neurok_model.mechanics.outcome import Outcome
from neurok_model.mechanics.system import LagrangianSystem, PhasePoint, State, apply, solve
from neurok_model.mechanics.trajectory import Trajectories


@dataclass
class Progress:
    """What changes while a rollout runs; every tensor's first dimension is the candidate's."""

    point: PhasePoint
    y_start: Float[Tensor, "K r"]
    work: Float[Tensor, " K"]
    dissipated: Float[Tensor, " K"]
    moving: Bool[Tensor, " K"]
    at_edge: Bool[Tensor, " K"]


def integrate(
    system: LagrangianSystem,
    state: State,
    actions: Actions,
    *,
    steps: int,
    step: float,
    substeps: int,
    integrator: Integrator,
    cancelled: Callable[[], bool] | None = None,
) -> Trajectories:
    """Integrate K candidates over ``steps`` recorded steps of ``substeps`` integration steps each.

    A candidate that goes wrong stays at its last good state and has no influence on the others.

    Args:
        state: [K, k] where they start.
        actions: what acts on them.
        step: recorded step [s].
        cancelled: asked before every recorded step; true stops all candidates where they are.
    """
    duration = step / substeps
    progress = set_out(system, state, actions, duration)
    records = [_record(system, progress)]
    stopped = False
    for index in range(steps):
        stopped = stopped or (cancelled is not None and cancelled())
        if not stopped:
            for part in range(substeps):
                number = index * substeps + part
                now, then = number * duration, (number + 1) * duration
                if number > 0:
                    _touch(system, progress, actions, now, then)
                _advance(system, progress, actions, integrator, now, then)
            _check_region(system, progress)
        records.append(_record(system, progress))
    series = {name: torch.stack([record[name] for record in records], dim=1) for name in records[0]}
    return Trajectories(**series, outcome=_outcome(progress, stopped))


def set_out(system: LagrangianSystem, state: State, actions: Actions, duration: float) -> Progress:
    """The candidates at time zero, after the contacts that begin within the first integration step."""
    point = system.at(state)
    nothing = torch.zeros_like(state.q[:, 0])
    moving = torch.ones_like(nothing, dtype=torch.bool)
    progress = Progress(point, point.y, nothing, nothing, moving, ~moving)
    _touch(system, progress, actions, 0.0, duration)
    return progress


def _advance(
    system: LagrangianSystem,
    progress: Progress,
    actions: Actions,
    integrator: Integrator,
    begin: float,
    end: float,
) -> None:
    """One integration step; candidates that fail it stop moving."""
    duration = end - begin
    force = actions.mean_force_between(begin, end)
    _hold(system, progress, actions.grasps, force, begin, duration)
    _rub_ahead(system, progress, integrator, force, duration)
    if system.constraints:
        result = step_with_contacts(system, integrator, progress.point, force, begin, duration)
    else:
        result = integrator.step(system, progress.point, force, duration)
    finite = (result.point.q.isfinite() & result.point.qdot.isfinite()).all(-1)
    finite = finite & result.point.y.isfinite().all(-1) & result.work.isfinite() & result.dissipated.isfinite()
    progress.moving = progress.moving & result.converged & finite
    progress.point = result.point.where(progress.moving, progress.point)
    progress.work = torch.where(progress.moving, progress.work + result.work, progress.work)
    progress.dissipated = torch.where(progress.moving, progress.dissipated + result.dissipated, progress.dissipated)
    _rub_behind(system, progress, duration)
    if isinstance(system.embedding, FreeBody):
        progress.point = system.embedding.in_near_chart(progress.point)
    _hold(system, progress, actions.grasps, None, end, 0.0)


def _rub_ahead(
    system: LagrangianSystem,
    progress: Progress,
    integrator: Integrator,
    force: Float[Tensor, "K r"] | None,
    duration: float,
) -> None:
    """Half a step's dry friction before the motion, on the mean velocity that the forces would cause.

    What friction holds thus does not creep: it sets out with the velocity against which forces and damping of half a
    step work in vain. That energy is taken out again by the half after the motion.
    """
    if system.friction is None:
        return
    point = progress.point
    mass_matrix = system.mass_matrix(point.jacobian)
    kick = _half_kick(system, point, force, duration, mass_matrix)
    share = 0.5 * duration
    damped = damp(system, mass_matrix, point.qdot, share)[0] if integrator.damps_first else point.qdot
    wanted = system.friction.slowed(mass_matrix, damped + kick, share) - kick
    _rub(progress, mass_matrix, undamp(system, mass_matrix, wanted, share) if integrator.damps_first else wanted)


def _rub_behind(system: LagrangianSystem, progress: Progress, duration: float) -> None:
    """Half a step's dry friction after the motion."""
    if system.friction is not None:
        mass_matrix = system.mass_matrix(progress.point.jacobian)
        _rub(progress, mass_matrix, system.friction.slowed(mass_matrix, progress.point.qdot, 0.5 * duration))


def _rub(progress: Progress, mass_matrix: Float[Tensor, "K k k"], qdot: Float[Tensor, "K k"]) -> None:
    """Set the velocity that friction leaves, and count what it took."""
    point = progress.point
    change = qdot - point.qdot
    lost = -(apply(mass_matrix, change) * (point.qdot + 0.5 * change)).sum(-1)
    progress.point = point.with_velocity(qdot).where(progress.moving, point)
    progress.dissipated = torch.where(progress.moving, progress.dissipated + lost, progress.dissipated)


def _half_kick(
    system: LagrangianSystem,
    point: PhasePoint,
    force: Float[Tensor, "K r"] | None,
    duration: float,
    mass_matrix: Float[Tensor, "K k k"],
) -> Float[Tensor, "K k"]:
    """What potentials and external force do to the velocity in half a step: ahead of its start, that is the mean."""
    total = system.conservative_force(point)
    if force is not None:
        total = total + system.generalized(point, force)
    return 0.5 * duration * solve(mass_matrix, total)


def _touch(system: LagrangianSystem, progress: Progress, actions: Actions, begin: float, end: float) -> None:
    """Contacts that begin in [begin, end): impulses, then the velocity that a new grasp sets at once."""
    impulse = actions.impulse_between(begin, end)
    if impulse is not None:
        _accept(progress, apply_impulse(system, progress.point, impulse))
    grasps = actions.grasps
    if grasps is not None:
        starting = (grasps.start >= begin) & (grasps.start < end)
        if bool(starting.any()):
            _accept(progress, impose_velocity(system, progress.point, grasps, starting, progress.y_start))


def _hold(
    system: LagrangianSystem,
    progress: Progress,
    grasps: Grasps | None,
    force: Float[Tensor, "K r"] | None,
    time: float,
    duration: float,
) -> None:
    """Let the grasps that last at ``time`` set the mean velocity over the next ``duration``.

    That mean is the initial velocity plus half a step of acceleration, so the fit is made ahead by as much.
    """
    if grasps is None:
        return
    lasting = (grasps.start <= time) & (grasps.stop > time)
    if not bool(lasting.any()):
        return
    point = progress.point
    mass_matrix = system.mass_matrix(point.jacobian)
    ahead = _half_kick(system, point, force, duration, mass_matrix)
    expected = point.with_velocity(point.qdot + ahead)
    fitted = impose_velocity(system, expected, grasps, lasting, progress.y_start)
    change = fitted.point.qdot - expected.qdot
    work = (apply(mass_matrix, change) * (point.qdot + 0.5 * change)).sum(-1)
    _accept(progress, VelocityChange(point.with_velocity(point.qdot + change), work))


def _accept(progress: Progress, change: VelocityChange) -> None:
    """Take over a change of velocity where it is finite."""
    finite = change.point.qdot.isfinite().all(-1) & change.work.isfinite()
    progress.moving = progress.moving & finite
    progress.point = change.point.where(progress.moving, progress.point)
    progress.work = torch.where(progress.moving, progress.work + change.work, progress.work)


def _check_region(system: LagrangianSystem, progress: Progress) -> None:
    """Notice candidates at the prior's edge, and stop those far beyond it."""
    if system.region is None:
        return
    distance = system.region.distance(progress.point.q)
    progress.at_edge = progress.at_edge | (distance > system.region.radius)
    progress.moving = progress.moving & (distance <= system.trust_factor * system.region.radius)


def _record(system: LagrangianSystem, progress: Progress) -> dict[str, Tensor]:
    """The fields of ``Trajectories`` at this moment, except for the outcome."""
    point = progress.point
    return {
        "q": point.q,
        "qdot": point.qdot,
        "kinetic_energy": system.kinetic_energy(point),
        "potential_energy": system.potential_energy(point),
        "work": progress.work,
        "dissipated": progress.dissipated,
    }


def _outcome(progress: Progress, stopped: bool) -> Int[Tensor, " K"]:
    outcome = torch.where(progress.at_edge, int(Outcome.PRIOR_EDGE), int(Outcome.OK))
    if stopped:
        outcome = torch.full_like(outcome, int(Outcome.CANCELLED))
    return torch.where(progress.moving, outcome, int(Outcome.DIVERGED))
