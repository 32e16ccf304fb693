"""The standard choice of terms for one object, by a handful of parameters in SI units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics.damping import Damping, MassProportional
from neurok_model.mechanics.potentials import (
    Elastic,
    Gravity,
    Potential,
    PriorDensity,
    StaticEquilibrium,
    Walls,
)
from neurok_model.mechanics.system import LagrangianSystem
from neurok_model.reduction.embedding import Embedding
from neurok_model.reduction.region import PriorRegion
from neurok_model.reduction.smooth_map import SmoothMap

INERTIA_SAMPLES = 64
"""Configurations over which the inertia of the coordinates is averaged."""


@dataclass(frozen=True)
class MechanicsConfiguration:
    """Which terms act, and how strongly.

    Energies of the learned terms are stated as the frequency that they would give to a coordinate of average
    inertia, so that the same numbers serve a light and a heavy object, a small and a large one.

    Attributes:
        gravity: acceleration in the world frame [m/s^2].
        elastic_frequency: of the elastic restoring force towards the scanned pose [Hz]; 0 for none.
        prior_frequency: of the prior's negative log-density [Hz]; 0 for none.
        wall_frequency: of the barrier at the edge of the prior's region [Hz]; 0 for none.
        wall_width: depth of the barrier, in standard deviations of the prior.
        damping_rate: mass-proportional damping, at which free motion decays [1/s].
        static_equilibrium: whether the scanned pose stands still under gravity and the prior.
        latent_mass_ratio: latent mass relative to the mean diagonal entry of the mass matrix over the prior.

    Raises:
        NeurokError: INVALID_PARAMETER for a value that is negative or not finite.
    """

    gravity: tuple[float, float, float] = (0.0, 0.0, -9.81)
    elastic_frequency: float = 0.0
    prior_frequency: float = 0.1
    wall_frequency: float = 6.0
    wall_width: float = 0.5
    damping_rate: float = 0.5
    static_equilibrium: bool = True
    latent_mass_ratio: float = 5e-3

    def __post_init__(self) -> None:
        for name in (
            "elastic_frequency",
            "prior_frequency",
            "wall_frequency",
            "wall_width",
            "damping_rate",
            "latent_mass_ratio",
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise NeurokError(ErrorCode.INVALID_PARAMETER, name, value, "a finite number of at least 0")
        if not all(math.isfinite(value) for value in self.gravity):
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "gravity", self.gravity, "three finite numbers [m/s^2]")


def build_system(
    embedding: Embedding,
    mass_moment: Float[Tensor, "3 r"],
    region: PriorRegion,
    configuration: MechanicsConfiguration | None = None,
) -> LagrangianSystem:
    """Put the standard terms together for one object.

    Args:
        embedding: y(q), with the object's mass in its metric.
        mass_moment: sum_i m_i Phi_i, which turns an acceleration field into a force on y.
        region: the prior over q.
        configuration: which terms, and how strong.
    """
    settings = configuration or MechanicsConfiguration()
    if isinstance(embedding, SmoothMap) and embedding.device.type == "cpu":
        # On a CPU double precision costs next to nothing here, and keeps the energy balance clean.
        embedding = embedding.to(torch.float64)
    rest = torch.zeros(embedding.dimension, dtype=embedding.dtype, device=embedding.device)
    region = region.to(rest)
    mean_inertia = _mean_inertia(embedding, region)

    gravity = torch.tensor(settings.gravity, dtype=embedding.dtype, device=embedding.device)
    potentials: list[Potential] = [Gravity.from_acceleration(gravity, mass_moment.to(gravity))]
    if settings.prior_frequency > 0.0:
        potentials.append(PriorDensity(mean_inertia * _angular(settings.prior_frequency) ** 2, region))
    if settings.static_equilibrium:
        potentials.append(StaticEquilibrium.balancing(embedding, potentials))
    if settings.elastic_frequency > 0.0:
        potentials.append(Elastic(_angular(settings.elastic_frequency), rest.new_zeros(embedding.embedding_dimension)))
    if settings.wall_frequency > 0.0 and settings.wall_width > 0.0:
        energy = 0.5 * mean_inertia * (_angular(settings.wall_frequency) * settings.wall_width) ** 2
        potentials.append(Walls(energy, settings.wall_width, region))
    damping: tuple[Damping, ...] = ()
    if settings.damping_rate > 0.0:
        damping = (MassProportional(settings.damping_rate),)
    return LagrangianSystem(
        embedding=embedding,
        potentials=tuple(potentials),
        damping=damping,
        latent_mass=settings.latent_mass_ratio * mean_inertia,
        region=region,
    )


def _mean_inertia(embedding: Embedding, region: PriorRegion) -> float:
    """Mean diagonal entry of the mass matrix over the prior's region.

    Not at rest: a closed door or a flat latent around the scan would make every scale that depends on it too
    small.
    """
    drawn = region.sample(INERTIA_SAMPLES, torch.Generator().manual_seed(0)).to(embedding.dtype)
    return float(embedding.jacobian(drawn).square().sum() / (INERTIA_SAMPLES * embedding.dimension))


def _angular(frequency: float) -> float:
    """Hertz to radians per second."""
    return 2.0 * math.pi * frequency
