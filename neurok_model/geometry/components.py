"""Which triangles of a mesh hang together."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from neurok_model.geometry.mesh import TriangleMesh

WELD_TOLERANCE = 1e-6
"""Vertices closer than this share of the longest side are taken for one: exported meshes split them at seams."""


def weld(vertices: Float[np.ndarray, "v 3"]) -> tuple[Int[np.ndarray, " v"], Int[np.ndarray, " w"]]:
    """Take vertices that coincide for one.

    Args:
        vertices: positions, any unit.

    Returns:
        Which welded vertex each vertex belongs to, and one vertex of each welded one.
    """
    scale = np.ptp(vertices, axis=0).max()
    grid = np.round((vertices - vertices.min(axis=0)) / (scale * WELD_TOLERANCE)).astype(np.int64)
    # Whole columns are compared as numbers: sorting rows takes ten times as long.
    numbers = (grid[:, 0] << 42) + (grid[:, 1] << 21) + grid[:, 2]
    _, own, belongs = np.unique(numbers, return_index=True, return_inverse=True)
    return belongs.reshape(-1), own


def triangle_components(mesh: TriangleMesh) -> Int[np.ndarray, " t"]:
    """Connected component of each triangle, after welding vertices that coincide.

    Args:
        mesh: a validated mesh, metres.

    Returns:
        Labels from 0 in the order in which the triangles first name them, so that they do not depend on how the
        mesh is turned.
    """
    corners = weld(mesh.vertices)[0][mesh.triangles]
    rows = np.concatenate((corners[:, 0], corners[:, 1]))
    columns = np.concatenate((corners[:, 1], corners[:, 2]))
    size = int(corners.max()) + 1
    graph = coo_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(size, size))
    labels = connected_components(graph, directed=False)[1][corners[:, 0]]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return np.asarray(order[inverse], dtype=np.int64).reshape(-1)
