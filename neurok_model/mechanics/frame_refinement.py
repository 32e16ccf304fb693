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

FAILED = 16.0
"""Share of the allowed error that a frame counts as where its equations were not solved."""

TWICE = 2
"""Halvings at a time: with fewer different lengths, more candidates share a vector."""

LIGHT = 0.03
"""Share of the allowed error below which the next frame is tried with steps four times as long, which err sixteen times
as much.
"""


@dataclass(frozen=True)
class FrameRefinement:
    """How far a frame's steps may be shortened, and when.

    Attributes:
        tolerance: error of the energy's balance over one frame, as a share of the energy exchanged so far.
        halvings: how often steps are halved at most.
    """

    tolerance: float
    halvings: int

    def ratio(
        self,
        change: Float[Tensor, " K"],
        exchanged: Float[Tensor, " K"],
        total: Float[Tensor, " K"],
        failed: Bool[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        """Error of a frame as a share of the allowed one.

        Args:
            change: energy that appeared or vanished over the frame [J].
            exchanged: energy exchanged by its end [J].
            total: of the object [J].
            failed: where the equations were not solved.
        """
        rounding = 1e3 * torch.finfo(total.dtype).eps * total.abs() + SMALLEST_ENERGY
        ratio = change.abs() / (self.tolerance * torch.maximum(exchanged, rounding))
        return torch.where(failed, FAILED, ratio)

    def next_level(self, ratio: Float[Tensor, " K"], level: int) -> tuple[Bool[Tensor, " K"], Int[Tensor, " K"]]:
        """Which frames stand, and how often the steps of the next attempt or the next frame are halved."""
        stands = (ratio <= 1.0) | (level >= self.halvings)
        again = min(level + TWICE, self.halvings)
        onward = torch.where(ratio < LIGHT, max(level - TWICE, 0), level)
        return stands, torch.where(stands, onward, again)
