"""Potential energies: named terms, each with its formula and its gradient.

A potential is a function either of the embedding coordinates y (forces on the material points, the same for
every parametrisation) or of the reduced coordinates q (forces that come from the learned prior). A user adds
one by subclassing ``EmbeddingPotential`` or ``CoordinatePotential``; nothing else has to change.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.reduction.embedding import Embedding
from neurok_model.reduction.region import PriorRegion


class EmbeddingPotential(ABC):
    """V(y) in joules, a function of the mass-weighted embedding coordinates."""

    name: ClassVar[str]

    @abstractmethod
    def value(self, y: Float[Tensor, "*batch r"]) -> Float[Tensor, "*batch"]:
        """Return V(y)."""

    @abstractmethod
    def gradient(self, y: Float[Tensor, "*batch r"]) -> Float[Tensor, "*batch r"]:
        """Return dV/dy; the generalized force on q is -(dy/dq)^T dV/dy."""


class CoordinatePotential(ABC):
    """V(q) in joules, a function of the reduced coordinates."""

    name: ClassVar[str]

    @abstractmethod
    def value(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch"]:
        """Return V(q)."""

    @abstractmethod
    def gradient(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch k"]:
        """Return dV/dq."""


Potential = EmbeddingPotential | CoordinatePotential


@dataclass(frozen=True)
class Gravity(EmbeddingPotential):
    """V = -sum_i m_i g . (x_i - X0_i) = -weight . y, zero at the rest pose.

    Attributes:
        weight: [r], Phi^T M g: the force of gravity in embedding coordinates.
        acceleration: [3], g in the scan's frame [m/s^2].
    """

    name: ClassVar[str] = "gravity"
    weight: Float[Tensor, " r"]
    acceleration: Float[Tensor, "3"] = field(default_factory=lambda: torch.zeros(3))

    @classmethod
    def from_acceleration(cls, acceleration: Float[Tensor, "3"], mass_moment: Float[Tensor, "3 r"]) -> Gravity:
        """Gravity of ``acceleration`` [m/s^2, world frame] on a body with first moment sum_i m_i Phi_i [3,
        r].
        """
        acceleration = acceleration.to(mass_moment)
        return cls(acceleration @ mass_moment, acceleration)

    def value(self, y: Float[Tensor, "*batch r"]) -> Float[Tensor, "*batch"]:
        """Return -weight . y."""
        return -(y @ self.weight)

    def gradient(self, y: Float[Tensor, "*batch r"]) -> Float[Tensor, "*batch r"]:
        """Return -weight."""
        return -self.weight.expand_as(y)


@dataclass(frozen=True)
class Elastic(EmbeddingPotential):
    """V = 1/2 omega^2 |y - y_rest|^2 = 1/2 omega^2 sum_i m_i |x_i - x_rest,i|^2.

    A restoring force on every material point, independent of the coordinates' scale. Small free vibrations in
    any direction of q have the frequency omega.

    Attributes:
        angular_frequency: omega in rad/s.
        rest: [r], embedding coordinates of the undeformed pose (zeros: the scanned pose).
    """

    name: ClassVar[str] = "elastic"
    angular_frequency: float
    rest: Float[Tensor, " r"]

    def value(self, y: Float[Tensor, "*batch r"]) -> Float[Tensor, "*batch"]:
        """Return the elastic energy."""
        return 0.5 * self.angular_frequency**2 * (y - self.rest).square().sum(-1)

    def gradient(self, y: Float[Tensor, "*batch r"]) -> Float[Tensor, "*batch r"]:
        """Return omega^2 (y - y_rest)."""
        return self.angular_frequency**2 * (y - self.rest)


@dataclass(frozen=True)
class PriorDensity(CoordinatePotential):
    """V = energy * 1/2 (q - mean)^T precision (q - mean): the prior's negative log-density, in joules.

    Keeps the state where the decoder was trained. ``energy`` is the price of one unit of negative log-density
    (the "temperature" at which the prior would be the thermal distribution).

    Attributes:
        energy: joules per unit of negative log-density.
        region: the prior's mean and precision.
    """

    name: ClassVar[str] = "prior"
    energy: float
    region: PriorRegion

    def value(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch"]:
        """Return the scaled negative log-density, without its constant."""
        offset = q - self.region.mean
        return 0.5 * self.energy * ((offset @ self.region.precision) * offset).sum(-1)

    def gradient(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch k"]:
        """Return energy * precision (q - mean)."""
        return self.energy * ((q - self.region.mean) @ self.region.precision)


@dataclass(frozen=True)
class Walls(CoordinatePotential):
    """V = energy * (max(0, d(q) - radius) / width)^3: a soft barrier at the edge of the prior's region.

    d is the Mahalanobis distance from the prior's mean. Zero inside; twice continuously differentiable.

    Attributes:
        energy: joules at one ``width`` beyond the edge.
        width: depth of the barrier, in standard deviations.
        region: the prior's mean, precision and radius.
    """

    name: ClassVar[str] = "walls"
    energy: float
    width: float
    region: PriorRegion

    def value(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch"]:
        """Return the barrier's energy."""
        distance, _ = self._beyond(q)
        return self.energy * self._depth(distance) ** 3

    @property
    def damped(self) -> Walls:
        """The wall as far as it takes something out of what runs into it: here the whole of it."""
        return self

    def depth_and_normal(
        self, q: Float[Tensor, "*batch k"]
    ) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch k"]]:
        """How far beyond the edge, in standard deviations, 0 inside of it; and beyond it the gradient of d."""
        distance, direction = self._beyond(q)
        outside = self.region.distance(q.detach()) > self.region.radius
        return torch.where(outside, distance - self.region.radius, 0.0), direction / distance[..., None]

    def gradient(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch k"]:
        """Return 3 energy depth^2 / width * grad d."""
        distance, direction = self._beyond(q)
        slope = 3.0 * self.energy / self.width * self._depth(distance).square()
        return (slope / distance)[..., None] * direction

    def _beyond(self, q: Float[Tensor, "*batch k"]) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch k"]]:
        """Distance from the mean, at least the radius (the root has no slope at the mean itself), and P (q - mean)."""
        offset = q - self.region.mean
        direction = offset @ self.region.precision
        return (direction * offset).sum(-1).clamp_min(self.region.radius**2).sqrt(), direction

    def _depth(self, distance: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        return (distance - self.region.radius).clamp_min(0.0) / self.width


@dataclass(frozen=True)
class StaticEquilibrium(CoordinatePotential):
    """V = -force . q: a constant generalized force that makes the rest pose an equilibrium.

    The scanned object stands still, so whatever gravity and the prior pull at q = 0, something that the scan
    does not show (friction of a hinge, a shelf, internal stress) holds it. This term is that something, to
    first order.

    Attributes:
        force: [k], minus the sum of the other potentials' forces at rest.
    """

    name: ClassVar[str] = "static_equilibrium"
    force: Float[Tensor, " k"]

    @classmethod
    def balancing(cls, embedding: Embedding, potentials: Sequence[Potential]) -> StaticEquilibrium:
        """The force that balances ``potentials`` at q = 0."""
        return cls(potential_gradient_at_rest(embedding, potentials))

    def value(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch"]:
        """Return -force . q."""
        return -(q @ self.force)

    def gradient(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch k"]:
        """Return -force."""
        return -self.force.expand_as(q)


def potential_gradient_at_rest(embedding: Embedding, potentials: Sequence[Potential]) -> Float[Tensor, " k"]:
    """Gradient with respect to q of the sum of ``potentials`` at the rest pose q = 0."""
    q = torch.zeros(embedding.dimension, dtype=embedding.dtype, device=embedding.device)
    y, jacobian = embedding.value_and_jacobian(q)
    total = torch.zeros_like(q)
    for potential in potentials:
        if isinstance(potential, EmbeddingPotential):
            total = total + potential.gradient(y) @ jacobian
        else:
            total = total + potential.gradient(q)
    return total
