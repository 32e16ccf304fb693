"""One variational step of a smooth map as machine code for one CPU core (numba).

The arithmetic is that of ``integrators.Variational`` and of the terms; those are the source of truth, and the tests
hold this file against them. It serves one candidate, or several at once in the lanes of vector registers
(``kernel_lanes``). Functions carry no annotations because numba reads the source; shapes are in the docstrings: k
coordinates, h hidden units, r embedding coordinates, and for several candidates LANES as the last dimension.
"""

from __future__ import annotations

from typing import NamedTuple, no_type_check

import numpy as np

from neurok_model.mechanics.kernel_arrays import LANES
from neurok_model.mechanics.kernel_damping import damp, wall_depth, wall_reached
from neurok_model.mechanics.kernel_lanes import absolute, aligned, any_of, constant, load, store, where
from neurok_model.mechanics.kernel_linear import (
    cholesky,
    cholesky_solve,
    dot,
    evaluate_change,
    generalized,
    jacobian_after_evaluate,
    machine_code,
    mass_matrix,
    matrix_times_row,
    offset_row,
)
from neurok_model.mechanics.kernel_rows import (
    BEND,
    CHANGE,
    CORRECTION,
    EXTERNAL,
    FACTOR,
    FORCE,
    LAST_BEND,
    LAST_CORRECTION,
    LAST_RESIDUAL,
    LAST_STEP,
    MASS,
    MOMENTUM,
    MOVED,
    QDOT,
    RESIDUAL,
    RESTORING,
    WANTED,
    Q,
    Y,
)

ROUNDING = (100.0 * 2.220446049250313e-16) ** 2
"""Squared residual, per unit of the mass matrix's trace, that rounding alone may leave."""


class Scratch(NamedTuple):
    """Working memory of one candidate or of LANES of them; few arrays, because every one of them lengthens the
    compilation.
    """

    vectors: np.ndarray
    """[15, k]: configuration, velocity, momentum, the unknowns of the step's equation, a wall's normal with what a unit
    impulse along it does to the velocity, and the force of the potentials.
    """
    wide: np.ndarray
    """[4, r]: y here, what it changes by, external force, total force on y."""
    matrices: np.ndarray
    """[3, k, k]: mass matrix, its Cholesky factor, and the one of the damped step."""
    jacobian: np.ndarray
    """[k, r], transposed."""
    features: np.ndarray
    """[h + k]: hidden units and q where y and the Jacobian are."""
    grown: np.ndarray
    """[h + k]: what a step adds to them."""
    slopes: np.ndarray
    """[k, h]."""
    kept: np.ndarray
    """[2 k + 2]: the last sound configuration and velocity, work and losses."""
    rows: np.ndarray
    """[LANES], whole numbers: which candidates are in the lanes; one candidate is the first."""
    targets: np.ndarray
    """[LANES], whole numbers: where their results go."""


def make_scratch(k: int, h: int, r: int, *, lanes: bool) -> Scratch:
    """Allocate the working memory of one candidate, whose r is padded to a multiple of LANES, or of LANES of them,
    where a multiple of four is enough.
    """
    last, multiple = ((LANES,), 4) if lanes else ((), LANES)
    r += -r % multiple
    shapes = ((15, k), (4, r), (3, k, k), (k, r), (h + k,), (h + k,), (k, h), (2 * k + 2,))
    rows, targets = np.zeros((2, LANES), dtype=np.int64)
    return Scratch(*[*(aligned(*shape, *last) for shape in shapes), rows, targets])


@machine_code
@no_type_check
def potential_energy(terms, scratch):
    """V [J] at Q and Y."""
    vectors, wide = scratch.vectors, scratch.wide
    total = constant(load(vectors, (Q, 0)), terms.constant)
    for a in range(wide.shape[1]):
        y = load(wide, (Y, a))
        total += y * (0.5 * terms.stiffness * y - terms.load[a])
    for i in range(vectors.shape[1]):
        row = terms.quadratic[i, 0] * load(vectors, (Q, 0))
        for j in range(1, vectors.shape[1]):
            row += terms.quadratic[i, j] * load(vectors, (Q, j))
        total += load(vectors, (Q, i)) * (0.5 * row - terms.slope[i])
    for wall in range(terms.walls.shape[0]):
        if wall_reached(terms, wall, vectors, Q):
            _, depth = wall_depth(terms, wall, vectors, Q)
            total += terms.walls[wall, 0] * depth * depth * depth
    return total


@machine_code
@no_type_check
def restore(terms, scratch):
    """Force of the potentials at Q and Y."""
    vectors, wide = scratch.vectors, scratch.wide
    for a in range(wide.shape[1]):
        store(wide, (FORCE, a), terms.load[a] - terms.stiffness * load(wide, (Y, a)))
    for i in range(vectors.shape[1]):
        total = generalized(scratch.jacobian, wide, FORCE, i) + terms.slope[i]
        for j in range(vectors.shape[1]):
            total -= terms.quadratic[i, j] * load(vectors, (Q, j))
        store(vectors, (RESTORING, i), total)
    for wall in range(terms.walls.shape[0]):
        if wall_reached(terms, wall, vectors, Q):
            distance, depth = wall_depth(terms, wall, vectors, Q)
            slope = where(depth > 0.0, depth * depth / distance, 0.0)
            slope = slope * (3.0 * terms.walls[wall, 0] / terms.walls[wall, 1])
            for i in range(vectors.shape[1]):
                direction = offset_row(terms.wall_mean[wall], terms.wall_precision[wall], vectors, Q, i)
                store(vectors, (RESTORING, i), load(vectors, (RESTORING, i)) - slope * direction)


@machine_code
@no_type_check
def add_kick(pushed, duration, scratch):
    """Add to the momentum half a step's impulse of the potentials and, where ``pushed``, of the external force."""
    half = 0.5 * duration
    vectors = scratch.vectors
    for i in range(vectors.shape[1]):
        total = load(vectors, (RESTORING, i))
        if pushed:
            total += generalized(scratch.jacobian, scratch.wide, EXTERNAL, i)
        store(vectors, (MOMENTUM, i), load(vectors, (MOMENTUM, i)) + half * total)


@machine_code
@no_type_check
def guess_displacement(duration, scratch):
    """Set CHANGE to the linear solution, bent as the last steps' were; returns the squared size of the linear one.

    A bend is what a step's displacement had more than the linear solution, per squared duration; from two of them the
    next one is extrapolated.
    """
    vectors = scratch.vectors
    cholesky_solve(scratch.matrices, FACTOR, vectors, WANTED, CHANGE)
    size = dot(vectors, WANTED, vectors, CHANGE)
    for i in range(vectors.shape[1]):
        linear, bend, last = load(vectors, (CHANGE, i)), load(vectors, (BEND, i)), load(vectors, (LAST_BEND, i))
        last = where(absolute(last) > 0.0, last, bend)
        store(vectors, (CHANGE, i), linear + duration * duration * (2.0 * bend - last))
        store(vectors, (LAST_BEND, i), bend)
        store(vectors, (BEND, i), 0.0 - linear)
    return size


@machine_code
@no_type_check
def solve_displacement(form, terms, iterations, tolerance, duration, scratch):
    """Quasi-Newton iterations for the displacement; returns where the momentum equation is solved.

    From the second iteration on, each step is combined with the one before so that the residual would vanish along
    their difference (Anderson's acceleration of depth one).
    """
    vectors, wide, matrices = scratch.vectors, scratch.wide, scratch.matrices
    k = vectors.shape[1]
    scale = guess_displacement(duration, scratch)
    error = scale
    for iteration in range(iterations + 1):
        evaluate_change(form, vectors, CHANGE, scratch.features, scratch.grown, wide, MOVED)
        for i in range(k):
            total = load(vectors, (WANTED, i))
            for j in range(k):
                total -= terms.latent[i, j] * load(vectors, (CHANGE, j))
            store(vectors, (RESIDUAL, i), total - generalized(scratch.jacobian, wide, MOVED, i))
        cholesky_solve(matrices, FACTOR, vectors, RESIDUAL, CORRECTION)
        error = dot(vectors, RESIDUAL, vectors, CORRECTION)
        going = error > tolerance * tolerance * scale
        if iteration == iterations or not any_of(going):
            break
        improve(iteration, going, vectors)
    trace = load(matrices, (MASS, 0, 0))
    for i in range(1, k):
        trace += load(matrices, (MASS, i, i))
    for i in range(k):
        bend = (load(vectors, (BEND, i)) + load(vectors, (CHANGE, i))) / (duration * duration)
        store(vectors, (BEND, i), bend)
    return error <= tolerance * tolerance * scale + ROUNDING * trace


@machine_code
@no_type_check
def improve(iteration, going, vectors):
    """One accelerated quasi-Newton step of CHANGE for the candidates that are still going."""
    k = vectors.shape[1]
    mixing = constant(load(vectors, (CHANGE, 0)), 0.0)
    if iteration > 0:
        across, along = mixing, mixing
        for i in range(k):
            turned = load(vectors, (RESIDUAL, i)) - load(vectors, (LAST_RESIDUAL, i))
            across += turned * load(vectors, (CORRECTION, i))
            along += turned * (load(vectors, (CORRECTION, i)) - load(vectors, (LAST_CORRECTION, i)))
        mixing = where(along > 0.0, across / along, 0.0)
    for i in range(k):
        correction = load(vectors, (CORRECTION, i))
        step = correction
        if iteration > 0:
            step -= mixing * (load(vectors, (LAST_STEP, i)) + correction - load(vectors, (LAST_CORRECTION, i)))
        step = where(going, step, 0.0)
        store(vectors, (CHANGE, i), load(vectors, (CHANGE, i)) + step)
        store(vectors, (LAST_STEP, i), step)
        store(vectors, (LAST_CORRECTION, i), correction)
        store(vectors, (LAST_RESIDUAL, i), load(vectors, (RESIDUAL, i)))


@machine_code
@no_type_check
def refresh(form, terms, scratch):
    """Jacobian, mass matrix with its factor, and force of the potentials where Q, Y and the features are."""
    matrices = scratch.matrices
    jacobian_after_evaluate(form, scratch.features, scratch.slopes, scratch.jacobian)
    mass_matrix(scratch.jacobian, terms.latent, matrices, MASS)
    for i in range(matrices.shape[1]):
        for j in range(i + 1):
            store(matrices, (FACTOR, i, j), load(matrices, (MASS, i, j)))
    cholesky(matrices, FACTOR)
    restore(terms, scratch)


@machine_code
@no_type_check
def arrive(scratch):
    """Move Q, Y and the features by what the step found; returns the work of the external force [J]."""
    vectors, wide = scratch.vectors, scratch.wide
    for i in range(vectors.shape[1]):
        store(vectors, (Q, i), load(vectors, (Q, i)) + load(vectors, (CHANGE, i)))
    for c in range(scratch.features.shape[0]):
        store(scratch.features, c, load(scratch.features, c) + load(scratch.grown, c))
    work = constant(load(vectors, (Q, 0)), 0.0)
    for a in range(wide.shape[1]):
        moved = load(wide, (MOVED, a))
        store(wide, (Y, a), load(wide, (Y, a)) + moved)
        work += load(wide, (EXTERNAL, a)) * moved
    return work


@machine_code
@no_type_check
def advance(form, terms, iterations, tolerance, pushed, duration, scratch):
    """One variational step, under the external force where ``pushed``; returns where it was solved, the work and the
    losses.
    """
    vectors, wide = scratch.vectors, scratch.wide
    k = vectors.shape[1]
    lost = damp(terms, 0.5 * duration, scratch)
    matrix_times_row(scratch.matrices, MASS, vectors, QDOT, MOMENTUM)
    add_kick(pushed, duration, scratch)
    for i in range(k):
        store(vectors, (WANTED, i), duration * load(vectors, (MOMENTUM, i)))
    solved = solve_displacement(form, terms, iterations, tolerance, duration, scratch)
    work = arrive(scratch)
    refresh(form, terms, scratch)
    for i in range(k):
        total = generalized(scratch.jacobian, wide, MOVED, i)
        for j in range(k):
            total += terms.latent[i, j] * load(vectors, (CHANGE, j))
        # What the iterations left of the momentum is handed on: the solution's error then hardly shows in the energy.
        store(vectors, (MOMENTUM, i), (total + load(vectors, (RESIDUAL, i))) / duration)
    add_kick(pushed, duration, scratch)
    cholesky_solve(scratch.matrices, FACTOR, vectors, MOMENTUM, QDOT)
    lost += damp(terms, 0.5 * duration, scratch)
    return solved, work, lost
