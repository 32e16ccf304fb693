"""Durations of integration steps: one for all candidates, or one for each."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

Duration = float | Float[Tensor, " K"]
"""Seconds."""


def row(duration: Duration) -> float | Float[Tensor, "K 1"]:
    """The duration, to be multiplied with one vector per candidate."""
    return duration[:, None] if isinstance(duration, Tensor) else duration


def matrix(duration: Duration) -> float | Float[Tensor, "K 1 1"]:
    """The duration, to be multiplied with one matrix per candidate."""
    return duration[:, None, None] if isinstance(duration, Tensor) else duration


def of_candidates(duration: Duration, reference: Float[Tensor, " K"]) -> Float[Tensor, " K"]:
    """The duration of every candidate."""
    return duration if isinstance(duration, Tensor) else torch.full_like(reference, duration)
