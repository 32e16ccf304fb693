"""Every potential's gradient against its value, and the formulas that have a meaning of their own."""

import pytest
import torch
from point_bodies import WavyBody, double_pendulum, pendulum, state, under_gravity

from neurok_model.mechanics import (
    CoordinatePotential,
    Elastic,
    Gravity,
    LagrangianSystem,
    MechanicsConfiguration,
    Potential,
    PriorDensity,
    StaticEquilibrium,
    Walls,
    build_system,
)
from neurok_model.reduction import PriorRegion


def _region(dimension: int = 4) -> PriorRegion:
    generator = torch.Generator().manual_seed(3)
    factor = torch.randn(dimension, dimension, generator=generator, dtype=torch.float64)
    precision = factor @ factor.mT + torch.eye(dimension, dtype=torch.float64)
    return PriorRegion(torch.randn(dimension, generator=generator, dtype=torch.float64), precision, 1.5)


def _terms() -> list[Potential]:
    vector = torch.randn(4, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    return [
        Gravity(vector),
        Elastic(3.0, vector),
        PriorDensity(0.7, _region()),
        Walls(0.9, 0.4, _region()),
        StaticEquilibrium(vector),
    ]


@pytest.mark.parametrize("term", _terms(), ids=lambda term: term.name)
def test_gradient_is_the_derivative_of_the_value(term: Potential) -> None:
    """Protects energy conservation: a force that is not its energy's slope creates or destroys energy."""
    at = 1.5 * torch.randn(50, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    at.requires_grad_()
    (expected,) = torch.autograd.grad(term.value(at).sum(), at)
    assert torch.allclose(term.gradient(at), expected, rtol=1e-9, atol=1e-9)


def test_gravity_is_weight_times_height() -> None:
    """Protects the unit and sign of gravity: V = sum m g z, in joules, zero at rest."""
    body = double_pendulum()
    system = under_gravity(body)
    q = torch.tensor([[0.4, -1.2]], dtype=torch.float64)
    heights = body.positions(q)[0, :, 2] - body.rest[:, 2]
    expected = float((body.masses * heights).sum() * 9.81)
    assert system.potential_energy(system.at(state(q.tolist()))).item() == pytest.approx(expected)


def test_walls_are_zero_inside_and_rise_outside() -> None:
    """Protects motion inside the region from the barrier, and the state from leaving."""
    region = _region()
    walls = Walls(2.0, 0.25, region)
    direction = torch.linalg.cholesky(torch.linalg.inv(region.precision))[:, 0]
    distances = torch.tensor([0.5, 1.49, 1.75], dtype=torch.float64)
    values = walls.value(region.mean + distances[:, None] * direction)
    assert values[:2].tolist() == [0.0, 0.0]
    assert values[2].item() == pytest.approx(2.0)


def test_rest_pose_is_an_equilibrium() -> None:
    """Protects the scanned pose: it stands still in the world, so it must in the model."""
    body = WavyBody()
    region = PriorRegion(torch.full((3,), 0.5, dtype=torch.float64), torch.eye(3, dtype=torch.float64), 2.0)
    system = build_system(body, body.mass_moment, region, MechanicsConfiguration(prior_frequency=1.0))
    force = system.conservative_force(system.at(state([[0.0, 0.0, 0.0]])))
    assert force.abs().max() < 1e-12
    without = build_system(
        body, body.mass_moment, region, MechanicsConfiguration(prior_frequency=1.0, static_equilibrium=False)
    )
    assert without.conservative_force(without.at(state([[0.0, 0.0, 0.0]]))).abs().max() > 1e-3


def test_elastic_frequency_is_the_same_in_every_direction() -> None:
    """Protects the coordinate-free form: vibrations at rest have the configured frequency whatever q's
    scale.
    """
    body = WavyBody()
    system = LagrangianSystem(body, (Elastic(7.0, torch.zeros(body.embedding_dimension, dtype=torch.float64)),))
    q = 1e-5 * torch.eye(3, dtype=torch.float64)
    nothing = torch.zeros(3, body.embedding_dimension, dtype=torch.float64)
    acceleration = system.acceleration(system.at(state(q.tolist())), nothing)
    assert torch.allclose(acceleration, -49.0 * q, rtol=1e-3, atol=1e-8)
    assert system.highest_rate == pytest.approx(7.0, rel=1e-3)


def test_a_user_adds_a_term_without_touching_the_core() -> None:
    """Protects extensibility: a potential defined elsewhere takes part in forces and energies."""

    class Magnet(CoordinatePotential):
        name = "magnet"

        def value(self, q: torch.Tensor) -> torch.Tensor:
            return 2.5 * q.square().sum(-1)

        def gradient(self, q: torch.Tensor) -> torch.Tensor:
            return 5.0 * q

    system = LagrangianSystem(pendulum(), (Magnet(),))
    point = system.at(state([[0.2]]))
    assert system.potential_energy(point).item() == pytest.approx(0.1)
    assert system.conservative_force(point).item() == pytest.approx(-1.0)


@pytest.mark.parametrize(
    "bad",
    [{"damping_rate": -1.0}, {"elastic_frequency": float("nan")}, {"gravity": (0.0, 0.0, float("inf"))}],
)
def test_configuration_refuses_what_has_no_meaning(bad: dict) -> None:
    """Protects users from silent nonsense such as negative damping."""
    with pytest.raises(ValueError, match=next(iter(bad))):
        MechanicsConfiguration(**bad)
