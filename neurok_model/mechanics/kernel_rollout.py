"""The rollout of many candidates as machine code for one CPU core (numba). See ``kernel.py``.

The order of events is that of ``reference.integrate``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import no_type_check

from neurok_model.mechanics.kernel import (
    BEND,
    CHANGE,
    EXTERNAL,
    FACTOR,
    LAST_BEND,
    MASS,
    QDOT,
    WANTED,
    Q,
    Y,
    advance,
    potential_energy,
    refresh,
)
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
    cholesky_solve,
    entry_point,
    evaluate,
    form_of_row,
    generalized,
    machine_code,
    mahalanobis,
)

SLIVER = 1e-6
"""Share of a step below which a push does not count as acting in it; as in ``actions``."""

MOVING, AT_EDGE = range(2)
"""Columns of a rollout's flags."""


@machine_code
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


@machine_code
@no_type_check
def strike(impulses, candidate, begin, end, scratch):
    """Hand over the impulses that start in [begin, end) to the velocity; returns their work [J]."""
    vectors, wide = scratch.vectors, scratch.wide
    work = constant(load(vectors, (Q, 0)), 0.0)
    for c in range(impulses.times.shape[1]):
        start = gather(work, impulses.times, candidate, (c, 0))
        due = both(start >= begin, start < end)
        if any_of(due):
            for a in range(wide.shape[1]):
                store(wide, (EXTERNAL, a), where(due, gather(work, impulses.vector, candidate, (c, a)), 0.0))
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
def gather_pushes(pushes, candidate, begin, end, scratch):
    """Mean external force over [begin, end]."""
    wide = scratch.wide
    like = load(wide, (Y, 0))
    for a in range(wide.shape[1]):
        store(wide, (EXTERNAL, a), 0.0)
    for c in range(pushes.times.shape[1]):
        start = gather(like, pushes.times, candidate, (c, 0))
        stop = gather(like, pushes.times, candidate, (c, 1))
        first, last = where(start > begin, start, begin), where(stop < end, stop, end)
        share = (last - first) / (end - begin)
        acting = share > SLIVER
        if any_of(acting):
            share = where(acting, share, 0.0)
            for a in range(wide.shape[1]):
                force = load(wide, (EXTERNAL, a)) + share * gather(like, pushes.vector, candidate, (c, a))
                store(wide, (EXTERNAL, a), force)


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
def record(terms, candidate, index, series, scratch):
    """Write the state that was kept, and its energies."""
    width = scratch.kept.shape[0]
    for i in range(width):
        scatter(load(scratch.kept, i), series, candidate, (index, i))
    kinetic = 0.5 * form_of_row(scratch.matrices, MASS, scratch.vectors, QDOT)
    scatter(kinetic, series, candidate, (index, width))
    scatter(potential_energy(terms, scratch), series, candidate, (index, width + 1))


@machine_code
@no_type_check
def roll_group(
    form,
    terms,
    impulses,
    pushes,
    candidate,
    span,
    substeps,
    duration,
    iterations,
    tolerance,
    flags,
    states,
    series,
    scratch,
):
    """Roll on the candidate, or the LANES candidates from it on, from record ``span[0]`` to ``span[1]``."""
    width = states.shape[1]
    like = load(scratch.kept, 0)
    for i in range(width):
        store(scratch.kept, i, gather(like, states, candidate, (i,)))
    moving = gather(like, flags, candidate, (MOVING,)) > 0.5
    at_edge = gather(like, flags, candidate, (AT_EDGE,)) > 0.5
    load_state(form, terms, constant(like, 1.0) < 0.0, scratch)
    if span[0] == 0:
        work = strike(impulses, candidate, 0.0, duration, scratch)
        moving = accept(moving, work, constant(like, 0.0), scratch)
        if any_of(opposite(moving)):
            load_state(form, terms, moving, scratch)
        record(terms, candidate, 0, series, scratch)
    for index in range(span[0], span[1]):
        for part in range(substeps):
            number = index * substeps + part
            begin, end = number * duration, (number + 1) * duration
            if any_of(moving):
                work = constant(like, 0.0)
                if number > 0:
                    work = strike(impulses, candidate, begin, end, scratch)
                gather_pushes(pushes, candidate, begin, end, scratch)
                solved, pushed, lost = advance(form, terms, iterations, tolerance, end - begin, scratch)
                moving = accept(both(moving, solved), work + pushed, lost, scratch)
        distance = mahalanobis(terms.region_mean, terms.region_precision, scratch.vectors, Q)
        at_edge = either(at_edge, both(moving, distance > terms.region_radius))
        moving = both(moving, distance <= terms.region_limit)
        if any_of(opposite(moving)):
            load_state(form, terms, moving, scratch)
        record(terms, candidate, index + 1, series, scratch)
    for i in range(width):
        scatter(load(scratch.kept, i), states, candidate, (i,))
    scatter(where(moving, constant(like, 1.0), 0.0), flags, candidate, (MOVING,))
    scatter(where(at_edge, constant(like, 1.0), 0.0), flags, candidate, (AT_EDGE,))


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
        duration,
        iterations,
        tolerance,
        flags,
        states,
        series,
        scratch,
    ):
        """Roll the candidates from ``some[0]`` to before ``some[1]`` on, ``stride`` together, from record ``span[0]``
        to ``span[1]``.

        ``states`` [K, 2k + 2] are q, qdot, work and losses, changed in place, as are ``flags`` [K, 2]: moving, and at
        the region's edge. ``series`` [K, T + 1, 2k + 4] are q, qdot, work, losses, kinetic and potential energy; a
        span that begins at 0 writes record 0 too, right after the impulses of the first step.
        """
        for candidate in range(some[0], some[1], stride):
            roll_group(
                form,
                terms,
                impulses,
                pushes,
                candidate,
                span,
                substeps,
                duration,
                iterations,
                tolerance,
                flags,
                states,
                series,
                scratch,
            )
        return sources

    return roll


def _digest_of_sources() -> int:
    """A number that changes with the source of any of the kernels."""
    digest = hashlib.blake2b(digest_size=7)
    for path in sorted(Path(__file__).parent.glob("kernel*.py")):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest(), "big")


roll = _entry(_digest_of_sources())
