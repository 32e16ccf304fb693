"""Rigidity, stretch and volume of deformations whose measure is known."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation.solids import cube, sheet, together
from scipy.spatial.transform import Rotation

from neurok_model.evaluation.shape_measures import (
    closed_triangles,
    edge_stretch,
    enclosed_volume,
    part_rigidity_error,
    vertex_areas,
    volume_change,
)

TURN = Rotation.from_rotvec([0.3, 0.7, -0.4]).as_matrix()


def test_rigid_parts_have_no_rigidity_error() -> None:
    """Two parts that move rigidly, each in its own way, cost nothing; as one part they do."""
    vertices, triangles = together(cube(side=0.5), cube((2.0, 0.0, 0.0)))
    posed = vertices.copy()
    posed[8:] = posed[8:] @ TURN.T + [0.1, 0.2, 0.3]
    parts = np.repeat([0, 1], 8)
    assert part_rigidity_error(vertices, posed, triangles, parts) == pytest.approx(0.0, abs=1e-9)
    assert part_rigidity_error(vertices, posed, triangles, 0 * parts) > 0.05


def test_stretched_cube() -> None:
    """A unit cube drawn out by 20 % along x: corners are 0.1 off, twelve edges of which four grow."""
    vertices, triangles = cube()
    posed = vertices * [1.2, 1.0, 1.0]
    assert part_rigidity_error(vertices, posed, triangles, np.zeros(8, dtype=np.int64)) == pytest.approx(0.1)
    assert volume_change(vertices, posed, triangles) == pytest.approx(0.2)
    assert volume_change(vertices, posed[:, [1, 0, 2]] * [1, -1, 1], triangles) == pytest.approx(0.2)


def test_stretched_sheet() -> None:
    """Lengths along x grow by 10 %, along y not at all; bending onto a cylinder stretches next to nothing."""
    vertices, triangles = sheet(64)
    along = edge_stretch(vertices, vertices * [1.1, 1.0, 1.0], triangles)
    n = 64
    # A grid has n (n + 1) edges of 1 / n along x and y, and n² diagonals of sqrt(2) / n.
    grown = n * (n + 1) / n * 0.1 + n * n * (np.sqrt(1.1**2 + 1) - np.sqrt(2)) / n
    assert along == pytest.approx(grown / (2 * n * (n + 1) / n + n * n * np.sqrt(2) / n))
    rolled = np.stack([np.sin(vertices[:, 0]), vertices[:, 1], 1 - np.cos(vertices[:, 0])], axis=1)
    assert edge_stretch(vertices, rolled, triangles) < 1e-4


def test_open_pieces_have_no_volume() -> None:
    """A sheet has none; of a closed cube beside a sheet, the cube's alone counts; a cube with a hole is open."""
    flat, closed = sheet(), cube((3.0, 0.0, 0.0))
    assert np.isnan(volume_change(flat[0], flat[0], flat[1]))
    vertices, triangles = together(flat, closed)
    assert closed_triangles(vertices, triangles).sum() == 12
    assert volume_change(vertices, vertices * [1.5, 1.0, 1.0], triangles) == pytest.approx(0.5)
    assert not closed_triangles(closed[0], closed[1][1:]).any()
    soup = closed[0][closed[1]].reshape(-1, 3), np.arange(36).reshape(-1, 3)
    assert closed_triangles(*soup).all()


def test_areas_and_volume_of_a_cube() -> None:
    """Areas of the vertices add up to 6, the volume is 1 wherever the cube stands."""
    vertices, triangles = cube((5.0, -3.0, 2.0))
    assert vertex_areas(vertices, triangles).sum() == pytest.approx(6.0)
    assert enclosed_volume(vertices, triangles) == pytest.approx(1.0)
