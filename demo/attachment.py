"""Points that stick to a surface: where the material under a contact goes as the object moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import open3d as o3d
from jaxtyping import Float, Int
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class Attachment:
    """Surface points as weighted means of vertices.

    Attributes:
        vertices: three indices per point.
        weights: of each of them; they sum to 1.
    """

    vertices: Int[np.ndarray, "m 3"]
    weights: Float[np.ndarray, "m 3"]

    def positions(self, vertices: Float[np.ndarray, "*b n 3"]) -> Float[np.ndarray, "*b m 3"]:
        """Where the points are when the object's vertices are there, metres."""
        return np.einsum("mc,...mcd->...md", self.weights, vertices[..., self.vertices, :])


def attach(
    points: Float[np.ndarray, "m 3"],
    vertices: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
) -> Attachment:
    """Attach points to the nearest place of a mesh, or to the nearest point of a cloud.

    Args:
        points: positions, metres.
        vertices: of the object in the same pose, metres.
        triangles: none for a cloud.
    """
    if len(triangles) == 0:
        nearest = cKDTree(vertices).query(points)[1]
        return Attachment(np.repeat(nearest[:, None], 3, axis=1), np.tile([1.0, 0.0, 0.0], (len(points), 1)))
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.core.Tensor(vertices.astype(np.float32)), o3d.core.Tensor(triangles.astype(np.uint32)))
    closest = scene.compute_closest_points(o3d.core.Tensor(points.astype(np.float32)))
    u, v = closest["primitive_uvs"].numpy().astype(np.float64).T
    corners = triangles[closest["primitive_ids"].numpy().astype(np.int64)]
    return Attachment(corners, np.stack([1 - u - v, u, v], axis=1))
