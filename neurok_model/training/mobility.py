"""Which points of an object can move at all, told to the decoder directly.

A base that gives way by a hundredth of the object hardly shows in the error of a pose, but it is heavy, and in the
mechanics it takes up most of a push. Of the generated objects it is known which points some joint moves. With the
mobility a_p of a point in the decoder and what is true of it, y_p = 0 or 1,

    -mean_p [y_p log a_p + (1 - y_p) log(1 - a_p)]
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

LEAST_MOTION = 1e-3
"""Shares of the longest side, or of the mean tangent: less counts as standing still."""
LEAST_PROBABILITY = 1e-6
"""Keeps logarithms finite where single precision has nothing left."""


def movable(displacement: Float[Tensor, "b f n 3"], tangents: Float[Tensor, "b p j n 3"]) -> Bool[Tensor, "b n"]:
    """Points that any of the deformations or of the true tangents moves."""
    displaced = (displacement.norm(dim=-1) > LEAST_MOTION).any(dim=1)
    return displaced | (tangents.norm(dim=-1) > LEAST_MOTION).flatten(1, 2).any(dim=1)


def mobility_error(
    mobility: Float[Tensor, "b n"], displacement: Float[Tensor, "b f n 3"], tangents: Float[Tensor, "b p j n 3"]
) -> Float[Tensor, ""]:
    """Mean cross entropy, in nats, over the points of objects whose tangents are known; zero if there are none."""
    with torch.autocast(mobility.device.type, enabled=False):
        known = (tangents.abs().flatten(1).amax(dim=1) > 0.0).to(mobility.dtype)
        moves = movable(displacement, tangents)
        probability = torch.where(moves, mobility, 1.0 - mobility)
        surprise = -probability.clamp_min(LEAST_PROBABILITY).log().mean(dim=1)
        return (known * surprise).sum() / known.sum().clamp_min(1.0)
