"""Errors that name the field, the value and what is allowed."""

from __future__ import annotations

from enum import IntEnum


class ErrorCode(IntEnum):
    """Why a request was refused or a result is not what was asked for.

    The numbers are part of the ROS contract (``neurok_msgs/msg/Status``) and never change meaning.
    """

    OK = 0
    INVALID_MESH = 1
    INVALID_POINT_CLOUD = 2
    IMPLAUSIBLE_SCALE = 3
    INVALID_CONTACT = 4
    CONTACT_OFF_SURFACE = 5
    INVALID_HORIZON = 6
    REQUEST_TOO_LARGE = 7
    NO_OBJECT = 8
    UNKNOWN_OBJECT = 9
    UNKNOWN_FRAME = 10
    STALE_MESSAGE = 11
    INVALID_PARAMETER = 12
    INVALID_CHECKPOINT = 13
    NOT_ACTIVE = 14
    INTERNAL = 15


class NeurokError(ValueError):
    """A request that cannot be served, with what would make it acceptable.

    Args:
        code: the machine-readable reason.
        field: the input's name, as the caller knows it (``"vertices"``, ``"contacts[2].point"``).
        value: the offending value; long values are shortened in the message.
        allowed: what would have been accepted, as a phrase ("finite numbers", "0 < horizon <= 10 s").
    """

    def __init__(self, code: ErrorCode, field: str, value: object, allowed: str) -> None:
        self.code = code
        self.field = field
        self.value = value
        self.allowed = allowed
        super().__init__(f"{field} = {_shortened(value)}: allowed is {allowed}")

    def __reduce__(self) -> tuple[type[NeurokError], tuple[ErrorCode, str, object, str]]:
        """Errors of worker processes arrive whole: exceptions are rebuilt from their arguments, not their message."""
        return type(self), (self.code, self.field, self.value, self.allowed)


def _shortened(value: object, limit: int = 160) -> str:
    text = str(value).replace("\n", " ")
    return text if len(text) <= limit else text[: limit - 1] + "…"
