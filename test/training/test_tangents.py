"""Comparing the latent's directions with the ways in which an object can move."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training.tiny import CONFIGURATION, PAIRS

from neurok_model.data.augmentation import AugmentationConfiguration
from neurok_model.data.pairs import PairBatches
from neurok_model.networks import NeurokNetworks
from neurok_model.training.objective import RESPONSE_WEIGHT, ObjectiveWeights, objective
from neurok_model.training.tangents import subspace_errors


def fields(*rows: tuple[float, ...]) -> torch.Tensor:
    """One object with motions of two points, given as rows of six numbers."""
    return torch.tensor(rows, dtype=torch.float64).unflatten(-1, (2, 3))[None]


DOOR = (0.0, 0.0, 0.0, 0.0, 2.0, 0.0)
OTHER = (0.0, 0.0, 0.0, 3.0, 0.0, 0.0)
BASE = (0.5, 0.0, 0.0, 0.0, 0.0, 0.0)
NOTHING = (0.0,) * 6


def shares(caused: torch.Tensor, tangents: torch.Tensor) -> tuple[float, float]:
    missing, spurious, known = subspace_errors(caused, tangents)
    assert known.all()
    return missing.item(), spurious.item()


def test_the_true_motion_in_any_size_and_direction_is_without_error():
    """Protects the meaning of zero: the same line, scaled and turned around."""
    assert shares(fields((0.0, 0.0, 0.0, 0.0, -0.01, 0.0), NOTHING), fields(DOOR)) == pytest.approx(
        (0.0, 0.0), abs=5e-3
    )


def test_shares_by_hand():
    """Protects both formulas: of two joints one is missing, and a base that moves half as far is a fifth of all."""
    caused = fields((0.0, 0.0, 0.0, 0.0, 1.0, 0.0), BASE)
    missing, spurious = shares(caused, fields(DOOR, OTHER))
    assert missing == pytest.approx(0.5, abs=5e-3)
    assert spurious == pytest.approx(0.25 / 1.25, abs=5e-3)


def test_a_mixture_that_the_latent_cannot_take_apart_counts_as_both():
    """Protects against coupling: a door and its base in one direction is half missing and half spurious."""
    caused = fields((1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
    assert shares(caused, fields(DOOR)) == pytest.approx((0.5, 0.5), abs=5e-3)


def test_standing_still_misses_everything_and_keeps_gradients_finite():
    """Protects training from a decoder that does not move: the error is whole, and no derivative is infinite."""
    caused = torch.zeros(1, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    missing, spurious, _ = subspace_errors(caused, fields(DOOR))
    assert missing.item() == pytest.approx(1.0)
    (missing + spurious).sum().backward()
    assert caused.grad is not None
    assert caused.grad.isfinite().all()


def test_objects_of_which_nothing_is_known_are_left_out():
    """Protects stored motions, whose tangents nobody has, from being taken for objects that cannot move."""
    assert not subspace_errors(fields(DOOR), fields(NOTHING))[2].any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_shares_lie_between_none_and_all_and_forget_the_choice_of_coordinates(seed):
    """Protects the measures from scales and from a rotation of the latent, with more tangents than room for them."""
    generator = torch.Generator().manual_seed(seed)
    caused = torch.randn(2, 4, 5, 3, dtype=torch.float64, generator=generator)
    tangents = torch.randn(2, 8, 5, 3, dtype=torch.float64, generator=generator)
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=generator))[0]
    turned = 0.01 * torch.einsum("ij,bjnc->binc", turn, caused)
    for share, again in zip(subspace_errors(caused, tangents)[:2], subspace_errors(turned, tangents)[:2], strict=True):
        assert ((share >= -1e-6) & (share <= 1.0 + 1e-6)).all()
        torch.testing.assert_close(share, again, rtol=1e-4, atol=1e-5)


def test_the_objective_feels_tangents_of_the_decoder_alone():
    """Protects the objective: the weight adds its share, and the encoder of deformations is not asked to please it."""
    torch.manual_seed(0)
    networks = NeurokNetworks(CONFIGURATION.networks)
    batch = PairBatches(PAIRS, AugmentationConfiguration(), "train", 0, 1)[0]
    total = []
    for weight in (0.0, 0.5):
        weights = ObjectiveWeights(divergence=0.0, nested_dropout=0.0, tangents=weight)
        terms = objective(networks, batch, PAIRS.deformation_points, weights, torch.Generator().manual_seed(0))
        total.append(terms.total)
    assert 0.0 < terms.missing_motion.item() <= 1.0
    added = total[1] - total[0]
    shares = terms.missing_motion + terms.spurious_motion + terms.mobility_error
    expected = 0.5 * shares + RESPONSE_WEIGHT * terms.response_error
    assert added.item() == pytest.approx(expected.item(), rel=1e-4)
    added.backward()
    encoder = [one.grad for one in networks.deformation_encoder.parameters() if one.grad is not None]
    assert all(gradient.abs().max() < 1e-6 for gradient in encoder)
    decoder = [one.grad for one in networks.decoder.parameters() if one.grad is not None]
    assert max(gradient.abs().max().item() for gradient in decoder) > 1e-4
