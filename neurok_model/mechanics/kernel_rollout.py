"""The rollout of many candidates as machine code for one CPU core (numba). See ``kernel.py``.

The order of events is that of ``reference.integrate``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import no_type_check

from neurok_model.mechanics.actions import SLIVER
from neurok_model.mechanics.frame_refinement import FAILED, HEAVY, LEAST_ROOM, LIGHT
from neurok_model.mechanics.kernel import advance, potential_energy, refresh
from neurok_model.mechanics.kernel_arrays import LANES
from neurok_model.mechanics.kernel_lanes import (
    absolute,
    any_of,
    both,
    constant,
    either,
    gather,
    load,
    opposite,
    scatter,
    store,
    where,
)
from neurok_model.mechanics.kernel_linear import (
    called_code,
    cholesky_solve,
    entry_point,
    evaluate,
    form_of_row,
    generalized,
    machine_code,
    mahalanobis,
)
from neurok_model.mechanics.kernel_rows import BEND, CHANGE, EXTERNAL, FACTOR, LAST_BEND, MASS, QDOT, WANTED, Q, Y
from neurok_model.mechanics.trajectory import SMALLEST_ENERGY

ENERGY_ROUNDING = 1e3 * 2.220446049250313e-16
"""Share of the total energy that rounding may make of it; as in ``trajectory``."""

MOVING, AT_EDGE, LEVEL, EXCHANGED, RATIO = range(5)
"""Columns of a rollout's flags: whether a candidate moves, whether it was at the region's edge, how often its steps
are halved, the energy exchanged so far [J], and the last error of the energy as a share of the allowed one.
"""


@called_code
@no_type_check
def load_state(form, terms, moving, scratch):
    """Evaluate everything at the state that was kept."""
    vectors = scratch.vectors
    k = vectors.shape[1]
    for i in range(k):
        store(vectors, (Q, i), load(scratch.kept, i))
        store(vectors, (QDOT, i), load(scratch.kept, k + i))
        store(vectors, (BEND, i), where(moving, load(vectors, (BEND, i)), 0.0))
        store(vectors, (LAST_BEND, i), where(moving, load(vectors, (LAST_BEND, i)), 0.0))
    evaluate(form, vectors, Q, scratch.features, scratch.wide, Y)
    refresh(form, terms, scratch)


@called_code
@no_type_check
def strike(impulses, begin, end, scratch):
    """Hand over the impulses that start in [begin, end) to the velocity; returns their work [J]."""
    vectors, wide = scratch.vectors, scratch.wide
    work = constant(load(vectors, (Q, 0)), 0.0)
    for c in range(impulses.times.shape[1]):
        start = gather(work, impulses.times, scratch.rows, (c, 0))
        due = both(start >= begin, start < end)
        if any_of(due):
            for a in range(wide.shape[1]):
                store(wide, (EXTERNAL, a), where(due, gather(work, impulses.vector, scratch.rows, (c, a)), 0.0))
            for i in range(vectors.shape[1]):
                store(vectors, (WANTED, i), generalized(scratch.jacobian, wide, EXTERNAL, i))
            cholesky_solve(scratch.matrices, FACTOR, vectors, WANTED, CHANGE)
            for i in range(vectors.shape[1]):
                before, change = load(vectors, (QDOT, i)), load(vectors, (CHANGE, i))
                work += load(vectors, (WANTED, i)) * (before + 0.5 * change)
                store(vectors, (QDOT, i), before + change)
    return work


@machine_code
@no_type_check
def gather_pushes(pushes, begin, end, scratch):
    """Mean external force over [begin, end]; returns whether there is any."""
    wide = scratch.wide
    like, pushed = load(wide, (Y, 0)), False
    for a in range(wide.shape[1]):
        store(wide, (EXTERNAL, a), 0.0)
    for c in range(pushes.times.shape[1]):
        start = gather(like, pushes.times, scratch.rows, (c, 0))
        stop = gather(like, pushes.times, scratch.rows, (c, 1))
        first, last = where(start > begin, start, begin), where(stop < end, stop, end)
        share = (last - first) / (end - begin)
        acting = share > SLIVER
        if any_of(acting):
            share = where(acting, share, 0.0)
            for a in range(wide.shape[1]):
                force = load(wide, (EXTERNAL, a)) + share * gather(like, pushes.vector, scratch.rows, (c, a))
                store(wide, (EXTERNAL, a), force)
            pushed = True
    return pushed


@machine_code
@no_type_check
def accept(moving, work, lost, scratch):
    """Keep the new state where it is sound; returns where it is."""
    vectors, kept = scratch.vectors, scratch.kept
    k = vectors.shape[1]
    sound = both(moving, both(absolute(work) < math.inf, absolute(lost) < math.inf))
    for row in (Q, QDOT):
        for i in range(k):
            sound = both(sound, absolute(load(vectors, (row, i))) < math.inf)
    for i in range(k):
        store(kept, i, where(sound, load(vectors, (Q, i)), load(kept, i)))
        store(kept, k + i, where(sound, load(vectors, (QDOT, i)), load(kept, k + i)))
    store(kept, 2 * k, where(sound, load(kept, 2 * k) + work, load(kept, 2 * k)))
    store(kept, 2 * k + 1, where(sound, load(kept, 2 * k + 1) + lost, load(kept, 2 * k + 1)))
    return sound


@machine_code
@no_type_check
def record(index, kinetic, potential, series, scratch):
    """Write the state that was kept, with its energies."""
    width = scratch.kept.shape[0]
    for i in range(width):
        scatter(load(scratch.kept, i), series, scratch.targets, (index, i))
    scatter(kinetic, series, scratch.targets, (index, width))
    scatter(potential, series, scratch.targets, (index, width + 1))


@machine_code
@no_type_check
def energies(terms, scratch):
    """Kinetic and potential energy [J] of the state that was evaluated last."""
    kinetic = 0.5 * form_of_row(scratch.matrices, MASS, scratch.vectors, QDOT)
    return kinetic, potential_energy(terms, scratch)


@machine_code
@no_type_check
def fetch(form, terms, resident, states, flags, scratch):
    """Bring the candidates of the lanes in, unless they are ``resident``; returns which of them move."""
    vectors, kept = scratch.vectors, scratch.kept
    like, k, width = load(kept, 0), vectors.shape[1], kept.shape[0]
    if not resident:
        for i in range(width):
            store(kept, i, gather(like, states, scratch.rows, (i,)))
        for i in range(k):
            store(vectors, (BEND, i), gather(like, states, scratch.rows, (width + i,)))
            store(vectors, (LAST_BEND, i), gather(like, states, scratch.rows, (width + k + i,)))
        load_state(form, terms, constant(like, 1.0) > 0.0, scratch)
    return gather(like, flags, scratch.rows, (MOVING,)) > 0.5


@machine_code
@no_type_check
def put_back(moving, flags, states, scratch):
    """Write the candidates of the lanes out."""
    vectors, kept = scratch.vectors, scratch.kept
    like, k, width = load(kept, 0), vectors.shape[1], kept.shape[0]
    for i in range(width):
        scatter(load(kept, i), states, scratch.targets, (i,))
    for i in range(k):
        scatter(load(vectors, (BEND, i)), states, scratch.targets, (width + i,))
        scatter(load(vectors, (LAST_BEND, i)), states, scratch.targets, (width + k + i,))
    scatter(where(moving, constant(like, 1.0), 0.0), flags, scratch.targets, (MOVING,))


@called_code
@no_type_check
def set_out(form, terms, impulses, duration, flags, states, series, scratch):
    """Record 0, right after the impulses of the first ``duration``."""
    moving = fetch(form, terms, False, states, flags, scratch)
    work = strike(impulses, 0.0, duration, scratch)
    moving = accept(moving, work, constant(work, 0.0), scratch)
    if any_of(opposite(moving)):
        load_state(form, terms, moving, scratch)
    kinetic, potential = energies(terms, scratch)
    record(0, kinetic, potential, series, scratch)
    put_back(moving, flags, states, scratch)


@machine_code
@no_type_check
def balance_of(like, index, series, scratch):
    """Energy less work and losses at a record [J]: what does not change in a perfect integration."""
    rows, width = scratch.rows, scratch.kept.shape[0]
    energy = gather(like, series, rows, (index, width)) + gather(like, series, rows, (index, width + 1))
    return energy + gather(like, series, rows, (index, width - 1)) - gather(like, series, rows, (index, width - 2))


@machine_code
@no_type_check
def judge(index, kinetic, potential, moving, before, frame_tolerance, flags, series, scratch):
    """Write the error of the energy over a frame, as a share of the allowed one, to the flags; returns the energy that
    had been exchanged by its end [J].
    """
    rows, width = scratch.rows, scratch.kept.shape[0]
    work = load(scratch.kept, width - 2)
    first = balance_of(kinetic, 0, series, scratch)
    earlier = balance_of(kinetic, index, series, scratch) - first
    now = kinetic + potential - work + load(scratch.kept, width - 1) - first
    exchanged = gather(kinetic, flags, rows, (EXCHANGED,))
    exchanged = where(kinetic > exchanged, kinetic, exchanged)
    change = absolute(potential - gather(kinetic, series, rows, (0, width + 1)))
    exchanged = where(change > exchanged, change, exchanged)
    exchanged = where(absolute(work) > exchanged, absolute(work), exchanged)
    least = ENERGY_ROUNDING * absolute(kinetic + potential) + SMALLEST_ENERGY
    allowed = frame_tolerance * where(exchanged > least, exchanged, least)
    room = where(absolute(now) > absolute(earlier), allowed - absolute(now), allowed)
    room = where(room > LEAST_ROOM * allowed, room, LEAST_ROOM * allowed)
    ratio = absolute(now - earlier) / room
    failed = both(before, opposite(moving))
    scatter(where(failed, constant(ratio, FAILED), where(before, ratio, 0.0)), flags, rows, (RATIO,))
    return exchanged


@machine_code
@no_type_check
def settle(used, level, highest, flags, scratch):
    """Decide for every lane whether its result stands, and how often steps are halved next time."""
    trash = flags.shape[0] - 1
    for lane in range(LANES):
        scratch.targets[lane] = trash
        if lane < used:
            row = scratch.rows[lane]
            ratio = flags[row, RATIO]
            if level < highest and not ratio <= 1.0:
                flags[row, LEVEL] = min(level + (1 if ratio <= HEAVY else 2), highest)
            else:
                scratch.targets[lane] = row
                flags[row, LEVEL] = max(level - 1, 0) if ratio < LIGHT else level


@called_code
@no_type_check
def roll_frame(
    form,
    terms,
    impulses,
    pushes,
    used,
    resident,
    index,
    level,
    highest,
    substeps,
    step,
    iterations,
    tolerance,
    frame_tolerance,
    flags,
    states,
    series,
    scratch,
):
    """Roll the candidates in the lanes from record ``index`` to the next; what is not accurate enough is written
    nowhere, and wants steps that are halved more often.
    """
    before = fetch(form, terms, resident, states, flags, scratch)
    like = load(scratch.kept, 0)
    moving, struck, parts = before, step / substeps, substeps << level
    duration = step / parts
    for part in range(parts):
        # Both ends of a frame are computed from its number alone: frames of other steps then meet without a gap.
        begin = index * step + part * duration
        end = (index + 1) * step if part == parts - 1 else index * step + (part + 1) * duration
        if any_of(moving):
            work = constant(like, 0.0)
            if end > struck:
                work = strike(impulses, max(begin, struck), end, scratch)
            pushed = gather_pushes(pushes, begin, end, scratch)
            solved, done, lost = advance(form, terms, iterations, tolerance, pushed, end - begin, scratch)
            moving = accept(both(moving, solved), work + done, lost, scratch)
    if any_of(opposite(moving)):
        load_state(form, terms, moving, scratch)
    kinetic, potential = energies(terms, scratch)
    exchanged = judge(index, kinetic, potential, moving, before, frame_tolerance, flags, series, scratch)
    settle(used, level, highest, flags, scratch)
    distance = mahalanobis(terms.region_mean, terms.region_precision, scratch.vectors, Q)
    at_edge = gather(like, flags, scratch.rows, (AT_EDGE,)) > 0.5
    at_edge = either(at_edge, both(moving, distance > terms.region_radius))
    moving = both(moving, distance <= terms.region_limit)
    record(index + 1, kinetic, potential, series, scratch)
    put_back(moving, flags, states, scratch)
    scatter(where(at_edge, constant(like, 1.0), 0.0), flags, scratch.targets, (AT_EDGE,))
    scatter(exchanged, flags, scratch.targets, (EXCHANGED,))


def _entry(sources: int) -> Callable[..., int]:
    """The function that Python calls. It gives back ``sources``, and numba's cache on disk looks at what a function
    closes over: machine code of other sources is never taken for that of these.
    """

    @entry_point
    @no_type_check
    def roll(
        form,
        terms,
        impulses,
        pushes,
        some,
        stride,
        span,
        substeps,
        highest,
        step,
        iterations,
        tolerance,
        frame_tolerance,
        flags,
        states,
        series,
        scratch,
    ):
        """Roll the candidates from ``some[0]`` to before ``some[1]`` on, ``stride`` together, from record ``span[0]``
        to ``span[1]``, each frame in ``substeps`` steps that are halved up to ``highest`` times.

        ``states`` [K + 2, 4k + 2] are q, qdot, work, losses and what guesses are made from, changed in place, as are
        ``flags`` [K + 2, 5]; the last row takes what is thrown away, and the one before, which moves too, fills lanes.
        ``series`` [K + 2, T + 1, 2k + 4] are q, qdot, work, losses, kinetic and potential energy; a span that begins at
        0 writes record 0 too, right after the impulses of the first step.
        """
        rows, filler = scratch.rows, flags.shape[0] - 2
        if span[0] == 0:
            for first in range(some[0], some[1], stride):
                for lane in range(stride):
                    rows[lane] = first + lane if first + lane < some[1] else filler
                    scratch.targets[lane] = rows[lane]
                set_out(form, terms, impulses, step / substeps, flags, states, series, scratch)
        for lane in range(stride):
            scratch.targets[lane] = -1
        for index in range(span[0], span[1]):
            for level in range(highest + 1):
                used, resident = 0, stride == 1
                for candidate in range(some[0], some[1]):
                    if flags[candidate, LEVEL] == level:
                        # One candidate alone need not be fetched where the last frame was its own and stands. In lanes
                        # it would depend on the neighbours, and the last bits of the numbers with it.
                        resident = resident and rows[used] == candidate and scratch.targets[used] == candidate
                        rows[used] = candidate
                        used += 1
                    if used == stride or (used > 0 and candidate == some[1] - 1):
                        for lane in range(used, stride):
                            rows[lane] = filler
                        roll_frame(
                            form,
                            terms,
                            impulses,
                            pushes,
                            used,
                            resident,
                            index,
                            level,
                            highest,
                            substeps,
                            step,
                            iterations,
                            tolerance,
                            frame_tolerance,
                            flags,
                            states,
                            series,
                            scratch,
                        )
                        used, resident = 0, stride == 1
        return sources

    return roll


def _digest_of_sources() -> int:
    """A number that changes with the source of any of the kernels, and of what their constants are taken from."""
    digest = hashlib.blake2b(digest_size=7)
    folder = Path(__file__).parent
    constants = [folder / name for name in ("actions.py", "frame_refinement.py", "trajectory.py")]
    for path in [*sorted(folder.glob("kernel*.py")), *constants]:
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest(), "big")


roll = _entry(_digest_of_sources())
