"""Times of repeated work, with a limit, on machines that are busy with other things too."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Time:
    """Medians over the runs.

    Attributes:
        wall: milliseconds on the clock, which other processes lengthen.
        cpu: milliseconds of processor time of this process, over all its threads, which they hardly do.
        runs: how many.
    """

    wall: float
    cpu: float
    runs: int


def measured(work: Callable[[], object], *, seconds: float = 2.0, repeats: int = 20, warm: bool = True) -> Time:
    """Run ``work`` up to ``repeats`` times, but at least once and not much longer than ``seconds``.

    Args:
        work: what to measure.
        seconds: after so many no further run begins.
        repeats: runs at most.
        warm: whether a first run, which may load or compile things, does not count.
    """
    begin = time.perf_counter()
    if warm:
        work()
    wall, cpu = [], []
    for _ in range(repeats):
        started, started_cpu = time.perf_counter(), time.process_time()
        work()
        wall.append(1e3 * (time.perf_counter() - started))
        cpu.append(1e3 * (time.process_time() - started_cpu))
        if time.perf_counter() - begin > seconds:
            break
    return Time(median(wall), median(cpu), len(wall))


class Budget:
    """Seconds that a benchmark may take altogether.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def allows(self, seconds: float) -> bool:
        """Whether work of about so many seconds may still begin."""
        return time.monotonic() + seconds < self._end
