"""The ``neurok data`` commands."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from neurok_model.data.contact_sheets import SheetRow, draw_contact_sheet
from neurok_model.data.families import build_object, family_names
from neurok_model.data.generated_object import GeneratedObject
from neurok_model.data.generation import (
    GenerationRequest,
    ShardReport,
    articulated_family_names,
    generate,
    tasks_of,
)
from neurok_model.data.shards import Shard
from neurok_model.data.simulation import simulated_family_names
from neurok_model.data.statistics import MotionStatistics, describe_families, posed_statistics, stored_statistics
from neurok_model.data.validation import validate_families, validate_folder
from neurok_model.errors import ErrorCode, NeurokError

ROWS_PER_SHEET = 12


@dataclass(frozen=True)
class Generate:
    """Simulate objects into a folder of shards; an interrupted run continues where it was."""

    out: Path
    """Folder for the shards."""
    families: tuple[str, ...] = ()
    """Names of families; all that can be simulated by default."""
    count: int = 16
    """Sequences per family."""
    seed: int = 0
    """Seed of the data set: the same seed gives the same bytes."""
    split: str = "train"
    """train, validation or test."""
    pokes: bool = False
    """Poke objects that are at rest, articulated ones too: ground truth for prediction."""
    frames: int = 48
    """Frames per sequence."""
    workers: int = 1
    """Processes; with Ray, shards in flight at once, where 1 means as many as the cluster has cores."""
    ray: bool = False
    """Spread the work over a Ray cluster whose machines share the folder (RAY_ADDRESS; else this machine)."""

    def run(self, console: Console) -> None:
        """Generate with a progress bar and print what became of every family."""
        everything = simulated_family_names() + (articulated_family_names() if self.pokes else [])
        request = GenerationRequest(
            self.out, self.families or tuple(everything), self.count, self.seed, self.split, self.pokes, self.frames
        )
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("shards", total=len(tasks_of(request)))

            def advance(report: ShardReport) -> None:
                progress.update(bar, advance=1, description=f"{report.family:18}")

            report = generate(request, self.workers, advance, self.ray)
        table = Table("family", "sequences", "rejected", "frames/s and worker")
        for family, row in report.by_family(self.frames).items():
            share, rate = f"{100 * row['rejected_share']:.0f} %", f"{row['frames_per_second']:.0f}"
            table.add_row(family, str(int(row["sequences"])), share, rate)
        console.print(table)


@dataclass(frozen=True)
class Families:
    """List every family with its kind and its ranges of degrees of freedom."""

    json: Path | None = None
    """File for the machine-readable list."""
    instances: int = 6
    """Instances to measure per family."""

    def run(self, console: Console) -> None:
        """Measure, print a table and write the file."""
        entries = describe_families(self.instances)
        table = Table("family", "kind", "source", "degrees of freedom", "longest side [m]")
        for entry in entries:
            spans = [f"{span[0]}-{span[1]}" for span in (entry.degrees_of_freedom, entry.longest_side)]
            table.add_row(entry.name, entry.kind, entry.source, *spans)
        console.print(table)
        if self.json is not None:
            self.json.parent.mkdir(parents=True, exist_ok=True)
            self.json.write_text(
                json.dumps({"families": [asdict(entry) for entry in entries]}, indent=2) + "\n", encoding="utf-8"
            )


@dataclass(frozen=True)
class Inspect:
    """Write contact sheets (instances down, frames across) and statistics of families or of a folder of shards."""

    out: Path
    """Folder for the pictures and statistics.json."""
    folder: Path | None = None
    """Folder of shards; without it, families are posed on the fly."""
    families: tuple[str, ...] = ()
    """Names of families; all by default."""
    instances: int = 2
    """Instances per family."""
    frames: int = 6
    """Frames per instance."""
    seed: int = 0
    """First instance."""

    def run(self, console: Console) -> None:
        """Draw every sheet, print its path, and write and print statistics."""
        rows, statistics = self._posed() if self.folder is None else self._stored(self.folder)
        if not rows:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "folder", str(self.folder), "a folder with shards")
        for number, start in enumerate(range(0, len(rows), ROWS_PER_SHEET)):
            path = self.out / f"sheet-{number:02d}.png"
            draw_contact_sheet(rows[start : start + ROWS_PER_SHEET], path)
            console.print(str(path))
        written = self.out / "statistics.json"
        content = {"families": [asdict(entry) for entry in statistics]}
        written.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        table = Table(Column("family", no_wrap=True), "number", "side [m]", "motion / side", "mass [kg]", "rejected")
        for entry in statistics:
            middles = [f"{span[1]:.3g}" if span else "" for span in (entry.longest_side, entry.motion, entry.mass)]
            rejected = "" if entry.rejected_share is None else f"{100 * entry.rejected_share:.0f} %"
            table.add_row(entry.family, str(entry.sequences), *middles, rejected)
        console.print(table)
        console.print(f"medians; smallest and largest in {written}")

    def _posed(self) -> tuple[list[SheetRow], list[MotionStatistics]]:
        rows, statistics = [], []
        for family in self.families or family_names():
            objects, poses = [], []
            for seed in range(self.seed, self.seed + self.instances):
                built = build_object(family, seed)
                states = _shown_states(built, seed, self.frames)
                vertices = built.pose(states).vertices
                title = f"{family} {seed}, {built.degrees_of_freedom} degrees of freedom"
                rows.append(SheetRow(title, vertices, built.triangles, built.part_of_vertex))
                objects.append(built)
                poses.append(vertices)
            statistics.append(posed_statistics(family, objects, poses))
        return rows, statistics

    def _stored(self, folder: Path) -> tuple[list[SheetRow], list[MotionStatistics]]:
        rows: list[SheetRow] = []
        statistics = []
        for family in self.families or sorted({path.parent.name for path in folder.glob("*/*.h5")}):
            shards = [Shard(path) for path in sorted((folder / family).glob("*.h5"))]
            entries = [(shard, number) for shard in shards for number in range(len(shard))]
            if not entries:
                raise NeurokError(ErrorCode.INVALID_PARAMETER, "families", family, f"families with shards in {folder}")
            rejected = sum(sum(shard.attributes.get("rejected", {}).values()) for shard in shards)
            statistics.append(stored_statistics(family, (shard.read(number) for shard, number in entries), rejected))
            for shard, number in entries[self.seed : self.seed + self.instances]:
                sequence = shard.read(number)
                chosen = np.linspace(0, len(sequence.vertices) - 1, self.frames).round().astype(int)
                vertices = sequence.vertices[chosen].astype(np.float64)
                seconds = len(sequence.vertices) / sequence.rate
                rows.append(
                    SheetRow(
                        f"{family} seed {sequence.seed}, {seconds:.1f} s",
                        vertices,
                        sequence.triangles.astype(np.int64),
                        sequence.part_of_vertex.astype(np.int64),
                    )
                )
            for shard in shards:
                shard.close()
        return rows, statistics


def _shown_states(built: GeneratedObject, seed: int, frames: int) -> Float[np.ndarray, "f d"]:
    """The reference state, everything at its upper and then its lower limit, and states drawn at random."""
    lower, upper = built.state_range.T
    ends = np.stack([np.clip(0.0, lower, upper), upper, lower])
    return np.concatenate([ends, built.sample_states(np.random.default_rng(seed), frames)])[:frames]


@dataclass(frozen=True)
class Validate:
    """Check families or a folder of shards; fails with the offending instances named."""

    folder: Path | None = None
    """Folder of shards; without it, families are checked."""
    families: tuple[str, ...] = ()
    """Names of families; all by default."""
    instances: int = 3
    """Instances per family."""

    def run(self, console: Console) -> None:
        """Check, print the findings, and raise when there are any.

        Raises:
            NeurokError: naming the offending instances.
        """
        if self.folder is None:
            result = validate_families(self.families or tuple(family_names()), self.instances)
        else:
            result = validate_folder(self.folder)
        console.print(
            f"{result.instances} instances, {result.pieces} pieces, {100 * result.watertight_share:.1f} % watertight"
        )
        for finding in result.findings:
            console.print(f"{finding.instance}: {finding.check}: {finding.detail}")
        if result.findings or not result.instances:
            named = ", ".join(sorted({finding.instance for finding in result.findings})) or "no instance at all"
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "data", named, "instances that pass every check")
