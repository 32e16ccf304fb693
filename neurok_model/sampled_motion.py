"""Motions that leave what the compiled map was fitted to: found, and said."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neurok_model.mechanics import Outcome, Rollout
from neurok_model.reduction import SampledRegion

REFITTED = "the motion left what the object was compiled for, and was predicted again by a map fitted to where it went"


def farthest_outside(
    sampled: SampledRegion | None, result: Rollout
) -> tuple[Float[Tensor, " k"] | None, tuple[str, ...]]:
    """Where the first candidate was farthest outside, or None where it never was; and what to say of it.

    Args:
        sampled: where the map was fitted; None where it holds everywhere.
        result: the rollout.
    """
    if sampled is None or result.outcomes[0] == Outcome.OK:
        return None, ()
    outside = sampled.distance(_own(sampled, result.q[0]))
    worst = int(outside.argmax())
    if not outside[worst] > 0.0:
        return None, ()
    first = float(result.times[int((outside > 0.0).to(torch.int64).argmax())])
    return result.q[0, worst], (
        f"from {first:.3g} s on the motion is outside what the object was compiled for, by up to "
        f"{float(outside[worst]):.2g} standard deviations of the prior: refit it there to know more",
    )


def extrapolated(sampled: SampledRegion | None, result: Rollout) -> Bool[np.ndarray, " K"]:
    """Which candidates were outside at some time."""
    outcome = result.trajectories.outcome.cpu().numpy()
    outside = np.zeros(len(outcome), dtype=bool)
    # Whatever ended OK stayed inside of the smaller region of the prior.
    suspects = np.flatnonzero(outcome != int(Outcome.OK))
    if sampled is not None and len(suspects):
        outside[suspects] = sampled.left(_own(sampled, result.q[suspects])).cpu().numpy()
    return outside


def _own(sampled: SampledRegion, q: Float[Tensor, "*b K"]) -> Float[Tensor, "*b k"]:
    """The object's own coordinates: those of a free base come before them."""
    return q[..., -sampled.region.dimension :].to(sampled.region.mean)
