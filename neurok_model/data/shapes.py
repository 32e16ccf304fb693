"""Closed triangle surfaces of simple solids, the building blocks of generated objects.

All lengths are metres. Every surface is closed and its triangles are counter-clockwise seen from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, SupportsFloat

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import ConvexHull

Vector = Sequence[SupportsFloat] | Float[np.ndarray, " 3"]


class Surface(NamedTuple):
    """A triangle surface that has not become part of an object yet."""

    vertices: Float[np.ndarray, "vertices 3"]
    triangles: Int[np.ndarray, "triangles 3"]

    def moved(self, offset: Vector) -> Surface:
        """The surface translated by ``offset``."""
        return Surface(self.vertices + np.asarray(offset, dtype=np.float64), self.triangles)

    def transformed(self, matrix: Float[np.ndarray, "3 3"], offset: Vector = (0.0, 0.0, 0.0)) -> Surface:
        """The surface mapped by ``matrix`` and then ``offset``; mirrored triangles are turned around."""
        triangles = self.triangles[:, ::-1] if np.linalg.det(matrix) < 0 else self.triangles
        return Surface(self.vertices @ matrix.T + np.asarray(offset, dtype=np.float64), triangles)

    def turned(self, axis: Vector, angle: float, anchor: Vector = (0.0, 0.0, 0.0)) -> Surface:
        """The surface turned by ``angle`` radians about the line through ``anchor`` along ``axis``."""
        centre = np.asarray(anchor, dtype=np.float64)
        matrix = axis_rotation(axis, angle)
        return Surface((self.vertices - centre) @ matrix.T + centre, self.triangles)


def axis_rotation(axis: Vector, angle: float) -> Float[np.ndarray, "3 3"]:
    """Rotation matrix about a unit axis (Rodrigues' formula)."""
    direction = np.asarray(axis, dtype=np.float64)
    x, y, z = direction / np.linalg.norm(direction)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def merged(surfaces: Sequence[Surface]) -> Surface:
    """Several surfaces as one, sharing no vertices."""
    starts = np.cumsum([0] + [len(surface.vertices) for surface in surfaces])
    return Surface(
        np.concatenate([surface.vertices for surface in surfaces]),
        np.concatenate([surface.triangles + start for surface, start in zip(surfaces, starts, strict=False)]),
    )


_CUBE = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_CUBE_QUADS = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def _triangles_of_quads(quads: Int[np.ndarray, "quads 4"]) -> Int[np.ndarray, "triangles 3"]:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


_CUBE_TRIANGLES = _triangles_of_quads(_CUBE_QUADS)


def box(center: Vector, size: Vector) -> Surface:
    """An axis-aligned box."""
    return Surface(np.asarray(center) + _CUBE * np.asarray(size), _CUBE_TRIANGLES)


def boxes(
    centers: Float[np.ndarray, "count 3"], sizes: Float[np.ndarray, "count 3"] | Float[np.ndarray, " 3"]
) -> Surface:
    """Many axis-aligned boxes at once: keys, slats, grilles."""
    vertices = centers[:, None] + _CUBE * np.broadcast_to(sizes, centers.shape)[:, None]
    triangles = _CUBE_TRIANGLES + 8 * np.arange(len(centers))[:, None, None]
    return Surface(vertices.reshape(-1, 3), triangles.reshape(-1, 3))


@lru_cache(maxsize=1)
def _chamfered_cube() -> tuple[Float[np.ndarray, "24 3"], Float[np.ndarray, "24 3"], Int[np.ndarray, "44 3"]]:
    signs = np.repeat(np.sign(_CUBE), 3, axis=0)
    inset = np.tile(1.0 - np.eye(3), (8, 1))
    points = 0.5 * signs - 0.1 * signs * inset
    triangles = ConvexHull(points).simplices.astype(np.int64)
    corners = points[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inward = np.einsum("td,td->t", normals, corners.mean(axis=1)) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return 0.5 * signs, signs * inset, triangles


def beveled_box(center: Vector, size: Vector, bevel: float) -> Surface:
    """A box whose edges are cut at 45 degrees, ``bevel`` metres from each edge."""
    corners, inset, triangles = _chamfered_cube()
    extent = np.asarray(size, dtype=np.float64)
    cut = min(bevel, 0.49 * float(extent.min()))
    if cut <= 0:
        return box(center, size)
    return Surface(np.asarray(center) + corners * extent - cut * inset, triangles)


def open_box(center: Vector, size: Vector, thickness: float, opening: int = 2, sign: int = 1) -> Surface:
    """A box-shaped shell without one wall: a tray, a drawer, a cabinet body.

    Args:
        center: centre of the outer box.
        size: outer extents.
        thickness: wall thickness.
        opening: the axis (0, 1, 2) whose wall is missing.
        sign: +1 when the wall on the positive side is missing, -1 for the negative side.
    """
    extent = np.asarray(size, dtype=np.float64)
    wall = min(thickness, 0.45 * float(extent.min()))
    inner = _CUBE * (extent - 2 * wall)
    outward = np.where(np.sign(_CUBE[:, opening]) == sign, sign * wall, 0.0)
    inner[:, opening] += outward
    open_face = next(quad for quad in _CUBE_QUADS if np.all(np.sign(_CUBE[quad, opening]) == sign))
    walls = np.array([quad for quad in _CUBE_QUADS if not np.array_equal(quad, open_face)])
    following = np.roll(open_face, -1)
    rim = np.stack([open_face, following, following + 8, open_face + 8], axis=1)
    quads = np.concatenate([walls, walls[:, ::-1] + 8, rim])
    return Surface(np.concatenate([_CUBE * extent, inner]) + np.asarray(center), _triangles_of_quads(quads))


def rectangular_frame(center: Vector, size: Vector, border: float, normal: int = 0) -> Surface:
    """A rectangular ring (window sash, picture frame) whose hole runs along axis ``normal``."""
    extent = np.asarray(size, dtype=np.float64)
    others = [axis for axis in range(3) if axis != normal]
    inner_extent = extent.copy()
    inner_extent[others] -= 2 * min(border, 0.45 * float(extent[others].min()))
    caps = [quad for quad in _CUBE_QUADS if len(set(_CUBE[quad, normal])) == 1]
    sides = np.array([quad for quad in _CUBE_QUADS if len(set(_CUBE[quad, normal])) == 2])
    rims = []
    for cap in caps:
        following = np.roll(cap, -1)
        rims.append(np.stack([cap, following, following + 8, cap + 8], axis=1))
    quads = np.concatenate([sides, sides[:, ::-1] + 8, *rims])
    vertices = np.concatenate([_CUBE * extent, _CUBE * inner_extent])
    return Surface(vertices + np.asarray(center), _triangles_of_quads(quads))
