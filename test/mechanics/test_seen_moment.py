"""Gravity pulls what was watched along the heights that were seen, not along those of the learned way."""

from __future__ import annotations

import pytest
import torch
from point_bodies import GRAVITY, LinkedBody, state, still
from torch import Tensor

from neurok_model.mechanics import MechanicsConfiguration, SeenMotion, WatchedCoordinates, build_system, rollout
from neurok_model.reduction import PriorRegion
from neurok_model.seen_moment import SeenPoints, seen_mass_moment

DRAWER, BASE = 6, 4
"""The first points slide, the next stand still, and the last one goes its own way."""

SHARES = torch.tensor([0.4, 0.8, 1.2, 1.6]).double()
RIPPLE = 0.02
TERMS = {"prior_frequency": 0.0, "damping_rate": 0.0, "latent_mass_ratio": 0.0, "wall_frequency": 0.0}


def rippled_drawer() -> LinkedBody:
    """A drawer that was learned to go up and down on its way, its chest, and a weight beside it that can be lifted."""
    count = DRAWER + BASE + 1
    sine, slope = torch.zeros(count, 3, 2), torch.zeros(count, 3, 2)
    slope[:DRAWER, 0, 0] = 0.1
    sine[:DRAWER, 2, 0] = RIPPLE
    slope[-1, 2, 1] = 0.1
    return LinkedBody(sine, torch.zeros_like(sine), slope, [0.2] * DRAWER + [5.0] * BASE + [0.5])


def places() -> Tensor:
    """The drawer's points and the chest's between them; the weight is far away."""
    drawer = torch.stack((torch.arange(DRAWER), torch.zeros(DRAWER), torch.zeros(DRAWER)), dim=1)
    chest = drawer[:BASE] + torch.tensor([0.4, 0.1, 0.0])
    return torch.cat((drawer, chest, torch.tensor([[0.0, 50.0, 0.0]]))).double()


def modes_of(body: LinkedBody) -> Tensor:
    """Phi at all points."""
    return torch.stack([body.rows(index) for index in range(len(body.masses))])


def region() -> PriorRegion:
    return PriorRegion(torch.zeros(2).double(), torch.eye(2).double(), 2.0)


def along_x(shares: Tensor) -> Tensor:
    """Where the drawer truly goes: level."""
    return shares[:, None, None] * torch.tensor([0.1, 0.0, 0.0])


def watched(body: LinkedBody) -> WatchedCoordinates:
    taken = SHARES[:, None] * torch.tensor([[1.0, 0.0]]).double()
    return WatchedCoordinates.of_surface(taken, (len(taken),), body, modes_of(body), body.masses)


def moment_seen(body: LinkedBody, chosen: list[int], displacements: Tensor) -> Tensor:
    """The first moment, after some points were watched."""
    seen = SeenPoints(
        places()[chosen], modes_of(body)[chosen], displacements, torch.ones(len(displacements), len(chosen))
    )
    return seen_mass_moment(watched(body), body, places(), modes_of(body), body.masses, region(), seen)


def heights(body: LinkedBody, moment: Tensor, coordinate: int) -> Tensor:
    """Height of the moment [kg m] along one coordinate."""
    q = torch.zeros(17, 2).double()
    q[:, coordinate] = torch.linspace(0.0, float(SHARES[-1]), 17)
    return (body.value(q) @ moment.mT)[:, 2]


@pytest.mark.parametrize("chosen", [list(range(DRAWER + BASE)), [0, 3]])
def test_heights_along_the_way_are_those_that_were_seen(chosen: list[int]) -> None:
    """Protects level drawers, also between the frames, where every point is tracked or only two of the drawer's: the
    heavy chest beside these does not move, and is not taken to be off as they are.
    """
    body = rippled_drawer()
    moves = torch.tensor([1.0 if index < DRAWER else 0.0 for index in chosen]).double()
    moment = moment_seen(body, chosen, along_x(SHARES) * moves[:, None])
    before, after = (heights(body, each, 0).abs().max() for each in (body.mass_moment, moment))
    assert before > 0.9 * RIPPLE * 0.2 * DRAWER
    assert after < 0.03 * before
    torch.testing.assert_close(heights(body, moment, 1), heights(body, body.mass_moment, 1), rtol=0.02, atol=0.0)


def test_what_was_learned_right_stays() -> None:
    """Protects ways that were learned as they are."""
    body = rippled_drawer()
    q = torch.stack((SHARES, torch.zeros_like(SHARES)), dim=1)
    own = (torch.einsum("pxr,fr->fpx", modes_of(body)[:DRAWER], body.value(q))).contiguous()
    moment = moment_seen(body, list(range(DRAWER)), own)
    change = heights(body, moment, 0) - heights(body, body.mass_moment, 0)
    assert change.abs().max() < 0.02 * heights(body, body.mass_moment, 0).abs().max()


def test_a_level_drawer_rolls_on() -> None:
    """Protects predictions: pushed out, it keeps its speed, and is not drawn on by a slope that it does not have."""
    body = rippled_drawer()
    moment = moment_seen(body, list(range(DRAWER)), along_x(SHARES).expand(-1, DRAWER, -1).contiguous())
    terms = MechanicsConfiguration(**TERMS, gravity=(0.0, 0.0, -GRAVITY))
    motion = SeenMotion.of_object(watched(body), region(), 1.0, body)
    speeds = []
    for each in (body.mass_moment, moment):
        system = build_system(body, each, region(), terms, seen=motion)
        result = rollout(system, state([[0.0, 0.0]], [[2.0, 0.0]]), still(), 0.5, 1.0 / 60.0)
        speeds.append(0.1 * float(result.qdot[0, -1, 0]))
    assert abs(speeds[0] - 0.2) > 0.5 * 0.2
    assert speeds[1] == pytest.approx(0.2, rel=0.05)
