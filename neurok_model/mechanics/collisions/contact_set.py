"""The contacts of one moment: the nearest of all possible ones, and the impulses that solve them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neurok_model.mechanics.collisions.complementarity import solve_contacts
from neurok_model.mechanics.collisions.constraint import Configuration, Directions, Gaps
from neurok_model.mechanics.system import LagrangianSystem, PhasePoint

MOST_CONTACTS = 24
"""Contacts of one candidate that are solved together; the nearest are taken."""

FAR = 1e30
"""Gap of a contact that is left out."""


@dataclass(frozen=True)
class AllGaps:
    """Every possible contact of every constraint of a system, side by side.

    Attributes:
        gap: [K, n].
        rate: [K, n].
        tolerance: [n], gap below which a contact touches.
        resting_speed: [n], speed of approach below which a contact does not bounce.
        restitution: [n].
    """

    gap: Float[Tensor, "K n"]
    rate: Float[Tensor, "K n"]
    tolerance: Float[Tensor, " n"]
    resting_speed: Float[Tensor, " n"]
    restitution: Float[Tensor, " n"]

    def select(self, index: Int[Tensor, " m"]) -> AllGaps:
        """Some of the candidates."""
        return replace(self, gap=self.gap[index], rate=self.rate[index])

    def with_rows(self, index: Int[Tensor, " m"], other: AllGaps) -> AllGaps:
        """The gaps with the candidates ``index`` taken from ``other``, in its order."""
        gap, rate = self.gap.index_copy(0, index, other.gap), self.rate.index_copy(0, index, other.rate)
        return replace(self, gap=gap, rate=rate)

    @property
    def bouncing(self) -> Bool[Tensor, "K n"]:
        """Contacts that close so fast that they will rebound."""
        return (self.restitution > 0.0) & (self.rate < -self.resting_speed)

    @property
    def touching(self) -> Bool[Tensor, "K n"]:
        """Contacts whose gap is closed."""
        return self.gap <= self.tolerance


def configuration(point: PhasePoint, time: Float[Tensor, " K"]) -> Configuration:
    """The phase point as the constraints want it."""
    return Configuration(point.q, point.qdot, point.y, point.jacobian, time)


def all_gaps(system: LagrangianSystem, point: PhasePoint, time: Float[Tensor, " K"]) -> AllGaps:
    """Evaluate all constraints."""
    at = configuration(point, time)
    found: list[Gaps] = [constraint.gaps(at) for constraint in system.constraints]
    gap, rate = (torch.cat([getattr(gaps, name) for gaps in found], -1) for name in ("gap", "rate"))
    return AllGaps(gap, rate, *_properties(system))


_PROPERTIES: WeakKeyDictionary[LagrangianSystem, tuple[Tensor, Tensor, Tensor]] = WeakKeyDictionary()


def _properties(system: LagrangianSystem) -> tuple[Tensor, Tensor, Tensor]:
    """Tolerance, resting speed and restitution of every possible contact, put together once."""
    if system not in _PROPERTIES:
        reference = system.latent

        def repeated(name: str) -> Tensor:
            return torch.cat([reference.new_full((c.count,), getattr(c, name)) for c in system.constraints])

        restitution = torch.cat([constraint.restitutions().to(reference) for constraint in system.constraints])
        _PROPERTIES[system] = (repeated("tolerance"), repeated("resting_speed"), restitution)
    return _PROPERTIES[system]


@dataclass(frozen=True)
class ContactSet:
    """Some contacts of each candidate, with how impulses on them change the velocity.

    Attributes:
        index: [K, c], which of all possible contacts.
        jacobian: [K, 3c, k], relative velocity per unit of dq/dt; normal, tangent, tangent of each contact.
        response: [K, k, 3c], change of dq/dt per unit of impulse.
        compliance: [K, 3c, 3c], W.
        drift: [K, 3c], velocity of the obstacles.
        friction: [K, c].
        restitution: [K, c].
    """

    index: Int[Tensor, "K c"]
    jacobian: Float[Tensor, "K n k"]
    response: Float[Tensor, "K k n"]
    compliance: Float[Tensor, "K n n"]
    drift: Float[Tensor, "K n"]
    friction: Float[Tensor, "K c"]
    restitution: Float[Tensor, "K c"]

    @classmethod
    def nearest(
        cls, system: LagrangianSystem, point: PhasePoint, time: Float[Tensor, " K"], distance: Float[Tensor, "K n"]
    ) -> ContactSet:
        """The contacts with the smallest ``distance``; a distance of ``FAR`` leaves a contact out."""
        value, index = distance.topk(min(MOST_CONTACTS, distance.shape[1]), dim=1, largest=False)
        parts = _directions(system, configuration(point, time), index)
        used = (value < FAR)[..., None, None]
        jacobian = torch.where(used, parts.jacobian, 0.0).flatten(1, 2)
        factor = torch.linalg.cholesky_ex(system.mass_matrix(point.jacobian))[0]
        response = torch.cholesky_solve(jacobian.mT, factor)
        return cls(
            index, jacobian, response, jacobian @ response, parts.drift.flatten(1), parts.friction, parts.restitution
        )

    def relative(self, qdot: Float[Tensor, "K k"]) -> Float[Tensor, "K n"]:
        """Velocities of the contact points against the obstacles."""
        return (self.jacobian @ qdot[..., None])[..., 0] - self.drift

    def change(self, impulse: Float[Tensor, "K n"]) -> Float[Tensor, "K k"]:
        """What impulses do to dq/dt."""
        return (self.response @ impulse[..., None])[..., 0]

    def velocity_change(self, impulse: Float[Tensor, "K n"]) -> Float[Tensor, "K n"]:
        """What impulses do to the relative velocities, W lambda."""
        return (self.compliance @ impulse[..., None])[..., 0]

    def loss(self, qdot: Float[Tensor, "K k"], impulse: Float[Tensor, "K n"]) -> Float[Tensor, " K"]:
        """Energy that impulses take out of the motion as the obstacles see it [J]."""
        mean = self.relative(qdot) + 0.5 * self.velocity_change(impulse)
        return -(impulse * mean).sum(-1)

    def driven_work(self, impulse: Float[Tensor, "K n"]) -> Float[Tensor, " K"]:
        """Work that moving obstacles do by impulses [J]."""
        return (impulse * self.drift).sum(-1)

    def solved(self, free: Float[Tensor, "K n"], guess: Float[Tensor, "K n"]) -> Float[Tensor, "K n"]:
        """The impulses that keep relative velocities ``free`` from closing any gap."""
        return solve_contacts(self.compliance, free, self.friction, guess)

    def stopping(self, qdot: Float[Tensor, "K k"]) -> Float[Tensor, "K n"]:
        """The impulses after which no contact closes any further, without any rebound."""
        free = self.relative(qdot)
        return self.solved(free, torch.zeros_like(free))

    def bounce(self, qdot: Float[Tensor, "K k"]) -> Float[Tensor, "K n"]:
        """The impulses of an impact: those that stop the approach, and Poisson's share of them once more.

        The second part is shortened where together they would put energy in, which Poisson's law can do when
        contacts with friction act on each other.
        """
        free = self.relative(qdot)
        stopped = self.stopping(qdot)
        normal = stopped.unflatten(-1, (-1, 3))[..., 0] * (1.0 + self.restitution)
        both = torch.cat((normal[..., None], stopped.unflatten(-1, (-1, 3))[..., 1:]), -1).flatten(1)
        both = solve_contacts(self.compliance, free, self.friction, both, keep_normal=True)
        return self._without_gain(free, stopped, both)

    def _without_gain(
        self, free: Float[Tensor, "K n"], sure: Float[Tensor, "K n"], wanted: Float[Tensor, "K n"]
    ) -> Float[Tensor, "K n"]:
        """The impulse farthest on the way from ``sure`` to ``wanted`` whose energy balance is not positive.

        Along the way the balance is a s^2 + b s + c, with c <= 0 and a >= 0.
        """
        step = wanted - sure
        slope = free + self.velocity_change(sure)
        a = 0.5 * (step * self.velocity_change(step)).sum(-1)
        b = (step * slope).sum(-1)
        c = (sure * (free + 0.5 * self.velocity_change(sure))).sum(-1).clamp_max(0.0)
        root = (-b + (b.square() - 4.0 * a * c).clamp_min(0.0).sqrt()) / (2.0 * a).clamp_min(torch.finfo(a.dtype).tiny)
        share = torch.where(a + b + c <= 0.0, 1.0, root.clamp(0.0, 1.0))
        return sure + share[:, None] * step


def _directions(system: LagrangianSystem, at: Configuration, index: Int[Tensor, "K c"]) -> Directions:
    """The frames of contacts that may belong to several constraints."""
    total: Directions | None = None
    begin = 0
    for constraint in system.constraints:
        inside = (index >= begin) & (index < begin + constraint.count)
        own = constraint.directions(at, (index - begin).clamp(0, constraint.count - 1))
        total = own if total is None else _chosen(inside, own, total)
        begin += constraint.count
    assert total is not None
    return total


def _chosen(inside: Bool[Tensor, "K c"], own: Directions, other: Directions) -> Directions:
    return Directions(
        torch.where(inside[..., None, None], own.jacobian, other.jacobian),
        torch.where(inside[..., None], own.drift, other.drift),
        torch.where(inside, own.friction, other.friction),
        torch.where(inside, own.restitution, other.restitution),
    )
