"""Dry friction of the object's own joints and material: bounded, rate-independent, and never a source of energy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.mechanics.damping import require_not_negative
from neurok_model.mechanics.durations import Duration, of_candidates


@dataclass(frozen=True)
class DryFriction:
    """A generalized force -c G v / |v|_G while the object moves, and up to that size what keeps it where it is.

    |v|_G^2 = v^T G v, so the force has the constant length c in the metric of the inverse mass matrix and the power
    c |v|_G: Coulomb's law for a body whose joints are not known, the same for every choice of coordinates. For a
    single drawer of mass m it is the friction force c sqrt(m), for a lid about its hinge with inertia I the torque
    c sqrt(I).

    Attributes:
        strength: c in m sqrt(kg) / s^2.

    Raises:
        NeurokError: INVALID_PARAMETER for a strength that is negative or not finite.
    """

    name: ClassVar[str] = "dry_friction"
    strength: float

    def __post_init__(self) -> None:
        require_not_negative("strength", self.strength)

    @classmethod
    def of_deceleration(cls, deceleration: float, mass: float) -> DryFriction:
        """The friction at which the root-mean-square speed over the whole mass falls by ``deceleration`` [m/s^2]."""
        return cls(deceleration * math.sqrt(mass))

    def slowed(
        self, mass_matrix: Float[Tensor, "K k k"], qdot: Float[Tensor, "K k"], duration: Duration
    ) -> Float[Tensor, "K k"]:
        """What friction alone leaves of a velocity: max(0, 1 - c h / |v|_G) v, exactly."""
        squared = ((mass_matrix @ qdot[..., None])[..., 0] * qdot).sum(-1)
        speed = squared.clamp_min(torch.finfo(squared.dtype).tiny).sqrt()
        left = (1.0 - self.strength * of_candidates(duration, squared) / speed).clamp_min(0.0)
        return qdot * left[:, None]
