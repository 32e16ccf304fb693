"""Motions and configurations outside of what the compiled map was fitted to: found, and said."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from neurok_model.mechanics import Outcome
from neurok_model.mechanics.motion import Motion
from neurok_model.reduction import SampledRegion

REFITTED_ESTIMATE = "the configuration was found by a map that was fitted around it as well"

REFITTED = "the motion left what the object was compiled for, and was predicted again by a map fitted to where it went"


def farthest_outside(
    sampled: SampledRegion | None, motion: Motion
) -> tuple[Float[np.ndarray, " k"] | None, tuple[str, ...]]:
    """Where the first candidate was farthest outside, or None where it never was; and what to say of it.

    Args:
        sampled: where the map was fitted; None where it holds everywhere.
        motion: the candidates'.
    """
    if sampled is None or motion.outcome[0] == Outcome.OK:
        return None, ()
    outside = sampled.distance(_own(sampled, motion.q[0]))
    worst = int(outside.argmax())
    if not outside[worst] > 0.0:
        return None, ()
    first = float(motion.times[int((outside > 0.0).argmax())])
    return motion.q[0, worst], (
        f"from {first:.3g} s on the motion is outside what the object was compiled for, by up to "
        f"{float(outside[worst]):.2g} standard deviations of the prior: refit it there to know more",
    )


def estimate_warnings(sampled: SampledRegion | None, q: Float[np.ndarray, " k"]) -> tuple[str, ...]:
    """What to say of a configuration that was found.

    Args:
        sampled: where the map was fitted; None where it holds everywhere.
        q: the configuration.
    """
    if sampled is None:
        return ()
    outside = float(sampled.distance(_own(sampled, q)))
    if not outside > 0.0:
        return ()
    return (
        f"the configuration is {outside:.2g} standard deviations of the prior outside of what the object was compiled "
        "for: refit it there to know more",
    )


def extrapolated(sampled: SampledRegion | None, motion: Motion) -> Bool[np.ndarray, " K"]:
    """Which candidates were outside at some time."""
    outside = np.zeros(len(motion.outcome), dtype=bool)
    # Whatever ended OK stayed inside of the smaller region of the prior.
    suspects = np.flatnonzero(motion.outcome != int(Outcome.OK))
    if sampled is not None and len(suspects):
        outside[suspects] = (sampled.distance(_own(sampled, motion.q[suspects])) > 0.0).any(-1)
    return outside


def _own(sampled: SampledRegion, q: Float[np.ndarray, "*b K"]) -> Float[np.ndarray, "*b k"]:
    """The object's own coordinates: those of a free base come before them."""
    return q[..., -sampled.region.dimension :]
