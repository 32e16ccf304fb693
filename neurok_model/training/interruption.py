"""Ending a run on request: SIGTERM and Ctrl-C let the current step finish, so that its state can be saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class TrainingInterrupted(Exception):
    """The run was asked to end and has saved its state.

    Attributes:
        status: exit status of a process that ends for this reason (128 plus the signal's number).
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Interruption:
    """Context in which the first SIGTERM or Ctrl-C is only noted; a second one ends the process at once.

    Outside the main thread, where Python does not deliver signals, nothing is changed.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


def ignore_in_worker(worker: int) -> None:
    """Let a data process outlive signals that reach the whole process group: its parent ends it in good order."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
