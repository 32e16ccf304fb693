"""How deep the parts of an articulated object reach into each other, at rest and when they move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from neurok_model.data.kinematic_tree import ArticulatedObject
from neurok_model.data.quaternions import rotation_matrix
from neurok_model.geometry.sampling import draw_on_triangles, triangle_areas_and_normals

_RAYS = np.array([[0.30151, 0.50712, 0.80741], [-0.61237, 0.35419, -0.70671], [0.42117, -0.87103, 0.25291]])
"""Odd directions, so that rays do not run along walls; three, for a ray through an edge may miss a triangle."""


@dataclass(frozen=True)
class Penetration:
    """Where one part reaches deepest into another.

    Attributes:
        part: the part whose surface lies inside the other.
        other: the other part.
        state: number of the state in which it does.
        depth: metres beyond what the two overlap in the reference state, where pins sit in their holes.
    """

    part: int
    other: int
    state: int
    depth: float


def deepest_penetration(
    articulated: ArticulatedObject, states: Float[np.ndarray, "s d"], points: int = 300
) -> Penetration | None:
    """The worst overlap that motion adds between two parts; None for fewer than two parts.

    Random points on every part's surface are tested against every other part: inside is where the other's
    surface winds around the point, so that a part may consist of overlapping closed pieces.

    Args:
        articulated: the object.
        states: states to look at; the reference state (all zero) is looked at as well.
        points: per part.
    """
    probes = [_Probe.of(articulated, int(index), points) for index in np.unique(articulated.part_of_vertex)]
    everything = np.concatenate([np.zeros((1, articulated.degrees_of_freedom)), states])
    quaternions, offsets = articulated.placements(everything)
    turns = rotation_matrix(quaternions)
    worst: Penetration | None = None
    for mine in probes:
        world = np.einsum("sij,pj->spi", turns[mine.part], mine.points) + offsets[mine.part][:, None]
        for other in probes:
            if other is mine:
                continue
            local = np.einsum("sji,spj->spi", turns[other.part], world - offsets[other.part][:, None])
            depth = other.depth(local).max(axis=1)
            excess = depth - depth[0]
            state = int(excess.argmax())
            if worst is None or excess[state] > worst.depth:
                worst = Penetration(mine.part, other.part, state - 1, float(excess[state]))
    return worst


@dataclass
class _Probe:
    """One part in its reference pose: points on its surface, and a scene that tells what lies inside of it."""

    part: int
    points: Float[np.ndarray, "p 3"]
    low: Float[np.ndarray, " 3"]
    high: Float[np.ndarray, " 3"]
    scene: Any
    facing: Float[np.ndarray, "r t"]

    @staticmethod
    def of(articulated: ArticulatedObject, part: int, count: int) -> _Probe:
        # Open3D takes seconds to import: only those who ask pay for it.
        import open3d

        vertices, triangles = articulated.part_surface(part)
        areas, normals = triangle_areas_and_normals(vertices[triangles])
        triangle, barycentric = draw_on_triangles(areas, count, np.random.default_rng(part))
        points = np.einsum("pc,pcd->pd", barycentric, vertices[triangles[triangle]])
        scene = open3d.t.geometry.RaycastingScene(nthreads=1)
        scene.add_triangles(
            open3d.core.Tensor(vertices.astype(np.float32)), open3d.core.Tensor(triangles.astype(np.uint32))
        )
        corners = np.concatenate([points, vertices])
        return _Probe(part, corners, vertices.min(axis=0), vertices.max(axis=0), scene, np.sign(_RAYS @ normals.T))

    def depth(self, points: Float[np.ndarray, "s p 3"]) -> Float[np.ndarray, "s p"]:
        """Distance to the surface for points inside of the part, else 0; metres."""
        import open3d

        depth = np.zeros(points.shape[:2])
        near = ((points > self.low) & (points < self.high)).all(axis=-1)
        if not near.any():
            return depth
        chosen = points[near].astype(np.float32)
        inside = np.all([self._winding(chosen, number) > 0 for number in range(len(_RAYS))], axis=0)
        distance = self.scene.compute_distance(open3d.core.Tensor(chosen), nthreads=1).numpy()
        depth[near] = np.where(inside, distance, 0.0)
        return depth

    def _winding(self, points: Float[np.ndarray, "k 3"], number: int) -> Int[np.ndarray, " k"]:
        import open3d

        rays = np.concatenate([points, np.broadcast_to(_RAYS[number], points.shape)], axis=1).astype(np.float32)
        hits = self.scene.list_intersections(open3d.core.Tensor(rays), nthreads=1)
        ray, triangle = hits["ray_ids"].numpy().astype(np.int64), hits["primitive_ids"].numpy().astype(np.int64)
        return np.bincount(ray, self.facing[number, triangle], len(points)).round().astype(np.int64)
