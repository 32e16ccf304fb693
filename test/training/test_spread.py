"""Counting the directions of the latent that move an object."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurok_model.networks import NetworkConfiguration, NeurokNetworks
from neurok_model.training.spread import effective_directions, latent_products, spread_penalty

TINY = NetworkConfiguration(width=32, context_tokens=6, latent_tokens=4, handles=5, neighbours=4)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_orthogonal_directions_of_one_size_count_one_each(count):
    """Protects the measure's meaning; by hand: (count sqrt(s))^2 / (count s) = count."""
    products = torch.diag_embed(torch.tensor([[3.0] * count + [0.0] * (5 - count)], dtype=torch.float64))
    assert effective_directions(products).item() == pytest.approx(count, rel=0.15)


def test_two_sizes_by_hand():
    """Protects the formula: eigenvalues 4 and 1 make (2 + 1)^2 / 5 = 1.8 directions."""
    products = torch.diag_embed(torch.tensor([[4.0, 1.0]], dtype=torch.float64))
    assert effective_directions(products).item() == pytest.approx(1.8, rel=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-3, 1e3))
def test_neither_the_size_of_the_motion_nor_a_rotation_of_the_latent_matters(seed, scale):
    """Protects against a decoder that lowers the count by standing still or by renaming coordinates."""
    generator = torch.Generator().manual_seed(seed)
    motions = torch.randn(1, 6, 20, dtype=torch.float64, generator=generator)
    turn = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=generator))[0]
    turned = scale * (turn @ motions)
    torch.testing.assert_close(
        effective_directions(motions @ motions.mT), effective_directions(turned @ turned.mT), rtol=1e-6, atol=0.0
    )


def test_directions_that_do_nothing_keep_the_gradient_finite():
    """Protects training: the root's slope at zero is infinite, and closed gates make exact zeros."""
    motions = torch.zeros(1, 4, 8)
    motions[0, 0, 0] = 1.0
    motions.requires_grad_()
    effective_directions(motions @ motions.mT).log().sum().backward()
    assert motions.grad.isfinite().all()


def test_closed_gates_leave_one_direction():
    """Protects gates: with all but one closed an object has one direction, whatever the weights are."""
    torch.manual_seed(0)
    networks = NeurokNetworks(TINY).requires_grad_(False)
    points = torch.rand(2, 24, 3) - 0.5
    normals = torch.nn.functional.normalize(torch.randn(2, 24, 3), dim=-1)
    prior = networks.prior_encoder(points, normals)
    bound = networks.decoder.bind(points, normals, prior)
    open_directions = effective_directions(latent_products(bound, prior.mean, torch.ones(2, 4)))
    bound.gates = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    products = latent_products(bound, prior.mean, torch.ones(2, 4))
    assert (open_directions > 1.5).all()
    torch.testing.assert_close(effective_directions(products), torch.ones(2), rtol=0.15, atol=0.0)
    alone = latent_products(bound.of_first(1), prior.mean[:1], torch.ones(1, 4))
    torch.testing.assert_close(alone, products[:1])


def test_a_direction_that_nothing_asks_for_does_not_pay():
    """Protects against the loophole: one wild direction lowers the count, but never the penalty."""
    motion = torch.tensor([0.1], dtype=torch.float64)
    honest = torch.diag_embed(torch.tensor([[0.006, 0.004, 0.002]], dtype=torch.float64))
    penalties, counts = [], []
    for wild in (0.0, 0.01, 0.1, 1.0, 10.0):
        penalty, count = spread_penalty(honest + torch.diag_embed(torch.tensor([[wild, 0.0, 0.0]])), motion)
        penalties.append(penalty.item())
        counts.append(count.item())
    assert counts == sorted(counts, reverse=True)
    assert penalties == sorted(penalties)
