"""The same surface with other triangles: what a scan's answer must not depend on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from neurok_model.evaluation.evidence import closest_on_surface
from neurok_model.evaluation.metrics import at_samples
from neurok_model.geometry import TriangleMesh, triangle_components
from neurok_model.geometry.sampling import triangle_areas_and_normals

KEPT_SHARE = 0.5
"""Triangles that decimation leaves."""


@dataclass(frozen=True)
class Remeshed:
    """A surface that was triangulated anew.

    Attributes:
        vertices: new vertices, metres, in the pose in which the surface was triangulated.
        triangles: new triangles.
        origin: old triangle on which each new vertex lies, and its barycentric coordinates there.
        place: new triangle on which each old vertex lies, and its barycentric coordinates there.
        old_triangles: the old triangles.
    """

    vertices: Float[np.ndarray, "m 3"]
    triangles: Int[np.ndarray, "u 3"]
    origin: tuple[Int[np.ndarray, " m"], Float[np.ndarray, "m 3"]]
    place: tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n 3"]]
    old_triangles: Int[np.ndarray, "t 3"]

    def posed(self, old: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "m 3"]:
        """New vertices in another pose of the old ones."""
        return at_samples(old, self.old_triangles, self.origin)

    def old_vertices(self, new: Float[np.ndarray, "m 3"]) -> Float[np.ndarray, "n 3"]:
        """Old vertices in a pose of the new ones."""
        return at_samples(new, self.triangles, self.place)


def shuffled(
    vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"], generator: np.random.Generator
) -> Remeshed:
    """Vertices, triangles and their corners in another order."""
    order = generator.permutation(len(vertices))
    number = np.argsort(order)
    turned = (np.arange(3) + generator.integers(3, size=(len(triangles), 1))) % 3
    corners = np.take_along_axis(number[triangles], turned, axis=1)
    return _linked(vertices, triangles, vertices[order], corners[generator.permutation(len(corners))])


def split(
    vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"], generator: np.random.Generator
) -> Remeshed:
    """Every triangle with vertices of its own, as exporters of meshes with seams write them."""
    soup = triangles[generator.permutation(len(triangles))]
    return _linked(vertices, triangles, vertices[soup].reshape(-1, 3), np.arange(3 * len(soup)).reshape(-1, 3))


def subdivided(
    vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"], generator: np.random.Generator
) -> Remeshed:
    """Long edges halved until none is longer than a drawn length, 5 to 15 % of the object."""
    longest = float(generator.uniform(0.05, 0.15) * np.ptp(vertices, axis=0).max())
    finer, corners = trimesh.remesh.subdivide_to_size(vertices, triangles, longest, max_iter=30)
    return _linked(vertices, triangles, np.asarray(finer), np.asarray(corners, dtype=np.int64))


def decimated(
    vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"], generator: np.random.Generator
) -> Remeshed:
    """Every connected piece with half as many triangles, by quadric error; boxes stay as they are."""
    import open3d  # Imported here: it takes a second.

    component = triangle_components(TriangleMesh(vertices, triangles))
    pieces, corners, start = [], [], 0
    for number in range(int(component.max()) + 1):
        own = triangles[component == number]
        mesh = open3d.geometry.TriangleMesh(
            open3d.utility.Vector3dVector(vertices), open3d.utility.Vector3iVector(own.astype(np.int32))
        )
        mesh = mesh.remove_unreferenced_vertices().merge_close_vertices(1e-6 * np.ptp(vertices, axis=0).max())
        if len(own) > 24:
            mesh = mesh.simplify_quadric_decimation(int(KEPT_SHARE * len(own)))
        pieces.append(np.asarray(mesh.vertices))
        corners.append(np.asarray(mesh.triangles, dtype=np.int64) + start)
        start += len(pieces[-1])
    return _linked(vertices, triangles, np.concatenate(pieces), np.concatenate(corners))


REMESHINGS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], Remeshed]] = {
    "shuffled": shuffled,
    "split": split,
    "subdivided": subdivided,
    "decimated": decimated,
}


def _linked(
    vertices: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    new: Float[np.ndarray, "m 3"],
    new_triangles: Int[np.ndarray, "u 3"],
) -> Remeshed:
    """Tie new and old vertices to the surfaces of each other, never across connected pieces.

    Pieces are recognised by where they are, because parts that touch have points in common.
    """
    old_piece = triangle_components(TriangleMesh(vertices, triangles))
    new_piece = triangle_components(TriangleMesh(new, new_triangles))
    partner = _partners(vertices, triangles, old_piece, new, new_triangles, new_piece)
    origin = _tied(new, new_triangles, new_piece, vertices, triangles, partner[old_piece])
    place = _tied(vertices, triangles, partner[old_piece], new, new_triangles, new_piece)
    return Remeshed(new, new_triangles, origin, place, triangles)


def _partners(
    vertices: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    old_piece: Int[np.ndarray, " t"],
    new: Float[np.ndarray, "m 3"],
    new_triangles: Int[np.ndarray, "u 3"],
    new_piece: Int[np.ndarray, " u"],
) -> Int[np.ndarray, " p"]:
    """For every old piece the new one with the most similar area, centre of area and extent.

    No new piece serves two old ones while there are enough: pieces may lie in the same place.
    """
    old_marks = _marks(vertices, triangles, old_piece)
    new_marks = _marks(new, new_triangles, new_piece)
    apart = np.linalg.norm(old_marks[:, None] - new_marks[None], axis=2)
    partner = apart.argmin(axis=1)
    old_index, new_index = linear_sum_assignment(apart)
    partner[old_index] = new_index
    return np.asarray(partner, dtype=np.int64)


def _marks(
    vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"], piece: Int[np.ndarray, " t"]
) -> Float[np.ndarray, "p 7"]:
    """Root of the area, centre of area, and extent of each piece."""
    corners = vertices[triangles]
    areas, _ = triangle_areas_and_normals(corners)
    marks = []
    for number in range(int(piece.max()) + 1):
        own = piece == number
        total = max(float(areas[own].sum()), 1e-300)
        centre = areas[own] @ corners[own].mean(axis=1) / total
        extent = np.ptp(corners[own].reshape(-1, 3), axis=0)
        marks.append(np.concatenate(([total**0.5], centre, extent)))
    return np.stack(marks)


def _tied(
    points: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    piece: Int[np.ndarray, " t"],
    surface: Float[np.ndarray, "m 3"],
    surface_triangles: Int[np.ndarray, "u 3"],
    surface_piece: Int[np.ndarray, " u"],
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n 3"]]:
    """Nearest surface point of the same piece for every point.

    Unused points, and pieces that are nobody's partner, follow whatever is nearest.
    """
    triangle, barycentric = closest_on_surface(surface, surface_triangles, points)
    for number in np.unique(piece):
        rows = np.unique(triangles[piece == number])
        own = np.flatnonzero(surface_piece == number)
        if not len(own):
            continue
        found, coordinates = closest_on_surface(surface, surface_triangles[own], points[rows])
        triangle[rows], barycentric[rows] = own[found], coordinates
    return triangle, barycentric
