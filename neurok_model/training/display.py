"""Progress of a run on the terminal: how far, how good, how fast, how long still."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Display:
    """A progress bar; silent where its console is.

    Args:
        console: where to print.
        steps: length of the run.
        step: steps done so far.
    """

    def __init__(self, console: Console, steps: int, step: int) -> None:
        self.console = console
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            # The pace of the last ten minutes: evaluations make single steps look slow.
        )
        self._progress = Progress(*columns, TimeRemainingColumn(), console=console, speed_estimate_period=600.0)
        self._task = self._progress.add_task("training", total=steps, completed=step)

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def step(self, step: int, measures: dict[str, float], waited: float) -> None:
        """Show a step; ``waited`` is the share of the time that was spent waiting for data."""
        description = (
            f"error {measures['mean_distance']:.4f}  divergence {measures['divergence']:.1f}  data {waited:.0%}"
        )
        self._progress.update(self._task, completed=step, description=description)

    def evaluation(self, step: int, measures: dict[str, float], held_out: dict[str, float]) -> None:
        """Print a held-out evaluation."""
        self.console.print(
            f"step {step}: held-out error {held_out['error']:.4f} (no motion {held_out['no_motion']:.4f}), "
            f"motion explained {held_out['explained']:.0%}, divergence {measures['divergence']:.1f}, "
            f"active dimensions {measures['active_dimensions']:.0f}"
        )
