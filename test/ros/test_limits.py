"""Requests that would take for ever, or fill the memory, must be refused before any work is done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import value_or_refusal

from neurok_model.errors import ErrorCode, NeurokError
from neurok_ros.limits import Limits, check_answer, check_horizon

LIMITS = Limits(horizon=10.0, candidate_seconds=50.0, candidate_steps=1000, answer_bytes=1_000_000)


def test_frames_are_counted_as_the_model_counts_them() -> None:
    """One frame more than steps; a horizon is rounded up to whole steps."""
    assert check_horizon(0.5, 0.1, 1, LIMITS) == 6
    assert check_horizon(0.55, 0.1, 1, LIMITS) == 7


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["horizon", "step"])
def test_times_must_be_positive(field: str, value: float) -> None:
    """Zero, negative and not finite: refused by name."""
    times = {"horizon": 1.0, "step": 0.1, field: value}
    with pytest.raises(NeurokError) as caught:
        check_horizon(times["horizon"], times["step"], 1, LIMITS)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_HORIZON, field)


@pytest.mark.parametrize(
    ("horizon", "step", "candidates", "parameter"),
    [
        (11.0, 1.0, 1, "limits.horizon"),
        (10.0, 1.0, 6, "limits.candidate_seconds"),
        (1.0, 0.0005, 1, "limits.candidate_steps"),
        (1.0, 5e-324, 1, "limits.candidate_steps"),
    ],
)
def test_limits_are_named(horizon: float, step: float, candidates: int, parameter: str) -> None:
    """The error names the parameter that the user may raise."""
    with pytest.raises(NeurokError, match=parameter) as caught:
        check_horizon(horizon, step, candidates, LIMITS)
    assert caught.value.code is ErrorCode.REQUEST_TOO_LARGE


def test_answers_have_a_size_limit() -> None:
    """A million bytes are allowed, one more is not."""
    check_answer(1_000_000, LIMITS)
    with pytest.raises(NeurokError, match=r"limits.answer_megabytes"):
        check_answer(1_000_001, LIMITS)


@given(st.floats(), st.floats(), st.integers(1, 2**31))
def test_nothing_else_can_happen(horizon: float, step: float, candidates: int) -> None:
    """Either a number of frames within the limits, or a refusal."""
    frames, code = value_or_refusal(lambda: check_horizon(horizon, step, candidates, LIMITS))
    assert code in (ErrorCode.OK, ErrorCode.INVALID_HORIZON, ErrorCode.REQUEST_TOO_LARGE)
    assert frames is None or 2 <= frames <= LIMITS.candidate_steps + 1
