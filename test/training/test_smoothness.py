"""Ripples of the decoder: motions of joints have none, and what has some is measured by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from neurok_model.geometry import dual_quaternions as dq
from neurok_model.networks import KinematicPrior, NetworkConfiguration, NeurokNetworks
from neurok_model.networks.decoder import BoundDecoder
from neurok_model.networks.reach import Reach
from neurok_model.training.objective import prior_roughness
from neurok_model.training.smoothness import STEP, roughness

TINY = NetworkConfiguration(width=32, context_tokens=6, latent_tokens=4, handles=5, neighbours=4)


class Moving(BoundDecoder):
    """A bound decoder of one object whose motion is a given function of z [f, k]: (rotation vectors, translations)."""

    def __init__(self, motion: Callable[[Tensor], tuple[Tensor, Tensor]]) -> None:
        self.points = torch.rand(1, 40, 3, generator=torch.Generator().manual_seed(0)) + 0.5
        self._motion = motion

    def of_first(self, count: int) -> BoundDecoder:
        return self

    def dual_quaternions(self, latents: Tensor) -> Tensor:
        turn, translation = self._motion(latents[0])
        handles = dq.from_rotation_translation(dq.exponential(turn), translation)
        return handles[None, :, None].expand(-1, -1, self.points.shape[1], -1)


def measured(motion: Callable[[Tensor], tuple[Tensor, Tensor]]) -> float:
    """The roughness about z = (0.3, -0.2) along both coordinates."""
    return float(roughness(Moving(motion), torch.tensor([[0.3, -0.2]]), torch.eye(2)[None])[0])


def axis(values: Tensor, number: int) -> Tensor:
    """Vectors of the given lengths along one axis."""
    return values[:, None] * torch.eye(3)[number]


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.5])
def test_joints_at_constant_rates_have_no_ripples(rate):
    """Protects what is learnt: a hinge (one radian and more per step, too), a slide and a screw cost nothing."""
    hinge = lambda z: (axis(rate * z[:, 0], 2), 0.0 * axis(z[:, 0], 2))  # noqa: E731
    slide = lambda z: (0.0 * axis(z[:, 0], 2), axis(rate * z[:, 0], 1))  # noqa: E731
    screw = lambda z: (axis(rate * z[:, 0], 2), axis(rate * z[:, 0], 2))  # noqa: E731
    for joint in (hinge, slide, screw):
        assert measured(joint) < 1e-6


def test_a_bent_way_by_hand():
    """With x = a z + b z² on one line: second difference 2 b s², chord 2 a s about z = 0; nothing on the other."""
    a, b = 0.2, 0.05
    bent = lambda z: (0.0 * axis(z[:, 0], 2), axis(a * z[:, 0] + b * z[:, 0].square(), 1))  # noqa: E731
    found = float(roughness(Moving(bent), torch.zeros(1, 2), torch.eye(2)[None])[0])
    second, chord = 2.0 * b * STEP**2, 2.0 * a * STEP
    assert found == pytest.approx(0.5 * second**2 / (0.5 * chord**2 + 1e-4), rel=1e-3)


def test_ripples_weigh_as_much_in_a_large_motion_as_in_a_small_one():
    """Protects drawers beside doors: the share hardly changes with the size of what is rippled."""
    rippled = [
        measured(lambda z, size=size: (0.0 * axis(z[:, 0], 2), axis(size * torch.sin(3.0 * z[:, 0]), 1)))
        for size in (0.1, 1.0)
    ]
    assert rippled[0] == pytest.approx(rippled[1], rel=0.1)
    assert rippled[1] > 0.1


def test_ripples_are_looked_for_where_the_object_goes():
    """Protects joints that end beyond the prior's scale: a way that is rippled only there counts, by its reach."""

    class Known(NeurokNetworks):
        """Networks that say of every object that its latent is about z = (6, 0)."""

        def reach(self, prior: KinematicPrior, bound: BoundDecoder) -> Reach:
            return Reach(torch.tensor([[6.0, 0.0]]), torch.diag(torch.tensor([1.0, 100.0]))[None])

    def motion(z: Tensor) -> tuple[Tensor, Tensor]:
        rippled = torch.where(z[:, 0] > 3.5, 0.3 * torch.sin(5.0 * z[:, 0]), torch.zeros(()))
        return axis(0.0 * z[:, 0], 2), axis(0.2 * z[:, 0] + rippled, 1)

    nothing = torch.zeros(1, 3, 3)
    prior = KinematicPrior(torch.zeros(1, 2), nothing, nothing, nothing)
    found = []
    for reach in (False, True):
        networks = Known(replace(TINY, reach=reach))
        generators = (torch.Generator().manual_seed(seed) for seed in range(8))
        found.append([float(prior_roughness(networks, Moving(motion), prior, each)) for each in generators])
    assert max(found[0]) < 1e-6
    assert min(found[1]) > 0.01


def test_the_networks_hear_of_it_with_a_finite_gradient():
    """Protects training: the penalty reaches what makes ripples, also in a decoder that stands still."""
    torch.manual_seed(0)
    networks = NeurokNetworks(TINY)
    points = torch.rand(2, 64, 3)
    normals = torch.nn.functional.normalize(torch.randn(2, 64, 3), dim=-1)
    bound = networks.decoder.bind(points, normals, networks.prior_encoder(points, normals))
    directions = torch.nn.functional.normalize(torch.randn(2, 2, 4), dim=-1)
    for middle in (torch.zeros(2, 4), torch.randn(2, 4)):
        roughness(bound, middle, directions).sum().backward(retain_graph=True)
    gradients = [parameter.grad for parameter in networks.decoder.parameters() if parameter.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
