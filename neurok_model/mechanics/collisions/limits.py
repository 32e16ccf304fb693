"""Stops on the reduced coordinates themselves, for objects whose coordinates are joints."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics.collisions.constraint import Configuration, Directions, Gaps, UnilateralConstraint


class CoordinateLimits(UnilateralConstraint):
    """lower <= q <= upper, with restitution at the stops.

    Args:
        lower: [k], minus infinity where there is no stop.
        upper: [k], infinity where there is no stop.
        restitution: share of the speed that is left after hitting a stop, 0 to 1.
        tolerance: distance below which a stop counts as reached, in units of q.
        resting_speed: speed below which a stop is reached without a rebound, in units of q per second.

    Raises:
        NeurokError: INVALID_PARAMETER for limits in the wrong order or a restitution outside 0 to 1.
    """

    name: ClassVar[str] = "coordinate_limits"

    def __init__(
        self,
        lower: Float[Tensor, " k"],
        upper: Float[Tensor, " k"],
        restitution: float = 0.0,
        tolerance: float = 1e-5,
        resting_speed: float = 0.05,
    ) -> None:
        if not bool((lower <= upper).all()):
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "upper", upper.tolist(), f"at least {lower.tolist()}")
        if not 0.0 <= restitution <= 1.0:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "restitution", restitution, "a number from 0 to 1")
        self.lower, self.upper, self.restitution = lower, upper, restitution
        self.count = 2 * len(lower)
        self.tolerance, self.resting_speed = tolerance, resting_speed

    def gaps(self, at: Configuration) -> Gaps:
        """Distances to the lower and then to the upper stops."""
        return Gaps(torch.cat((at.q - self.lower, self.upper - at.q), -1), torch.cat((at.qdot, -at.qdot), -1))

    def restitutions(self) -> Float[Tensor, " n"]:
        """The same for every stop."""
        return torch.full((self.count,), self.restitution, dtype=self.lower.dtype, device=self.lower.device)

    def directions(self, at: Configuration, index: Int[Tensor, "K c"]) -> Directions:
        """Unit vectors of q; there is no tangent and no friction."""
        k = len(self.lower)
        unit = torch.eye(k, dtype=at.q.dtype, device=at.q.device)
        jacobian = at.q.new_zeros(*index.shape, 3, k)
        jacobian[..., 0, :] = torch.cat((unit, -unit))[index]
        nothing = at.q.new_zeros(index.shape)
        return Directions(jacobian, nothing[..., None].expand(*index.shape, 3), nothing, nothing + self.restitution)
