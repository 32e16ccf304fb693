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

CLOSE_ENOUGH = 1e-20
"""Squared relative residual of the momentum equation below which further iterations change nothing."""

ROUNDING = (100.0 * 2.220446049250313e-16) ** 2
"""Squared residual, per unit of the mass matrix's trace, that rounding alone may leave."""


class Scratch(NamedTuple):
    """Working memory of one candidate."""

    hidden: np.ndarray
    slopes: np.ndarray
    bits: np.ndarray
    y: np.ndarray
    y_next: np.ndarray
    moved: np.ndarray
    external: np.ndarray
    force: np.ndarray
    jacobian: np.ndarray
    mass: np.ndarray
    factor: np.ndarray
    damped: np.ndarray
    q: np.ndarray
    qdot: np.ndarray
    q_next: np.ndarray
    momentum: np.ndarray
    wanted: np.ndarray
    change: np.ndarray
    residual: np.ndarray
    correction: np.ndarray


def make_scratch(k: int, h: int, r: int) -> Scratch:
    """Allocate the working memory."""
    return Scratch(
        np.zeros(h),
        np.zeros((k, h)),
        np.zeros(h, np.int64),
        np.zeros(r),
        np.zeros(r),
        np.zeros(r),
        np.zeros(r),
        np.zeros(r),
        np.zeros((k, r)),
        np.zeros((k, k)),
        np.zeros((k, k)),
        np.zeros((k, k)),
        np.zeros(k),
        np.zeros(k),
        np.zeros(k),
        np.zeros(k),
        np.zeros(k),
        np.zeros(k),
        np.zeros(k),
        np.zeros(k),
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
    return distance, max(0.0, distance - terms.wall_radius[wall]) / terms.wall_width[wall]


@machine_code
@no_type_check
def potential_energy(terms, q, y):
    """V [J]."""
    total = terms.constant + 0.5 * terms.stiffness * dot(y, y) - dot(terms.load, y) - dot(terms.slope, q)
    total += 0.5 * quadratic_form(terms.quadratic, q)
    for wall in range(terms.wall_energy.size):
        _, depth = wall_depth(terms, wall, q)
        total += terms.wall_energy[wall] * depth**3
    return total


@machine_code
@no_type_check
def add_kick(terms, duration, q, scratch):
    """Add to the momentum half a step's impulse of the potentials and the external force."""
    half = 0.5 * duration
    force = scratch.force
    for a in range(force.size):
        force[a] = terms.load[a] - terms.stiffness * scratch.y[a] + scratch.external[a]
    for i in range(q.size):
        total = terms.slope[i]
        for j in range(q.size):
            total -= terms.quadratic[i, j] * q[j]
        for a in range(force.size):
            total += scratch.jacobian[i, a] * force[a]
        scratch.momentum[i] += half * total
    for wall in range(terms.wall_energy.size):
        distance, depth = wall_depth(terms, wall, q)
        if depth > 0.0:
            slope = 3.0 * terms.wall_energy[wall] / terms.wall_width[wall] * depth * depth / distance
            for i in range(q.size):
                direction = 0.0
                for j in range(q.size):
                    direction += terms.wall_precision[wall, i, j] * (q[j] - terms.wall_mean[wall, j])
                scratch.momentum[i] -= half * slope * direction


@machine_code
@no_type_check
def damp(terms, duration, scratch):
    """Damping alone for ``duration`` by the midpoint rule; changes ``qdot``, returns the lost energy [J]."""
    k = scratch.qdot.size
    viscous = False
    for i in range(k):
        for j in range(k):
            viscous = viscous or terms.viscous[i, j] != 0.0
    if not viscous:
        share = 0.5 * duration * terms.damping_rate
        for i in range(k):
            scratch.qdot[i] /= 1.0 + share
        lost = duration * terms.damping_rate * quadratic_form(scratch.mass, scratch.qdot)
        for i in range(k):
            scratch.qdot[i] *= 1.0 - share
        return lost
    for i in range(k):
        for j in range(k):
            scratch.damped[i, j] = terms.damping_rate * scratch.mass[i, j] + terms.viscous[i, j]
    multiply(scratch.damped, scratch.qdot, scratch.residual)
    for i in range(k):
        scratch.residual[i] *= -duration
        for j in range(k):
            scratch.damped[i, j] = scratch.mass[i, j] + 0.5 * duration * scratch.damped[i, j]
    cholesky(scratch.damped)
    cholesky_solve(scratch.damped, scratch.residual, scratch.correction)
    for i in range(k):
        scratch.qdot[i] += 0.5 * scratch.correction[i]
    lost = terms.damping_rate * quadratic_form(scratch.mass, scratch.qdot)
    lost += quadratic_form(terms.viscous, scratch.qdot)
    for i in range(k):
        scratch.qdot[i] += 0.5 * scratch.correction[i]
    return duration * lost


@machine_code
@no_type_check
def momentum_residual(terms, scratch):
    """What the displacement lacks of the wanted momentum; sets ``residual`` and the ``correction`` it calls
    for.
    """
    for a in range(scratch.y.size):
        scratch.moved[a] = scratch.y_next[a] - scratch.y[a]
    multiply(scratch.jacobian, scratch.moved, scratch.residual)
    for i in range(scratch.q.size):
        got = scratch.residual[i] + terms.latent_mass * scratch.change[i]
        scratch.residual[i] = scratch.wanted[i] - got
    cholesky_solve(scratch.factor, scratch.residual, scratch.correction)
    return dot(scratch.residual, scratch.correction)


@machine_code
@no_type_check
def solve_displacement(form, terms, iterations, tolerance, scratch):
    """Quasi-Newton iterations for q1; returns whether the momentum equation is solved.

    On return ``q_next``, ``y_next``, ``moved``, ``change`` and ``hidden`` belong to q1.
    """
    k = scratch.q.size
    cholesky_solve(scratch.factor, scratch.wanted, scratch.change)
    scale = dot(scratch.wanted, scratch.change)
    error = scale
    for iteration in range(iterations + 1):
        for i in range(k):
            scratch.q_next[i] = scratch.q[i] + scratch.change[i]
        evaluate(form, scratch.q_next, scratch.hidden, scratch.bits, scratch.y_next)
        error = momentum_residual(terms, scratch)
        if iteration == iterations or error <= CLOSE_ENOUGH * scale:
            break
        for i in range(k):
            scratch.change[i] += scratch.correction[i]
    trace = 0.0
    for i in range(k):
        trace += scratch.mass[i, i]
    return error <= tolerance * tolerance * scale + ROUNDING * trace


@machine_code
@no_type_check
def refresh(form, terms, scratch):
    """Jacobian, mass matrix and its factor at the configuration that was evaluated last."""
    jacobian_after_evaluate(form, scratch.hidden, scratch.slopes, scratch.jacobian)
    mass_matrix(scratch.jacobian, terms.latent_mass, scratch.mass)
    for i in range(scratch.q.size):
        for j in range(scratch.q.size):
            scratch.factor[i, j] = scratch.mass[i, j]
    cholesky(scratch.factor)


@machine_code
@no_type_check
def advance(form, terms, iterations, tolerance, duration, scratch):
    """One variational step under ``external``; returns whether it was solved, the work and the losses [J]."""
    k = scratch.q.size
    lost = damp(terms, 0.5 * duration, scratch)
    multiply(scratch.mass, scratch.qdot, scratch.momentum)
    add_kick(terms, duration, scratch.q, scratch)
    for i in range(k):
        scratch.wanted[i] = duration * scratch.momentum[i]
    solved = solve_displacement(form, terms, iterations, tolerance, scratch)
    refresh(form, terms, scratch)
    multiply(scratch.jacobian, scratch.moved, scratch.momentum)
    for i in range(k):
        scratch.momentum[i] = (scratch.momentum[i] + terms.latent_mass * scratch.change[i]) / duration
        scratch.q[i] = scratch.q_next[i]
    copy(scratch.y_next, scratch.y)
    add_kick(terms, duration, scratch.q, scratch)
    cholesky_solve(scratch.factor, scratch.momentum, scratch.qdot)
    lost += damp(terms, 0.5 * duration, scratch)
    return solved, dot(scratch.external, scratch.moved), lost
