"""Small dense linear algebra and the smooth map, in machine code (numba). See ``kernel.py``.

Rows of matrices are addressed by index, never passed on as views: a view costs more than the arithmetic on
it.
"""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np

FLAGS = {"contract", "reassoc", "nsz", "arcp"}
"""Liberties of the floating-point arithmetic; never that numbers are finite, because divergence is looked
for.
"""

# Nothing is allocated inside, so reference counts, which would cost more than the arithmetic, are switched off.
# Only the entry point can be called from Python; wrappers for the others would double the time of compilation.
machine_code = numba.njit(cache=True, fastmath=FLAGS, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)
entry_point = numba.njit(cache=True, fastmath=FLAGS, _nrt=False, nogil=True, no_cfunc_wrapper=True)


@machine_code
@no_type_check
def dot(left, right):
    """Inner product of vectors of equal length."""
    total = 0.0
    for i in range(left.size):
        total += left[i] * right[i]
    return total


@machine_code
@no_type_check
def copy(source, target):
    """Target = source, for vectors."""
    for i in range(target.size):
        target[i] = source[i]


@machine_code
@no_type_check
def multiply(matrix, vector, out):
    """Out = A v."""
    for i in range(out.size):
        total = 0.0
        for j in range(vector.size):
            total += matrix[i, j] * vector[j]
        out[i] = total


@machine_code
@no_type_check
def quadratic_form(matrix, vector):
    """v^T A v."""
    total = 0.0
    for i in range(vector.size):
        row = 0.0
        for j in range(vector.size):
            row += matrix[i, j] * vector[j]
        total += row * vector[i]
    return total


@machine_code
@no_type_check
def mahalanobis(mean, precision, q):
    """sqrt((q - mean)^T precision (q - mean))."""
    squared = 0.0
    for i in range(q.size):
        row = 0.0
        for j in range(q.size):
            row += precision[i, j] * (q[j] - mean[j])
        squared += row * (q[i] - mean[i])
    return math.sqrt(max(squared, 0.0))


@machine_code
@no_type_check
def cholesky(matrix):
    """Replace the lower triangle by the Cholesky factor, with inverted diagonal; not-a-number if there is
    none.
    """
    for i in range(matrix.shape[0]):
        for j in range(i + 1):
            total = matrix[i, j]
            for m in range(j):
                total -= matrix[i, m] * matrix[j, m]
            if i == j:
                matrix[i, i] = 1.0 / math.sqrt(total) if total > 0.0 else math.nan
            else:
                matrix[i, j] = total * matrix[j, j]


@machine_code
@no_type_check
def cholesky_solve(factor, vector, solution):
    """Solve A x = b with the factor that ``cholesky`` left."""
    k = vector.size
    for i in range(k):
        total = vector[i]
        for j in range(i):
            total -= factor[i, j] * solution[j]
        solution[i] = total * factor[i, i]
    for i in range(k - 1, -1, -1):
        total = solution[i]
        for j in range(i + 1, k):
            total -= factor[j, i] * solution[j]
        solution[i] = total * factor[i, i]


@machine_code
@no_type_check
def mass_matrix(jacobian, latent_mass, mass):
    """G + epsilon I from the transposed Jacobian [k, r]."""
    for i in range(mass.shape[0]):
        for j in range(i + 1):
            total = 0.0
            for a in range(jacobian.shape[1]):
                total += jacobian[i, a] * jacobian[j, a]
            mass[i, j] = total
            mass[j, i] = total
        mass[i, i] += latent_mass


@machine_code
@no_type_check
def activate(form, q, hidden, bits):
    """Hidden = tanh(W1 q + b), with an exponential that the compiler can vectorise."""
    size = hidden.size
    for h in range(size):
        hidden[h] = form.bias[h]
    for j in range(q.size):
        coordinate = q[j]
        for h in range(size):
            hidden[h] += form.inner[j, h] * coordinate
    scales = bits.view(np.float64)
    for h in range(size):
        # exp(2x) = 2^n exp(s) with |s| <= log(2) / 2; beyond |x| = 20 the result is 1 to the last digit.
        x = 2.0 * min(max(hidden[h], -20.0), 20.0)
        n = math.floor(x * 1.4426950408889634 + 0.5)
        bits[h] = (int(n) + 1023) << 52
        hidden[h] = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10
    for h in range(size):
        # Taylor polynomial of degree 13: its remainder is below rounding on this interval.
        s = hidden[h]
        p = 1.6059043836821613e-10
        p = p * s + 2.08767569878681e-09
        p = p * s + 2.505210838544172e-08
        p = p * s + 2.755731922398589e-07
        p = p * s + 2.7557319223985893e-06
        p = p * s + 2.48015873015873e-05
        p = p * s + 1.984126984126984e-04
        p = p * s + 1.388888888888889e-03
        p = p * s + 8.333333333333333e-03
        p = p * s + 4.1666666666666664e-02
        p = p * s + 1.6666666666666666e-01
        p = p * s + 0.5
        p = p * s + 1.0
        p = p * s + 1.0
        e = p * scales[h]
        hidden[h] = (e - 1.0) / (e + 1.0)


@machine_code
@no_type_check
def evaluate(form, q, hidden, bits, y):
    """Value y(q) of the map; leaves tanh(W1 q + b) in ``hidden``."""
    activate(form, q, hidden, bits)
    for a in range(y.size):
        total = form.offset[a]
        for j in range(q.size):
            total += form.linear[a, j] * q[j]
        for h in range(hidden.size):
            total += form.outer[a, h] * hidden[h]
        y[a] = total


@machine_code
@no_type_check
def jacobian_after_evaluate(form, hidden, slopes, jacobian):
    """Transposed dy/dq [k, r], from the ``hidden`` that ``evaluate`` left; two rows and columns at a time."""
    k, r = jacobian.shape
    for j in range(k):
        for h in range(hidden.size):
            slopes[j, h] = (1.0 - hidden[h] * hidden[h]) * form.inner[j, h]
    for j in range(0, k, 2):
        below = min(j + 1, k - 1)
        for a in range(0, r, 2):
            right = min(a + 1, r - 1)
            s00 = s01 = s10 = s11 = 0.0
            for h in range(hidden.size):
                upper, lower = slopes[j, h], slopes[below, h]
                first, second = form.outer[a, h], form.outer[right, h]
                s00 += upper * first
                s01 += upper * second
                s10 += lower * first
                s11 += lower * second
            jacobian[j, a] = s00 + form.linear[a, j]
            jacobian[j, right] = s01 + form.linear[right, j]
            jacobian[below, a] = s10 + form.linear[a, below]
            jacobian[below, right] = s11 + form.linear[right, below]
