"""Uniform points on a surface, with the share of the area that each stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from neurok_model.geometry.mesh import TriangleMesh


@dataclass(frozen=True)
class SurfaceSamples:
    """Points on a surface.

    Args:
        points: positions, metres.
        normals: unit normals of the triangles on which the points lie.
        triangle: index of that triangle (all zero for point clouds).
        barycentric: coordinates of the point in it (all zero for point clouds).
        component: connected component of the surface on which the point lies.
        area_share: share of the total area that the point represents; sums to 1.
    """

    points: Float[np.ndarray, "n 3"]
    normals: Float[np.ndarray, "n 3"]
    triangle: Int[np.ndarray, " n"]
    barycentric: Float[np.ndarray, "n 3"]
    component: Int[np.ndarray, " n"]
    area_share: Float[np.ndarray, " n"]


def triangle_areas_and_normals(
    corners: Float[np.ndarray, "*b 3 3"],
) -> tuple[Float[np.ndarray, "*b"], Float[np.ndarray, "*b 3"]]:
    """Area and unit normal of each triangle; the normal of a degenerate triangle is zero."""
    doubled = np.cross(corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :])
    length = np.linalg.norm(doubled, axis=-1)
    normals = doubled / np.maximum(length, 1e-300)[..., None]
    return 0.5 * length, normals


def lumped_areas(
    vertices: Float[np.ndarray, "vertices 3"], triangles: Int[np.ndarray, "triangles 3"]
) -> Float[np.ndarray, " vertices"]:
    """A third of the area of every triangle at each of its corners, square metres."""
    corners = vertices[triangles]
    doubled = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return np.bincount(triangles.ravel(), np.repeat(doubled / 6.0, 3), len(vertices))


def draw_on_triangles(
    areas: Float[np.ndarray, " t"], count: int, generator: np.random.Generator
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n 3"]]:
    """Draw ``count`` points uniformly by area, stratified along the cumulative area.

    Stratification (one draw per equal share of the area) halves the unevenness of independent draws.

    Returns:
        Triangle indices and barycentric coordinates.
    """
    cumulative = np.cumsum(areas)
    position = (np.arange(count) + generator.random(count)) / count * cumulative[-1]
    triangle = np.minimum(np.searchsorted(cumulative, position, side="right"), len(areas) - 1)
    root, second = np.sqrt(generator.random(count)), generator.random(count)
    barycentric = np.stack((1.0 - root, root * (1.0 - second), root * second), axis=1)
    return triangle, barycentric


def sample_surface(
    mesh: TriangleMesh,
    component_of_triangle: Int[np.ndarray, " t"],
    count: int,
    generator: np.random.Generator,
    minimum_per_component: int = 4,
) -> SurfaceSamples:
    """Sample a mesh by area, giving every connected component its share and at least a few points.

    Args:
        mesh: a validated mesh, metres.
        component_of_triangle: from :func:`neurok_model.geometry.components.triangle_components`.
        count: number of points (never fewer than one per component that has area).
        generator: source of randomness.
        minimum_per_component: points that even the smallest component receives, while they last.
    """
    areas, normals = triangle_areas_and_normals(mesh.vertices[mesh.triangles])
    component_area = np.bincount(component_of_triangle, weights=areas)
    with_area = np.flatnonzero(component_area > 0)
    minimum = max(1, min(minimum_per_component, count // (2 * len(with_area))))
    # Rounded, so that turning or moving the mesh leaves the counts, and with them every draw, as they are.
    share = np.round(component_area[with_area] / component_area.sum(), 9)
    counts = minimum + np.floor(share * max(0, count - minimum * len(with_area))).astype(np.int64)
    counts[np.argmax(share)] += max(0, count - int(counts.sum()))
    pieces = []
    for component, number in zip(with_area, counts, strict=True):
        members = np.flatnonzero(component_of_triangle == component)
        local, barycentric = draw_on_triangles(areas[members], int(number), generator)
        pieces.append((members[local], barycentric, np.full(number, component_area[component] / number)))
    triangle = np.concatenate([piece[0] for piece in pieces])
    barycentric = np.concatenate([piece[1] for piece in pieces])
    represented = np.concatenate([piece[2] for piece in pieces])
    points = np.einsum("nc,ncd->nd", barycentric, mesh.vertices[mesh.triangles[triangle]])
    return SurfaceSamples(
        points,
        normals[triangle],
        triangle,
        barycentric,
        component_of_triangle[triangle],
        represented / represented.sum(),
    )
