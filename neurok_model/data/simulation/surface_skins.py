"""Surfaces that follow the control points of a simulation: bodies, lattice nodes, cloth and rope vertices.

A control point is a point fixed to a MuJoCo body. A skin turns the positions of all control points into the
vertices of one closed surface, and says which control points a force on one of its vertices acts on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix

Influence = tuple[Int[np.ndarray, " c"], Float[np.ndarray, " c"]]
"""Control points and their weights, which add up to one."""


class Skin(ABC):
    """One closed surface.

    Attributes:
        count: number of vertices.
        triangles: vertex indices, counter-clockwise seen from outside.
        part: the part it belongs to; 0 is the part that never moves.
        mass: mass of what it encloses, kilograms.
    """

    count: int
    triangles: Int[np.ndarray, "t 3"]
    part: int
    mass: float

    @abstractmethod
    def vertices(self, points: Float[np.ndarray, "f c 3"]) -> Float[np.ndarray, "f n 3"]:
        """Vertices for each frame of control points, metres."""

    @abstractmethod
    def influence(self, vertex: int) -> Influence:
        """Control points that carry a force on one vertex."""


class BlendedSkin(Skin):
    """Vertices that are fixed weighted means of control points: rigid bodies and lattices.

    Args:
        weights: sparse [vertices, control points]; rows add up to one.
        triangles: vertex indices.
        part: the part.
        mass: kilograms.
    """

    def __init__(self, weights: csr_matrix, triangles: Int[np.ndarray, "t 3"], part: int, mass: float) -> None:
        self.weights, self.triangles, self.part, self.mass = weights, triangles, part, mass
        self.count = weights.shape[0]

    def vertices(self, points: Float[np.ndarray, "f c 3"]) -> Float[np.ndarray, "f n 3"]:
        """Vertices for each frame of control points, metres."""
        return np.stack([self.weights @ frame for frame in points])

    def influence(self, vertex: int) -> Influence:
        """The row of weights."""
        row = self.weights[[vertex]].tocoo()
        return row.col.astype(np.int64), row.data


class SheetSkin(Skin):
    """A thin sheet with a front, a back and a rim around a grid of control points.

    Args:
        grid: control point of each grid position; the front faces rows × columns.
        thickness: metres.
        part: the part.
        mass: kilograms.
    """

    def __init__(self, grid: Int[np.ndarray, "r k"], thickness: float, part: int, mass: float) -> None:
        self.grid, self.thickness, self.part, self.mass = grid, thickness, part, mass
        self.triangles = sheet_triangles(*grid.shape)
        self.count = 2 * grid.size

    def vertices(self, points: Float[np.ndarray, "f c 3"]) -> Float[np.ndarray, "f n 3"]:
        """Front and back, half the thickness along the sheet's normals."""
        middle = points[:, self.grid]
        along, across = np.gradient(middle, axis=1), np.gradient(middle, axis=2)
        normals = np.cross(along, across)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
        offset = 0.5 * self.thickness * normals
        both = np.concatenate([(middle + offset), (middle - offset)], axis=1)
        return both.reshape(len(points), -1, 3)

    def influence(self, vertex: int) -> Influence:
        """The control point in the middle of the sheet."""
        return self.grid.ravel()[[vertex % self.grid.size]], np.ones(1)


class TubeSkin(Skin):
    """A round skin around a chain of control points, with its frames carried along without twist.

    Args:
        chain: control points from one end to the other.
        radius: metres.
        part: the part.
        mass: kilograms.
        sides: vertices around.
    """

    def __init__(self, chain: Int[np.ndarray, " k"], radius: float, part: int, mass: float, sides: int = 8) -> None:
        self.chain, self.radius, self.part, self.mass, self.sides = chain, radius, part, mass, sides
        self.count = len(chain) * sides + 2
        rings = tube_triangles(len(chain), sides)
        side = np.arange(sides)
        first, last = len(chain) * sides, (len(chain) - 1) * sides
        caps = [
            np.stack([np.roll(side, -1), side, np.full(sides, first)], axis=1),
            np.stack([last + side, last + np.roll(side, -1), np.full(sides, first + 1)], axis=1),
        ]
        self.triangles = np.concatenate([rings, *caps])

    def vertices(self, points: Float[np.ndarray, "f c 3"]) -> Float[np.ndarray, "f n 3"]:
        """Rings around the chain and the middle of both caps."""
        centre = points[:, self.chain]
        tangents = np.gradient(centre, axis=1)
        tangents /= np.maximum(np.linalg.norm(tangents, axis=-1, keepdims=True), 1e-12)
        initial = np.broadcast_to(tangents[:1, 0], tangents[:, 0].shape)
        directions = [_carried(initial, tangents[:, 0], _across(tangents[0, 0]))]
        for index in range(1, centre.shape[1]):
            directions.append(_carried(tangents[:, index - 1], tangents[:, index], directions[-1]))
        across = np.stack(directions, axis=1)
        other = np.cross(tangents, across)
        angle = 2 * np.pi * np.arange(self.sides) / self.sides
        circle = np.cos(angle)[:, None] * across[:, :, None] + np.sin(angle)[:, None] * other[:, :, None]
        rings = (centre[:, :, None] + self.radius * circle).reshape(len(points), -1, 3)
        return np.concatenate([rings, centre[:, [0, -1]]], axis=1)

    def influence(self, vertex: int) -> Influence:
        """The control point in the middle of the ring."""
        ring = vertex // self.sides
        if vertex >= self.count - 2:
            ring = 0 if vertex == self.count - 2 else len(self.chain) - 1
        return self.chain[[ring]], np.ones(1)


def _across(direction: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
    helper = np.eye(3)[np.argmin(np.abs(direction))]
    result = np.cross(direction, helper)
    return np.asarray(result / np.linalg.norm(result))


def _carried(
    before: Float[np.ndarray, "f 3"], after: Float[np.ndarray, "f 3"], vector: Float[np.ndarray, "... 3"]
) -> Float[np.ndarray, "f 3"]:
    """Turn ``vector`` by the smallest rotation from one direction to another; unit and across ``after``."""
    axis, cosine = np.cross(before, after), (before * after).sum(-1, keepdims=True)
    along = (axis * vector).sum(-1, keepdims=True) / np.maximum(1.0 + cosine, 1e-6)
    turned = cosine * vector + np.cross(axis, vector) + along * axis
    turned = turned - (turned * after).sum(-1, keepdims=True) * after
    return np.asarray(turned / np.maximum(np.linalg.norm(turned, axis=-1, keepdims=True), 1e-12))


def tube_triangles(rings: int, sides: int, closed: bool = False) -> Int[np.ndarray, "t 3"]:
    """Triangles between rings of vertices, numbered ring by ring; ``closed`` joins the last to the first."""
    ring, side = np.arange(rings if closed else rings - 1)[:, None], np.arange(sides)[None]
    following, above = (side + 1) % sides, (ring + 1) % rings
    a, b = ring * sides + side, ring * sides + following
    c, d = above * sides + following, above * sides + side
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])


def grid_triangles(rows: int, columns: int) -> Int[np.ndarray, "t 3"]:
    """An open sheet over a grid of vertices, numbered row by row."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])


def sheet_triangles(rows: int, columns: int) -> Int[np.ndarray, "t 3"]:
    """A closed sheet: the front grid, the back grid (vertices that follow the front's) and the rim."""
    index = np.arange(rows * columns).reshape(rows, columns)
    front = grid_triangles(rows, columns)
    border = np.concatenate([index[0, :-1], index[:-1, -1], index[-1, :0:-1], index[:0:-1, 0]])
    following = np.roll(border, -1)
    back = rows * columns
    # Seen from the front the border runs clockwise, so that these triangles face outwards.
    rim = np.concatenate(
        [np.stack([border, following, following + back], 1), np.stack([border, following + back, border + back], 1)]
    )
    return np.concatenate([front, front[:, ::-1] + back, rim]).astype(np.int64)
