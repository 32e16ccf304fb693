"""Where the time went: stages by name, in milliseconds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.table import Table


class Stopwatch:
    """Collects the wall time of stages, in the order in which they ran.

    Attributes:
        milliseconds: by stage.
    """

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Measure what happens inside the ``with`` statement; a stage that runs again adds up."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.add({stage: 1e3 * (time.perf_counter() - begin)})

    def add(self, milliseconds: Mapping[str, float]) -> None:
        """Take over stages that were measured elsewhere."""
        for stage, spent in milliseconds.items():
            self.milliseconds[stage] = self.milliseconds.get(stage, 0.0) + spent

    def table(self) -> Table:
        """The stages with their shares, to print."""
        total = sum(self.milliseconds.values())
        table = Table("stage", "milliseconds", "share", title="where the time went")
        for stage, spent in self.milliseconds.items():
            table.add_row(stage.replace("_", " "), f"{spent:.1f}", f"{spent / max(total, 1e-9):.0%}")
        table.add_row("total", f"{total:.1f}", "")
        return table
