"""Batches of pairs: functions of the seed alone, consistent, and in the networks' coordinates."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from training.tiny import PAIRS

from neurok_model.data.augmentation import NO_AUGMENTATION, AugmentationConfiguration
from neurok_model.data.pairs import PairBatches
from neurok_model.geometry import dual_quaternions as dq


def test_batches_depend_on_seed_split_and_number_alone():
    """Protects reproducibility, and the split: training and test instances come from different streams."""
    first, again = (PairBatches(PAIRS, AugmentationConfiguration(), "train", 3, 10)[7] for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other)
    other_split = PairBatches(PAIRS, AugmentationConfiguration(), "test", 3, 10)[7]
    assert not torch.equal(first.points, other_split.points)


@pytest.mark.parametrize("augmentation", [NO_AUGMENTATION, AugmentationConfiguration(mirror=1.0)])
def test_rotations_and_displacements_describe_one_rigid_motion(augmentation):
    """Protects the training target under rotation and mirroring: a rigid part's points share one dual quaternion."""
    pairs = replace(PAIRS, families=("laptop",), objects=6)
    batch = PairBatches(pairs, augmentation, "train", 0, 1)[0]
    points = batch.points[:, None].double()
    motion = dq.from_motion(batch.rotation.double(), points, points + batch.displacement.double())
    moving = batch.displacement.norm(dim=-1) > 1e-3
    assert moving.any()
    for one_motion, mask in zip(motion.flatten(0, 1), moving.flatten(0, 1), strict=True):
        if mask.any():
            spread = one_motion[mask] - one_motion[mask][:1]
            assert spread.abs().max() < 1e-3


def test_scans_fill_the_unit_box():
    """Protects the networks' coordinates: every scan's longest side is 1 and centred, metres or not."""
    batch = PairBatches(PAIRS, AugmentationConfiguration(), "train", 0, 1)[0]
    extent = batch.scan_points.amax(1) - batch.scan_points.amin(1)
    torch.testing.assert_close(extent.amax(-1), torch.ones(len(extent)))
    torch.testing.assert_close(batch.scan_points.amax(1), -batch.scan_points.amin(1), atol=1e-6, rtol=0)
