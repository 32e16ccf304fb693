"""For tests that accept a value or a refusal, but nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from neurok_model.errors import ErrorCode, NeurokError
from neurok_ros.results import PredictionError

Value = TypeVar("Value")


def value_or_refusal(work: Callable[[], Value]) -> tuple[Value | None, ErrorCode]:
    """Return what ``work`` returns with code OK, or None with the code of its refusal."""
    try:
        return work(), ErrorCode.OK
    except (NeurokError, PredictionError) as error:
        return None, error.code
