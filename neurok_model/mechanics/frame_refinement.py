"""When the integration steps of a single frame are halved: where the energy, over that frame, does not balance.

Most of a motion is smooth, and a few moments (a part that meets the edge of what it can do) are not. Shortening only
the steps of those frames costs a fraction of what integrating everything again would. The machine code
(``kernel_rollout``) follows the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neurok_model.mechanics.trajectory import SMALLEST_ENERGY

LEAST_ROOM = 0.08
"""Share of the tolerance that is always left: shorter steps in one frame do not mend what earlier ones did."""

FAILED = 16.0
"""Share of the allowed error that a frame counts as where its equations were not solved."""

HEAVY = 3.0
"""Share of the allowed error above which steps are halved twice at once: halving them divides the error by four.
"""

LIGHT = 0.2
"""Share of the allowed error below which the next frame is tried with steps twice as long."""


@dataclass(frozen=True)
class FrameRefinement:
    """How far a frame's steps may be shortened, and when.

    Attributes:
        tolerance: error of the energy's balance since the beginning, as a share of the energy exchanged so far.
        halvings: how often steps are halved at most.
    """

    tolerance: float
    halvings: int

    def ratio(
        self,
        before: Float[Tensor, " K"],
        after: Float[Tensor, " K"],
        exchanged: Float[Tensor, " K"],
        total: Float[Tensor, " K"],
        failed: Bool[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        """Error of a frame as a share of the allowed one.

        Args:
            before: energy that had appeared or vanished by the frame's beginning [J].
            after: the same by its end [J].
            exchanged: energy exchanged by its end [J].
            total: of the object [J].
            failed: where the equations were not solved.
        """
        rounding = 1e3 * torch.finfo(total.dtype).eps * total.abs() + SMALLEST_ENERGY
        allowed = self.tolerance * torch.maximum(exchanged, rounding)
        growing = after.abs() > before.abs()
        room = torch.where(growing, allowed - after.abs(), allowed)
        ratio = (after - before).abs() / torch.maximum(room, LEAST_ROOM * allowed)
        return torch.where(failed, FAILED, ratio)

    def next_level(self, ratio: Float[Tensor, " K"], level: int) -> tuple[Bool[Tensor, " K"], Int[Tensor, " K"]]:
        """Which frames stand, and how often the steps of the next attempt or the next frame are halved."""
        stands = (ratio <= 1.0) | (level >= self.halvings)
        again = (level + torch.where(ratio <= HEAVY, 1, 2)).clamp_max(self.halvings)
        onward = torch.where(ratio < LIGHT, max(level - 1, 0), level)
        return stands, torch.where(stands, onward, again)
