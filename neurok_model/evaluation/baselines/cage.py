"""Free-form deformation: a coarse lattice of control points around the object (Sederberg and Parry, 1986)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import comb

from neurok_model.evaluation.baselines.rigid import Motion
from neurok_model.evaluation.evidence import Evidence

DEGREE = 3
"""Degree of the Bernstein polynomials along each side: (DEGREE + 1)³ control points."""

STIFFNESS = 1e-7
"""Weight of the squared second differences of the control points' displacements against the mean squared distance,
with known correspondences. An affine deformation costs nothing."""

CLOUD_STIFFNESS = (1e-1, 1e-5)
"""The same towards a cloud, in the first and in the last iteration: it falls while matches settle."""

ITERATIONS = 24


class Lattice:
    """Control points on a regular grid in the upright box around some points.

    Args:
        points: the object in the scanned pose, metres.
    """

    def __init__(self, points: Float[np.ndarray, "n 3"]) -> None:
        self._lower = points.min(axis=0)
        # A flat object has a box without thickness, along which nothing can bend.
        self._side = np.maximum(np.ptp(points, axis=0), 1e-3 * np.ptp(points, axis=0).max())

    def weights(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n c"]:
        """Influence of every control point on points: products of Bernstein polynomials, which sum to 1."""
        place = (points - self._lower) / self._side
        order = np.arange(DEGREE + 1)
        along = comb(DEGREE, order) * place[..., None] ** order * (1.0 - place[..., None]) ** (DEGREE - order)
        return np.einsum("ni,nj,nk->nijk", along[:, 0], along[:, 1], along[:, 2]).reshape(len(points), -1)

    def bending(self) -> Float[np.ndarray, "c c"]:
        """Matrix B of the bending measure dᵀ B d: the sum of squared second differences along every axis."""
        one = np.eye(DEGREE + 1)
        differences = (one, np.diff(one, axis=0), np.diff(one, n=2, axis=0))
        orders = [(2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 1), (0, 1, 1)]
        rows = [np.kron(np.kron(differences[x], differences[y]), differences[z]) for x, y, z in orders]
        return np.asarray(sum(row.T @ row for row in rows))


def fit_cage(evidence: Evidence) -> Motion:
    """Fit the lattice to the evidence by least squares, again and again while matches and their weights change.

    Returns:
        The motion, for any points of the object in the scanned pose, metres.
    """
    matcher = evidence.matcher()
    lattice = Lattice(evidence.points)
    weights, bending = lattice.weights(evidence.points), lattice.bending()
    known = evidence.targets is not None
    control = np.zeros((weights.shape[1], 3))
    for stiffness in np.full(ITERATIONS, STIFFNESS) if known else np.geomspace(*CLOUD_STIFFNESS, ITERATIONS):
        matches = matcher(evidence.points + weights @ control)
        weighted = weights * matches.weight[:, None]
        # A trace of ridge keeps control points that nothing asks about where they are.
        normal = weighted.T @ weights + stiffness * bending + 1e-9 * np.eye(weights.shape[1])
        control = np.linalg.solve(normal, weighted.T @ (matches.wanted - evidence.points))
    return lambda points: points + lattice.weights(points) @ control
