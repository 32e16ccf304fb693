"""What an object was seen to do is certain: its inertia, where it can be, and what carries it."""

import pytest
import torch
from point_bodies import GRAVITY, LinkedBody, state, still
from torch import Tensor

from neurok_model.errors import NeurokError
from neurok_model.mechanics import (
    LagrangianSystem,
    MechanicsConfiguration,
    SeenMotion,
    Support,
    WatchedCoordinates,
    build_system,
    rollout,
)
from neurok_model.reduction import PriorRegion

WIDTH, MASS, COUNT = 0.3, 1.2, 9
MIXING = torch.tensor(((0.8, 0.6), (-0.6, 0.8)), dtype=torch.float64)
TERMS = {"prior_frequency": 0.0, "damping_rate": 0.0, "latent_mass_ratio": 0.0, "wall_frequency": 0.0}


def lid_and_weight() -> LinkedBody:
    """A row of points that turns about its first end, and one point apart that slides.

    The coordinates are mixed as those of a learned latent are: no axis is a motion of its own.
    """
    slope = torch.zeros(COUNT + 1, 3, 2, dtype=torch.float64)
    slope[:-1, 2, 0] = lever()
    slope[-1, 1, 1] = 0.5
    mixed = slope @ MIXING
    nothing = torch.zeros_like(mixed)
    return LinkedBody(nothing, nothing, mixed, [MASS / COUNT] * COUNT + [0.3])


def lever() -> Tensor:
    """How far the points of the row are from its first end [m]."""
    return torch.linspace(WIDTH / COUNT, WIDTH, COUNT, dtype=torch.float64)


def modes_of(body: LinkedBody) -> Tensor:
    """Phi at all points."""
    return torch.stack([body.rows(index) for index in range(len(body.masses))])


def turned(body: LinkedBody, *angles: float) -> WatchedCoordinates:
    """The lid was seen at some angles about its end."""
    return watched(body, torch.tensor(angles, dtype=torch.float64)[:, None] * MIXING[:1])


def watched(body: LinkedBody, *observations: Tensor) -> WatchedCoordinates:
    """Some observations of a body."""
    taken, frames = torch.cat(observations), tuple(map(len, observations))
    return WatchedCoordinates.of_surface(taken, frames, body, modes_of(body), body.masses)


def region() -> PriorRegion:
    return PriorRegion(torch.zeros(2).double(), torch.eye(2).double(), 6.0)


def answer(system: LagrangianSystem, body: LinkedBody, index: int, impulse: tuple[float, float, float]) -> Tensor:
    """Velocities of all points after an impulse on one of them, [n, 3]."""
    jacobian = body.jacobian(torch.zeros(2, dtype=torch.float64))
    force = body.rows(index).mT @ torch.tensor(impulse, dtype=torch.float64)
    velocity = torch.linalg.solve(system.mass_matrix(jacobian), jacobian.mT @ force)
    return body.slope @ velocity


def made(body: LinkedBody, seen: WatchedCoordinates | None, **terms: object) -> LagrangianSystem:
    """Mechanics whose networks are unsure of everything."""
    motion = None if seen is None else SeenMotion.of_object(seen, region(), 1.0, body)
    unsure = 0.05 * torch.eye(2, dtype=torch.float64)
    configuration = MechanicsConfiguration(**(TERMS | terms))
    return build_system(body, body.mass_moment, region(), configuration, learned_latent_mass=unsure, seen=motion)


def test_what_was_seen_to_turn_turns_as_its_hinge_says() -> None:
    """Protects predictions of what was watched: neither what the networks are unsure of, nor the floor of light
    directions, change the hinge's own answer, which is its angular momentum over its inertia.
    """
    body = lid_and_weight()
    rate = 0.2 * lever()[6] / (MASS / COUNT * lever().square().sum())
    found = answer(made(body, turned(body, 0.3, 0.8)), body, 6, (0.0, 0.0, 0.2))
    torch.testing.assert_close(found[:-1, 2], rate * lever())
    assert found[-1].abs().max() < 1e-9
    unwatched = answer(made(body, None), body, 6, (0.0, 0.0, 0.2))
    assert (unwatched[:-1, 2] / (rate * lever())).max() < 0.7


def test_what_was_not_watched_is_as_unsure_as_before() -> None:
    """Protects objects of several parts: nothing was learnt of the one that stood still."""
    body = lid_and_weight()
    free = 1.0 / 0.3
    found = answer(made(body, turned(body, 0.3, 0.8)), body, COUNT, (0.0, 1.0, 0.0))
    assert 0.2 * free < found[-1, 1] < 0.9 * free


@pytest.mark.parametrize("factor", [1.0, 7.0])
def test_what_was_watched_scales_with_the_mass(factor: float) -> None:
    """Protects another mass of the same object: all of its inertia grows alike."""
    body, heavier = lid_and_weight(), lid_and_weight()
    heavier.masses = factor * body.masses
    grown, direct = turned(body, 0.5).of_mass(factor), turned(heavier, 0.5)
    torch.testing.assert_close(grown.inertia, direct.inertia)
    torch.testing.assert_close(grown.across, turned(body, 0.5).across)


def test_the_projection_leaves_nothing_of_what_was_watched() -> None:
    """Protects the formula: A W = 0, A A = A, and what does not move the watched points passes."""
    lid = turned(lid_and_weight(), 0.2, 0.5)
    assert lid.directions.shape == (2, 1)
    torch.testing.assert_close(lid.across @ lid.directions, torch.zeros(2, 1).double())
    torch.testing.assert_close(lid.across @ lid.across, lid.across)
    torch.testing.assert_close(lid.across @ MIXING[1], MIXING[1])


def test_a_region_holds_what_was_watched() -> None:
    """Protects stops: where the object was seen, it can be; and what held already stays as it is."""
    taken = torch.tensor([[0.5, 0.0], [9.0, 1.0], [-1.0, 8.0]]).double()
    seen = WatchedCoordinates(taken, (3,), torch.eye(2).double())
    small = PriorRegion(torch.tensor([1.0, 0.0]).double(), torch.eye(2).double(), 2.0)
    held = seen.within(small)
    assert held.distance(taken).max() <= held.radius * (1.0 + 1e-9)
    wide = PriorRegion(torch.zeros(2).double(), torch.eye(2).double(), 12.0)
    assert seen.within(wide) is wide


@pytest.mark.parametrize(("angles", "carried"), [((0.1, 0.4, 0.8), True), ((0.3, 0.1, -0.5), False)])
def test_what_was_seen_to_sink_lies_on_nothing(angles: tuple[float, ...], carried: bool) -> None:
    """Protects what swings or is held by friction from an imagined shelf, and lids from falling through their box."""
    body = lid_and_weight()
    system = made(body, turned(body, *angles), weight_on_stop=True, gravity=(0.0, 0.0, -GRAVITY))
    assert any(isinstance(term, Support) for term in system.potentials) == carried


@pytest.mark.parametrize(("tilt", "carried"), [(0.02, False), (0.5, True)])
def test_a_level_motion_is_not_carried(tilt: float, carried: bool) -> None:
    """Protects drawers: a way that is nearly level may as well sink a little, and a stop would block it."""
    slope = torch.tensor((1.0, 0.0, tilt))[None, :, None]
    body = LinkedBody(torch.zeros_like(slope), torch.zeros_like(slope), slope, [2.0])
    taken = torch.tensor([[0.1], [0.3]]).double()
    configuration = MechanicsConfiguration(weight_on_stop=True)
    one = PriorRegion(torch.zeros(1).double(), torch.eye(1).double(), 6.0)
    motion = SeenMotion.of_object(watched(body, taken), one, 1.0, body)
    system = build_system(body, body.mass_moment, one, configuration, seen=motion)
    assert any(isinstance(term, Support) for term in system.potentials) == carried


def test_a_sunken_part_does_not_take_the_support_of_another() -> None:
    """Protects objects of several parts: one that swings does not let go of one that lies on its stop."""
    body = lid_and_weight()
    body = LinkedBody(body.sine, body.cosine, body.slope.clone(), body.masses.tolist())
    body.slope[-1] = body.slope[-1].roll(1, 0)
    seen = watched(body, torch.tensor([[0.1], [-0.5]]).double() * MIXING[:1])
    system = made(body, seen, weight_on_stop=True, gravity=(0.0, 0.0, -GRAVITY))
    (support,) = (term for term in system.potentials if isinstance(term, Support))
    lid, weight = (0.1 * way * torch.tensor([[1.0], [-1.0]]).double() for way in MIXING)
    assert support.value(lid).abs().max() < 1e-3 * support.value(weight).max()


def test_every_way_ends_where_it_does() -> None:
    """Protects the stops: two joints that were each watched alone end each at its own place, whatever the other does,
    and go as far on and back as they are said to.
    """
    body = lid_and_weight()
    along = torch.tensor([[0.2], [0.4]]).double()
    both = watched(body, along * (MIXING[:1]), -along * (MIXING[1:] + 0.5 * MIXING[:1]))
    ways = torch.stack((MIXING[0], -(MIXING[1] + 0.5 * MIXING[0]) / 1.25**0.5), dim=1)
    order = (both.ways.mT @ ways).abs().argmax(dim=1)
    torch.testing.assert_close(both.ways, ways[:, order])
    motion = SeenMotion.of_object(both, region(), (0.5, 0.1, 0.2, 1.0), body)
    generator = torch.Generator().manual_seed(0)
    share = 14.0 * torch.rand(400, 2, generator=generator, dtype=torch.float64) - 7.0
    potential = torch.stack([stop.value(share @ both.ways.mT) for stop in motion.stops])
    outside = (share > torch.tensor((3.0, 1.2))) | (share < torch.tensor((-0.6, -6.0)))
    assert bool(((potential > 0.0).mT == outside).all())


def test_ways_may_end_where_they_were_seen_to_turn_back() -> None:
    """Protects where fits begin: an end is at the farthest that was seen, and where nothing went it stays as it is."""
    body = lid_and_weight()
    angles = torch.tensor([[3.0], [-1.5], [0.5]]).double()
    both = watched(body, angles * MIXING[:1], torch.tensor([[2.4], [-0.1]]).double() * MIXING[1:])
    reach = both.seen_reach(region())
    torch.testing.assert_close(torch.tensor(reach), torch.tensor((0.5, 0.25, 0.4, 1.0)))
    walls = SeenMotion.of_object(both, region(), reach, body).stops
    at_ends = torch.cat((3.0 * MIXING[:1], -1.5 * MIXING[:1], 2.4 * MIXING[1:], -6.0 * MIXING[1:]))
    inside, beyond = (torch.stack([wall.value(share * at_ends) for wall in walls]).sum(0) for share in (0.99, 1.01))
    assert bool((inside == 0.0).all())
    assert bool((beyond > 0.0).all())


def test_one_reach_or_one_for_each_end() -> None:
    """Protects users with an error that names the field."""
    body = lid_and_weight()
    with pytest.raises(NeurokError, match="reach"):
        SeenMotion.of_object(turned(body, 0.2), region(), (1.0, 1.0, 1.0), body)


def test_a_watched_joint_is_turned_back_at_its_stop() -> None:
    """Protects stops in motion: a lid thrown open comes to its end, not beyond, and keeps little of its speed."""
    body = lid_and_weight()
    motion = SeenMotion.of_object(turned(body, 0.5), region(), (0.2, 1.0), body)
    terms = TERMS | {"wall_frequency": 6.0, "gravity": (0.0, 0.0, 0.0)}
    system = build_system(body, body.mass_moment, region(), MechanicsConfiguration(**terms), seen=motion)
    result = rollout(system, state([[0.0, 0.0]], (6.0 * MIXING[:1]).tolist()), still(), 0.6, 1.0 / 60.0)
    travel = result.q[0] @ MIXING[0]
    assert 1.2 < travel.max() < 1.4
    speed = result.qdot[0] @ MIXING[0]
    assert speed[-1].abs() < 0.15 * 6.0
    assert result.energy_drift.item() < 2e-3
