"""What carries the weight of the scanned pose where it can only push: a joint's stop, a shelf."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.mechanics.potentials import Gravity, Walls
from neurok_model.mechanics.watched import WatchedCoordinates
from neurok_model.reduction.embedding import Embedding
from neurok_model.reduction.region import PriorRegion

FREQUENCY = 15.0
"""Hertz of small vibrations on a support: under the whole of the Earth's gravity it gives way by 2 mm."""

SWINGING = 0.3
"""Share of what gravity could do to a motion below which its pose counts as the lowest point of a swing."""


@dataclass(frozen=True)
class Support(Walls):
    """V = E ((s - x) / s)^3 below x = s: a cubic wall that carries the weight at x = 0 and lets go above x = s.

    x is the height in the metric of the mass: with V_g the potential of gravity and n = grad V_g / |grad V_g| in the
    metric of G^-1 at rest, x = n . q [sqrt(kg) m] has unit inertia. With the acceleration g_x that gravity gives to x,
    E = g_x s / 3, and s = 2 g_x / omega^2 gives small vibrations on the support the angular frequency omega.
    What moves across gravity is not held.

    It is a wall of two sides, of which the other is beyond everything that the object can reach.
    """

    name: ClassVar[str] = "support"

    @property
    def damped(self) -> Support:
        """The wall below where the object rests: what is lifted must not be held back."""
        return replace(self, region=replace(self.region, radius=self.region.radius + self.width))

    @classmethod
    def of_rest(
        cls,
        embedding: Embedding,
        gravity: Gravity,
        mass_moment: Float[Tensor, "3 r"],
        latent: Float[Tensor, "k k"],
        region: PriorRegion,
        trust_factor: float,
        watched: WatchedCoordinates | None = None,
    ) -> Support | None:
        """The support of the rest pose; None where gravity does nothing to it, or it has no inertia to be held.

        A pose that is nearly the lowest point of a swing carries itself: there gravity draws back from both sides.

        Args:
            embedding: y(q).
            gravity: the weight.
            mass_moment: sum_i m_i Phi_i.
            latent: latent mass.
            region: how far the object moves,
            trust_factor: in multiples of its radius.
            watched: what the object was seen to do: where it fell, nothing carries it, but perhaps another part.
        """
        still = torch.zeros_like(latent[0])
        y, jacobian = embedding.value_and_jacobian(still)
        slope = gravity.gradient(y) @ jacobian
        factor, failed = torch.linalg.cholesky_ex(jacobian.mT @ jacobian + latent)
        if failed:
            return None

        def fall(slope: Float[Tensor, " k"]) -> tuple[Float[Tensor, " k"], float, float]:
            """Where a slope of the potential leads, how hard it pulls there, and how hard gravity could."""
            upwards = torch.cholesky_solve(slope[:, None], factor)[:, 0]
            pull = float((slope @ upwards).clamp_min(0.0).sqrt())
            return upwards, pull, float(gravity.acceleration.norm() * (moment @ upwards).norm())

        moment = mass_moment.to(slope) @ jacobian
        upwards, pull, largest = fall(slope)
        if watched is not None and pull > 0.0 and watched.falls(slope / pull, pull * pull / max(largest, 1e-12)):
            slope = watched.across.mT.to(slope) @ slope
            upwards, pull, largest = fall(slope)
        if not pull * pull > 1e-6 * largest:
            return None
        direction = upwards / pull
        bend = float(gravity.gradient(y) @ embedding.second_directional(still[None], direction[None])[0])
        if bend > 0.0 and pull * pull < SWINGING * largest:
            return None
        normal = slope / pull
        sag = 2.0 * pull / (2.0 * math.pi * FREQUENCY) ** 2
        spread = (normal @ torch.linalg.solve(region.precision, normal)).sqrt()
        reach = float(normal @ region.mean + trust_factor * region.radius * spread)
        middle = max(reach, 0.0) + 10.0 * sag
        slab = PriorRegion(middle * direction, torch.outer(normal, normal) / sag**2, middle / sag - 1.0)
        return cls(pull * sag / 3.0, 1.0, slab)
