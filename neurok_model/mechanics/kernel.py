"""One variational step of a smooth map as machine code for one CPU core (numba).

The arithmetic is that of ``integrators.Variational`` and of the terms, for one candidate; those are the
source of truth, and the tests hold this file against them. Functions carry no annotations because numba reads
the source; shapes are in the docstrings: k coordinates, h hidden units, r embedding coordinates.
"""

from __future__ import annotations

import math
from typing import NamedTuple, no_type_check

import numpy as np

from neurok_model.mechanics.kernel_linear import (
    cholesky,
    cholesky_solve,
    copy,
    dot,
    evaluate,
    jacobian_after_evaluate,
    machine_code,
    mass_matrix,
    multiply,
    quadratic_form,
)

CLOSE_ENOUGH = 1e-18
"""Squared relative residual of the momentum equation below which further iterations change nothing."""

ROUNDING = (100.0 * 2.220446049250313e-16) ** 2
"""Squared residual, per unit of the mass matrix's trace, that rounding alone may leave."""

Q, QDOT, Q_NEXT, MOMENTUM, WANTED, CHANGE, RESIDUAL, CORRECTION, BEND = range(9)
"""Rows of ``Scratch.vectors``."""

Y, Y_NEXT, MOVED, EXTERNAL, FORCE = range(5)
"""Rows of ``Scratch.wide``."""

MASS, FACTOR, DAMPED = range(3)
"""Matrices of ``Scratch.matrices``."""


class Scratch(NamedTuple):
    """Working memory of one candidate; few arrays, because every one of them lengthens the compilation."""

    vectors: np.ndarray
    """[8, k]: configuration, velocity, next configuration, momentum, and the unknowns of the step's
    equation.
    """
    wide: np.ndarray
    """[5, r]: y here and at the next configuration, their difference, external force, total force on y."""
    matrices: np.ndarray
    """[3, k, k]: mass matrix, its Cholesky factor, and the one of the damped step."""
    jacobian: np.ndarray
    """[k, r], transposed."""
    hidden: np.ndarray
    """[h]."""
    slopes: np.ndarray
    """[k, h]."""
    bits: np.ndarray
    """[h], 64-bit integers."""


def make_scratch(k: int, h: int, r: int) -> Scratch:
    """Allocate the working memory."""
    return Scratch(
        np.zeros((9, k)),
        np.zeros((5, r)),
        np.zeros((3, k, k)),
        np.zeros((k, r)),
        np.zeros(h),
        np.zeros((k, h)),
        np.zeros(h, np.int64),
    )


@machine_code
@no_type_check
def wall_depth(terms, wall, q):
    """Distance [standard deviations] from a wall's mean, and depth [widths] beyond its radius."""
    squared = 0.0
    for i in range(q.size):
        row = 0.0
        for j in range(q.size):
            row += terms.wall_precision[wall, i, j] * (q[j] - terms.wall_mean[wall, j])
        squared += row * (q[i] - terms.wall_mean[wall, i])
    distance = math.sqrt(max(squared, 0.0))
    return distance, max(0.0, distance - terms.walls[wall, 2]) / terms.walls[wall, 1]


@machine_code
@no_type_check
def potential_energy(terms, q, y):
    """V [J]."""
    total = terms.constant + 0.5 * terms.stiffness * dot(y, y) - dot(terms.load, y) - dot(terms.slope, q)
    total += 0.5 * quadratic_form(terms.quadratic, q)
    for wall in range(terms.walls.shape[0]):
        _, depth = wall_depth(terms, wall, q)
        total += terms.walls[wall, 0] * depth**3
    return total


@machine_code
@no_type_check
def add_kick(terms, duration, scratch):
    """Add to the momentum half a step's impulse of the potentials and the external force."""
    half = 0.5 * duration
    q, momentum, force = scratch.vectors[Q], scratch.vectors[MOMENTUM], scratch.wide[FORCE]
    for a in range(force.size):
        force[a] = terms.load[a] - terms.stiffness * scratch.wide[Y, a] + scratch.wide[EXTERNAL, a]
    for i in range(q.size):
        total = terms.slope[i]
        for j in range(q.size):
            total -= terms.quadratic[i, j] * q[j]
        for a in range(force.size):
            total += scratch.jacobian[i, a] * force[a]
        momentum[i] += half * total
    for wall in range(terms.walls.shape[0]):
        distance, depth = wall_depth(terms, wall, q)
        if depth > 0.0:
            slope = 3.0 * terms.walls[wall, 0] / terms.walls[wall, 1] * depth * depth / distance
            for i in range(q.size):
                direction = 0.0
                for j in range(q.size):
                    direction += terms.wall_precision[wall, i, j] * (q[j] - terms.wall_mean[wall, j])
                momentum[i] -= half * slope * direction


@machine_code
@no_type_check
def damp(terms, duration, scratch):
    """Damping alone for ``duration`` by the midpoint rule; changes the velocity, returns the lost energy
    [J].
    """
    mass, qdot = scratch.matrices[MASS], scratch.vectors[QDOT]
    k = qdot.size
    if not terms.has_viscous:
        share = 0.5 * duration * terms.damping_rate
        for i in range(k):
            qdot[i] /= 1.0 + share
        lost = duration * terms.damping_rate * quadratic_form(mass, qdot)
        for i in range(k):
            qdot[i] *= 1.0 - share
        return lost
    damped, impulse, change = scratch.matrices[DAMPED], scratch.vectors[RESIDUAL], scratch.vectors[CORRECTION]
    for i in range(k):
        impulse[i] = 0.0
        for j in range(k):
            resistance = terms.damping_rate * mass[i, j] + terms.viscous[i, j]
            impulse[i] -= duration * resistance * qdot[j]
            damped[i, j] = mass[i, j] + 0.5 * duration * resistance
    cholesky(damped)
    cholesky_solve(damped, impulse, change)
    for i in range(k):
        qdot[i] += 0.5 * change[i]
    lost = terms.damping_rate * quadratic_form(mass, qdot) + quadratic_form(terms.viscous, qdot)
    for i in range(k):
        qdot[i] += 0.5 * change[i]
    return duration * lost


@machine_code
@no_type_check
def solve_displacement(form, terms, iterations, tolerance, scratch):
    """Quasi-Newton iterations for the next configuration; returns whether the momentum equation is solved.

    The first guess is the linear one, bent as the last step was.
    """
    q_next, wanted, change = scratch.vectors[Q_NEXT], scratch.vectors[WANTED], scratch.vectors[CHANGE]
    residual, correction = scratch.vectors[RESIDUAL], scratch.vectors[CORRECTION]
    moved, y_next, factor = scratch.wide[MOVED], scratch.wide[Y_NEXT], scratch.matrices[FACTOR]
    bend = scratch.vectors[BEND]
    cholesky_solve(factor, wanted, change)
    scale = dot(wanted, change)
    error = scale
    for i in range(change.size):
        linear = change[i]
        change[i] += bend[i]
        bend[i] = -linear
    for iteration in range(iterations + 1):
        for i in range(q_next.size):
            q_next[i] = scratch.vectors[Q, i] + change[i]
        evaluate(form, q_next, scratch.hidden, scratch.bits, y_next)
        for a in range(moved.size):
            moved[a] = y_next[a] - scratch.wide[Y, a]
        multiply(scratch.jacobian, moved, residual)
        for i in range(q_next.size):
            residual[i] = wanted[i] - residual[i] - terms.latent_mass * change[i]
        cholesky_solve(factor, residual, correction)
        error = dot(residual, correction)
        if iteration == iterations or error <= CLOSE_ENOUGH * scale:
            break
        for i in range(q_next.size):
            change[i] += correction[i]
    trace = 0.0
    for i in range(q_next.size):
        bend[i] += change[i]
        trace += scratch.matrices[MASS, i, i]
    return error <= tolerance * tolerance * scale + ROUNDING * trace


@machine_code
@no_type_check
def refresh(form, terms, scratch):
    """Jacobian, mass matrix and its factor at the configuration that was evaluated last."""
    jacobian_after_evaluate(form, scratch.hidden, scratch.slopes, scratch.jacobian)
    mass, factor = scratch.matrices[MASS], scratch.matrices[FACTOR]
    mass_matrix(scratch.jacobian, terms.latent_mass, mass)
    for i in range(mass.shape[0]):
        for j in range(mass.shape[0]):
            factor[i, j] = mass[i, j]
    cholesky(factor)


@machine_code
@no_type_check
def advance(form, terms, iterations, tolerance, duration, scratch):
    """One variational step under the external force; returns whether it was solved, the work and the
    losses.
    """
    momentum, wanted, change = scratch.vectors[MOMENTUM], scratch.vectors[WANTED], scratch.vectors[CHANGE]
    lost = 0.0
    solved = True
    for half in range(2):
        if half == 0:
            lost += damp(terms, 0.5 * duration, scratch)
            multiply(scratch.matrices[MASS], scratch.vectors[QDOT], momentum)
        else:
            for i in range(wanted.size):
                wanted[i] = duration * momentum[i]
            solved = solve_displacement(form, terms, iterations, tolerance, scratch)
            refresh(form, terms, scratch)
            multiply(scratch.jacobian, scratch.wide[MOVED], momentum)
            for i in range(wanted.size):
                momentum[i] = (momentum[i] + terms.latent_mass * change[i]) / duration
            copy(scratch.vectors[Q_NEXT], scratch.vectors[Q])
            copy(scratch.wide[Y_NEXT], scratch.wide[Y])
        add_kick(terms, duration, scratch)
    cholesky_solve(scratch.matrices[FACTOR], momentum, scratch.vectors[QDOT])
    lost += damp(terms, 0.5 * duration, scratch)
    return solved, dot(scratch.wide[EXTERNAL], scratch.wide[MOVED]), lost
