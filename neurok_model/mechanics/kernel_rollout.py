"""The rollout of many candidates as machine code for one CPU core (numba). See ``kernel.py``.

The order of events is that of ``reference.integrate``.
"""

from __future__ import annotations

import math
from typing import no_type_check

from neurok_model.mechanics.kernel import (
    BEND,
    CHANGE,
    EXTERNAL,
    FACTOR,
    MASS,
    QDOT,
    WANTED,
    Q,
    Y,
    advance,
    potential_energy,
    refresh,
)
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

PRIOR_EDGE, DIVERGED = 1, 2
"""Values of ``Outcome``."""


@machine_code
@no_type_check
def load_state(form, terms, candidate, states, scratch):
    """Evaluate everything at a candidate's state."""
    k = scratch.vectors.shape[1]
    for i in range(k):
        scratch.vectors[Q, i] = states[candidate, i]
        scratch.vectors[QDOT, i] = states[candidate, k + i]
        scratch.vectors[BEND, i] = 0.0
    evaluate(form, scratch.vectors[Q], scratch.hidden, scratch.bits, scratch.wide[Y])
    refresh(form, terms, scratch)


@machine_code
@no_type_check
def strike(impulses, candidate, begin, end, scratch):
    """Hand over the impulses that start in [begin, end) to the velocity; returns their work [J]."""
    work = 0.0
    wanted, change, qdot = scratch.vectors[WANTED], scratch.vectors[CHANGE], scratch.vectors[QDOT]
    for c in range(impulses.times.shape[1]):
        if begin <= impulses.times[candidate, c, 0] < end:
            for i in range(qdot.size):
                wanted[i] = 0.0
                for a in range(scratch.wide.shape[1]):
                    wanted[i] += scratch.jacobian[i, a] * impulses.vector[candidate, c, a]
            cholesky_solve(scratch.matrices[FACTOR], wanted, change)
            for i in range(qdot.size):
                work += wanted[i] * (qdot[i] + 0.5 * change[i])
                qdot[i] += change[i]
    return work


@machine_code
@no_type_check
def gather_pushes(pushes, candidate, begin, end, external):
    """Mean external force over [begin, end]."""
    for a in range(external.size):
        external[a] = 0.0
    for c in range(pushes.times.shape[1]):
        overlap = min(pushes.times[candidate, c, 1], end) - max(pushes.times[candidate, c, 0], begin)
        share = overlap / (end - begin)
        if share > SLIVER:
            for a in range(external.size):
                external[a] += share * pushes.vector[candidate, c, a]


@machine_code
@no_type_check
def accept(candidate, solved, work, lost, states, outcome, scratch):
    """Take a new state over where it is sound; returns whether it is."""
    k = scratch.vectors.shape[1]
    sound = solved and math.isfinite(work) and math.isfinite(lost)
    for i in range(k):
        sound = sound and math.isfinite(scratch.vectors[Q, i]) and math.isfinite(scratch.vectors[QDOT, i])
    if not sound:
        outcome[candidate] = DIVERGED
        return False
    for i in range(k):
        states[candidate, i] = scratch.vectors[Q, i]
        states[candidate, k + i] = scratch.vectors[QDOT, i]
    states[candidate, 2 * k] += work
    states[candidate, 2 * k + 1] += lost
    return True


@machine_code
@no_type_check
def check_region(terms, candidate, outcome, scratch):
    """Notice a candidate at the prior's edge; returns false for one far beyond it."""
    distance = mahalanobis(terms.region_mean, terms.region_precision, scratch.vectors[Q])
    if distance > terms.region_limit:
        outcome[candidate] = DIVERGED
        return False
    if distance > terms.region_radius:
        outcome[candidate] = PRIOR_EDGE
    return True


@entry_point
@no_type_check
def roll(
    form,
    terms,
    impulses,
    pushes,
    some,
    span,
    substeps,
    duration,
    iterations,
    tolerance,
    states,
    outcome,
    series,
    scratch,
):
    """Roll the candidates from ``some[0]`` to before ``some[1]`` on, from record ``span[0]`` to ``span[1]``.

    ``states`` [K, 2k + 2] are q, qdot, work and losses, changed in place, as is ``outcome`` [K]. ``series``
    [K, T + 1, 2k + 4] are q, qdot, work, losses, kinetic and potential energy; a span that begins at 0 writes
    record 0 too, right after the impulses of the first step.
    """
    width = states.shape[1]
    for candidate in range(some[0], some[1]):
        load_state(form, terms, candidate, states, scratch)
        moving = outcome[candidate] != DIVERGED
        for index in range(span[0] - (1 if span[0] == 0 else 0), span[1]):
            for part in range(substeps if index >= 0 else 1):
                number = max(index, 0) * substeps + part
                begin, end = number * duration, (number + 1) * duration
                if not moving:
                    break
                work, lost, solved = 0.0, 0.0, True
                if number > 0 or index < 0:
                    work = strike(impulses, candidate, begin, end, scratch)
                if index >= 0:
                    gather_pushes(pushes, candidate, begin, end, scratch.wide[EXTERNAL])
                    solved, pushed, lost = advance(form, terms, iterations, tolerance, end - begin, scratch)
                    work += pushed
                moving = accept(candidate, solved, work, lost, states, outcome, scratch)
            if moving and index >= 0:
                moving = check_region(terms, candidate, outcome, scratch)
            if not moving:
                load_state(form, terms, candidate, states, scratch)
            for i in range(width):
                series[candidate, index + 1, i] = states[candidate, i]
            mass, q, qdot = scratch.matrices[MASS], scratch.vectors[Q], scratch.vectors[QDOT]
            series[candidate, index + 1, width] = 0.5 * quadratic_form(mass, qdot)
            series[candidate, index + 1, width + 1] = potential_energy(terms, q, scratch.wide[Y])
