"""Errors and timings to and from messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from neurok_model.errors import ErrorCode, NeurokError
from neurok_msgs.msg import StageTiming
from neurok_msgs.msg import Status as StatusMessage


def ok_status() -> StatusMessage:
    """Return the status of a request that was served."""
    return StatusMessage(code=int(ErrorCode.OK), message="")


def status_from_error(error: BaseException) -> StatusMessage:
    """Return the status that a caller sees for an exception; anything but a NeurokError is ``INTERNAL``."""
    if isinstance(error, NeurokError):
        return StatusMessage(code=int(error.code), message=str(error))
    return StatusMessage(
        code=int(ErrorCode.INTERNAL),
        message=f"{type(error).__name__}: {error}. This is a fault of the program: please report it with the "
        "node's log; the object and its state are unchanged.",
    )


def timings_to_messages(timings: Mapping[str, float]) -> list[StageTiming]:
    """Return one StageTiming per entry of a dictionary of milliseconds."""
    return [StageTiming(stage=stage, milliseconds=float(value)) for stage, value in timings.items()]


def timings_from_messages(messages: Iterable[Any]) -> dict[str, float]:
    """Return a dictionary from stage to milliseconds."""
    return {message.stage: message.milliseconds for message in messages}
