"""Integrators against closed forms: periods, energy, momentum, damping and order of convergence."""

import math

import pytest
import torch
from point_bodies import (
    GRAVITY,
    PointBody,
    WavyBody,
    double_pendulum,
    drawer,
    pendulum,
    state,
    still,
    under_gravity,
)
from scipy.special import ellipk

from neurok_model.mechanics import (
    DormandPrince5,
    Elastic,
    Integrator,
    LagrangianSystem,
    MassProportional,
    Rollout,
    RolloutSettings,
    RungeKutta4,
    Variational,
    Viscous,
    rollout,
)

EVERY = [Variational(), RungeKutta4(), DormandPrince5()]
FIXED_STEP = [Variational(), RungeKutta4()]


def _run(system: LagrangianSystem, start, horizon: float, step: float, method: Integrator) -> Rollout:
    unrefined = RolloutSettings(integrator=method, maximum_step=1.0, maximum_refinements=0)
    return rollout(system, start, still(), horizon, step, settings=unrefined)


def _first_return(angle: torch.Tensor, step: float) -> float:
    """Time at which the angle is back at its initial maximum, by a parabola through three samples."""
    index = int(angle[len(angle) // 2 :].argmax()) + len(angle) // 2
    before, peak, after = angle[index - 1 : index + 2].tolist()
    return step * (index + 0.5 * (before - after) / (before - 2 * peak + after))


@pytest.mark.parametrize("method", FIXED_STEP, ids=lambda method: method.name)
def test_pendulum_has_its_period(method: Integrator) -> None:
    """Protects the balance of inertia and gravity: the exact period at a large amplitude, within 0.2 %."""
    length, amplitude, step = 0.7, 1.2, 1.0 / 60.0
    period = 4.0 * math.sqrt(length / GRAVITY) * ellipk(math.sin(amplitude / 2) ** 2)
    system = under_gravity(pendulum(length=length))
    result = _run(system, state([amplitude]), 1.25 * period, step, method)
    assert _first_return(result.q[0, :, 0], step) == pytest.approx(period, rel=2e-3)


def test_dopri5_agrees_with_the_exact_pendulum() -> None:
    """Protects the reference itself: a quarter period takes the pendulum through the bottom."""
    length, amplitude = 0.7, 1.2
    quarter = math.sqrt(length / GRAVITY) * ellipk(math.sin(amplitude / 2) ** 2)
    result = _run(under_gravity(pendulum(length=length)), state([amplitude]), quarter, quarter, DormandPrince5())
    assert result.q[0, -1, 0].item() == pytest.approx(0.0, abs=1e-5)
    speed = math.sqrt(2 * GRAVITY / length * (1 - math.cos(amplitude)))
    assert result.qdot[0, -1, 0].item() == pytest.approx(-speed, rel=1e-5)


@pytest.mark.parametrize(
    ("method", "bound"), [(Variational(), 5e-3), (RungeKutta4(), 1e-4)], ids=["variational", "rk4"]
)
def test_energy_is_kept_by_a_chaotic_system(method: Integrator, bound: float) -> None:
    """Protects against energy from nowhere: a double pendulum swings wildly for one second at 120 Hz."""
    system = under_gravity(double_pendulum())
    result = _run(system, state([2.0, 1.0]), 1.0, 1.0 / 120.0, method)
    assert result.energy_drift.item() < bound


def test_variational_energy_error_does_not_grow() -> None:
    """Protects the reason for a symplectic method: over 10 swings the error oscillates, it does not
    accumulate.
    """
    system = under_gravity(pendulum(length=0.2))
    result = _run(system, state([1.0]), 10.0, 1.0 / 30.0, Variational())
    total = (result.kinetic_energy + result.potential_energy)[0]
    error = (total - total[0]).abs()
    half = len(error) // 2
    assert error[half:].max() < 1.1 * error[:half].max()


@pytest.mark.parametrize(("method", "order"), [(Variational(), 2), (RungeKutta4(), 4)], ids=["variational", "rk4"])
def test_order_of_convergence(method: Integrator, order: int) -> None:
    """Protects accuracy: halving the step must divide the error by 2^order, on a body without symmetry."""
    system = LagrangianSystem(WavyBody(2), latent_mass=1e-3, damping=(Viscous(torch.eye(2).double() * 1e-3),))
    start = state([0.1, -0.2], [1.5, 1.0])
    ends = [_run(system, start, 0.4, step, method).q[0, -1] for step in (0.4 / 6, 0.4 / 12, 0.4 / 24)]
    ratio = ((ends[0] - ends[1]).norm() / (ends[1] - ends[2]).norm()).item()
    assert ratio == pytest.approx(2.0**order, rel=0.35)


def test_variational_agrees_with_the_adaptive_reference() -> None:
    """Protects the default against a wrong but self-consistent motion: another method arrives at the same
    place.
    """
    system = under_gravity(double_pendulum(), damping=(MassProportional(0.8),))
    start = state([0.9, -0.6], [0.5, 2.0])
    ours = _run(system, start, 0.25, 0.0025, Variational())
    theirs = _run(system, start, 0.25, 0.25, DormandPrince5())
    assert torch.allclose(ours.q[0, -1], theirs.q[0, -1], atol=2e-4)
    assert ours.dissipated[0, -1].item() == pytest.approx(theirs.dissipated[0, -1].item(), rel=1e-3)


def test_rigid_spin_keeps_angular_momentum() -> None:
    """Protects discrete momentum: free rotation about a hinge has constant speed for ever, to rounding."""
    result = _run(LagrangianSystem(pendulum()), state([0.0], [6.0]), 1.0, 1.0 / 60.0, Variational())
    assert torch.allclose(result.qdot, torch.full_like(result.qdot, 6.0), rtol=1e-5)


@pytest.mark.parametrize("method", FIXED_STEP, ids=lambda method: method.name)
def test_damping_loses_the_energy_it_says(method: Integrator) -> None:
    """Protects the energy balance: what is gone from the motion equals the work of damping within 0.5 %."""
    damping = (MassProportional(1.5), Viscous(0.2 * torch.eye(2, dtype=torch.float64)))
    system = under_gravity(double_pendulum(), damping=damping)
    result = _run(system, state([1.0, -0.5]), 1.0, 1.0 / 120.0, method)
    lost = (result.kinetic_energy + result.potential_energy)[0]
    assert (lost[0] - lost[-1]).item() == pytest.approx(result.dissipated[0, -1].item(), rel=5e-3)
    assert (result.dissipated.diff(dim=1) >= 0).all()


@pytest.mark.parametrize("method", EVERY, ids=lambda method: method.name)
def test_free_motion_decays_at_the_damping_rate(method: Integrator) -> None:
    """Protects the meaning of the damping rate: speed falls as exp(-rate t)."""
    body = drawer()
    system = LagrangianSystem(body, damping=(MassProportional(2.0),))
    result = _run(system, state([0.0], [1.0]), 0.5, 1.0 / 60.0, method)
    assert result.qdot[0, -1, 0].item() == pytest.approx(math.exp(-1.0), rel=1e-3)
    assert result.q[0, -1, 0].item() == pytest.approx((1 - math.exp(-1.0)) / 2.0, rel=1e-3)


def test_viscous_drawer_decays_with_its_mass() -> None:
    """Protects viscous damping's unit: speed falls as exp(-c t / m)."""
    system = LagrangianSystem(drawer(3.0), damping=(Viscous(torch.tensor([[6.0]]).double()),))
    result = _run(system, state([0.0], [1.0]), 0.5, 1.0 / 60.0, Variational())
    assert result.qdot[0, -1, 0].item() == pytest.approx(math.exp(-1.0), rel=1e-3)


@pytest.mark.parametrize("method", FIXED_STEP, ids=lambda method: method.name)
def test_spring_drawer_swings_at_its_frequency(method: Integrator) -> None:
    """Protects the elastic term: a drawer on a spring of 2 Hz is back after half a second."""
    body: PointBody = drawer()
    rest = torch.zeros(3, dtype=torch.float64)
    system = LagrangianSystem(body, (Elastic(2.0 * math.pi * 2.0, rest),))
    result = _run(system, state([0.1]), 0.5, 1.0 / 120.0, method)
    assert result.q[0, -1, 0].item() == pytest.approx(0.1, rel=1e-3)
    assert result.q[0, 30, 0].item() == pytest.approx(-0.1, rel=1e-3)
