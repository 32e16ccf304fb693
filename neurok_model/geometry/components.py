"""Which triangles of a mesh hang together."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from neurok_model.geometry.mesh import TriangleMesh

WELD_TOLERANCE = 1e-6
"""Vertices closer than this share of the longest side are taken for one: exported meshes split them at seams."""


def triangle_components(mesh: TriangleMesh) -> Int[np.ndarray, " t"]:
    """Connected component of each triangle, after welding vertices that coincide.

    Args:
        mesh: a validated mesh, metres.

    Returns:
        Labels from 0, one per triangle.
    """
    scale = np.ptp(mesh.vertices, axis=0).max()
    grid = np.round((mesh.vertices - mesh.vertices.min(axis=0)) / (scale * WELD_TOLERANCE)).astype(np.int64)
    _, welded = np.unique(grid, axis=0, return_inverse=True)
    corners = welded.reshape(-1)[mesh.triangles]
    rows = np.concatenate((corners[:, 0], corners[:, 1]))
    columns = np.concatenate((corners[:, 1], corners[:, 2]))
    size = int(corners.max()) + 1
    graph = coo_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(size, size))
    labels = connected_components(graph, directed=False)[1][corners[:, 0]]
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64).reshape(-1)
