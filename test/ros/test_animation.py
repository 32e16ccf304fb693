"""The animation shows frames in time's order, ends, and can be replaced or broken without dying."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from neurok_ros.animation import Animation, Playback

TIMES = np.arange(5) * 0.05


class Screen:
    """Notes what is shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, int, bool, bool]] = []
        self.failures: list[Exception] = []
        self.loop = False
        self.ended = threading.Event()

    def show(self, motion: str, index: int, first: bool, last: bool) -> None:
        """Note a frame; one motion cannot be shown."""
        if motion == "broken":
            raise RuntimeError("cannot be shown")
        self.shown.append((motion, index, first, last))
        if last:
            self.ended.set()


@pytest.fixture
def screen() -> Screen:
    """What an animation is shown on."""
    return Screen()


@pytest.fixture
def animation(screen: Screen) -> Iterator[Animation[str]]:
    """A running animation at 100 frames per second."""
    one = Animation(screen.show, lambda: 100.0, lambda: screen.loop, screen.failures.append)
    yield one
    one.close()
    assert not one._thread.is_alive()


def test_frames_come_in_order_and_end(animation: Animation[str], screen: Screen) -> None:
    """The first and the last frame are told apart, no frame goes back, and nothing is shown after the end."""
    animation.play("push", TIMES)
    assert screen.ended.wait(10)
    indices = [index for _, index, _, _ in screen.shown]
    assert indices == sorted(indices)
    assert indices[-1] == 4
    assert [first for _, _, first, _ in screen.shown] == [True] + [False] * (len(indices) - 1)
    assert sum(last for _, _, _, last in screen.shown) == 1
    count = len(screen.shown)
    time.sleep(0.1)
    assert len(screen.shown) == count


def test_newer_motion_replaces_the_older(animation: Animation[str], screen: Screen) -> None:
    """A second prediction is shown at once, from its beginning."""
    animation.play("old", np.arange(100) * 1.0)
    while not screen.shown:
        time.sleep(0.001)
    animation.play("new", TIMES)
    assert screen.ended.wait(10)
    assert screen.shown[-1][0] == "new"
    assert [motion for motion, _, first, _ in screen.shown if first] == ["old", "new"]


def test_stop_shows_nothing_more(animation: Animation[str], screen: Screen) -> None:
    """A new object must not be overlaid by the old one's motion."""
    animation.play("old", np.arange(100) * 1.0)
    while not screen.shown:
        time.sleep(0.001)
    animation.stop()
    time.sleep(0.05)
    count = len(screen.shown)
    time.sleep(0.1)
    assert len(screen.shown) == count


def test_failure_ends_the_motion_only(animation: Animation[str], screen: Screen) -> None:
    """A motion that cannot be shown is told once; the next one is shown."""
    animation.play("broken", TIMES)
    while not screen.failures:
        time.sleep(0.001)
    animation.play("good", TIMES)
    assert screen.ended.wait(10)
    assert len(screen.failures) == 1


def test_loop_begins_again() -> None:
    """Half a second into a loop of 0.2 s: frame 2 again, and never the end."""
    playback = Playback("push", TIMES, begun=10.0)
    assert playback.frame_at(10.51, loop=True) == (2, False)
    assert playback.frame_at(10.51, loop=False) == (4, True)
    assert playback.frame_at(10.0, loop=False) == (0, False)
    assert Playback("still", np.zeros(1), begun=10.0).frame_at(10.0, loop=True) == (0, True)
