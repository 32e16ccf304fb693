"""How much work and how large an answer one request may ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import step_count


@dataclass(frozen=True)
class Limits:
    """Upper limits of one request.

    Args:
        horizon: of one prediction, in seconds.
        candidate_seconds: horizon times number of candidates, in seconds.
        candidate_steps: number of time steps times number of candidates.
        answer_bytes: size of the vertices in one answer.
    """

    horizon: float
    candidate_seconds: float
    candidate_steps: int
    answer_bytes: int


def check_horizon(horizon: float, step: float, candidates: int, limits: Limits) -> int:
    """Check a rollout's horizon and step, and return the number of its frames, the first one included.

    Raises:
        NeurokError: ``INVALID_HORIZON`` when either is not a positive finite number;
            ``REQUEST_TOO_LARGE`` when it exceeds a limit.
    """
    _check_positive(horizon, "horizon")
    _check_positive(step, "step")
    _check_limit("horizon", horizon, limits.horizon, "s (parameter limits.horizon)")
    _check_limit(
        "horizon * number of actions",
        horizon * candidates,
        limits.candidate_seconds,
        "s (parameter limits.candidate_seconds)",
    )
    _check_limit(
        "horizon / step * number of actions",
        horizon / step * candidates,
        limits.candidate_steps,
        "steps (parameter limits.candidate_steps)",
    )
    return step_count(horizon, step) + 1


def check_answer(size: int, limits: Limits) -> None:
    """Check the size of an answer's vertices in bytes.

    Raises:
        NeurokError: ``REQUEST_TOO_LARGE``.
    """
    _check_limit("size of the answer", size / 1e6, limits.answer_bytes / 1e6, "MB (parameter limits.answer_megabytes)")


def _check_positive(value: float, field: str) -> None:
    if not (math.isfinite(value) and value > 0.0):
        raise NeurokError(ErrorCode.INVALID_HORIZON, field, f"{value} s", "a finite number of seconds, more than 0")


def _check_limit(field: str, value: float, limit: float, unit: str) -> None:
    if not value <= limit:
        raise NeurokError(ErrorCode.REQUEST_TOO_LARGE, field, f"{value:g}", f"at most {limit:g} {unit}")
