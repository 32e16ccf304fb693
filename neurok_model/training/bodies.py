"""Which points move as one body, told to the decoder directly.

A chest of six drawers moves little as a whole, and an error of its pose says only faintly that one handle must take the
front of one drawer and nothing of its neighbours. Of the generated objects it is known which points belong to the same
rigid body. With w_p the shares of the handles in the motion of point p, and c_pq = sum_h sqrt(w_ph w_qh), which is 1 if
two points follow the same handles and 0 if they share none (Bhattacharyya's coefficient),

    mean over pairs of one body of -log(e + (1 - e) c_pq)
    + mean over pairs of two bodies of -log(1 - (1 - e) c_pq)

with a small e, over the points that can move at all; those that cannot are the business of their mobility.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

LEAST_SHARE = 1e-6
"""Keeps the slopes of roots finite."""
LEAST_PROBABILITY = 0.02
"""e: a pair that is surely wrong costs four nats, and still feels which way is better."""


def body_error(
    regions: Float[Tensor, "b n h"], body: Int[Tensor, "b n"], moves: Bool[Tensor, "b n"]
) -> Float[Tensor, ""]:
    """Mean over the objects that have bodies; each of the two means counts where it has any pairs.

    Args:
        regions: shares of the handles in the motion of every point.
        body: numbers of the bodies; negative where none is known.
        moves: which points can move at all.
    """
    with torch.autocast(regions.device.type, enabled=False):
        roots = regions.float().clamp_min(LEAST_SHARE).sqrt()
        shared = (1.0 - LEAST_PROBABILITY) * (roots @ roots.mT)
        counts = moves & (body >= 0)
        pairs = counts[:, :, None] & counts[:, None]
        one = body[:, :, None] == body[:, None]
        apart = _mean(-torch.log1p(-shared), pairs & ~one)
        together = _mean(-(LEAST_PROBABILITY + shared).log(), pairs & one)
        known = pairs.flatten(1).any(dim=1).to(shared.dtype)
        return (known * (together + apart)).sum() / known.sum().clamp_min(1.0)


def _mean(values: Float[Tensor, "b n n"], chosen: Bool[Tensor, "b n n"]) -> Float[Tensor, " b"]:
    """Mean of the chosen values of every object; zero where none is chosen."""
    return (values * chosen).sum(dim=(1, 2)) / chosen.sum(dim=(1, 2)).clamp_min(1)
