"""Where a surface passes through itself."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

PAIRS_AT_ONCE = 400_000
"""Edges times triangles that are compared in one go: a few dozen megabytes."""


def self_intersects(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"]) -> bool:
    """Whether an edge of the surface passes through a triangle that it shares no corner with."""
    return crossing_count(vertices, triangles, at_most=1) > 0


def crossing_count(
    vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"], at_most: int | None = None
) -> int:
    """How often an edge of the surface passes through a triangle that it shares no corner with.

    Args:
        vertices: metres.
        triangles: vertex indices.
        at_most: stop counting there.
    """
    edges = np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    corners = vertices[triangles]
    low, high = corners.min(axis=1), corners.max(axis=1)
    count = 0
    for block in np.array_split(edges, max(1, len(edges) * len(triangles) // PAIRS_AT_ONCE)):
        start, end = vertices[block[:, 0]], vertices[block[:, 1]]
        near = (np.minimum(start, end)[:, None] < high).all(-1) & (np.maximum(start, end)[:, None] > low).all(-1)
        edge, face = np.nonzero(near)
        apart = ~(block[edge][:, :, None] == triangles[face][:, None, :]).any(axis=(1, 2))
        count += int(_pierces(start[edge[apart]], end[edge[apart]], corners[face[apart]]).sum())
        if at_most is not None and count >= at_most:
            return at_most
    return count


def _pierces(
    start: Float[np.ndarray, "m 3"], end: Float[np.ndarray, "m 3"], corners: Float[np.ndarray, "m 3 3"]
) -> np.ndarray:
    """Möller and Trumbore's test of segments against triangles, with a margin against mere touching."""
    margin = 1e-6
    direction, first, second = end - start, corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(direction, second)
    determinant = (first * across).sum(-1)
    flat = np.abs(determinant) < 1e-12 * np.linalg.norm(direction, axis=-1)
    determinant = np.where(flat, 1.0, determinant)
    offset = start - corners[:, 0]
    u = (offset * across).sum(-1) / determinant
    turned = np.cross(offset, first)
    v = (direction * turned).sum(-1) / determinant
    t = (second * turned).sum(-1) / determinant
    inside = (u > margin) & (v > margin) & (u + v < 1 - margin) & (t > margin) & (t < 1 - margin)
    return np.asarray(inside & ~flat)
