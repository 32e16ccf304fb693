"""Stiffness that follows from the weight which a scanned pose carries, against closed forms."""

import math

import pytest
import torch
from point_bodies import GRAVITY, LinkedBody, WavyBody, pendulum, state, still

from neurok_model.errors import NeurokError
from neurok_model.mechanics import LagrangianSystem, MechanicsConfiguration, PriorDensity, build_system, rollout
from neurok_model.mechanics.self_weight import carrying_energy
from neurok_model.reduction import PriorRegion
from neurok_model.reduction.embedding import FunctionEmbedding

STEP = 1.0 / 60.0
TERMS = {"prior_frequency": 0.0, "damping_rate": 0.0, "latent_mass_ratio": 0.0, "wall_frequency": 0.0}
DEVIATION = 0.5


def _slide(**changes: float) -> LagrangianSystem:
    """Two kilograms that slide upright, with a standard deviation of half a metre."""
    slope = torch.tensor((0.0, 0.0, 1.0))[None, :, None]
    body = LinkedBody(torch.zeros_like(slope), torch.zeros_like(slope), slope, [2.0])
    region = PriorRegion(torch.zeros(1).double(), torch.eye(1).double() / DEVIATION**2, 6.0)
    return build_system(body, body.mass_moment, region, MechanicsConfiguration(**(TERMS | changes)))


def test_the_weight_bends_the_object_by_what_was_stated() -> None:
    """Protects the meaning of the number: let go without what holds it up, it comes to rest so far down."""
    system = _slide(sag=0.3, static_equilibrium=False, damping_rate=20.0)
    settled = rollout(system, state([0.0], [0.0]), still(), 6.0, STEP).q[0, -1, 0]
    assert settled == pytest.approx(-0.3 * DEVIATION, rel=1e-3)


def test_it_swings_at_the_frequency_of_static_deflection() -> None:
    """Protects the stiffness: omega^2 = g / x for a weight that bends its spring by x."""
    rate = math.sqrt(GRAVITY / (0.3 * DEVIATION))
    result = rollout(_slide(sag=0.3), state([0.0], [0.1]), still(), 1.0, STEP)
    expected = 0.1 / rate * torch.sin(rate * result.times)
    torch.testing.assert_close(result.q[0, :, 0], expected, atol=2e-4, rtol=0.0)


def test_what_hangs_needs_no_stiffness() -> None:
    """Protects ropes and cloths from being taken for rods and boards."""
    body, region = pendulum(), PriorRegion(torch.zeros(1).double(), torch.eye(1).double(), 6.0)
    system = build_system(body, body.mass_moment, region, MechanicsConfiguration(**TERMS, sag=0.3))
    pulls = [term.energy for term in system.potentials if isinstance(term, PriorDensity)]
    assert sum(pulls) < 1e-9


def test_what_stands_upright_does_not_fall_over() -> None:
    """Protects whatever carries itself upright, of which gravity bends nothing: it stands with the stiffness, and falls
    without.
    """
    body, region = pendulum(), PriorRegion(torch.zeros(1).double(), torch.eye(1).double(), 6.0)
    for sag, stands in ((0.3, True), (0.0, False)):
        terms = MechanicsConfiguration(**TERMS, sag=sag, gravity=(0.0, 0.0, GRAVITY))
        system = build_system(body, body.mass_moment, region, terms)
        farthest = rollout(system, state([0.0], [0.05]), still(), 2.0, STEP).q.abs().max()
        assert (farthest < 0.05) == stands


def test_it_does_not_depend_on_the_choice_of_coordinates() -> None:
    """Protects the number from the decoder's arbitrary basis: q = A p with the prior's precision along is the same
    object.
    """
    body = WavyBody(3, 20)
    turn = torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    turned = FunctionEmbedding(lambda p: body.value(p @ turn.mT), 3)
    precision = torch.diag(torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64))
    one = carrying_energy(body, body.gravity(), precision, 0.4)
    other = carrying_energy(turned, body.gravity(), turn.mT @ precision @ turn, 0.4)
    assert one > 0.0
    torch.testing.assert_close(one, other, rtol=1e-8, atol=0.0)


@pytest.mark.parametrize("sag", [-0.1, math.nan])
def test_what_has_no_meaning_is_refused(sag: float) -> None:
    """Protects users with an error that names the field."""
    with pytest.raises(NeurokError, match="sag"):
        MechanicsConfiguration(sag=sag)
