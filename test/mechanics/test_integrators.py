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
    plate_lid,
    state,
    still,
    under_gravity,
)
from scipy.special import ellipk

from neurok_model.errors import NeurokError
from neurok_model.mechanics import (
    DormandPrince5,
    DryFriction,
    Elastic,
    Embedding,
    ImplicitMidpoint,
    Integrator,
    LagrangianSystem,
    MassProportional,
    Rollout,
    RolloutSettings,
    RungeKutta4,
    StiffnessProportional,
    Variational,
    Viscous,
    rollout,
)

EVERY = [Variational(), ImplicitMidpoint(), RungeKutta4(), DormandPrince5()]
FIXED_STEP = [Variational(), ImplicitMidpoint(), RungeKutta4()]


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
    ("method", "bound"),
    [(Variational(), 5e-3), (ImplicitMidpoint(), 5e-3), (RungeKutta4(), 1e-4)],
    ids=["variational", "implicit_midpoint", "rk4"],
)
def test_energy_is_kept_by_a_chaotic_system(method: Integrator, bound: float) -> None:
    """Protects against energy from nowhere: a double pendulum swings wildly for one second at 120 Hz."""
    system = under_gravity(double_pendulum())
    result = _run(system, state([2.0, 1.0]), 1.0, 1.0 / 120.0, method)
    assert result.energy_drift.item() < bound


@pytest.mark.parametrize("method", [Variational(), ImplicitMidpoint()], ids=lambda method: method.name)
def test_symplectic_energy_error_does_not_grow(method: Integrator) -> None:
    """Protects the reason for a symplectic method: over many swings the error oscillates, it does not
    accumulate.
    """
    system = under_gravity(pendulum(length=0.2))
    result = _run(system, state([1.0]), 6.0, 1.0 / 30.0, method)
    total = (result.kinetic_energy + result.potential_energy)[0]
    error = (total - total[0]).abs()
    half = len(error) // 2
    assert error[half:].max() < 1.1 * error[:half].max()


@pytest.mark.parametrize(
    ("method", "order"),
    [(Variational(), 2), (ImplicitMidpoint(), 2), (RungeKutta4(), 4)],
    ids=["variational", "implicit_midpoint", "rk4"],
)
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


def test_implicit_midpoint_keeps_the_energy_of_vibrations_exactly() -> None:
    """Protects its main property: quadratic energies are conserved to rounding, however long the step."""
    system = LagrangianSystem(drawer(), (Elastic(2.0 * math.pi * 3.0, torch.zeros(3).double()),))
    result = _run(system, state([0.1]), 0.7, 1.0 / 60.0, ImplicitMidpoint(iterations=20))
    assert result.energy_drift.item() < 1e-10


@pytest.mark.parametrize("body", [WavyBody(3), double_pendulum()], ids=["wavy", "double_pendulum"])
def test_kinetic_slope_is_the_derivative_of_the_kinetic_energy(body: PointBody) -> None:
    """Protects the midpoint rule's Coriolis forces, automatic and written out, against finite differences."""
    generator = torch.Generator().manual_seed(7)
    q, v = (torch.randn(4, body.dimension, generator=generator, dtype=torch.float64) for _ in range(2))

    def kinetic(position: torch.Tensor) -> torch.Tensor:
        return 0.5 * (body.jacobian(position) @ v[..., None])[..., 0].square().sum(-1)

    steps = 1e-6 * torch.eye(body.dimension, dtype=torch.float64)
    expected = torch.stack([(kinetic(q + d) - kinetic(q - d)) / 2e-6 for d in steps], dim=-1)
    assert torch.allclose(body.kinetic_slope(q, v), expected, rtol=1e-6, atol=1e-8)
    assert torch.allclose(Embedding.kinetic_slope(body, q, v), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("method", [Variational(), ImplicitMidpoint()], ids=lambda method: method.name)
def test_rigid_spin_keeps_angular_momentum(method: Integrator) -> None:
    """Protects discrete momentum: free rotation about a hinge has constant speed for ever, to rounding."""
    result = _run(LagrangianSystem(pendulum()), state([0.0], [6.0]), 1.0, 1.0 / 60.0, method)
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


def test_stiffness_proportional_damping_is_a_share_of_the_critical_one() -> None:
    """Protects Rayleigh's second coefficient: damping ratio beta omega / 2, amplitude exp(-ratio omega t)."""
    omega, time = 2.0 * math.pi * 2.0, 0.01
    system = LagrangianSystem(
        drawer(), (Elastic(omega, torch.zeros(3).double()),), (StiffnessProportional(time, omega),)
    )
    ratio = 0.5 * time * omega
    period = 2.0 * math.pi / (omega * math.sqrt(1.0 - ratio**2))
    result = _run(system, state([0.1]), period, period / 240, Variational())
    assert result.q[0, -1, 0].item() == pytest.approx(0.1 * math.exp(-ratio * omega * period), rel=2e-3)


def test_dry_friction_stops_a_drawer_at_a_constant_rate() -> None:
    """Protects Coulomb's law in the joints: v falls by a t, the drawer stops after v^2 / 2a and stays."""
    system = LagrangianSystem(drawer(3.0), friction=DryFriction.of_deceleration(2.0, 3.0))
    result = _run(system, state([0.0], [1.0]), 1.0, 1.0 / 60.0, Variational())
    assert result.qdot[0, 15, 0].item() == pytest.approx(1.0 - 2.0 * 0.25, rel=1e-6)
    assert result.q[0, -1, 0].item() == pytest.approx(0.25, rel=1e-3)
    assert result.qdot[0, -1].abs().max() == 0.0
    assert result.dissipated[0, -1].item() == pytest.approx(1.5, rel=1e-9)


@pytest.mark.parametrize("method", FIXED_STEP, ids=lambda method: method.name)
@pytest.mark.parametrize("held", [True, False])
def test_dry_friction_holds_a_lid_below_its_limit(method: Integrator, held: bool) -> None:
    """Protects sticking: under its weight a lid neither creeps nor gains energy, until friction is too weak."""
    body = plate_lid()
    weight = float((body.masses * body.rest[:, 0]).sum()) * GRAVITY
    inertia = float((body.masses * body.rest[:, 0].square()).sum())
    strength = weight / math.sqrt(inertia) * (1.05 if held else 0.95)
    system = under_gravity(body, friction=DryFriction(strength), damping=(MassProportional(0.3),))
    result = _run(system, state([0.0]), 0.3, 1.0 / 60.0, method)
    if held:
        assert result.q.abs().max() < (1e-12 if isinstance(method, Variational) else 2e-4)
        assert result.dissipated.abs().max() < 1e-3
    else:
        expected = -0.5 * 0.05 * weight / inertia * 0.3**2
        assert result.q[0, -1, 0].item() == pytest.approx(expected, rel=0.08)
    assert result.energy_drift.item() < 1e-2


@pytest.mark.parametrize(
    "make",
    [
        lambda: MassProportional(-0.1),
        lambda: StiffnessProportional(float("nan"), 1.0),
        lambda: Viscous(torch.tensor([[1.0, 0.0], [0.0, -1.0]])),
        lambda: Viscous(torch.tensor([[1.0, 0.5], [0.0, 1.0]])),
        lambda: DryFriction(-1.0),
    ],
)
def test_damping_that_would_put_energy_in_is_refused(make) -> None:
    """Protects against negative damping, by any of its names."""
    with pytest.raises(NeurokError):
        make()


@pytest.mark.parametrize("method", FIXED_STEP, ids=lambda method: method.name)
def test_spring_drawer_swings_at_its_frequency(method: Integrator) -> None:
    """Protects the elastic term: a drawer on a spring of 2 Hz is back after half a second."""
    body: PointBody = drawer()
    rest = torch.zeros(3, dtype=torch.float64)
    system = LagrangianSystem(body, (Elastic(2.0 * math.pi * 2.0, rest),))
    result = _run(system, state([0.1]), 0.5, 1.0 / 120.0, method)
    assert result.q[0, -1, 0].item() == pytest.approx(0.1, rel=1e-3)
    assert result.q[0, 30, 0].item() == pytest.approx(-0.1, rel=1e-3)
