"""Plays motions in real time, one frame after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float

Motion = TypeVar("Motion")


@dataclass(frozen=True)
class Playback(Generic[Motion]):
    """A motion that is being played.

    Args:
        motion: what is shown.
        times: of its frames, in seconds.
        begun: when it began, on the monotonic clock.
    """

    motion: Motion
    times: Float[np.ndarray, " frames"]
    begun: float

    def frame_at(self, now: float, loop: bool) -> tuple[int, bool]:
        """Return the index of the frame that is due, and whether it is the last one."""
        elapsed, length = now - self.begun, float(self.times[-1])
        if loop and length > 0.0:
            elapsed %= length
        index = int(np.searchsorted(self.times, elapsed, side="right")) - 1
        return max(0, min(index, len(self.times) - 1)), elapsed >= length


class Animation(Generic[Motion]):
    """Shows the frames of the newest motion on a thread of its own, which sleeps when there is none.

    A thread and not a ROS timer: rclpy raises in its executor, and so ends the node, when a timer is cancelled by
    one thread while another is about to call it.

    Args:
        show: shows one frame, given the motion, the frame's index, and whether it is the first one to be shown
            and the last one.
        rate: gives the frames per second, at the moment of asking.
        loop: tells whether to begin again at the end, at the moment of asking.
        failed: told what ``show`` raised; the motion is then dropped.
    """

    def __init__(
        self,
        show: Callable[[Motion, int, bool, bool], None],
        rate: Callable[[], float],
        loop: Callable[[], bool],
        failed: Callable[[Exception], None],
    ) -> None:
        self._show = show
        self._rate = rate
        self._loop = loop
        self._failed = failed
        self._changed = threading.Condition()
        self._playback: Playback[Motion] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="animation", daemon=True)
        self._thread.start()

    def play(self, motion: Motion, times: Float[np.ndarray, " frames"]) -> None:
        """Begin to show a motion, instead of the present one."""
        self._replace(Playback(motion, times, time.monotonic()))

    def stop(self) -> None:
        """Show nothing more."""
        self._replace(None)

    def close(self) -> None:
        """Stop, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _replace(self, playback: Playback[Motion] | None) -> None:
        with self._changed:
            self._playback = playback
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._playback is not None)
                if self._closed:
                    return
                playback = self._playback
            if playback is not None:
                self._play_to_the_end(playback)

    def _play_to_the_end(self, playback: Playback[Motion]) -> None:
        """Show frames until the last one is shown, or another motion comes."""
        first = last = True
        while first or not last:
            index, last = playback.frame_at(time.monotonic(), self._loop())
            try:
                self._show(playback.motion, index, first, last)
            except Exception as error:
                self._failed(error)
                last = True
            first = False
            with self._changed:
                if last and self._playback is playback:
                    self._playback = None
                replaced = self._changed.wait_for(
                    lambda: self._closed or self._playback is not playback, 1.0 / self._rate()
                )
            if replaced:
                return
