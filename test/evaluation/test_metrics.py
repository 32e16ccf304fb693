"""Distances between poses against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation.solids import cube, sheet

from neurok_model.evaluation.metrics import PoseJudge, chamfer


def test_chamfer_of_points_by_hand() -> None:
    """A = {0, 4} and B = {1}: distances 1 and 3 one way, 1 the other."""
    first, second = np.array([[0.0, 0, 0], [4, 0, 0]]), np.array([[1.0, 0, 0]])
    mean, root = chamfer(first, second)
    assert mean == pytest.approx(0.5 * ((1 + 3) / 2 + 1))
    assert root == pytest.approx(0.5 * (np.sqrt((1 + 9) / 2) + 1))
    assert chamfer(second, first) == pytest.approx((mean, root))
    assert chamfer(first, first) == (0.0, 0.0)


def test_moved_sheet() -> None:
    """A square lifted by d is d away in every sense, in units of its own longest side; scale does not matter."""
    vertices, triangles = sheet(16)
    for scale in (1.0, 0.2):
        judge = PoseJudge(scale * vertices, triangles, scale * vertices, seed=0)
        found = judge.judge(scale * (vertices + [0.0, 0.0, 0.3]))
        assert found.correspondence_error == pytest.approx(0.3)
        # Nearest samples lie a little aside, about half their spacing of 1 %.
        assert found.chamfer_l1 == pytest.approx(0.3, rel=1e-3)
        assert found.chamfer_l2 == pytest.approx(0.3, rel=1e-3)
        assert found.surface_iou == 0.0
        assert np.isnan(found.volume_iou)


def test_slid_sheet() -> None:
    """Sliding a square along itself by d leaves 1 - d of it in place; the rest is d / 2 away on average."""
    vertices, triangles = sheet(16)
    judge = PoseJudge(vertices, triangles, vertices, seed=0)
    found, floor = judge.judge(vertices + [0.4, 0.0, 0.0]), judge.floor()
    assert found.correspondence_error == pytest.approx(0.4)
    assert found.chamfer_l1 == pytest.approx(0.4 * 0.2 + 0.6 * floor.chamfer_l1, abs=2e-3)
    assert found.chamfer_l2 == pytest.approx(np.sqrt(0.4**3 / 3), abs=3e-3)


def test_shifted_cube() -> None:
    """A unit cube shifted by half its side: a third of the volume is shared, every point has moved by 0.5."""
    vertices, triangles = cube(side=0.5)
    found = PoseJudge(vertices, triangles, vertices, seed=0).judge(vertices + [0.25, 0.0, 0.0])
    assert found.volume_iou == pytest.approx(1 / 3, abs=0.01)
    assert found.correspondence_error == pytest.approx(0.5)
    # Faces across x are 0.5 away; the other four are half covered, their rest 0.25 away on average.
    assert found.chamfer_l1 == pytest.approx((2 * 0.5 + 4 * 0.5 * 0.25) / 6, abs=0.06)


def test_floor() -> None:
    """The target against itself: only the samples differ, and they cost about half their mean distance."""
    vertices, triangles = cube()
    floor = PoseJudge(vertices, triangles, vertices, seed=0).floor()
    assert floor.correspondence_error == 0.0
    assert floor.volume_iou == 1.0
    assert floor.surface_iou > 0.95
    # 10,000 random points on an area of 6: nearest neighbours are 0.5 / sqrt(density) away on average.
    assert floor.chamfer_l1 == pytest.approx(0.5 / np.sqrt(10_000 / 6), rel=0.1)


def test_wild_predictions_are_bounded() -> None:
    """A prediction that flies away is judged without a grid that fills the memory."""
    vertices, triangles = cube()
    found = PoseJudge(vertices, triangles, vertices, seed=0).judge(1e6 * vertices)
    assert np.isfinite(found.chamfer_l1)
    assert found.surface_iou < 0.01
