"""Contact with obstacles and stops, against closed forms."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from point_bodies import GRAVITY, LinkedBody, free_points, plate_lid, state, still, under_gravity

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import (
    Box,
    Capsule,
    CoordinateLimits,
    HalfSpace,
    LagrangianSystem,
    Obstacle,
    Outcome,
    RolloutSettings,
    RungeKutta4,
    Sphere,
    SurfaceContacts,
    Variational,
    rollout,
)

STEP = 1.0 / 60.0


def among(body: LinkedBody, *obstacles: Obstacle, start: list[float] | None = None, **terms: object):
    """The body under gravity, with its points kept out of the obstacles."""
    rows = torch.stack([body.rows(index) for index in range(len(body.masses))])
    y = body.value(torch.zeros(body.dimension).double() if start is None else torch.tensor(start).double())
    contacts = SurfaceContacts(body.rest, rows, obstacles, y, tolerance=1e-5, resting_speed=0.05)
    return under_gravity(body, constraints=(contacts,), **terms)


@pytest.mark.parametrize("method", [Variational(), RungeKutta4()], ids=lambda method: method.name)
def test_a_ball_bounces_as_in_the_textbook(method) -> None:
    """Protects impacts: times and heights of a bouncing ball, h_n = e^(2n) h, whatever the integrator."""
    height, restitution = 0.5, 0.8
    system = among(free_points([[0.0, 0.0, height]]), HalfSpace(restitution=restitution, friction=0.3))
    fall = math.sqrt(2.0 * height / GRAVITY)
    apex = fall * (1.0 + restitution)
    result = rollout(system, state([0.0] * 3), still(), 0.9, STEP, settings=RolloutSettings(method))
    z = height + result.q[0, :, 2]
    times = result.times
    first = (times > fall) & (times < fall * (1.0 + 2.0 * restitution))
    expected = restitution**2 * height - 0.5 * GRAVITY * (times - apex) ** 2
    assert torch.allclose(z[first], expected[first], atol=2e-4)
    assert z.min() > -1e-4
    assert result.energy_drift.item() < 1e-3
    lost = 0.5 * GRAVITY * height * (1.0 - restitution**2)
    assert result.dissipated[0, 40].item() == pytest.approx(lost, rel=1e-3)


def test_a_perfectly_elastic_ball_keeps_its_energy() -> None:
    """Protects against energy from nowhere over many impacts."""
    system = among(free_points([[0.0, 0.0, 0.3]]), HalfSpace(restitution=1.0))
    result = rollout(system, state([0.0] * 3), still(), 2.5, STEP)
    assert 0.3 + result.q[0, -60:, 2].max().item() == pytest.approx(0.3, abs=2e-3)
    assert result.energy_drift.item() < 1e-3


@pytest.mark.parametrize("coefficient", [0.1, 0.4])
def test_a_sliding_block_stops_where_friction_says(coefficient: float) -> None:
    """Protects Coulomb's law: a block slides v^2 / (2 mu g) far, stops for good, and its energy has become heat."""
    speed = 1.2 if coefficient > 0.2 else 0.6
    system = among(free_points([[0.0, 0.0, 0.0]]), HalfSpace(friction=coefficient))
    way = speed**2 / (2.0 * coefficient * GRAVITY)
    result = rollout(system, state([0.0] * 3, [speed, 0.0, 0.0]), still(), 0.7, STEP)
    assert result.q[0, -1, 0].item() == pytest.approx(way, rel=0.01)
    assert result.q[0, :, 2].abs().max() < 1e-5
    assert result.qdot[0, -1].abs().max() < 1e-6
    assert result.dissipated[0, -1].item() == pytest.approx(0.5 * 0.5 * speed**2, rel=1e-3)
    assert (result.dissipated[0].diff() > -1e-12).all()


@pytest.mark.parametrize(("angle", "slides"), [(0.35, False), (0.45, True)])
def test_a_block_on_an_incline_holds_up_to_the_angle_of_friction(angle: float, slides: bool) -> None:
    """Protects sticking: below tan(angle) = mu nothing creeps, above it g (sin - mu cos) accelerates."""
    coefficient = 0.4
    normal = (math.sin(angle), 0.0, math.cos(angle))
    system = among(free_points([[0.0, 0.0, 0.0]]), HalfSpace(normal=normal, friction=coefficient))
    result = rollout(system, state([0.0] * 3), still(), 0.5, STEP)
    way = result.q[0, -1].norm().item()
    if slides:
        acceleration = GRAVITY * (math.sin(angle) - coefficient * math.cos(angle))
        assert way == pytest.approx(0.5 * acceleration * 0.25, rel=0.02)
    else:
        assert way < 1e-6


def test_a_lid_closes_on_its_stop() -> None:
    """Protects the table below: a lid falls shut, stays shut at 0 and never passes through."""
    lid = plate_lid()
    system = among(lid, HalfSpace(), start=[1.0])
    result = rollout(system, state([1.0]), still(), 1.0, STEP)
    assert result.outcomes == [Outcome.OK]
    assert result.q[0].min() > -1e-3
    assert result.q[0, -20:].abs().max() < 1e-3
    assert result.qdot[0, -1].abs().max() < 1e-3
    assert result.energy_drift.item() < 2e-3


def test_stops_of_joints_turn_the_motion_back() -> None:
    """Protects joint limits: a lid thrown at its stop leaves with e times its speed."""
    lid = plate_lid()
    stops = CoordinateLimits(torch.tensor([0.0]).double(), torch.tensor([0.5]).double(), restitution=0.5)
    system = LagrangianSystem(lid, constraints=(stops,))
    result = rollout(system, state([0.3], [2.0]), still(), 0.25, STEP)
    assert result.qdot[0, -1, 0].item() == pytest.approx(-1.0, rel=1e-6)
    assert result.q[0, -1, 0].item() == pytest.approx(0.5 - (0.25 - 0.1), abs=1e-3)


def test_cloth_comes_to_rest_on_a_table() -> None:
    """Protects many contacts at once: points tied by springs fall on a table and lie there, none below it."""
    starts = [[0.1 * i, 0.1 * j, 0.15 + 0.02 * (i + j)] for i in range(4) for j in range(4)]
    system = among(free_points(starts, mass=0.01), HalfSpace(friction=0.6))
    result = rollout(system, state([0.0] * 48), still(), 0.6, STEP)
    heights = result.q[0].unflatten(-1, (16, 3))[..., 2] + system.constraints[0].points[:, 2]
    assert heights.min() > -1e-4
    assert heights[-1].abs().max() < 1e-4
    assert result.qdot[0, -1].abs().max() < 1e-3


def test_a_moving_fingertip_pushes_and_its_work_is_counted() -> None:
    """Protects moving obstacles: a ball that travels at 0.5 m/s drives a free mass before it at its own speed."""
    body = free_points([[0.0, 0.0, 0.0]])
    finger = Sphere(centre=(-0.1, 0.0, 0.0), radius=0.05, velocity=(0.5, 0.0, 0.0), friction=0.0)
    rows = body.rows(0)[None]
    contacts = SurfaceContacts(body.rest, rows, [finger], torch.zeros(3).double(), tolerance=1e-5)
    result = rollout(LagrangianSystem(body, constraints=(contacts,)), state([0.0] * 3), still(), 0.5, STEP)
    assert result.qdot[0, -1, 0].item() == pytest.approx(0.5, rel=1e-6)
    assert result.q[0, -1, 0].item() == pytest.approx(0.5 * (0.5 - 0.1), abs=0.01)
    kinetic = 0.5 * 0.5 * 0.5**2
    assert (result.work - result.dissipated)[0, -1].item() == pytest.approx(kinetic, rel=1e-6)


OBSTACLES = [
    HalfSpace(point=(0.0, 0.1, 0.0), normal=(0.0, 1.0, 2.0)),
    Sphere(centre=(0.1, 0.0, 0.2), radius=0.3),
    Capsule(start=(0.0, 0.0, 0.0), end=(0.3, 0.1, 0.0), radius=0.15),
    Box(centre=(0.1, 0.2, 0.0), half_sizes=(0.2, 0.3, 0.1), orientation=(0.8, 0.36, 0.48, 0.0)),
]


@pytest.mark.parametrize("obstacle", OBSTACLES, ids=lambda obstacle: type(obstacle).__name__)
def test_normals_are_the_gradient_of_the_distance(obstacle: Obstacle) -> None:
    """Protects reactions: a normal that is not the distance's slope pushes the wrong way."""
    points = torch.randn(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.6
    points.requires_grad_()
    distance, normal = obstacle.distance(points)
    (slope,) = torch.autograd.grad(distance.sum(), points)
    assert torch.allclose(slope, normal, atol=1e-9)
    # From a point, the surface is where the distance along the normal is used up.
    landed, _ = obstacle.distance((points - distance[:, None] * normal).detach())
    outside = distance > 0
    assert landed[outside].abs().max() < 1e-9
    assert (distance < 0).any()
    assert outside.any()


@settings(max_examples=6)
@given(
    seed=st.integers(0, 10_000),
    restitution=st.floats(0.0, 1.0),
    friction=st.floats(0.0, 1.5),
)
def test_energy_never_grows(seed: int, restitution: float, friction: float) -> None:
    """Protects against the worst failure of contact solvers, on hinged and sliding bodies among obstacles."""
    generator = torch.Generator().manual_seed(seed)
    lid = plate_lid(count=5)
    obstacles = [
        HalfSpace(restitution=restitution, friction=friction),
        Sphere(centre=(0.1, 0.0, 0.35), radius=0.1, restitution=restitution, friction=friction),
    ]
    system = among(lid, *obstacles, start=[0.6])
    speeds = 6.0 * torch.randn(3, 1, generator=generator, dtype=torch.float64)
    result = rollout(system, state([[0.6]] * 3, speeds.tolist()), still(3), 0.3, STEP)
    total = result.kinetic_energy + result.potential_energy
    assert Outcome.DIVERGED not in result.outcomes
    assert (result.dissipated.diff(dim=1) > -1e-9).all()
    assert (total.diff(dim=1) < 5e-3 * total.abs().amax(1, keepdim=True)).all()


def test_an_object_inside_an_obstacle_is_refused() -> None:
    """Protects against a contact that begins inside: the error names the obstacle and how deep it is."""
    with pytest.raises(NeurokError, match=r"obstacles\[1\].*0\.2 m inside") as caught:
        among(free_points([[0.0, 0.0, 0.1]]), HalfSpace(point=(0, 0, -1)), Sphere(centre=(0, 0, 0.2), radius=0.3))
    assert caught.value.code == ErrorCode.INVALID_CONTACT


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: HalfSpace(normal=(0, 0, 0)), "normal"),
        (lambda: HalfSpace(friction=-0.1), "friction"),
        (lambda: HalfSpace(restitution=1.5), "restitution"),
        (lambda: Sphere(centre=(0, 0, float("nan")), radius=0.1), "centre"),
        (lambda: Sphere(centre=(0, 0, 0), radius=0.0), "radius"),
        (lambda: Box(centre=(0, 0, 0), half_sizes=(0.1, -0.1, 0.1)), "half_sizes"),
        (lambda: Box(centre=(0, 0, 0), half_sizes=(1, 1, 1), orientation=(0, 0, 0, 0)), "orientation"),
        (lambda: CoordinateLimits(torch.ones(2), torch.zeros(2)), "upper"),
    ],
)
def test_obstacles_without_meaning_are_refused(make, field: str) -> None:
    """Protects callers with an error that names the field."""
    with pytest.raises(NeurokError) as caught:
        make()
    assert caught.value.field == field
