"""Driving mesh vertices by the surface points next to them (the paper's K_drive)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree


def drive_weights(
    vertices: Float[np.ndarray, "v 3"],
    vertex_component: Int[np.ndarray, " v"],
    points: Float[np.ndarray, "n 3"],
    point_component: Int[np.ndarray, " n"],
    neighbours: int = 4,
) -> tuple[Int[np.ndarray, "v k"], Float[np.ndarray, "v k"]]:
    """Surface points that drive each vertex, and how much each contributes.

    Only points of the vertex's own connected component count, so that a drawer's front is never moved by the
    cabinet one millimetre behind it. Weights fall with the squared distance and sum to 1.

    Args:
        vertices: positions, metres.
        vertex_component: component of each vertex; -1 (unused vertex) takes points of any component.
        points: surface points, metres.
        point_component: component of each point.
        neighbours: K_drive.
    """
    neighbours = min(neighbours, len(points))
    index = np.empty((len(vertices), neighbours), dtype=np.int64)
    weight = np.empty((len(vertices), neighbours))
    for component in np.unique(vertex_component):
        rows = np.flatnonzero(vertex_component == component)
        candidates = np.flatnonzero(point_component == component)
        if len(candidates) == 0:
            candidates = np.arange(len(points))
        found = min(neighbours, len(candidates))
        distance, nearest = cKDTree(points[candidates]).query(vertices[rows], k=found)
        distance, nearest = distance.reshape(len(rows), found), nearest.reshape(len(rows), found)
        floor = 1e-12 + 1e-3 * distance.mean(axis=1, keepdims=True) ** 2
        inverse = 1.0 / (distance**2 + floor)
        padding = neighbours - found
        index[rows] = np.pad(candidates[nearest], ((0, 0), (0, padding)), mode="edge")
        weight[rows] = np.pad(inverse / inverse.sum(axis=1, keepdims=True), ((0, 0), (0, padding)))
    return index, weight
