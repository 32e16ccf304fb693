"""Walls at the edge of what the prior knows: what they give back of a motion, against the law of impact."""

import math

import pytest
import torch
from point_bodies import drawer, free_points, state, still
from test_framed import Floating

from neurok_model.errors import NeurokError
from neurok_model.mechanics import (
    DormandPrince5,
    ImplicitMidpoint,
    Integrator,
    LagrangianSystem,
    MechanicsConfiguration,
    Rollout,
    RolloutSettings,
    RungeKutta4,
    State,
    Variational,
    WallDamping,
    Walls,
    build_system,
    framed_system,
    rollout,
)
from neurok_model.reduction import PriorRegion, SmoothMap

STEP = 1.0 / 60.0
SPEED_MASS_FREQUENCY = [(0.2, 3.0, 6.0), (2.0, 3.0, 6.0), (1.0, 0.01, 6.0), (1.0, 3.0, 2.0)]


def _walled(restitution: float, mass: float = 3.0, frequency: float = 6.0) -> LagrangianSystem:
    """A drawer that slides freely over 0.4 m to either side."""
    body = drawer(mass)
    region = PriorRegion(torch.zeros(1).double(), torch.eye(1).double() * 25.0, 2.0)
    terms = {"gravity": (0.0, 0.0, 0.0), "prior_frequency": 0.0, "damping_rate": 0.0}
    configuration = MechanicsConfiguration(wall_restitution=restitution, wall_frequency=frequency, **terms)
    return build_system(body, body.mass_moment, region, configuration, mass=mass)


def _thrown(system: LagrangianSystem, speed: float, method: Integrator | None = None) -> Rollout:
    """Thrown from 1 mm before the edge, until it is well away from it."""
    settings = RolloutSettings(method or Variational())
    return rollout(system, state([0.399], [speed]), still(), 0.6 + 0.1 / speed, STEP, settings=settings)


@pytest.mark.parametrize("method", [Variational(), ImplicitMidpoint(), RungeKutta4(), DormandPrince5()], ids=str)
@pytest.mark.parametrize("restitution", [0.1, 0.5, 1.0])
def test_a_bounce_gives_back_the_stated_share_of_the_speed(method: Integrator, restitution: float) -> None:
    """Protects what happens at the end of a travel: the law of impact, by every integrator, and its energy."""
    result = _thrown(_walled(restitution), 1.0, method)
    assert result.q[0].amax() > 0.4
    assert result.q[0, -1, 0] < 0.4
    assert result.qdot[0, -1, 0].item() == pytest.approx(-restitution, rel=0.03)
    assert result.dissipated[0, -1].item() == pytest.approx(1.5 * (1.0 - restitution**2), rel=0.01, abs=1e-9)
    assert result.energy_drift.item() < 1e-3


@pytest.mark.parametrize(("speed", "mass", "frequency"), SPEED_MASS_FREQUENCY)
def test_restitution_depends_on_nothing_else(speed: float, mass: float, frequency: float) -> None:
    """Protects fast and slow, light and heavy objects: one number, whatever the wall's stiffness."""
    result = _thrown(_walled(0.3, mass, frequency), speed)
    assert result.qdot[0, -1, 0].item() == pytest.approx(-0.3 * speed, rel=0.03)


def test_without_restitution_it_stays_at_the_wall() -> None:
    """Protects the least restitution: what arrives comes to rest there, and is not thrown back."""
    result = _thrown(_walled(0.0), 1.0)
    assert result.q[0, -1, 0].item() == pytest.approx(0.4, abs=0.03)
    assert result.qdot[0, -1].abs() < 0.03
    assert result.energy_drift.item() < 1e-3


def test_motion_along_a_wall_is_not_damped() -> None:
    """Protects objects of several joints: one that is at its stop does not brake another."""
    body = free_points([[0.0, 0.0, 0.0]])
    # Flat: its edge is met along x alone.
    region = PriorRegion(torch.zeros(3).double(), torch.diag(torch.tensor([25.0, 1e-9, 1e-9])).double(), 2.0)
    walls = Walls(1.0, 0.5, region)
    system = LagrangianSystem(body, (walls,), (WallDamping(walls, 0.2),))
    result = rollout(system, state([0.3, 0.0, 0.0], [1.0, 0.7, -0.4]), still(), 0.6, STEP)
    assert result.qdot[0, -1].tolist() == pytest.approx([-0.2, 0.7, -0.4], rel=0.03)


def test_the_law_of_impact_where_inertia_couples_coordinates() -> None:
    """Protects the inertia that a wall feels: two coordinates that move together, and only one of which ends.

    The impulse is along the wall's normal n, so that n v turns into -e n v and the momentum across n stays.
    """
    coupled = torch.tensor([[1.0, 0.8], [0.0, 0.5]]).double()
    form = SmoothMap(torch.zeros(1, 2).double(), torch.zeros(1).double(), torch.zeros(2, 1).double(), coupled)
    region = PriorRegion(torch.zeros(2).double(), torch.diag(torch.tensor([25.0, 1e-9])).double(), 2.0)
    walls = Walls(1.0, 0.5, region)
    system = LagrangianSystem(form, (walls,), (WallDamping(walls, 0.2),))
    velocity = torch.tensor([1.0, 0.5]).double()
    mass = coupled.mT @ coupled
    normal = torch.tensor([1.0, 0.0]).double()
    yielded = torch.linalg.solve(mass, normal)
    expected = velocity - 1.2 * velocity[0] / yielded[0] * yielded
    for backend in ("reference", "compiled"):
        settings = RolloutSettings(backend=backend)
        result = rollout(system, state([0.3, 0.0], velocity.tolist()), still(), 0.6, STEP, settings=settings)
        assert result.qdot[0, -1].tolist() == pytest.approx(expected.tolist(), rel=0.04)


def test_a_free_object_keeps_its_momentum_when_its_joint_ends() -> None:
    """Protects floating objects: the base takes what the moving part loses, and both then move together."""
    inner = drawer(1.0)
    corners = torch.cartesian_prod(*([torch.tensor([-0.2, 0.2]).double()] * 3))
    points = torch.cat((corners, torch.zeros(1, 3).double()))
    modes = torch.zeros(9, 3, inner.embedding_dimension).double()
    modes[8] = inner.rows(0)
    masses = torch.tensor([0.25] * 8 + [1.0]).double()
    floating = Floating(inner, points, modes, masses)
    region = PriorRegion(torch.zeros(1).double(), torch.eye(1).double() * 400.0, 2.0)
    walls = Walls(1.0, 0.5, region)
    system = framed_system(LagrangianSystem(inner, (walls,), (WallDamping(walls, 0.25),)), floating.body)
    v = torch.tensor([[0.0] * 6 + [0.9]]).double()
    result = rollout(system, State(torch.zeros_like(v), v), still(), 0.5, STEP)
    # Masses of 2 and 1 kg that part at 0.9 m/s leave each other at a quarter of that.
    base, own = result.qdot[0, -1, 3].item(), result.qdot[0, -1, 6].item()
    assert own == pytest.approx(-0.25 * 0.9, rel=0.03)
    assert 2.0 * base + (base + own) == pytest.approx(0.9, rel=1e-3)
    assert result.energy_drift.item() < 1e-3


@pytest.mark.parametrize("restitution", [-0.1, 1.01, math.nan])
def test_impossible_restitutions_are_refused(restitution: float) -> None:
    """Protects against walls that put energy in, with an error that names the field."""
    with pytest.raises(NeurokError, match="wall_restitution"):
        MechanicsConfiguration(wall_restitution=restitution)
    walls = Walls(1.0, 0.5, PriorRegion(torch.zeros(1), torch.eye(1), 2.0))
    with pytest.raises(NeurokError, match="restitution"):
        WallDamping(walls, restitution)
