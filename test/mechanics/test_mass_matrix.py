"""The mass matrix and the Coriolis term, against textbooks and explicit Christoffel symbols."""

import math

import pytest
import torch
from point_bodies import PointBody, WavyBody, double_pendulum, pendulum, plate_lid, state, still

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import FunctionEmbedding, LagrangianSystem, MechanicsConfiguration, build_system, rollout
from neurok_model.reduction.region import PriorRegion


def _configurations(body: PointBody, count: int = 20) -> torch.Tensor:
    return torch.randn(count, body.dimension, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def _mass_matrix(body: PointBody, q: torch.Tensor, latent_mass: float = 0.0) -> torch.Tensor:
    return LagrangianSystem(body, latent_mass=latent_mass).mass_matrix(body.jacobian(q))


@pytest.mark.parametrize("body", [pendulum(), double_pendulum(), plate_lid(), WavyBody(), WavyBody(6, 30, 3)])
def test_mass_matrix_is_symmetric_positive_definite(body: PointBody) -> None:
    """Protects every solve in the mechanics: a mass matrix that is not SPD has no inverse and no energy."""
    mass_matrix = _mass_matrix(body, _configurations(body), latent_mass=1e-4)
    assert torch.equal(mass_matrix, mass_matrix.mT)
    assert torch.linalg.eigvalsh(mass_matrix).min() > 0.9e-4


def test_double_pendulum_mass_matrix_is_the_textbook_one() -> None:
    """Protects G = J^T M J against wrong weighting of masses or axes."""
    lengths, masses = (0.6, 0.4), (1.5, 0.8)
    q = _configurations(double_pendulum())
    ours = _mass_matrix(double_pendulum(lengths, masses), q)
    coupling = masses[1] * lengths[0] * lengths[1] * (q[:, 0] - q[:, 1]).cos()
    assert torch.allclose(ours[:, 0, 0], torch.full_like(coupling, sum(masses) * lengths[0] ** 2))
    assert torch.allclose(ours[:, 1, 1], torch.full_like(coupling, masses[1] * lengths[1] ** 2))
    assert torch.allclose(ours[:, 0, 1], coupling)


def _explicit_coriolis(body: PointBody, q: torch.Tensor, qdot: torch.Tensor) -> torch.Tensor:
    """sum_jk Gamma_ijk v_j v_k with Gamma from central differences of the mass matrix (one configuration)."""
    k, h = len(q), 1e-5
    offsets = h * torch.eye(k, dtype=torch.float64)
    slope = torch.stack([(_mass_matrix(body, q + d) - _mass_matrix(body, q - d)) / (2 * h) for d in offsets])
    # slope[l, i, j] = dG_ij / dq_l; Gamma_ijk = 1/2 (dG_ij/dq_k + dG_ik/dq_j - dG_jk/dq_i).
    gamma = 0.5 * (slope.permute(1, 2, 0) + slope.permute(1, 0, 2) - slope)
    return torch.einsum("ijk,j,k->i", gamma, qdot, qdot)


@pytest.mark.parametrize("body", [double_pendulum(), WavyBody(), WavyBody(5, 30, 2)])
def test_coriolis_equals_explicit_christoffel_symbols(body: PointBody) -> None:
    """Protects J^T (d2y/dq2)[v, v], which stands in for Christoffel symbols that are never formed."""
    q = _configurations(body, 4)
    qdot = torch.randn(q.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    system = LagrangianSystem(body)
    ours = system.coriolis(system.at(state(q.tolist(), qdot.tolist())))
    expected = torch.stack([_explicit_coriolis(body, *pair) for pair in zip(q, qdot, strict=True)])
    assert torch.allclose(ours, expected, rtol=1e-6, atol=1e-8 * expected.abs().max())


def test_double_pendulum_acceleration_is_the_textbook_one() -> None:
    """Protects the signs of gravity, Coriolis and mass matrix together."""
    (l1, l2), (m1, m2), g = (0.6, 0.4), (1.5, 0.8), 9.81
    body = double_pendulum((l1, l2), (m1, m2))
    (a, b), (u, w) = (0.7, -0.4), (1.1, 2.3)
    system = LagrangianSystem(body, (body.gravity(),))
    ours = system.acceleration(system.at(state([[a, b]], [[u, w]])), torch.zeros(1, 6, dtype=torch.float64))[0]
    mass_matrix = torch.tensor(
        [[(m1 + m2) * l1**2, m2 * l1 * l2 * math.cos(a - b)], [m2 * l1 * l2 * math.cos(a - b), m2 * l2**2]]
    )
    coriolis = m2 * l1 * l2 * math.sin(a - b) * torch.tensor([w**2, -(u**2)])
    gravity = torch.tensor([(m1 + m2) * g * l1 * math.sin(a), m2 * g * l2 * math.sin(b)])
    expected = torch.linalg.solve(mass_matrix.double(), -(coriolis + gravity).double())
    assert torch.allclose(ours, expected, rtol=1e-6)


def test_latent_mass_enters_momentum_and_energy() -> None:
    """Protects conservation: an inertia that moves the state but is not in the energy would look like
    drift.
    """
    body = pendulum(mass=2.0, length=0.7)
    system = LagrangianSystem(body, latent_mass=0.5)
    point = system.at(state([[0.3]], [[2.0]]))
    assert system.kinetic_energy(point).item() == pytest.approx(0.5 * (2.0 * 0.49 + 0.5) * 4.0)


def test_learned_latent_mass_is_added_with_its_weight() -> None:
    """Protects the way from the networks to the mechanics: what they lend is there, once, and can be switched off."""
    body = double_pendulum()
    region = PriorRegion(torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64), 2.0)
    learned = torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64)

    def latent(weight: float, given: torch.Tensor | None) -> torch.Tensor:
        settings = MechanicsConfiguration(learned_latent_mass=weight, smallest_inertia=0.0)
        return build_system(body, body.mass_moment, region, settings, learned_latent_mass=given).latent

    torch.testing.assert_close(latent(1.0, learned) - latent(1.0, None), learned)
    torch.testing.assert_close(latent(0.5, learned) - latent(0.5, None), 0.5 * learned)
    torch.testing.assert_close(latent(0.0, learned), latent(0.0, None))


@pytest.mark.parametrize("body", [double_pendulum(), plate_lid(), WavyBody()])
def test_automatic_derivatives_equal_the_written_out_ones(body: PointBody) -> None:
    """Protects the base class: bodies that give only y(q) get right first and second derivatives."""
    q = _configurations(body, 5)
    velocity = torch.flip(q, dims=(0,))
    automatic = FunctionEmbedding(body.value, body.dimension)
    assert torch.allclose(automatic.value(q), body.value(q))
    assert torch.allclose(automatic.jacobian(q), body.jacobian(q))
    assert torch.allclose(automatic.second_directional(q, velocity), body.second_directional(q, velocity))


@pytest.mark.parametrize("weight_on_stop", [False, True])
def test_an_object_without_inertia_is_refused_in_words(weight_on_stop: bool) -> None:
    """Protects users whose scan the network does not move at all: they read what is wrong, not of a factorisation."""
    body = PointBody(lambda q: 0.0 * q[..., None, :] + torch.ones(1, 3, dtype=torch.float64), [1.0], 3)
    region = PriorRegion(torch.zeros(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64), 2.0)
    system = build_system(body, body.mass_moment, region, MechanicsConfiguration(weight_on_stop=weight_on_stop))
    with pytest.raises(NeurokError, match="inertia of a coordinate at rest = 0 kg") as caught:
        rollout(system, state([[0.0, 0.0, 0.0]]), still(), 0.1, 0.01)
    assert caught.value.code is ErrorCode.INVALID_PARAMETER
