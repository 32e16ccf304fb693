"""Small dense linear algebra and the smooth map, in machine code (numba). See ``kernel.py``.

Everything is written for ``load`` and ``store``, which read and write one candidate's numbers or vectors of several
candidates' (``kernel_lanes``). Rows of matrices are addressed by index, never passed on as views: a view costs more
than the arithmetic on it.
"""

from __future__ import annotations

import math
from typing import no_type_check

import numba

from neurok_model.mechanics.kernel_arrays import LANES
from neurok_model.mechanics.kernel_lanes import (
    absolute,
    any_of,
    constant,
    floor,
    load,
    load_vector,
    root,
    store,
    store_vector,
    times_power_of_two,
    where,
)

FLAGS = {"contract", "reassoc", "nsz", "arcp"}
"""Liberties of the floating-point arithmetic; never that numbers are finite, because divergence is looked
for.
"""

NEAR = 0.25
"""Largest change of a hidden unit's argument for which a short polynomial gives its tanh."""

# Nothing is allocated inside, so reference counts, which would cost more than the arithmetic, are switched off.
# Only entry points can be called from Python and are cached on disk, with all that they call inside. A division by zero
# gives what is not finite, as it does in the lanes of vectors, and what is not finite is looked for.
#
# Everything that a step needs is forced inline. Named tuples of arrays are handed on as some two hundred numbers, which
# a call writes to memory and reads again: between functions, that took four fifths of the time of one candidate alone.
# What is called from several places, and seldom, stays a call (``called_code``), for the sake of the compilation.
machine_code = numba.njit(
    fastmath=FLAGS, error_model="numpy", _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True
)
called_code = numba.njit(
    fastmath=FLAGS, error_model="numpy", _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True
)
entry_point = numba.njit(cache=True, fastmath=FLAGS, error_model="numpy", _nrt=False, nogil=True, no_cfunc_wrapper=True)


@machine_code
@no_type_check
def dot(left, i, right, j):
    """Inner product of row i of one array with row j of another."""
    total = load(left, (i, 0)) * load(right, (j, 0))
    for c in range(1, left.shape[1]):
        total += load(left, (i, c)) * load(right, (j, c))
    return total


@machine_code
@no_type_check
def matrix_times_row(matrices, m, vectors, source, target):
    """vectors[target] = matrices[m] vectors[source]; target and source differ."""
    k = vectors.shape[1]
    for i in range(k):
        total = load(matrices, (m, i, 0)) * load(vectors, (source, 0))
        for j in range(1, k):
            total += load(matrices, (m, i, j)) * load(vectors, (source, j))
        store(vectors, (target, i), total)


@machine_code
@no_type_check
def generalized(jacobian, wide, source, i):
    """Component i of J^T w, w being wide[source]."""
    total = load(jacobian, (i, 0)) * load(wide, (source, 0))
    for a in range(1, wide.shape[1]):
        total += load(jacobian, (i, a)) * load(wide, (source, a))
    return total


@machine_code
@no_type_check
def form_of_row(matrices, m, vectors, row):
    """v^T A v, with A = matrices[m] and v = vectors[row]."""
    k = vectors.shape[1]
    result = constant(load(vectors, (row, 0)), 0.0)
    for i in range(k):
        total = load(matrices, (m, i, 0)) * load(vectors, (row, 0))
        for j in range(1, k):
            total += load(matrices, (m, i, j)) * load(vectors, (row, j))
        result += total * load(vectors, (row, i))
    return result


@machine_code
@no_type_check
def offset_row(mean, precision, vectors, row, i):
    """Component i of P (q - mean), q being vectors[row]; mean and precision are those of all candidates."""
    total = precision[i, 0] * (load(vectors, (row, 0)) - mean[0])
    for j in range(1, mean.size):
        total += precision[i, j] * (load(vectors, (row, j)) - mean[j])
    return total


@machine_code
@no_type_check
def mahalanobis(mean, precision, vectors, row):
    """sqrt((q - mean)^T precision (q - mean)), q being vectors[row]."""
    return root(absolute(mahalanobis_squared(mean, precision, vectors, row)))


@machine_code
@no_type_check
def mahalanobis_squared(mean, precision, vectors, row):
    """(q - mean)^T precision (q - mean), q being vectors[row]."""
    squared = constant(load(vectors, (row, 0)), 0.0)
    for i in range(mean.size):
        squared += offset_row(mean, precision, vectors, row, i) * (load(vectors, (row, i)) - mean[i])
    return squared


@machine_code
@no_type_check
def cholesky(matrices, m):
    """Replace the lower triangle by the Cholesky factor, with inverted diagonal; not-a-number if there is
    none.
    """
    for i in range(matrices.shape[1]):
        for j in range(i + 1):
            total = load(matrices, (m, i, j))
            for c in range(j):
                total -= load(matrices, (m, i, c)) * load(matrices, (m, j, c))
            if i == j:
                store(matrices, (m, i, i), where(total > 0.0, 1.0 / root(total), math.nan))
            else:
                store(matrices, (m, i, j), total * load(matrices, (m, j, j)))


@machine_code
@no_type_check
def cholesky_solve(matrices, m, vectors, source, target):
    """Solve A x = b with the factor that ``cholesky`` left: b = vectors[source], x = vectors[target]."""
    k = vectors.shape[1]
    for i in range(k):
        total = load(vectors, (source, i))
        for j in range(i):
            total -= load(matrices, (m, i, j)) * load(vectors, (target, j))
        store(vectors, (target, i), total * load(matrices, (m, i, i)))
    for i in range(k - 1, -1, -1):
        total = load(vectors, (target, i))
        for j in range(i + 1, k):
            total -= load(matrices, (m, j, i)) * load(vectors, (target, j))
        store(vectors, (target, i), total * load(matrices, (m, i, i)))


@machine_code
@no_type_check
def mass_matrix(jacobian, latent, matrices, m):
    """matrices[m] = G + E from the transposed Jacobian [k, r] and the latent mass E [k, k]."""
    for i in range(jacobian.shape[0]):
        for j in range(i + 1):
            total = load(jacobian, (i, 0)) * load(jacobian, (j, 0))
            for a in range(1, jacobian.shape[1]):
                total += load(jacobian, (i, a)) * load(jacobian, (j, a))
            total += latent[i, j]
            store(matrices, (m, i, j), total)
            store(matrices, (m, j, i), total)


@machine_code
@no_type_check
def hyperbolic_tangent(argument):
    """Tanh, by an exponential that needs no table and no branch."""
    # exp(2x) = 2^n exp(s) with |s| <= log(2) / 2; beyond |x| = 20 the result is 1 to the last digit.
    x = 2.0 * argument
    x = where(x > 40.0, 40.0, x)
    x = where(x < -40.0, -40.0, x)
    n = floor(x * 1.4426950408889634 + 0.5)
    s = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10
    # Taylor polynomial of degree 11: its remainder, 7e-15, is a few units of rounding.
    p = s * 2.505210838544172e-08 + 2.755731922398589e-07
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
    e = times_power_of_two(p, n)
    return (e - 1.0) / (e + 1.0)


@machine_code
@no_type_check
def tangent_of_change(argument):
    """Tanh of what is mostly small: up to ``NEAR`` by an odd polynomial, to 2e-13 of its value."""
    squared = argument * argument
    p = squared * -0.008220669848758456 + 0.02182456929757074
    p = p * squared + -0.053966768359115215
    p = p * squared + 0.1333333102256326
    p = p * squared + -0.33333333318929237
    p = p * squared + 0.9999999999997857
    near = argument * p
    far = absolute(argument) > NEAR
    # Chosen for each number by itself: none depends on its neighbours.
    return where(far, hyperbolic_tangent(argument), near) if any_of(far) else near


@machine_code
@no_type_check
def combine(form, first, features, count, out, row):
    """out[row] = form.first[first] + W features over the first ``count`` features, four components at a time."""
    for a in range(0, out.shape[1], 4):
        s0 = constant(load(features, 0), form.first[first, a])
        s1 = constant(load(features, 0), form.first[first, a + 1])
        s2 = constant(load(features, 0), form.first[first, a + 2])
        s3 = constant(load(features, 0), form.first[first, a + 3])
        for c in range(count):
            feature = load(features, c)
            s0 += form.outer[a, c] * feature
            s1 += form.outer[a + 1, c] * feature
            s2 += form.outer[a + 2, c] * feature
            s3 += form.outer[a + 3, c] * feature
        store(out, (row, a), s0)
        store(out, (row, a + 1), s1)
        store(out, (row, a + 2), s2)
        store(out, (row, a + 3), s3)


@machine_code
@no_type_check
def combine_two(form, j, i, slopes, jacobian):
    """Rows j and i of the transposed Jacobian, from their slopes: every weight is read once for both."""
    for a in range(0, jacobian.shape[1], 4):
        s0 = constant(load(slopes, (j, 0)), form.first[1 + j, a])
        s1 = constant(load(slopes, (j, 0)), form.first[1 + j, a + 1])
        s2 = constant(load(slopes, (j, 0)), form.first[1 + j, a + 2])
        s3 = constant(load(slopes, (j, 0)), form.first[1 + j, a + 3])
        t0 = constant(load(slopes, (j, 0)), form.first[1 + i, a])
        t1 = constant(load(slopes, (j, 0)), form.first[1 + i, a + 1])
        t2 = constant(load(slopes, (j, 0)), form.first[1 + i, a + 2])
        t3 = constant(load(slopes, (j, 0)), form.first[1 + i, a + 3])
        for c in range(slopes.shape[1]):
            s, t = load(slopes, (j, c)), load(slopes, (i, c))
            s0 += form.outer[a, c] * s
            t0 += form.outer[a, c] * t
            s1 += form.outer[a + 1, c] * s
            t1 += form.outer[a + 1, c] * t
            s2 += form.outer[a + 2, c] * s
            t2 += form.outer[a + 2, c] * t
            s3 += form.outer[a + 3, c] * s
            t3 += form.outer[a + 3, c] * t
        store(jacobian, (j, a), s0)
        store(jacobian, (j, a + 1), s1)
        store(jacobian, (j, a + 2), s2)
        store(jacobian, (j, a + 3), s3)
        store(jacobian, (i, a), t0)
        store(jacobian, (i, a + 1), t1)
        store(jacobian, (i, a + 2), t2)
        store(jacobian, (i, a + 3), t3)


@machine_code
@no_type_check
def combine_alone(form, first, features, count, out, row):
    """As ``combine``, for one candidate: a vector holds components, and four of them the sums of every fourth
    feature.
    """
    for a in range(0, out.shape[1], LANES):
        s0 = load_vector(form.first, (first, a))
        s1 = s2 = s3 = 0.0 * s0
        for c in range(0, count - 3, 4):
            s0 += features[c] * load_vector(form.outer_transposed, (c, a))
            s1 += features[c + 1] * load_vector(form.outer_transposed, (c + 1, a))
            s2 += features[c + 2] * load_vector(form.outer_transposed, (c + 2, a))
            s3 += features[c + 3] * load_vector(form.outer_transposed, (c + 3, a))
        for c in range(count - count % 4, count):
            s0 += features[c] * load_vector(form.outer_transposed, (c, a))
        store_vector(out, (row, a), (s0 + s1) + (s2 + s3))


@machine_code
@no_type_check
def combine_two_alone(form, j, i, slopes, jacobian):
    """Rows j and i of the transposed Jacobian, from their slopes, for one candidate: every weight is read once."""
    count = slopes.shape[1]
    for a in range(0, jacobian.shape[1], LANES):
        s0, t0 = load_vector(form.first, (1 + j, a)), load_vector(form.first, (1 + i, a))
        s1 = t1 = 0.0 * s0
        for c in range(0, count, 2):
            here, after = load_vector(form.outer_transposed, (c, a)), load_vector(form.outer_transposed, (c + 1, a))
            s0 += slopes[j, c] * here
            t0 += slopes[i, c] * here
            s1 += slopes[j, c + 1] * after
            t1 += slopes[i, c + 1] * after
        store_vector(jacobian, (j, a), s0 + s1)
        store_vector(jacobian, (i, a), t0 + t1)


@machine_code
@no_type_check
def evaluate(form, vectors, q, features, wide, y):
    """wide[y] = y(vectors[q]); leaves tanh(W1 q + b), and q itself, in ``features``."""
    k, size = form.inner.shape
    for j in range(k):
        store(features, size + j, load(vectors, (q, j)))
    if features.ndim == 1:
        for h in range(0, size, LANES):
            total = load_vector(form.bias, (h,))
            for j in range(k):
                total += vectors[q, j] * load_vector(form.inner, (j, h))
            store_vector(features, (h,), hyperbolic_tangent(total))
        combine_alone(form, 0, features, size + k, wide, y)
    else:
        for h in range(size):
            total = form.inner[0, h] * load(vectors, (q, 0)) + form.bias[h]
            for j in range(1, k):
                total += form.inner[j, h] * load(vectors, (q, j))
            store(features, h, hyperbolic_tangent(total))
        combine(form, 0, features, size + k, wide, y)


@machine_code
@no_type_check
def evaluate_change(form, vectors, change, features, grown, wide, moved):
    """wide[moved] = y(q + c) - y(q) for c = vectors[change]; ``grown`` is what that adds to the ``features`` at q.

    From tanh(a + d) - tanh(a) = tanh(d) (1 - tanh(a)^2) / (1 + tanh(a) tanh(d)): d is small, and nothing cancels.
    """
    k, size = form.inner.shape
    for j in range(k):
        store(grown, size + j, load(vectors, (change, j)))
    if features.ndim == 1:
        for h in range(0, size, LANES):
            added = vectors[change, 0] * load_vector(form.inner, (0, h))
            for j in range(1, k):
                added += vectors[change, j] * load_vector(form.inner, (j, h))
            here, tangent = load_vector(features, (h,)), tangent_of_change(added)
            store_vector(grown, (h,), tangent * (1.0 - here * here) / (1.0 + here * tangent))
        combine_alone(form, k + 1, grown, size + k, wide, moved)
    else:
        for h in range(size):
            added = form.inner[0, h] * load(vectors, (change, 0))
            for j in range(1, k):
                added += form.inner[j, h] * load(vectors, (change, j))
            here, tangent = load(features, h), tangent_of_change(added)
            store(grown, h, tangent * (1.0 - here * here) / (1.0 + here * tangent))
        combine(form, k + 1, grown, size + k, wide, moved)


@machine_code
@no_type_check
def jacobian_after_evaluate(form, features, slopes, jacobian):
    """Transposed dy/dq [k, r], from the features that ``evaluate`` left."""
    k, size = form.inner.shape
    if features.ndim == 1:
        for h in range(0, size, LANES):
            hidden = load_vector(features, (h,))
            slope = 1.0 - hidden * hidden
            for j in range(k):
                store_vector(slopes, (j, h), slope * load_vector(form.inner, (j, h)))
        for j in range(0, k, 2):
            combine_two_alone(form, j, min(j + 1, k - 1), slopes, jacobian)
    else:
        for h in range(size):
            hidden = load(features, h)
            slope = 1.0 - hidden * hidden
            for j in range(k):
                store(slopes, (j, h), slope * form.inner[j, h])
        for j in range(0, k - 1, 2):
            combine_two(form, j, j + 1, slopes, jacobian)
        if k % 2 == 1:
            combine(form, k, slopes[k - 1], size, jacobian, k - 1)
