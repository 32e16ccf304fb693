"""What a pose does to a body: whether rigid parts stay rigid, cloth keeps its lengths, soft bodies their volume."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from neurok_model.evaluation.baselines.rigid import rigid_alignment
from neurok_model.geometry import TriangleMesh, triangle_components
from neurok_model.geometry.components import weld


def part_rigidity_error(
    rest: Float[np.ndarray, "n 3"],
    posed: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    part_of_vertex: Int[np.ndarray, " n"],
) -> float:
    """Mean distance of vertices from where the best rigid motion of their part would carry them, weighted by area.

    0 for rigid parts, however they move; same unit as the vertices.
    """
    area = vertex_areas(rest, triangles)
    total = 0.0
    for part in np.unique(part_of_vertex):
        rows = (part_of_vertex == part) & (area > 0.0)
        # Fewer than three points fit any rigid motion.
        if rows.sum() >= 3:
            rotation, translation = rigid_alignment(rest[rows], posed[rows], area[rows])
            residual = np.linalg.norm(rest[rows] @ rotation.T + translation - posed[rows], axis=1)
            total += float(area[rows] @ residual)
    return total / float(area.sum())


def edge_stretch(
    rest: Float[np.ndarray, "n 3"], posed: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"]
) -> float:
    """Mean of |length / rest length - 1| over the edges, weighted by rest length."""
    edges = np.unique(np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    before = np.linalg.norm(rest[edges[:, 0]] - rest[edges[:, 1]], axis=1)
    after = np.linalg.norm(posed[edges[:, 0]] - posed[edges[:, 1]], axis=1)
    return float(np.abs(after - before).sum() / before.sum())


def volume_change(
    rest: Float[np.ndarray, "n 3"], posed: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"]
) -> float:
    """|V / V_rest - 1| of the closed pieces of a surface together; NaN where there are none."""
    closed = closed_triangles(rest, triangles)
    before = enclosed_volume(rest, triangles[closed])
    if not closed.any() or before == 0.0:
        return float("nan")
    return abs(enclosed_volume(posed, triangles[closed]) / before - 1.0)


def enclosed_volume(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"]) -> float:
    """Volume inside closed surfaces, by the divergence theorem: one sixth of the sum of a . (b x c)."""
    first, second, third = vertices[triangles].swapaxes(0, 1)
    return float(np.einsum("ti,ti->", first, np.cross(second, third)) / 6.0)


def closed_triangles(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"]) -> Bool[np.ndarray, " t"]:
    """Which triangles belong to connected pieces without a boundary: no edge lacks its opposite."""
    component = triangle_components(TriangleMesh(vertices, triangles))
    corners = weld(vertices)[0][triangles]
    count = int(corners.max()) + 1
    following = np.roll(corners, -1, axis=1)
    has_opposite = np.isin(corners * count + following, following * count + corners).all(axis=1)
    return ~np.isin(component, component[~has_opposite])


def vertex_areas(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"]) -> Float[np.ndarray, " n"]:
    """A third of the area of the triangles around each vertex."""
    corners = vertices[triangles]
    doubled = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return np.bincount(triangles.reshape(-1), np.repeat(doubled / 6.0, 3), len(vertices))
