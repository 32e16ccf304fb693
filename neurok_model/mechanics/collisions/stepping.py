"""One integration step of an object that meets obstacles or stops, with any integrator.

An impact that rebounds is found in time: the step is divided where the gap closes, and the law of impact acts there
on the velocity. Everything slower, and everything without restitution, is held for the whole step: impulses at its
beginning let the gap close at most to zero at its end (the reaction of a table, and its friction), and at its end
what still approaches is stopped. Both are impulses whose energy is known to the last digit, and which never put
energy in over a whole step, except for what moving obstacles push.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neurok_model.mechanics.collisions.contact_set import FAR, AllGaps, ContactSet, all_gaps
from neurok_model.mechanics.integrators.base import Integrator, Step
from neurok_model.mechanics.system import LagrangianSystem, PhasePoint

MOST_IMPACTS = 8
"""Impacts within one step; whatever would come after them is stopped without a rebound."""

ROUNDS = 4
"""Corrections of the reactions in one step, for gaps that are not linear in the coordinates."""

SETTLED = 1e-9
"""Relative change of the velocity at which the reactions need no further correction."""

SEARCH_ROUNDS = 12
"""Trials by which the time of an impact is found."""


@dataclass(frozen=True)
class Stretch:
    """Candidates, and the part of the step that is still before them.

    Attributes:
        point: where they are.
        force: external force in embedding coordinates, or None.
        time: [K] since the prediction's beginning [s].
        left: [K], how long the stretch is [s].
    """

    point: PhasePoint
    force: Float[Tensor, "K r"] | None
    time: Float[Tensor, " K"]
    left: Float[Tensor, " K"]

    def select(self, index: Int[Tensor, " n"]) -> Stretch:
        """Some of the candidates."""
        force = None if self.force is None else self.force[index]
        return Stretch(self.point.select(index), force, self.time[index], self.left[index])


def step_with_contacts(
    system: LagrangianSystem,
    integrator: Integrator,
    point: PhasePoint,
    force: Float[Tensor, "K r"] | None,
    begin: float,
    duration: float,
) -> Step:
    """Advance all candidates by ``duration``, none of them through what ``system.constraints`` forbid."""
    stretch = Stretch(point, force, torch.full_like(point.q[:, 0], begin), torch.full_like(point.q[:, 0], duration))
    result = _standing(point)
    gaps = all_gaps(system, point, stretch.time)
    for impact in range(MOST_IMPACTS + 1):
        running = torch.nonzero(stretch.left > 1e-9 * duration)[:, 0]
        if len(running) == 0:
            break
        rebound = impact < MOST_IMPACTS
        part, found, used = _until_impact(system, integrator, stretch.select(running), gaps.select(running), rebound)
        result = result.with_rows(running, part.after(result.select(running)))
        gaps = gaps.with_rows(running, found)
        time, left = stretch.time.index_add(0, running, used), stretch.left.index_add(0, running, -used)
        stretch = Stretch(result.point, force, time, left)
    return _stopped(system, result.point, torch.full_like(stretch.time, begin + duration), gaps).after(result)


def _standing(point: PhasePoint) -> Step:
    """A step of no duration."""
    nothing = torch.zeros_like(point.q[:, 0])
    return Step(point, nothing, nothing, torch.ones_like(nothing, dtype=torch.bool))


def _until_impact(
    system: LagrangianSystem, integrator: Integrator, stretch: Stretch, before: AllGaps, rebound: bool
) -> tuple[Step, AllGaps, Float[Tensor, " K"]]:
    """Advance to the end of the stretch or to the first impact that rebounds, whichever comes first.

    Returns:
        The step, the gaps at its end, and the time that each candidate used.
    """
    fast = before.bouncing if rebound else torch.zeros_like(before.bouncing)
    whole, after = _held_step(system, integrator, stretch, before, fast)
    closed = fast & (after.gap < 0.0)
    hit = torch.nonzero(closed.any(1))[:, 0]
    if len(hit) == 0:
        return whole, after, stretch.left
    some = stretch.select(hit)
    arrived, used = _find_impact(system, integrator, some, before.select(hit), fast[hit], closed[hit])
    collided = _impact(system, arrived.point, some.time + used).after(arrived)
    gaps = all_gaps(system, collided.point, some.time + used)
    return whole.with_rows(hit, collided), after.with_rows(hit, gaps), stretch.left.index_copy(0, hit, used)


def _find_impact(
    system: LagrangianSystem,
    integrator: Integrator,
    stretch: Stretch,
    before: AllGaps,
    fast: Bool[Tensor, "K n"],
    closed: Bool[Tensor, "K n"],
) -> tuple[Step, Float[Tensor, " K"]]:
    """Advance each candidate to where the first of its ``closed`` gaps is zero (regula falsi, Illinois)."""

    def smallest(gaps: AllGaps) -> Float[Tensor, " K"]:
        return torch.where(closed, gaps.gap, FAR).amin(1)

    tolerance = torch.where(closed, before.tolerance, FAR).amin(1)
    low, high = torch.zeros_like(stretch.left), stretch.left
    result, after = _held_step(system, integrator, stretch, before, fast)
    below, above = smallest(before), smallest(after)
    touched = below <= tolerance
    used, done = high, touched
    for _ in range(SEARCH_ROUNDS):
        if bool(done.all()):
            break
        guess = (low + (high - low) * below / (below - above).clamp_min(1e-30)).clamp(low, high)
        used = torch.where(done, used, guess).clamp_min(1e-12)
        trial = Stretch(stretch.point, stretch.force, stretch.time, used)
        result, after = _held_step(system, integrator, trial, before, fast)
        gap = smallest(after)
        done = done | (gap.abs() <= tolerance)
        inside = gap < 0.0
        # Illinois: the value at the end that stays put is halved, or that end would stay for ever.
        below, above = torch.where(inside, 0.5 * below, gap), torch.where(inside, gap, 0.5 * above)
        low, high = torch.where(inside, low, used), torch.where(inside, used, high)
    moving = torch.nonzero(~touched)[:, 0]
    return _standing(stretch.point).with_rows(moving, result.select(moving)), torch.where(touched, 0.0, used)


def _impact(system: LagrangianSystem, point: PhasePoint, time: Float[Tensor, " K"]) -> Step:
    """The law of impact at all contacts that touch."""
    gaps = all_gaps(system, point, time)
    contacts = ContactSet.nearest(system, point, time, torch.where(gaps.gap <= 2.0 * gaps.tolerance, gaps.gap, FAR))
    return _struck(contacts, point, contacts.bounce(point.qdot))


def _stopped(system: LagrangianSystem, point: PhasePoint, time: Float[Tensor, " K"], gaps: AllGaps) -> Step:
    """Stop what approaches at the end of a step, except for what the next step will let rebound."""
    resting = gaps.touching & ~gaps.bouncing
    index = torch.nonzero((resting & (gaps.rate < 0.0)).any(1))[:, 0]
    if len(index) == 0:
        return _standing(point)
    some = point.select(index)
    contacts = ContactSet.nearest(system, some, time[index], torch.where(resting, gaps.gap, FAR)[index])
    return _standing(point).with_rows(index, _struck(contacts, some, contacts.stopping(some.qdot)))


def _struck(contacts: ContactSet, point: PhasePoint, impulse: Float[Tensor, "K n"]) -> Step:
    """Impulses handed over in no time."""
    changed = point.with_velocity(point.qdot + contacts.change(impulse))
    lost, work = contacts.loss(point.qdot, impulse), contacts.driven_work(impulse)
    return Step(changed, work, lost, changed.qdot.isfinite().all(-1))


def _held_step(
    system: LagrangianSystem, integrator: Integrator, stretch: Stretch, before: AllGaps, left_out: Bool[Tensor, "K n"]
) -> tuple[Step, AllGaps]:
    """A step in which all gaps but those ``left_out`` stay open, held by impulses at its beginning.

    Returns:
        The step, and all gaps at its end.
    """
    free = integrator.step(system, stretch.point, stretch.force, stretch.left)
    after = all_gaps(system, free.point, stretch.time + stretch.left)
    held = torch.where(left_out, FAR, after.gap)
    index = torch.nonzero((held < 0.0).any(1))[:, 0]
    if len(index) == 0:
        return free, after
    nearest = torch.where(left_out, FAR, torch.minimum(before.gap, held))[index]
    some = stretch.select(index)
    reacting, gaps = _reacting_step(system, integrator, some, nearest, free.select(index), after.select(index))
    return free.with_rows(index, reacting), after.with_rows(index, gaps)


def _reacting_step(
    system: LagrangianSystem,
    integrator: Integrator,
    stretch: Stretch,
    distance: Float[Tensor, "K n"],
    free: Step,
    after: AllGaps,
) -> tuple[Step, AllGaps]:
    """Impulses at the beginning so that no gap is negative at the end, with friction against the mean velocity."""
    point, left = stretch.point, stretch.left[:, None]
    contacts = ContactSet.nearest(system, point, stretch.time, distance)
    impulse, result, gaps = torch.zeros_like(contacts.drift), free, after
    for _ in range(ROUNDS):
        mean = contacts.relative((result.point.q - point.q) / left).unflatten(-1, (-1, 3))
        gap = gaps.gap.gather(1, contacts.index)
        velocity = torch.cat(((gap / left)[..., None], mean[..., 1:]), -1).flatten(1)
        updated = contacts.solved(velocity - contacts.velocity_change(impulse), impulse)
        change = contacts.change(updated - impulse)
        impulse = updated
        started = point.with_velocity(point.qdot + contacts.change(impulse))
        result = integrator.step(system, started, stretch.force, stretch.left)
        gaps = all_gaps(system, result.point, stretch.time + stretch.left)
        if bool((change.abs() <= SETTLED * started.qdot.abs().amax(1, keepdim=True)).all()):
            break
    return result.after(_struck(contacts, point, impulse)), gaps
