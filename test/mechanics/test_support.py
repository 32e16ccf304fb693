"""What carries the weight of the scanned pose and can only push, and the inertia that light directions lack."""

import math

import pytest
import torch
from point_bodies import GRAVITY, LinkedBody, WavyBody, pendulum, plate_lid, state, still

from neurok_model.errors import NeurokError
from neurok_model.mechanics import (
    LagrangianSystem,
    MechanicsConfiguration,
    Rollout,
    Support,
    build_system,
    rollout,
)
from neurok_model.reduction import PriorRegion

STEP = 1.0 / 60.0
TERMS = {"prior_frequency": 0.0, "damping_rate": 0.0, "latent_mass_ratio": 0.0, "weight_on_stop": True}


def _region(k: int = 1) -> PriorRegion:
    return PriorRegion(torch.zeros(k).double(), torch.eye(k).double(), 6.0)


def _lift(mass: float = 2.0) -> LagrangianSystem:
    """A weight that slides upright, on its lower stop."""
    slope = torch.tensor((0.0, 0.0, 1.0))[None, :, None]
    body = LinkedBody(torch.zeros_like(slope), torch.zeros_like(slope), slope, [mass])
    return build_system(body, body.mass_moment, _region(), MechanicsConfiguration(**TERMS), mass=mass)


def _run(system: LagrangianSystem, speed: float, horizon: float) -> Rollout:
    return rollout(system, state([0.0], [speed]), still(), horizon, STEP)


def test_what_rests_on_its_stop_stays_there() -> None:
    """Protects the scanned pose: the stop carries exactly the weight."""
    result = _run(_lift(), 0.0, 0.5)
    assert result.q.abs().max() < 1e-9


def test_what_is_thrown_up_falls_back_and_stays() -> None:
    """Protects lids and handles: free fall above the stop, and a bounce with the stated restitution on it."""
    result = _run(_lift(), 1.5, 0.8)
    height, time = result.q[0, :, 0], result.times
    flying = (time > 0.03) & (time < 2.0 * 1.5 / GRAVITY)
    fall = height[flying] - (1.5 * time[flying] - 0.5 * GRAVITY * time[flying].square())
    # It is let go a little above where it rests, and with a little of the spring's push.
    assert fall.abs().max() < 0.004
    assert height.max() == pytest.approx(1.5**2 / (2.0 * GRAVITY), rel=0.05)
    assert height[time > 0.5].abs().max() < 0.008
    assert height.min() > -0.03
    assert result.energy_drift.item() < 2e-3


def test_a_stop_does_not_give_way() -> None:
    """Protects closed doors and lids from being pushed through where they rest."""
    result = _run(_lift(), -0.5, 0.5)
    assert result.q.min() > -0.02
    assert result.qdot[0, -1].abs() < 0.06


def test_a_lid_lies_on_its_box_and_a_pendulum_hangs() -> None:
    """Protects swings from a stop at their lowest point, where gravity draws back from both sides."""
    for body, carried in ((plate_lid(), True), (pendulum(), False)):
        configuration = MechanicsConfiguration(**TERMS)
        system = build_system(body, body.mass_moment, _region(), configuration)
        assert any(isinstance(term, Support) for term in system.potentials) == carried
        start = state([0.0], [1.0])
        lowest = rollout(system, start, still(), 1.2, STEP).q.min()
        assert (lowest > -0.05) == carried


def test_supports_do_not_shorten_every_step() -> None:
    """Protects speed: a stop's stiffness counts only in the frames in which it is met."""
    assert _lift().highest_rate < 1e-3


def test_light_directions_are_given_what_they_lack() -> None:
    """Protects predictions from directions that hardly move the surface: at rest, none is lighter than a share of the
    heaviest one, whose own inertia stays as it is.
    """
    body = WavyBody(4, 20)
    inertia = torch.linalg.eigvalsh(body.jacobian(torch.zeros(4).double()).mT @ body.jacobian(torch.zeros(4).double()))
    assert inertia[0] < 0.3 * inertia[-1]
    terms = TERMS | {"smallest_inertia": 0.3, "weight_on_stop": False}
    system = build_system(body, body.mass_moment, _region(4), MechanicsConfiguration(**terms))
    given = torch.linalg.eigvalsh(system.mass_matrix(body.jacobian(torch.zeros(4).double())))
    torch.testing.assert_close(given, inertia.clamp_min(0.3 * float(inertia[-1])))


@pytest.mark.parametrize(
    "bad",
    [{"smallest_inertia": -0.1}, {"smallest_inertia": math.nan}, {"weight_on_stop": True, "static_equilibrium": False}],
)
def test_what_has_no_meaning_is_refused(bad: dict) -> None:
    """Protects users with an error that names the field."""
    with pytest.raises(NeurokError, match=next(iter(bad))):
        MechanicsConfiguration(**bad)
