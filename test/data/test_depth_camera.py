"""The depth camera sees what is visible, with errors of the stated size, and repeats with its seed."""

from __future__ import annotations

import numpy as np
import pytest

from neurok_model.data.depth_camera import DepthCamera, scan, viewpoints_around
from neurok_model.data.shapes import box, merged
from neurok_model.errors import NeurokError
from neurok_model.geometry import TriangleMesh

CUBE = TriangleMesh(*box([0, 0, 0.1], [0.2, 0.2, 0.2]))
FRONT = np.array([[1.0, 0.0, 0.1]])


def test_exact_camera_sees_only_the_front() -> None:
    """Without errors, readings lie on the visible face to a micrometre and never on hidden ones."""
    cloud = scan(CUBE, FRONT, np.random.default_rng(0), DepthCamera().without_errors())
    np.testing.assert_allclose(cloud.points[:, 0], 0.1, atol=1e-6)
    assert np.abs(cloud.points[:, 1]).max() < 0.1 + 1e-6
    assert len(cloud.points) > 300
    assert cloud.normals is not None
    np.testing.assert_allclose(cloud.normals, np.broadcast_to([1.0, 0, 0], cloud.points.shape), atol=1e-4)


def test_occluded_object_is_not_seen() -> None:
    """A wall in front hides what is behind it."""
    wall, hidden = box([0.3, 0, 0.1], [0.01, 0.5, 0.5]), box([0, 0, 0.1], [0.1, 0.1, 0.1])
    cloud = scan(TriangleMesh(*merged([wall, hidden])), FRONT, np.random.default_rng(0))
    assert cloud.points[:, 0].min() > 0.2


def test_noise_grows_with_the_square_of_distance() -> None:
    """The spread of readings on a flat face follows the stated law at 0.5 and at 2 metres."""
    camera = DepthCamera(disparity_step=0.0, pixel_jitter=0.0, missing_patches=0.0)
    plate = TriangleMesh(*box([0, 0, 0], [0.01, 4.0, 4.0]))
    for distance in (0.5, 2.0):
        points = scan(plate, np.array([[distance, 0.0, 0.0]]), np.random.default_rng(1), camera).points
        error = points[:, 0] - 0.005
        assert np.std(error) == pytest.approx(float(camera.noise(np.array([distance - 0.005]))[0]), rel=0.05)


def test_depth_is_rounded_in_disparity() -> None:
    """Readings of a slanted plate take few distinct depths, as many as disparity has steps."""
    camera = DepthCamera(noise_floor=0.0, noise_per_square_metre=0.0, pixel_jitter=0.0, disparity_step=0.02)
    slanted = box([0, 0, 0], [0.01, 0.6, 0.6]).turned([0, 0, 1], 0.5)
    eyes = np.array([[1.0, 0.0, 0.0]])
    points = scan(TriangleMesh(*slanted), eyes, np.random.default_rng(1), camera).points
    depths = np.unique(np.round(1.0 - points[:, 0], 6))
    np.testing.assert_allclose(1.0 / depths / 0.02, np.round(1.0 / depths / 0.02), atol=1e-3)


def test_same_seed_same_cloud_and_more_views_see_more() -> None:
    """Seeded errors repeat bit by bit; three views cover sides that one view misses."""
    eyes = viewpoints_around(CUBE, 3, np.random.default_rng(2))
    first, again = (scan(CUBE, eyes, np.random.default_rng(4)) for _ in range(2))
    assert first.points.tobytes() == again.points.tobytes()
    one = scan(CUBE, eyes[:1], np.random.default_rng(4))
    assert np.ptp(first.points, axis=0).sum() > np.ptp(one.points, axis=0).sum() - 0.02
    assert len(first.points) > 1.5 * len(one.points)
    assert one.viewpoint is not None
    assert first.viewpoint is None


def test_table_clearance_cuts_the_bottom() -> None:
    """Removing the table takes the lowest readings of the object with it."""
    cloud = scan(CUBE, FRONT, np.random.default_rng(0), table_clearance=0.03)
    assert cloud.points[:, 2].min() > 0.03


def test_looking_from_inside_a_too_small_view_is_refused() -> None:
    """A scan without readings is an error that names the viewpoints, not an empty cloud."""
    camera = DepthCamera(missing_share=1.0)
    with pytest.raises(NeurokError, match="viewpoints"):
        scan(CUBE, FRONT, np.random.default_rng(0), camera)
