"""Occupancy of bodies whose overlap is known."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from evaluation.solids import cube, sheet, together

from neurok_model.evaluation.occupancy import inside_cells, overlap, surface_cells

CELL = 1.0 / 32
OFFSET = (0.003, -0.004, 0.005)
"""Faces off the grid's planes, as the judge places them."""


def shifted(surface: tuple[np.ndarray, np.ndarray], by: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    return surface[0] + np.array(by), surface[1]


@pytest.mark.parametrize(("shift", "share"), [(0.0, 1.0), (0.5, 1 / 3), (0.25, 0.6), (1.25, 0.0)])
def test_volume_of_shifted_cubes(shift: float, share: float) -> None:
    """Two unit cubes, one shifted by s along x, share (1 - s) of (1 + s); the grid's cells divide all of these."""
    first = inside_cells(*cube(OFFSET), CELL)
    second = inside_cells(*shifted(cube(OFFSET), (shift, 0.0, 0.0)), CELL)
    assert len(first) == 32**3
    assert overlap(first, second) == pytest.approx(share)


def test_volume_of_a_ball() -> None:
    """The number of cells inside a ball of radius 1/2 is its volume, pi / 6, within the error of its polyhedron."""
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.5)
    count = len(inside_cells(np.asarray(ball.vertices) + OFFSET, np.asarray(ball.faces, dtype=np.int64), CELL))
    assert count * CELL**3 == pytest.approx(np.pi / 6, rel=0.01)


def test_overlapping_pieces_count_once() -> None:
    """Two closed pieces that pass through each other fill their union: 1.5 for cubes half in one another."""
    both = together(cube(OFFSET), shifted(cube(OFFSET), (0.5, 0.0, 0.0)))
    assert len(inside_cells(*both, CELL)) * CELL**3 == pytest.approx(1.5)


def test_inverted_cube_is_filled() -> None:
    """A mesh with its triangles wound the other way round encloses the same volume."""
    vertices, triangles = cube(OFFSET)
    assert len(inside_cells(vertices, triangles[:, ::-1], CELL)) == 32**3


def test_open_surfaces() -> None:
    """A sheet has no inside; a cube that lacks a triangle of its top is still filled, seen along x and y."""
    assert len(inside_cells(*shifted(sheet(), OFFSET), CELL)) == 0
    vertices, triangles = cube(OFFSET)
    top = np.flatnonzero((vertices[triangles][..., 2] > 0.4).all(axis=1))[0]
    opened = inside_cells(vertices, np.delete(triangles, top, axis=0), CELL)
    assert len(opened) == 32**3
    empty = inside_cells(*shifted(sheet(), OFFSET), CELL)
    assert np.isnan(overlap(empty, empty))


def test_surface_of_a_sheet() -> None:
    """A unit square touches 32 x 32 cells, and one more row either way when it lies off the grid by half a cell."""
    half = (0.5 * CELL, 0.5 * CELL, 0.5 * CELL)
    cells = surface_cells(*shifted(sheet(), half), CELL, np.random.default_rng(0))
    assert len(cells) == 33 * 33
    assert cells.filled.shape == (33, 33, 1)


def test_surface_overlap_of_sheets() -> None:
    """A square moved by half its side within its plane shares one third; moved out of its plane, nothing."""
    first = surface_cells(*shifted(sheet(), (0.004, 0.004, 0.004)), CELL, np.random.default_rng(0))
    moved = shifted(sheet(), (0.504, 0.004, 0.004))
    assert overlap(first, surface_cells(*moved, CELL, np.random.default_rng(1))) == pytest.approx(1 / 3, abs=0.02)
    lifted = shifted(sheet(), (0.004, 0.004, 0.1))
    assert overlap(first, surface_cells(*lifted, CELL, np.random.default_rng(1))) == 0.0


def test_surface_does_not_depend_on_triangulation() -> None:
    """The same square in 2 and in 2,048 triangles touches the same cells."""
    few = surface_cells(*shifted(sheet(1), OFFSET), CELL, np.random.default_rng(0))
    many = surface_cells(*shifted(sheet(32), OFFSET), CELL, np.random.default_rng(1))
    assert overlap(few, many) > 0.99
