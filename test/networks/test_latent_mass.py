"""Latent mass: what the network is unsure of becomes heavier, by as much as it is unsure."""

import math

import pytest
import torch

from neurok_model.networks import NetworkConfiguration, NeurokNetworks
from neurok_model.networks.latent_mass import LEAST_ANSWER, PushResponse

SMALL = {"width": 32, "context_tokens": 6, "latent_tokens": 3, "latent_channels": 2, "handles": 5, "neighbours": 4}


def some_inertia(seed: int, dimension: int = 4) -> torch.Tensor:
    rows = torch.randn(dimension, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return rows @ rows.mT


@pytest.mark.parametrize("seed", range(5))
def test_the_inverse_inertia_is_what_was_asked_for(seed: int) -> None:
    """Protects the definition: (G + E)^-1 = A for every A that is nowhere above G^-1 and not too far below."""
    inertia = some_inertia(seed)
    factor = torch.linalg.inv(torch.linalg.cholesky(inertia))
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]
    wanted = factor.mT @ (turn * torch.tensor((1.0, 0.5, 0.1, 0.02), dtype=torch.float64)) @ turn.mT @ factor
    mass = PushResponse(wanted, inertia).latent_mass()
    torch.testing.assert_close(torch.linalg.inv(inertia + mass), wanted)
    torch.testing.assert_close(mass, mass.mT)
    assert torch.linalg.eigvalsh(mass).min() > -1e-9 * mass.abs().max()


@pytest.mark.parametrize("scale", [-3.0, 0.0, 5.0])
def test_whatever_the_network_says_mass_is_bounded(scale: float) -> None:
    """Protects mechanics from rubbish: no direction is lighter than its surface or heavier than a hundred of it."""
    inertia = some_inertia(7)
    noise = torch.randn(4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mass = PushResponse.of_encoder(scale * (noise + noise.mT), inertia).latent_mass()
    assert torch.linalg.eigvalsh(mass).min() > -1e-9 * mass.abs().max()
    limit = (1.0 / LEAST_ANSWER - 1.0) * inertia
    assert torch.linalg.eigvalsh(limit - mass).min() > -1e-9 * limit.abs().max()


def test_coordinates_that_move_nothing_are_no_trouble() -> None:
    """Protects objects with a closed gate: a coordinate without inertia gets none, and the others get theirs."""
    inertia = torch.diag(torch.tensor((2.0, 0.0, 1.0), dtype=torch.float64))
    symmetric = torch.diag(torch.tensor((1.0, 0.0, 0.25), dtype=torch.float64))
    mass = PushResponse.of_encoder(symmetric, inertia).latent_mass()
    torch.testing.assert_close(mass, torch.diag(torch.tensor((0.0, 0.0, 3.0), dtype=torch.float64)))


def test_fewer_coordinates_answer_with_what_they_share() -> None:
    """Protects the reduction: a coordinate slightly off a sure one is nearly sure, however heavy others are."""
    inertia = torch.eye(3, dtype=torch.float64)
    response = PushResponse(torch.diag(torch.tensor((1.0, 0.0, 0.0), dtype=torch.float64)), inertia)
    off = torch.tensor([[0.98], [math.sqrt(1.0 - 0.98**2)], [0.0]], dtype=torch.float64)
    reduced = response.in_coordinates(off)
    assert reduced.answer.item() == pytest.approx(0.98**2)
    assert reduced.latent_mass().item() == pytest.approx(1.0 / 0.98**2 - 1.0)


def test_other_coordinates_answer_alike() -> None:
    """Protects the change from z to units of reach: the velocity of the surface does not depend on coordinates."""
    generator = torch.Generator().manual_seed(3)
    moves = torch.randn(4, 9, generator=generator, dtype=torch.float64)
    answer = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    change = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    before = PushResponse(answer + answer.mT, moves @ moves.mT)
    after = before.in_coordinates(change)
    torch.testing.assert_close(
        (change.mT @ moves).mT @ after.answer @ change.mT @ moves, moves.mT @ before.answer @ moves
    )


def test_only_its_own_encoder_learns_from_it() -> None:
    """Protects the latent: what is said about doubt must not change what is encoded."""
    torch.manual_seed(0)
    networks = NeurokNetworks(NetworkConfiguration(**SMALL))
    points = torch.rand(1, 9, 3) - 0.5
    normals = torch.nn.functional.normalize(torch.randn(1, 9, 3), dim=-1)
    prior = networks.prior_encoder(points, normals)
    bound = networks.decoder.bind(points, normals, prior)
    answer = networks.latent_mass_encoder(prior, bound, some_inertia(2, 6).float()[None])
    assert torch.equal(answer, answer.mT)
    (answer - torch.eye(6)).square().sum().backward()
    learning = {name for name, parameter in networks.named_parameters() if parameter.grad is not None}
    assert learning
    assert all(name.startswith("latent_mass_encoder.") for name in learning)
