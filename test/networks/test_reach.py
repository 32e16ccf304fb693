"""How far the coordinates of an object reach: an affine change of the latent that the decoder must not notice."""

import pytest
import torch

from neurok_model.networks import NetworkConfiguration, NeurokNetworks
from neurok_model.networks.reach import Reach

SMALL = {"width": 32, "context_tokens": 6, "latent_tokens": 3, "latent_channels": 2, "handles": 5, "neighbours": 4}


def bound_networks(**settings):
    torch.manual_seed(0)
    networks = NeurokNetworks(NetworkConfiguration(**SMALL, **settings)).double().requires_grad_(False)
    positions = torch.rand(2, 9, 3, dtype=torch.float64) - 0.5
    normals = torch.nn.functional.normalize(torch.randn(2, 9, 3, dtype=torch.float64), dim=-1)
    prior = networks.prior_encoder(positions, normals)
    return networks, networks.decoder.bind(positions, normals, prior), prior


def some_reach(seed=1, objects=2, dimension=6):
    generator = torch.Generator().manual_seed(seed)
    entries = torch.randn(objects, dimension, dimension, generator=generator, dtype=torch.float64)
    diagonal = torch.rand(objects, dimension, generator=generator, dtype=torch.float64) + 0.5
    mean = torch.randn(objects, dimension, generator=generator, dtype=torch.float64)
    return Reach(mean, torch.tril(entries, -1) + torch.diag_embed(diagonal))


def test_untrained_it_is_the_prior_itself():
    """Protects checkpoints that are trained on: before a reach is learned, everything is as it was."""
    networks, bound, prior = bound_networks()
    reach = networks.reach(prior, bound)
    torch.testing.assert_close(reach.mean, prior.mean)
    torch.testing.assert_close(reach.whitening, torch.eye(6, dtype=torch.float64).expand(2, -1, -1))
    without, bound, before = bound_networks(reach=False)
    torch.testing.assert_close(without.reach(before, bound).whitening, reach.whitening)


def test_the_decoder_in_units_is_the_same_decoder():
    """Protects mechanics and inverse kinematics, which only ever see units."""
    _, bound, _ = bound_networks()
    reach = some_reach()
    latents = torch.randn(2, 4, 6, dtype=torch.float64)
    units = reach.units(latents)
    torch.testing.assert_close(reach.latents(units), latents)
    torch.testing.assert_close(bound.in_units(reach).displacement(units), bound.displacement(latents))
    index, weight = torch.tensor([[0, 3], [2, 2]]), torch.tensor([[0.5, 0.5], [1.0, 0.0]], dtype=torch.float64)
    vertices = bound.points[:, :2]
    driven = bound.in_units(reach).driven(vertices, index, weight).displacement(units)
    torch.testing.assert_close(driven, bound.driven(vertices, index, weight).displacement(latents))
    first = bound.in_units(reach).of_first(1).displacement(units[:1])
    torch.testing.assert_close(first, bound.displacement(latents)[:1])


def test_the_surprise_is_that_of_the_normal_distribution():
    """Protects the loss against PyTorch's own density, up to the constant."""
    reach = some_reach()
    latents = torch.randn(2, 5, 6, dtype=torch.float64)
    precision = reach.whitening.mT @ reach.whitening
    normal = torch.distributions.MultivariateNormal(reach.mean[:, None], precision_matrix=precision[:, None])
    constant = 3.0 * torch.log(torch.tensor(2.0 * torch.pi, dtype=torch.float64))
    torch.testing.assert_close(reach.surprise(latents), -normal.log_prob(latents) - constant)


def test_it_learns_the_mean_and_the_spread_of_what_it_is_told():
    """Protects learning: one-sided latents, of which one coordinate hardly varies and two vary together."""
    torch.manual_seed(0)
    networks = NeurokNetworks(NetworkConfiguration(**SMALL))
    positions = torch.rand(1, 9, 3) - 0.5
    normals = torch.nn.functional.normalize(torch.randn(1, 9, 3), dim=-1)
    prior = networks.prior_encoder(positions, normals)
    bound = networks.decoder.bind(positions, normals, prior)
    mixing = torch.eye(6)
    mixing[1, 0], mixing[5, 5] = 0.8, 0.2
    shift = torch.tensor((2.0, 0.0, -1.0, 0.0, 0.0, 0.0))
    optimiser = torch.optim.Adam(networks.reach_encoder.parameters(), lr=3e-3)
    for _ in range(500):
        told = prior.mean.detach() + shift + torch.randn(256, 6) @ mixing.T
        loss = networks.reach(prior, bound).surprise(told[None]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    reach = networks.reach(prior, bound)
    covariance = reach.inverse()[0] @ reach.inverse()[0].T
    torch.testing.assert_close(reach.mean[0] - prior.mean[0], shift, atol=0.15, rtol=0)
    torch.testing.assert_close(covariance, mixing @ mixing.T, atol=0.2, rtol=0)


def test_nothing_else_hears_of_it():
    """Protects the latent: the surprise has no gradient outside of the encoder of the reach."""
    networks, _, _ = bound_networks()
    networks.requires_grad_(True)
    positions = torch.rand(1, 9, 3, dtype=torch.float64)
    normals = torch.nn.functional.normalize(positions, dim=-1)
    prior = networks.prior_encoder(positions, normals)
    bound = networks.decoder.bind(positions, normals, prior)
    networks.reach(prior, bound).surprise(torch.ones(1, 1, 6, dtype=torch.float64)).sum().backward()
    moved = [name for name, one in networks.named_parameters() if one.grad is not None and one.grad.abs().max() > 0]
    assert moved
    assert all(name.startswith("reach_encoder.") for name in moved)


@pytest.mark.parametrize("channels", [1, 2])
def test_every_form_of_latent_has_rows(channels):
    """Protects latents of several channels per token: the whitening is lower triangular with a positive diagonal."""
    torch.manual_seed(0)
    settings = {**SMALL, "latent_channels": channels}
    networks = NeurokNetworks(NetworkConfiguration(**settings))
    torch.nn.init.normal_(networks.reach_encoder.to_rows.weight, std=0.3)
    positions = torch.rand(2, 9, 3) - 0.5
    normals = torch.nn.functional.normalize(positions, dim=-1)
    prior = networks.prior_encoder(positions, normals)
    whitening = networks.reach(prior, networks.decoder.bind(positions, normals, prior)).whitening
    assert whitening.shape == (2, 3 * channels, 3 * channels)
    assert torch.equal(whitening, whitening.tril())
    assert (whitening.diagonal(dim1=-2, dim2=-1) > 0.0).all()
