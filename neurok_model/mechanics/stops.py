"""Where the joints end of an object that was watched: every way in which it was seen to move has stops of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.mechanics.potentials import Potential, PriorDensity, Walls
from neurok_model.mechanics.watched import WatchedCoordinates
from neurok_model.reduction.embedding import Embedding
from neurok_model.reduction.region import PriorRegion

FREQUENCY = 12.0
"""Hertz of a vibration whose depth in a stop is its width."""

WIDTH = 0.1
"""Depth of a stop, in standard deviations of the prior: it is known where it is, and is harder than a guess."""


@dataclass(frozen=True)
class SeenMotion:
    """What an object was seen to do, and where it stops then.

    Attributes:
        watched: what it was seen to do.
        region: how far it goes by what the networks say, and at least as far as it was seen to.
        stops: a wall of two sides across each way.
        inertia: [k, k], sum_i g_i T_i^T T_i: of each way alone, in the scanned pose [kg m^2].
    """

    watched: WatchedCoordinates
    region: PriorRegion
    stops: tuple[Walls, ...]
    inertia: Float[Tensor, "k k"]

    @classmethod
    def of_object(
        cls,
        watched: WatchedCoordinates,
        region: PriorRegion,
        reach: float | tuple[float, ...],
        embedding: Embedding,
    ) -> SeenMotion:
        """V = E (depth / w)^3 with E = 1/2 g (2 pi f w)^2 at either end of each way, g the inertia along it.

        A way goes on as far as ``region`` does, times the factor of its end. Ends of different joints do not depend on
        each other, as they would on an ellipsoid.

        Args:
            watched: what the object was seen to do.
            region: one that holds it.
            reach: factors, see ``PhysicsParameters.reach``.
            embedding: y(q).

        Raises:
            NeurokError: INVALID_PARAMETER for another number of factors.
        """
        still = torch.zeros(embedding.dimension, dtype=embedding.dtype, device=embedding.device)
        jacobian = embedding.jacobian(still)
        region = region.to(still)
        walls, along = [], torch.zeros(len(still), len(still)).to(still)
        for index, (ahead, back) in enumerate(watched.factors(reach)):
            way, travel = watched.ways[:, index].to(still), watched.travel[index].to(still)
            front, rear = (float(end) for end in region.ends(way))
            lower, upper = -back * rear, ahead * front
            middle, half = 0.5 * (lower + upper), 0.5 * (upper - lower)
            slab = PriorRegion(middle * way, torch.outer(travel, travel) / WIDTH**2, half / WIDTH)
            inertia = float((jacobian @ way).square().sum())
            along = along + inertia * torch.outer(travel, travel)
            walls.append(Walls(0.5 * inertia * (2.0 * math.pi * FREQUENCY * WIDTH) ** 2, 1.0, slab))
        return cls(watched, region, tuple(walls), along)

    def springs(self, rate: float, mean_inertia: float) -> list[Potential]:
        """The prior's springs: each way alone, by its own inertia, and what was not watched by the mean one.

        Args:
            rate: angular frequency that they give [1/s].
            mean_inertia: of a coordinate of the object [kg m^2].
        """
        mean, precision = self.region.prior
        across = self.watched.across.to(mean)
        along = PriorDensity(rate**2, PriorRegion(mean, self.inertia, self.region.radius))
        beside = PriorRegion(mean, across.mT @ precision @ across, self.region.radius)
        return [along, PriorDensity(mean_inertia * rate**2, beside)]

    def walls(self, energy: float, width: float, region: PriorRegion) -> list[Potential]:
        """The stops, and the walls around what was not watched, wherever the object is of what was.

        Args:
            energy: of those walls, a width deep [J].
            width: in standard deviations.
            region: what they are around.
        """
        across = self.watched.across.to(region.mean)
        if self.watched.directions.shape[1] == len(across):
            return list(self.stops)
        beside = replace(region, mean=across @ region.mean, precision=across.mT @ region.precision @ across)
        return [Walls(energy, width, beside), *self.stops]
