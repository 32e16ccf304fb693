"""The nearest pose that an object can really take."""

from __future__ import annotations

import numpy as np
import pytest

from neurok_model.data.families import build_object
from neurok_model.evaluation.true_poses import RecordedPoses, StatePoses


@pytest.mark.parametrize("family", ["laptop", "desk_lamp", "elastic_bar"])
def test_true_poses_are_their_own_nearest(family: str) -> None:
    """A pose that the object can take is found again; with noise on it, one not farther than the noise."""
    instance = build_object(family, 5)
    generator = np.random.default_rng(0)
    poses = StatePoses(instance, seed=0)
    pose = poses.draw(1, generator)[0]
    size = np.ptp(pose, axis=0).max()
    assert np.abs(poses.nearest(pose) - pose).max() < 0.01 * size
    noisy = pose + generator.normal(0.0, 0.01 * size, pose.shape)
    assert np.linalg.norm(poses.nearest(noisy) - pose, axis=1).mean() < 0.02 * size


def test_limits_hold() -> None:
    """A laptop opened beyond its hinge's limit is nearest to the laptop at its limit."""
    laptop = build_object("laptop", 5)
    upper = laptop.state_range[0, 1]
    beyond, limit = laptop.pose(np.array([[upper + 0.2], [upper]])).vertices
    found = StatePoses(laptop, seed=0).nearest(beyond)
    assert np.abs(found - limit).max() < 1e-3 * np.ptp(limit, axis=0).max()


def test_recorded_frames() -> None:
    """Of recorded frames the nearest one is chosen, and only they are drawn."""
    laptop = build_object("laptop", 5)
    frames = laptop.pose(np.linspace(*laptop.state_range[0], 5)[:, None]).vertices
    poses = RecordedPoses(frames, laptop.triangles, seed=0)
    near = laptop.pose(np.array([[0.1 * laptop.state_range[0, 0] + 0.9 * laptop.state_range[0, 1]]])).vertices[0]
    np.testing.assert_array_equal(poses.nearest(near), frames[4])
    drawn = poses.draw(10, np.random.default_rng(0))
    assert all(any(np.array_equal(some, frame) for frame in frames) for some in drawn)
