"""Damping and walls as machine code (numba). See ``kernel.py``.

``integrators.base.damp``, ``potentials.Walls`` and ``wall_damping.WallDamping`` are the source of truth.
"""

from __future__ import annotations

from typing import no_type_check

from neurok_model.mechanics.kernel_lanes import any_of, constant, load, root, store, where
from neurok_model.mechanics.kernel_linear import (
    called_code,
    cholesky,
    cholesky_solve,
    dot,
    form_of_row,
    machine_code,
    mahalanobis,
    mahalanobis_squared,
    offset_row,
)
from neurok_model.mechanics.kernel_rows import (
    CORRECTION,
    DAMPED,
    FACTOR,
    MASS,
    NORMAL,
    QDOT,
    RESIDUAL,
    YIELD,
    Q,
)


@machine_code
@no_type_check
def wall_depth(terms, wall, vectors, row):
    """Distance [standard deviations] from a wall's mean, and depth [widths] beyond its radius."""
    distance = mahalanobis(terms.wall_mean[wall], terms.wall_precision[wall], vectors, row)
    depth = (distance - terms.walls[wall, 2]) / terms.walls[wall, 1]
    return distance, where(depth > 0.0, depth, 0.0)


@machine_code
@no_type_check
def wall_reached(terms, wall, vectors, row):
    """Whether any candidate is beyond a wall's radius: mostly none is, and that is found without a root."""
    squared = mahalanobis_squared(terms.wall_mean[wall], terms.wall_precision[wall], vectors, row)
    return any_of(squared > terms.walls[wall, 2] * terms.walls[wall, 2])


@machine_code
@no_type_check
def wall_drag(terms, wall, scratch):
    """Damping along a wall's normal at Q; that, and what a unit impulse along it does, in the rows NORMAL and YIELD."""
    vectors = scratch.vectors
    drag = constant(load(vectors, (Q, 0)), 0.0)
    if terms.walls[wall, 3] > 0.0 and wall_reached(terms, wall, vectors, Q):
        distance, depth = wall_depth(terms, wall, vectors, Q)
        beyond = depth > 0.0
        for i in range(vectors.shape[1]):
            direction = offset_row(terms.wall_mean[wall], terms.wall_precision[wall], vectors, Q, i)
            store(vectors, (NORMAL, i), where(beyond, direction / distance, 0.0))
        cholesky_solve(scratch.matrices, FACTOR, vectors, NORMAL, YIELD)
        ratio = depth * terms.walls[wall, 1] / dot(vectors, NORMAL, vectors, YIELD)
        drag = where(beyond, terms.walls[wall, 3] * root(where(beyond, ratio, 1.0)), 0.0)
    return drag


@machine_code
@no_type_check
def damp(terms, duration, scratch):
    """Damping alone for ``duration`` by the midpoint rule; changes the velocity, returns the lost energy [J]."""
    if terms.full_damping:
        return damp_fully(terms, duration, scratch)
    vectors, matrices = scratch.vectors, scratch.matrices
    k = vectors.shape[1]
    share = 0.5 * duration * terms.damping_rate
    before = form_of_row(matrices, MASS, vectors, QDOT)
    slowed = (1.0 - share) / (1.0 + share)
    lost = before * (duration * terms.damping_rate / (1.0 + share) ** 2)
    for i in range(k):
        store(vectors, (RESIDUAL, i), 0.0)
    for wall in range(terms.walls.shape[0]):
        drag = wall_drag(terms, wall, scratch)
        if any_of(drag > 0.0):
            # The wall's damping is of rank one: the formula of Sherman and Morrison, for the mean velocity.
            mobility = dot(vectors, NORMAL, vectors, YIELD) / (1.0 + share)
            free = dot(vectors, NORMAL, vectors, QDOT) / (1.0 + share)
            size = 0.5 * duration * drag * free / (1.0 + 0.5 * duration * drag * mobility)
            across = free - size * mobility
            turned = (size * mobility - 2.0 * free) * size / (1.0 + share)
            lost += duration * (terms.damping_rate * turned + drag * across * across)
            for i in range(k):
                store(vectors, (RESIDUAL, i), -2.0 / (1.0 + share) * size * load(vectors, (YIELD, i)))
    for i in range(k):
        store(vectors, (QDOT, i), load(vectors, (QDOT, i)) * slowed + load(vectors, (RESIDUAL, i)))
    return lost


@called_code
@no_type_check
def damp_fully(terms, duration, scratch):
    """As ``damp``, for any number of damping terms of every kind."""
    vectors, matrices = scratch.vectors, scratch.matrices
    k, half = vectors.shape[1], 0.5 * duration
    for i in range(k):
        impulse = constant(load(vectors, (QDOT, 0)), 0.0)
        for j in range(k):
            resistance = terms.damping_rate * load(matrices, (MASS, i, j)) + terms.viscous[i, j]
            impulse -= duration * resistance * load(vectors, (QDOT, j))
            store(matrices, (DAMPED, i, j), load(matrices, (MASS, i, j)) + half * resistance)
        store(vectors, (RESIDUAL, i), impulse)
    for wall in range(terms.walls.shape[0]):
        drag = wall_drag(terms, wall, scratch)
        if any_of(drag > 0.0):
            across = dot(vectors, NORMAL, vectors, QDOT)
            for i in range(k):
                along = drag * load(vectors, (NORMAL, i))
                store(vectors, (RESIDUAL, i), load(vectors, (RESIDUAL, i)) - duration * along * across)
                for j in range(k):
                    damped = load(matrices, (DAMPED, i, j)) + half * along * load(vectors, (NORMAL, j))
                    store(matrices, (DAMPED, i, j), damped)
    cholesky(matrices, DAMPED)
    cholesky_solve(matrices, DAMPED, vectors, RESIDUAL, CORRECTION)
    for i in range(k):
        store(vectors, (QDOT, i), load(vectors, (QDOT, i)) + 0.5 * load(vectors, (CORRECTION, i)))
    lost = terms.damping_rate * form_of_row(matrices, MASS, vectors, QDOT)
    for i in range(k):
        for j in range(k):
            lost += load(vectors, (QDOT, i)) * terms.viscous[i, j] * load(vectors, (QDOT, j))
    for wall in range(terms.walls.shape[0]):
        drag = wall_drag(terms, wall, scratch)
        if any_of(drag > 0.0):
            across = dot(vectors, NORMAL, vectors, QDOT)
            lost += drag * across * across
    for i in range(k):
        store(vectors, (QDOT, i), load(vectors, (QDOT, i)) + 0.5 * load(vectors, (CORRECTION, i)))
    return duration * lost
