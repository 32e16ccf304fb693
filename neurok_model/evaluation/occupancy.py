"""Which cells of a cubic grid a surface passes through, and which lie inside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Int8

from neurok_model.geometry.sampling import draw_on_triangles, triangle_areas_and_normals

SURFACE_CELLS = 32
"""Cells along the longest side of M0 for the surface."""

VOLUME_CELLS = 64
"""Cells along the longest side of M0 for the volume: at 32 a board of 1.5 % of the object's size falls between
the centres of two layers."""

SAMPLES_PER_CELL = 32
"""Surface samples per area of one cell's face: a cell that a plane cuts in half is missed once in 10 million."""

MOST_SAMPLES = 2_000_000


@dataclass(frozen=True)
class Cells:
    """Some cells of the grid whose corners are the multiples of its cells' side.

    Attributes:
        lower: index of the first cell of a block; cell i reaches from i to i + 1 sides.
        filled: which cells of the block are meant; no cell outside of it is.
    """

    lower: Int[np.ndarray, " 3"]
    filled: Bool[np.ndarray, "x y z"]

    def __len__(self) -> int:
        return int(self.filled.sum())


def surface_cells(
    vertices: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    cell: float,
    generator: np.random.Generator,
) -> Cells:
    """Cells that a surface passes through.

    They are found by samples that are spread evenly over the area, which does not depend on the triangulation.

    Args:
        vertices: positions, any unit.
        triangles: vertex indices.
        cell: side of a cell, same unit.
        generator: source of the samples.
    """
    corners = vertices[triangles]
    areas, _ = triangle_areas_and_normals(corners)
    count = int(np.clip(SAMPLES_PER_CELL * areas.sum() / cell**2, 1000, MOST_SAMPLES))
    triangle, barycentric = draw_on_triangles(areas, count, generator)
    points = np.einsum("nc,ncd->nd", barycentric, corners[triangle])
    cells = np.floor(points / cell).astype(np.int64)
    lower = cells.min(axis=0)
    touched = np.zeros(tuple(np.ptp(cells, axis=0) + 1), dtype=bool)
    touched[tuple((cells - lower).T)] = True
    return Cells(lower, touched)


def inside_cells(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"], cell: float) -> Cells:
    """Cells whose centres lie inside a surface.

    Along lines through the centres the crossings of the surface are counted, +1 where it is entered and -1 where it
    is left; a centre is inside where the count is not zero (the winding number), so that closed pieces may overlap
    and may be turned inside out. A line whose crossings do not cancel has met a hole and tells nothing. Of the
    three lines through a centre, along x, y and z, two must say inside: a small hole does no harm, and an open
    sheet has no inside.

    Args:
        vertices: positions, any unit.
        triangles: vertex indices.
        cell: side of a cell, same unit.
    """
    import open3d  # Imported here: it takes a second.

    scaled = vertices / cell
    scene = open3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(
        open3d.core.Tensor(np.ascontiguousarray(scaled, dtype=np.float32)),
        open3d.core.Tensor(np.ascontiguousarray(triangles, dtype=np.uint32)),
    )
    corners = scaled[triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lower = np.floor(corners.min(axis=(0, 1))).astype(np.int64)
    upper = np.floor(corners.max(axis=(0, 1))).astype(np.int64) + 1
    votes = np.zeros(tuple(upper - lower), dtype=np.int8)
    for axis in range(3):
        votes += np.moveaxis(_inside_along(scene, facing[:, axis], axis, lower, upper), -1, axis)
    return Cells(lower, votes >= 2)


def _inside_along(
    scene: Any,
    facing: Float[np.ndarray, " t"],
    axis: int,
    lower: Int[np.ndarray, " 3"],
    upper: Int[np.ndarray, " 3"],
) -> Int8[np.ndarray, "a b c"]:
    """1 for the centres that lines along ``axis`` find inside; that axis comes last."""
    import open3d

    first, second = (other for other in range(3) if other != axis)
    shape = (int(upper[first] - lower[first]), int(upper[second] - lower[second]))
    length = int(upper[axis] - lower[axis])
    origin = np.empty((*shape, 3))
    # Off the centre by a little, in both directions: lines along faces and edges of boxes would miss them.
    origin[..., first] = (np.arange(lower[first], upper[first]) + 0.5 + 1.3e-4)[:, None]
    origin[..., second] = (np.arange(lower[second], upper[second]) + 0.5 - 2.1e-4)[None]
    origin[..., axis] = lower[axis] - 1.0
    direction = np.zeros((*shape, 3))
    direction[..., axis] = 1.0
    rays = np.concatenate((origin, direction), axis=-1).reshape(-1, 6).astype(np.float32)
    hits = scene.list_intersections(open3d.core.Tensor(rays), nthreads=1)
    line = hits["ray_ids"].numpy().astype(np.int64)
    # The first centre lies 1.5 cells from the beginning of the line.
    place = np.clip(np.ceil(hits["t_hit"].numpy().astype(np.float64) - 1.5), 0, length).astype(np.int64)
    sign = -np.sign(facing[hits["primitive_ids"].numpy().astype(np.int64)]).astype(np.int16)
    crossed = np.zeros((shape[0] * shape[1], length + 1), dtype=np.int16)
    np.add.at(crossed, (line, place), sign)
    winding = crossed.cumsum(axis=1, dtype=np.int16)
    closed = winding[:, -1:] == 0
    return ((winding[:, :-1] != 0) & closed).astype(np.int8).reshape(*shape, length)


def overlap(first: Cells, second: Cells) -> float:
    """Intersection over union of two sets of cells; NaN where both are empty."""
    lower = np.maximum(first.lower, second.lower)
    upper = np.minimum(first.lower + first.filled.shape, second.lower + second.filled.shape)
    shared = 0
    if (upper > lower).all():
        blocks = [
            cells.filled[tuple(slice(a, b) for a, b in zip(lower - cells.lower, upper - cells.lower, strict=True))]
            for cells in (first, second)
        ]
        shared = int((blocks[0] & blocks[1]).sum())
    either = len(first) + len(second) - shared
    return shared / either if either else float("nan")
