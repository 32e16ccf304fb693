"""Training examples: what the networks are shown, from families posed on the fly and from stored motions."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurok_model.data.augmentation import NO_AUGMENTATION, AugmentationConfiguration
from neurok_model.data.generation import GenerationRequest, generate
from neurok_model.data.pairs import PairBatches, PairConfiguration
from neurok_model.errors import NeurokError
from neurok_model.geometry import dual_quaternions as dq

PAIRS = PairConfiguration(
    objects=6, targets=3, scan_points=64, deformation_points=16, query_points=16, families=("laptop",)
)


@pytest.fixture(scope="module")
def motions(tmp_path_factory):
    """Two short simulated ropes."""
    folder = tmp_path_factory.mktemp("motions")
    generate(GenerationRequest(folder, ("dangling_rope",), count=2, frames=12))
    return str(folder)


def test_stored_motions_are_drawn_beside_the_families(motions):
    """Protects the mixture: the share decides how often stored motions come, and nothing else decides anything."""
    mixed = replace(PAIRS, motions=motions, motion_share=0.5, objects=40)
    batches = PairBatches(mixed, AugmentationConfiguration(), "train", 0, 1)
    assert set(batches.families) == {"laptop", "dangling_rope"}
    stored = (batches[0].family == batches.families.index("dangling_rope")).double().mean()
    assert 0.25 < stored < 0.75
    for one, other in zip(batches[0], PairBatches(mixed, AugmentationConfiguration(), "train", 0, 1)[0], strict=True):
        assert torch.equal(one, other)


def test_rotations_of_stored_motions_turn_their_surroundings(motions):
    """Protects the rotations that the objective asks for: they carry the tangents of a rope near to where they go."""
    batch = PairBatches(replace(PAIRS, motions=motions, motion_share=1.0), NO_AUGMENTATION, "train", 0, 1)[0]
    points, rotation = batch.points[:, None].double(), batch.rotation.double()
    moved = points + batch.displacement.double()
    distance = torch.cdist(batch.points, batch.points) + torch.eye(points.shape[2]) * 10.0
    nearest = distance.argmin(dim=-1)
    close = distance.amin(dim=-1) < 0.05
    rows = torch.arange(len(nearest))[:, None]
    before = points[:, 0][rows, nearest] - points[:, 0]
    after = moved.transpose(1, 2)[rows, nearest].transpose(1, 2) - moved
    turned = dq.rotate(rotation, before[:, None])
    with_rotation, without = (
        (some - after).norm(dim=-1)[close[:, None].expand(-1, 3, -1)].mean()
        for some in (turned, before[:, None].expand_as(after))
    )
    assert with_rotation < 0.6 * without


def test_a_split_without_stored_motions_is_refused(motions):
    """Protects judgement: validation never falls back to the motions that training has."""
    batches = PairBatches(replace(PAIRS, motions=motions, motion_share=1.0), NO_AUGMENTATION, "validation", 0, 1)
    with pytest.raises(NeurokError, match="validation"):
        batches[0]


def test_targets_prefer_no_pose():
    """Protects the latent from a basin at rest: a door's angle in the targets is uniform between its limits."""
    batches = PairBatches(replace(PAIRS, objects=60, targets=8), NO_AUGMENTATION, "train", 1, 1)
    motion = batches[0].displacement.norm(dim=-1).amax(dim=-1).numpy()
    assert np.mean(motion < 0.02) < 0.15


@pytest.mark.parametrize("augmentation", [NO_AUGMENTATION, AugmentationConfiguration(mirror=1.0, tilt=0.3)])
def test_tangents_are_what_small_displacements_are_made_of(augmentation):
    """Protects the directions that training compares, through mirroring and turning: a laptop that opens a little moves
    along its one tangent; by the displacement itself, which comes another way.
    """
    batch = PairBatches(replace(PAIRS, objects=40, targets=8), augmentation, "train", 5, 1)[0]
    tangent = batch.tangents[:, 0, 0].double()
    assert torch.count_nonzero(batch.tangents[:, :, 1:]) == 0
    torch.testing.assert_close(tangent.square().sum(-1).mean(-1), torch.ones(40).double(), rtol=1e-5, atol=0.0)
    moved = batch.displacement.double()
    size = moved.square().sum((-1, -2)).sqrt()
    along = (moved * tangent[:, None]).sum((-1, -2)).abs() / tangent.square().sum((-1, -2)).sqrt()[:, None]
    small = (size > 0.0) & (moved.norm(dim=-1).amax(-1) < 0.03)
    assert small.any()
    assert (along / size)[small].min() > 0.99


def test_stored_motions_have_no_tangents(motions):
    """Protects against guesses: what no formula gives is left out."""
    batch = PairBatches(replace(PAIRS, motions=motions, motion_share=1.0), NO_AUGMENTATION, "train", 0, 1)[0]
    assert torch.count_nonzero(batch.tangents) == 0
