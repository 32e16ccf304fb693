"""The plain rollout in torch, for every system, integrator and device: the reference for every faster one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neurok_model.mechanics.actions import Actions, Grasps
from neurok_model.mechanics.collisions.stepping import step_with_contacts
from neurok_model.mechanics.contact_fit import VelocityChange, apply_impulse, impose_velocity
from neurok_model.mechanics.frame_refinement import FrameRefinement
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

    def select(self, index: Int[Tensor, " n"]) -> Progress:
        """Some of the candidates."""
        rest = {item.name: getattr(self, item.name)[index] for item in fields(self) if item.name != "point"}
        return Progress(self.point.select(index), **rest)

    def put(self, other: Progress, stands: Bool[Tensor, " n"], index: Int[Tensor, " m"]) -> None:
        """Take the candidates of ``other`` that stand over, as the candidates ``index``."""
        taken = other.select(torch.nonzero(stands)[:, 0])
        self.point = self.point.with_rows(index, taken.point)
        for item in fields(self):
            if item.name != "point":
                value = getattr(self, item.name).index_copy(0, index, getattr(taken, item.name))
                setattr(self, item.name, value)


def integrate(
    system: LagrangianSystem,
    state: State,
    actions: Actions,
    *,
    steps: int,
    step: float,
    substeps: int,
    integrator: Integrator,
    refinement: FrameRefinement | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Trajectories:
    """Integrate K candidates over ``steps`` recorded steps of ``substeps`` integration steps each.

    A candidate that goes wrong stays at its last good state and has no influence on the others.

    Args:
        state: [K, k] where they start.
        actions: what acts on them.
        step: recorded step [s].
        refinement: which frames are integrated again with shorter steps; none when left out.
        cancelled: asked before every recorded step; true stops all candidates where they are.
    """
    frames = _Frames(system, integrator, step, substeps)
    progress = set_out(system, state, actions, frames.struck)
    records = [_record(system, progress)]
    energy = EnergyBalance.of(records[0])
    stopped = False
    for index in range(steps):
        stopped = stopped or (cancelled is not None and cancelled())
        if not stopped and refinement is None:
            frames.advance(progress, actions, index, 0)
            _check_region(system, progress)
        elif not stopped and refinement is not None:
            _refined_frame(frames, progress, actions, index, refinement, energy)
        records.append(_record(system, progress))
    series = {name: torch.stack([record[name] for record in records], dim=1) for name in records[0]}
    return Trajectories(**series, outcome=_outcome(progress, stopped))


@dataclass(frozen=True)
class _Frames:
    """Integrates single frames.

    Attributes:
        step: of a frame [s].
        substeps: integration steps in it, unless they are halved.
    """

    system: LagrangianSystem
    integrator: Integrator
    step: float
    substeps: int

    @property
    def struck(self) -> float:
        """Until when contacts have begun before the first step [s]."""
        return self.step / self.substeps

    def advance(self, progress: Progress, actions: Actions, index: int, level: int) -> None:
        """Frame ``index``, its steps halved ``level`` times."""
        parts = self.substeps << level
        begin, duration = index * self.step, self.step / parts
        for part in range(parts):
            now = begin + part * duration
            # Both ends of a frame are computed from its number alone: frames of other steps then meet without a gap.
            then = (index + 1) * self.step if part == parts - 1 else begin + (part + 1) * duration
            if then > self.struck:
                _touch(self.system, progress, actions, max(now, self.struck), then)
            _advance(self.system, progress, actions, self.integrator, now, then)


@dataclass
class EnergyBalance:
    """What is remembered of the energy of every candidate, to judge frames by [J].

    Attributes:
        first: total energy less work and losses, at the first record.
        balance: the same, at the last.
        potential: potential energy at the first.
        exchanged: largest kinetic energy, change of potential energy or work so far.
        level: how often the steps of the next frame are halved.
    """

    first: Float[Tensor, " K"]
    balance: Float[Tensor, " K"]
    potential: Float[Tensor, " K"]
    exchanged: Float[Tensor, " K"]
    level: Int[Tensor, " K"]

    @classmethod
    def of(cls, record: dict[str, Tensor]) -> EnergyBalance:
        """At the first record."""
        nothing = torch.zeros_like(record["work"])
        return cls(_balance(record), _balance(record), record["potential_energy"], nothing, nothing.to(torch.int64))


def _balance(record: dict[str, Tensor]) -> Float[Tensor, " K"]:
    """Energy that should not change [J]."""
    return record["kinetic_energy"] + record["potential_energy"] - record["work"] + record["dissipated"]


def _refined_frame(
    frames: _Frames,
    progress: Progress,
    actions: Actions,
    index: int,
    refinement: FrameRefinement,
    energy: EnergyBalance,
) -> None:
    """One frame, integrated again with shorter steps for those whose energy does not balance over it."""
    pending = energy.level.clone()
    for level in range(refinement.halvings + 1):
        chosen = torch.nonzero(pending == level)[:, 0]
        if len(chosen) == 0:
            continue
        trial, begun = progress.select(chosen), progress.moving[chosen]
        frames.advance(trial, actions.select(chosen), index, level)
        record = _record(frames.system, trial)
        exchanged = torch.maximum(energy.exchanged[chosen], record["kinetic_energy"])
        exchanged = torch.maximum(exchanged, (record["potential_energy"] - energy.potential[chosen]).abs())
        exchanged = torch.maximum(exchanged, record["work"].abs())
        total = record["kinetic_energy"] + record["potential_energy"]
        before = energy.balance[chosen] - energy.first[chosen]
        after = torch.where(begun, _balance(record) - energy.first[chosen], before)
        ratio = refinement.ratio(before, after, exchanged, total, begun & ~trial.moving)
        stands, next_level = refinement.next_level(ratio, level)
        kept = chosen[stands]
        _check_region(frames.system, trial)
        progress.put(trial, stands, kept)
        pending[chosen] = torch.where(stands, -1, next_level)
        energy.level[kept] = next_level[stands]
        energy.exchanged[kept] = exchanged[stands]
        energy.balance[kept] = _balance(record)[stands]


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
    damped = damp(system, mass_matrix, point, share)[0] if integrator.damps_first else point.qdot
    wanted = system.friction.slowed(mass_matrix, damped + kick, share) - kick
    if integrator.damps_first:
        wanted = undamp(system, mass_matrix, point.with_velocity(wanted), share)
    _rub(progress, mass_matrix, wanted)


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
