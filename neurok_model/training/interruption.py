"""Ending a run on request: SIGTERM and Ctrl-C let the current step finish, so that its state can be saved."""

from __future__ import annotations

import os
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


def outlive_signals(worker: int) -> None:
    """Let data process number ``worker`` outlive signals that reach every process of a run.

    Ctrl-C goes to the whole process group and a batch system's SIGTERM to all that it started, but the batches are
    needed until training has come to its own end. Only a SIGTERM of the parent is obeyed: that is how Python ends the
    data processes that are left when it exits.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_obey, args=(os.getppid(),), daemon=True).start()


def _obey(parent: int) -> None:
    while True:
        if signal.sigwaitinfo({signal.SIGTERM}).si_pid == parent:
            os._exit(0)
