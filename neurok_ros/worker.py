"""Runs the model off the executor's threads, one piece of work at a time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, InvalidStateError, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from neurok_model.errors import ErrorCode, NeurokError

Result = TypeVar("Result")


class Worker:
    """One thread with a queue. Streams keep only their newest message; older ones are dropped and counted.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._newest: dict[str, Callable[[], None]] = {}
        self._closing = threading.Event()
        self._unfinished: set[Future[Any]] = set()
        self._abandoned: Future[None] = Future()
        self.dropped: dict[str, int] = {}

    def cancelled(self) -> bool:
        """Whether the worker is closing; long work asks this between its steps."""
        return self._closing.is_set()

    def run(self, work: Callable[[], Result]) -> tuple[Result, float]:
        """Do ``work`` on the thread, wait for it, and return its result and the milliseconds it was queued.

        Raises:
            NeurokError: ``NOT_ACTIVE`` when the worker is closed; else what ``work`` raises.
        """
        asked = time.perf_counter()

        def timed() -> tuple[Result, float]:
            waited = 1e3 * (time.perf_counter() - asked)
            return work(), waited

        try:
            future = self._submit(timed)
        except RuntimeError:  # the pool takes no work after its shutdown
            raise _closed() from None
        either: set[Future[Any]] = {future, self._abandoned}
        wait(either, return_when=FIRST_COMPLETED)
        if not future.done():
            raise _closed()
        try:
            return future.result()
        except CancelledError:
            raise _closed() from None

    def offer(self, stream: str, work: Callable[[], None]) -> None:
        """Do ``work`` some time later, unless a newer offer of the same stream comes first."""
        with self._lock:
            waiting = stream in self._newest
            self._newest[stream] = work
            if waiting:
                self.dropped[stream] = self.dropped.get(stream, 0) + 1
                return
        with contextlib.suppress(RuntimeError):  # closed meanwhile: nobody waits for a stream's work
            self._submit(lambda: self._run_newest(stream))

    def close(self, patience: float | None = None) -> bool:
        """Tell running work to stop, forget waiting work, and wait until the work that runs has ended.

        Args:
            patience: seconds to wait; those who wait for work that goes on for longer (encoding a scan cannot be
                stopped midway) are told so, and it is abandoned. None to wait as long as it takes.

        Returns:
            Whether all work has ended.
        """
        self._closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            unfinished = set(self._unfinished)
        ended = not wait(unfinished, patience).not_done
        with contextlib.suppress(InvalidStateError):  # closed before
            self._abandoned.set_result(None)
        return ended

    def _submit(self, work: Callable[[], Result]) -> Future[Result]:
        future = self._pool.submit(work)
        with self._lock:
            self._unfinished.add(future)
        future.add_done_callback(self._forget)
        return future

    def _forget(self, future: Future[Any]) -> None:
        with self._lock:
            self._unfinished.discard(future)

    def _run_newest(self, stream: str) -> None:
        with self._lock:
            work = self._newest.pop(stream)
        work()


def _closed() -> NeurokError:
    return NeurokError(ErrorCode.NOT_ACTIVE, "lifecycle state", "shutting down", "a request to a node that is active")
