"""What is read off contacts and rollouts, in machine code: a small batch spends more time on calls than on numbers.

``contact_fit.contact_residual`` and ``Trajectories.energy_drift`` are the source of truth, and the tests hold this
file against them.
"""

from __future__ import annotations

import math
from typing import no_type_check

import numpy as np

from neurok_model.mechanics.kernel_linear import (
    cholesky,
    cholesky_solve,
    entry_point,
    evaluate,
    generalized,
    jacobian_after_evaluate,
    mass_matrix,
)
from neurok_model.mechanics.kernel_rows import CHANGE, EXTERNAL, FACTOR, MASS, WANTED, Q

SMALLEST_ENERGY = 1e-12
"""Joules below which an object counts as standing still; as in ``trajectory``."""

TINY = np.finfo(np.float64).tiny


@entry_point
@no_type_check
def load_residuals(form, terms, states, rows, impulses, residuals, scratch):
    """Share of each candidate's pushes and strikes that the object cannot follow.

    ``states`` [K, >= k] begin with q, ``rows`` [K, c, 3, r] are the modes at the contacts, ``impulses`` [K, c, 3] their
    impulses [N s]; ``residuals`` [K] is written.
    """
    vectors, wide, matrices = scratch.vectors, scratch.wide, scratch.matrices
    k, width = vectors.shape[1], rows.shape[3]
    for candidate in range(states.shape[0]):
        fresh = candidate == 0
        for i in range(k):
            fresh = fresh or states[candidate, i] != vectors[Q, i]
            vectors[Q, i] = states[candidate, i]
        if fresh:
            evaluate(form, vectors, Q, scratch.features, wide, EXTERNAL)
            jacobian_after_evaluate(form, scratch.features, scratch.slopes, scratch.jacobian)
            mass_matrix(scratch.jacobian, terms.latent, matrices, MASS)
            for i in range(k):
                for j in range(i + 1):
                    matrices[FACTOR, i, j] = matrices[MASS, i, j]
            cholesky(matrices, FACTOR)
        size = 0.0
        for a in range(wide.shape[1]):
            wide[EXTERNAL, a] = 0.0
        for c in range(rows.shape[1]):
            for d in range(3):
                impulse = impulses[candidate, c, d]
                size += impulse * impulse
                for a in range(width):
                    wide[EXTERNAL, a] += rows[candidate, c, d, a] * impulse
        for i in range(k):
            vectors[WANTED, i] = generalized(scratch.jacobian, wide, EXTERNAL, i)
        cholesky_solve(matrices, FACTOR, vectors, WANTED, CHANGE)
        for a in range(width):
            rate = 0.0
            for i in range(k):
                rate += scratch.jacobian[i, a] * vectors[CHANGE, i]
            wide[EXTERNAL, a] = rate
        along, caused_size = 0.0, 0.0
        for c in range(rows.shape[1]):
            for d in range(3):
                caused = 0.0
                for a in range(width):
                    caused += rows[candidate, c, d, a] * wide[EXTERNAL, a]
                along += caused * impulses[candidate, c, d]
                caused_size += caused * caused
        sine_squared = 1.0 - along * along / max(size * caused_size, TINY)
        residuals[candidate] = math.sqrt(min(max(sine_squared, 0.0), 1.0)) if size > 0.0 else 0.0


@entry_point
@no_type_check
def energy_drifts(series, drifts):
    """Energy drift of each candidate, from the ``series`` that ``roll`` wrote."""
    work, lost, kinetic, potential = series.shape[2] - 4, series.shape[2] - 3, series.shape[2] - 2, series.shape[2] - 1
    for candidate in range(drifts.size):
        start = series[candidate, 0, kinetic] + series[candidate, 0, potential]
        worst, exchanged = 0.0, 0.0
        for time in range(series.shape[1]):
            total = series[candidate, time, kinetic] + series[candidate, time, potential]
            done = series[candidate, time, work]
            error = (total - start) - (done - series[candidate, 0, work]) + series[candidate, time, lost]
            moved = abs(series[candidate, time, potential] - series[candidate, 0, potential])
            rounding = 1e3 * 2.220446049250313e-16 * abs(total) + SMALLEST_ENERGY
            worst = max(worst, abs(error))
            exchanged = max(exchanged, max(max(series[candidate, time, kinetic], abs(done)), max(moved, rounding)))
        drifts[candidate] = worst / exchanged
