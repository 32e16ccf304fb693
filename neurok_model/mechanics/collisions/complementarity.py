"""The contact problem: impulses that push and never pull, within Coulomb's cone.

Find lambda with v = b + W lambda such that, for each contact with normal n and tangents t,

    0 <= v_n  perpendicular to  lambda_n >= 0,
    |lambda_t| <= mu lambda_n,  and where v_t is not zero, lambda_t = -mu lambda_n v_t / |v_t|

(Jean and Moreau's discretisation of Coulomb's law) by projected block Gauss-Seidel sweeps, contact by contact. Every
solution takes energy out: lambda^T (b + W lambda / 2) = lambda^T v - lambda^T W lambda / 2 <= 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, no_type_check

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

SWEEPS = 400
"""Upper limit of the sweeps; a handful suffices unless contacts are redundant."""

PRECISION = 1e-10
"""Largest change of a relative velocity in one sweep at which the problem counts as solved, relative to the largest."""

try:
    import numba

    _machine_code: Callable[[Any], Any] = numba.njit(cache=True)
except ImportError:  # the same function, a hundred times slower

    def _machine_code(function: Any) -> Any:
        return function


def solve_contacts(
    compliance: Float[Tensor, "K n n"],
    free: Float[Tensor, "K n"],
    friction: Float[Tensor, "K c"],
    guess: Float[Tensor, "K n"],
    *,
    keep_normal: bool = False,
) -> Float[Tensor, "K n"]:
    """Solve the problem for K independent candidates with c contacts, n = 3 c.

    Args:
        compliance: W, rows and columns ordered contact by contact: normal, tangent, tangent.
        free: b, relative velocities without impulses.
        friction: mu.
        guess: where to begin.
        keep_normal: only find the tangential impulses; the normal ones of ``guess`` stay.

    Returns:
        lambda; a contact that nothing can move (a zero on W's diagonal) gets none.
    """
    shape = free.shape
    arrays = [np.ascontiguousarray(t.detach().cpu().double().numpy()) for t in (compliance, free, friction)]
    impulse = np.array(guess.detach().cpu().double().numpy(), order="C")
    for candidate in range(shape[0]):
        _sweep(*(array[candidate] for array in arrays), impulse[candidate], keep_normal, SWEEPS, PRECISION)
    return torch.from_numpy(impulse).to(free)


@_machine_code
@no_type_check
def _sweep(compliance, free, friction, impulse, keep_normal, sweeps, precision):
    """Sweeps of one candidate; changes ``impulse`` in place."""
    n = free.size
    largest = 0.0
    for i in range(n):
        largest = max(largest, compliance[i, i])
    velocity = np.empty(n)
    for i in range(n):
        velocity[i] = free[i]
        for j in range(n):
            velocity[i] += compliance[i, j] * impulse[j]
    scale = 1e-12
    for i in range(n):
        scale = max(scale, abs(free[i]))
    for _ in range(sweeps):
        moved = 0.0
        for contact in range(n // 3):
            first = 3 * contact
            stiff = compliance[first, first]
            if stiff <= 1e-9 * largest or stiff <= 0.0:
                continue
            if not keep_normal:
                new = max(0.0, impulse[first] - velocity[first] / stiff)
                change = new - impulse[first]
                impulse[first] = new
                for i in range(n):
                    velocity[i] += compliance[i, first] * change
                moved = max(moved, abs(change) * stiff)
            limit = friction[contact] * impulse[first]
            one, two = first + 1, first + 2
            stiff = max(compliance[one, one], compliance[two, two]) + abs(compliance[one, two])
            if stiff <= 1e-9 * largest or (limit == 0.0 and impulse[one] == 0.0 and impulse[two] == 0.0):
                continue
            wanted_one = impulse[one] - velocity[one] / stiff
            wanted_two = impulse[two] - velocity[two] / stiff
            length = math.sqrt(wanted_one * wanted_one + wanted_two * wanted_two)
            if length > limit:
                wanted_one *= limit / length
                wanted_two *= limit / length
            change_one, change_two = wanted_one - impulse[one], wanted_two - impulse[two]
            impulse[one], impulse[two] = wanted_one, wanted_two
            for i in range(n):
                velocity[i] += compliance[i, one] * change_one + compliance[i, two] * change_two
            moved = max(moved, (abs(change_one) + abs(change_two)) * stiff)
        if moved <= precision * scale:
            break
