"""Things that are drawn beside an object: arrows for forces, dots for the points of a cloud."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from demo.rendering import Piece

_SIDES = 20


def uniform_colour(count: int, colour: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "count 3"]:
    """The same colour for every vertex."""
    return np.broadcast_to(np.asarray(colour, dtype=np.float64), (count, 3))


def arrow(
    tip: Float[np.ndarray, " 3"],
    direction: Float[np.ndarray, " 3"],
    length: float,
    colour: Float[np.ndarray, " 3"],
) -> Piece:
    """An arrow that ends at ``tip`` and points along ``direction``.

    Args:
        tip: where it ends, metres.
        direction: where it points; any length above zero.
        length: from tail to tip, metres.
        colour: red, green, blue, 0 to 1.
    """
    # Rings along the axis, as (height below the tip, radius), in units of the arrow's length.
    profile = np.array([[0.0, 0.0], [0.36, 0.13], [0.36, 0.05], [1.0, 0.05], [1.0, 0.0]])
    angles = 2 * np.pi * np.arange(_SIDES) / _SIDES
    first, second, along = _axes(direction)
    ring = np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second
    rings = profile[:, 1, None, None] * ring - profile[:, 0, None, None] * along
    vertices = tip + length * rings.reshape(-1, 3)
    return Piece(vertices, _lofted_triangles(len(profile)), uniform_colour(len(vertices), colour))


def dots(points: Float[np.ndarray, "n 3"], radius: float, colours: Float[np.ndarray, "n 3"]) -> Piece:
    """A small octahedron at every point.

    Args:
        points: centres, metres.
        radius: of each dot, metres.
        colours: of each dot.
    """
    corners = np.concatenate([np.eye(3), -np.eye(3)])
    faces = np.array([[0, 1, 2], [1, 3, 2], [3, 4, 2], [4, 0, 2], [1, 0, 5], [3, 1, 5], [4, 3, 5], [0, 4, 5]])
    vertices = (points[:, None, :] + radius * corners).reshape(-1, 3)
    triangles = (6 * np.arange(len(points))[:, None, None] + faces).reshape(-1, 3)
    return Piece(vertices, triangles, np.repeat(colours, 6, axis=0))


def _axes(direction: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    """An orthonormal frame whose last row is the given direction."""
    along = np.asarray(direction, dtype=np.float64) / np.linalg.norm(direction)
    helper = np.eye(3)[np.argmin(np.abs(along))]
    first = np.cross(helper, along)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(along, first), along])


def _lofted_triangles(rings: int) -> Int[np.ndarray, "t 3"]:
    """Triangles between neighbouring rings of ``_SIDES`` vertices each."""
    here = np.arange(_SIDES)
    following = (here + 1) % _SIDES
    strips = []
    for ring in range(rings - 1):
        a, b = ring * _SIDES, (ring + 1) * _SIDES
        strips.append(np.stack([a + here, b + here, b + following], axis=1))
        strips.append(np.stack([a + here, b + following, a + following], axis=1))
    return np.concatenate(strips)
