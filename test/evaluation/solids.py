"""Bodies whose measures are known."""

from __future__ import annotations

import numpy as np
import trimesh

CUBE = trimesh.creation.box(extents=(1.0, 1.0, 1.0))


def cube(centre: tuple[float, float, float] = (0.0, 0.0, 0.0), side: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and triangles of an upright cube, wound counter-clockwise seen from outside."""
    return np.asarray(CUBE.vertices) * side + np.array(centre), np.asarray(CUBE.faces, dtype=np.int64)


def together(*surfaces: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Several surfaces as one."""
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in surfaces)])
    triangles = [corners + start for (_, corners), start in zip(surfaces, starts, strict=False)]
    return np.concatenate([vertices for vertices, _ in surfaces]), np.concatenate(triangles)


def sheet(cells: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """A unit square in the plane z = 0 as a grid of triangles."""
    x, y = np.meshgrid(np.linspace(0, 1, cells + 1), np.linspace(0, 1, cells + 1), indexing="ij")
    vertices = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)
    corner = np.arange((cells + 1) ** 2).reshape(cells + 1, cells + 1)
    a, b, c, d = corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]
    triangles = np.concatenate([np.stack(some, -1).reshape(-1, 3) for some in ((a, b, c), (a, c, d))])
    return vertices, triangles
