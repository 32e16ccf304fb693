"""The rollout of many candidates as machine code for one CPU core (numba). See ``kernel.py``.

The order of events is that of ``reference.integrate``.
"""

from __future__ import annotations

import math
from typing import NamedTuple, no_type_check

import numpy as np

from neurok_model.mechanics.kernel import advance, potential_energy, refresh
from neurok_model.mechanics.kernel_linear import (
    cholesky_solve,
    entry_point,
    evaluate,
    machine_code,
    mahalanobis,
    quadratic_form,
)

SLIVER = 1e-6
"""Share of a step below which a push does not count as acting in it; as in ``actions``."""

OK, PRIOR_EDGE, DIVERGED = 0, 1, 2


class Progress(NamedTuple):
    """Where K candidates are; changed in place.

    q and qdot are [K, k], the others [K]; ``outcome`` holds values of ``Outcome``.
    """

    q: np.ndarray
    qdot: np.ndarray
    work: np.ndarray
    dissipated: np.ndarray
    outcome: np.ndarray


class Records(NamedTuple):
    """The series of ``Trajectories``, to be filled: [K, T+1, k] and [K, T+1]."""

    q: np.ndarray
    qdot: np.ndarray
    kinetic_energy: np.ndarray
    potential_energy: np.ndarray
    work: np.ndarray
    dissipated: np.ndarray


@machine_code
@no_type_check
def strike(impulses, candidate, begin, end, scratch):
    """Hand over the impulses that start in [begin, end) to ``qdot``; returns their work [J]."""
    work = 0.0
    for c in range(impulses.start.shape[1]):
        if begin <= impulses.start[candidate, c] < end:
            for i in range(scratch.q.size):
                scratch.wanted[i] = 0.0
                for a in range(scratch.y.size):
                    scratch.wanted[i] += scratch.jacobian[i, a] * impulses.vector[candidate, c, a]
            cholesky_solve(scratch.factor, scratch.wanted, scratch.change)
            for i in range(scratch.q.size):
                work += scratch.wanted[i] * (scratch.qdot[i] + 0.5 * scratch.change[i])
                scratch.qdot[i] += scratch.change[i]
    return work


@machine_code
@no_type_check
def gather_pushes(pushes, candidate, begin, end, external):
    """Mean external force over [begin, end]."""
    for a in range(external.size):
        external[a] = 0.0
    for c in range(pushes.start.shape[1]):
        overlap = min(pushes.stop[candidate, c], end) - max(pushes.start[candidate, c], begin)
        share = overlap / (end - begin)
        if share > SLIVER:
            for a in range(external.size):
                external[a] += share * pushes.vector[candidate, c, a]


@machine_code
@no_type_check
def store(terms, candidate, index, progress, records, scratch):
    """Write one record, from the last good state."""
    records.kinetic_energy[candidate, index] = 0.5 * quadratic_form(scratch.mass, scratch.qdot)
    records.potential_energy[candidate, index] = potential_energy(terms, scratch.q, scratch.y)
    records.work[candidate, index] = progress.work[candidate]
    records.dissipated[candidate, index] = progress.dissipated[candidate]
    for i in range(scratch.q.size):
        records.q[candidate, index, i] = progress.q[candidate, i]
        records.qdot[candidate, index, i] = progress.qdot[candidate, i]


@machine_code
@no_type_check
def load_state(form, terms, candidate, progress, scratch):
    """Evaluate everything at a candidate's state."""
    for i in range(scratch.q.size):
        scratch.q[i] = progress.q[candidate, i]
        scratch.qdot[i] = progress.qdot[candidate, i]
    evaluate(form, scratch.q, scratch.hidden, scratch.bits, scratch.y)
    refresh(form, terms, scratch)


@machine_code
@no_type_check
def accept(candidate, solved, work, lost, progress, scratch):
    """Take a new state over where it is sound, and say so."""
    sound = solved and math.isfinite(work) and math.isfinite(lost)
    for i in range(scratch.q.size):
        sound = sound and math.isfinite(scratch.q[i]) and math.isfinite(scratch.qdot[i])
    if not sound:
        progress.outcome[candidate] = DIVERGED
        return False
    for i in range(scratch.q.size):
        progress.q[candidate, i] = scratch.q[i]
        progress.qdot[candidate, i] = scratch.qdot[i]
    progress.work[candidate] += work
    progress.dissipated[candidate] += lost
    return True


@machine_code
@no_type_check
def check_region(terms, candidate, progress):
    """Notice a candidate at the prior's edge; returns false for one far beyond it."""
    distance = mahalanobis(terms.region_mean, terms.region_precision, progress.q[candidate])
    if distance > terms.region_limit:
        progress.outcome[candidate] = DIVERGED
        return False
    if distance > terms.region_radius:
        progress.outcome[candidate] = PRIOR_EDGE
    return True


@machine_code
@no_type_check
def roll_candidate(
    form,
    terms,
    candidate,
    impulses,
    pushes,
    first,
    last,
    substeps,
    duration,
    iterations,
    tolerance,
    progress,
    records,
    scratch,
):
    """Records ``first`` + 1 to ``last`` of one candidate, from record ``first``; record 0 too, if it begins
    there.
    """
    load_state(form, terms, candidate, progress, scratch)
    moving = progress.outcome[candidate] != DIVERGED
    if first == 0:
        if moving:
            work = strike(impulses, candidate, 0.0, duration, scratch)
            moving = accept(candidate, True, work, 0.0, progress, scratch)
        store(terms, candidate, 0, progress, records, scratch)
    for index in range(first, last):
        for part in range(substeps):
            if not moving:
                break
            number = index * substeps + part
            begin, end = number * duration, (number + 1) * duration
            work = 0.0
            if number > 0:
                work = strike(impulses, candidate, begin, end, scratch)
            gather_pushes(pushes, candidate, begin, end, scratch.external)
            solved, pushed, lost = advance(form, terms, iterations, tolerance, end - begin, scratch)
            moving = accept(candidate, solved, work + pushed, lost, progress, scratch)
        if moving:
            moving = check_region(terms, candidate, progress)
        if not moving:
            load_state(form, terms, candidate, progress, scratch)
        store(terms, candidate, index + 1, progress, records, scratch)


@entry_point
@no_type_check
def roll(
    form,
    terms,
    impulses,
    pushes,
    candidates,
    first,
    last,
    substeps,
    duration,
    iterations,
    tolerance,
    progress,
    records,
    scratch,
):
    """Roll the candidates from ``candidates[0]`` to before ``candidates[1]`` on, in place."""
    for candidate in range(candidates[0], candidates[1]):
        roll_candidate(
            form,
            terms,
            candidate,
            impulses,
            pushes,
            first,
            last,
            substeps,
            duration,
            iterations,
            tolerance,
            progress,
            records,
            scratch,
        )
