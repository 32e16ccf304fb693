"""The modes at contact points, in machine code (numba): moving least squares over the surface points around each.

``contact_weights.affine_weights`` is the source of truth and says why; the tests hold this file against it.
"""

from __future__ import annotations

import math
from typing import no_type_check

import numpy as np

from neurok_model.mechanics.kernel_linear import entry_point, machine_code


@machine_code
@no_type_check
def first_row_of_inverse(normal, solution):
    """Solve N x = (1, 0, 0, 0) for a symmetric positive definite N [4, 4], whose lower triangle is replaced."""
    for i in range(4):
        for j in range(i + 1):
            total = normal[i, j]
            for c in range(j):
                total -= normal[i, c] * normal[j, c]
            normal[i, j] = math.sqrt(total) if i == j else total / normal[j, j]
    for i in range(4):
        total = 1.0 if i == 0 else 0.0
        for j in range(i):
            total -= normal[i, j] * solution[j]
        solution[i] = total / normal[i, i]
    for i in range(3, -1, -1):
        total = solution[i]
        for j in range(i + 1, 4):
            total -= normal[j, i] * solution[j]
        solution[i] = total / normal[i, i]


@entry_point
@no_type_check
def contact_rows(points, index, standing, component, modes, neighbours, ridge, scratch, rows):
    """Modes at ``points`` [p, 3], carried by the nearest surface points of the nearest one's connected part.

    ``index`` [p, m] are the nearest surface points, nearest first, of which the first ``neighbours`` of the same part
    are used; ``standing`` [N, 3] are the surface points where they are touched, ``component`` [N] their parts and
    ``modes`` [N, 3, r] their modes; ``scratch`` [m + 4, 8] is working memory, and ``rows`` [p, 3, r] is written.
    """
    normal, solution = scratch[-4:, :4], scratch[-4:, 4]
    for p in range(points.shape[0]):
        used, reach = 0, 0.0
        part = component[index[p, 0]]
        for n in range(index.shape[1]):
            if component[index[p, n]] == part and used < neighbours:
                squared = 0.0
                for c in range(3):
                    scratch[used, 1 + c] = standing[index[p, n], c] - points[p, c]
                    squared += scratch[used, 1 + c] ** 2
                scratch[used, 4] = squared
                scratch[used, 5] = index[p, n]
                reach += squared
                used += 1
        reach /= used
        scale = max(math.sqrt(reach), 1e-9)
        for i in range(4):
            for j in range(i + 1):
                normal[i, j] = 0.0
        for n in range(used):
            scratch[n, 0] = 1.0
            scratch[n, 4] = 1.0 / (scratch[n, 4] + 1e-3 * reach + 1e-18)
            for c in range(1, 4):
                scratch[n, c] /= scale
            for i in range(4):
                for j in range(i + 1):
                    normal[i, j] += scratch[n, 4] * scratch[n, i] * scratch[n, j]
        for i in range(1, 4):
            normal[i, i] += ridge * normal[0, 0]
        first_row_of_inverse(normal, solution)
        for d in range(3):
            for a in range(modes.shape[2]):
                rows[p, d, a] = 0.0
        for n in range(used):
            weight = 0.0
            for c in range(4):
                weight += scratch[n, c] * solution[c]
            weight *= scratch[n, 4]
            point = int(scratch[n, 5])
            for d in range(3):
                for a in range(modes.shape[2]):
                    rows[p, d, a] += weight * modes[point, d, a]


def make_contact_scratch(neighbours: int) -> np.ndarray:
    """Working memory for ``contact_rows`` with so many nearest points."""
    return np.zeros((neighbours + 4, 8))
