"""Rigid registration: one rotation and translation of the whole object."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from neurok_model.evaluation.evidence import Evidence

ITERATIONS = 50

TOLERANCE = 1e-6
"""Alignment ends once it gains less than this share."""

Motion = Callable[[Float[np.ndarray, "n 3"]], Float[np.ndarray, "n 3"]]


def rigid_alignment(
    points: Float[np.ndarray, "n 3"], wanted: Float[np.ndarray, "n 3"], weight: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, " 3"]]:
    """Rotation R and translation t that minimise sum_i weight_i |R x_i + t - y_i|² (Kabsch, 1976).

    A single point says nothing of the rotation: it is only moved.
    """
    share = weight / weight.sum()
    from_centre, to_centre = share @ points, share @ wanted
    if len(points) == 1:
        return np.eye(3), to_centre - from_centre
    rotation, _ = Rotation.align_vectors(wanted - to_centre, points - from_centre, weights=share)
    matrix = rotation.as_matrix()
    return matrix, to_centre - matrix @ from_centre


def fit_rigid(evidence: Evidence) -> Motion:
    """Align the object with the evidence, by iterated closest points when correspondences are not known.

    Returns:
        The motion, for any points of the object in the scanned pose, metres.
    """
    matcher = evidence.matcher()
    rotation, translation, cost = np.eye(3), np.zeros(3), math.inf
    for _ in range(ITERATIONS):
        matches = matcher(evidence.points @ rotation.T + translation)
        if matches.cost > (1.0 - TOLERANCE) * cost:
            break
        cost, used = matches.cost, matches.weight > 0.0
        rotation, translation = rigid_alignment(evidence.points[used], matches.wanted[used], matches.weight[used])
    return lambda points: points @ rotation.T + translation
