"""Predicted against simulated motion on held-out pokes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from neurok_model.data.contact_sheets import SheetRow, draw_contact_sheet
from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.metaworld import METAWORLD, metaworld_names
from neurok_model.data.sequences import MotionSequence
from neurok_model.data.shards import Shard
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.evaluation.forward_methods import BASELINES, METHODS, Assumptions, Motion, all_motions
from neurok_model.evaluation.metaworld_pokes import metaworld_pokes
from neurok_model.predictor import Predictor

TIMES = (0.1, 0.25, 0.5, 1.0)
"""Seconds after the poke begins at which motions are compared."""

TARGETS = {"articulated": 0.25, "soft": 0.35, "metaworld": 0.25}
"""Errors, as shares of the true motion, that a single record should stay within."""

SMALLEST_MOTION = 0.005
"""True motion, as a share of the object's longest side, below which a record alone says nothing: 2 mm of 40 cm."""

FILM_FRAMES = 6


def target_of(group: str) -> float:
    """The error that a record of a group should stay within, whether a part is filled or not."""
    return TARGETS[group.removeprefix("volume_inertia/")]


@dataclass(frozen=True)
class ForwardEvaluation:
    """What to evaluate.

    Args:
        data: folder of poke shards, from ``neurok data generate --pokes --split test --frames 62``: frames until a
            second after the poke began.
        split: which of the shards: those of "test", or of another split, for choices that must not see the test split.
        checkpoint: safetensors file; the packaged weights when left out.
        families: names; every family in the folder, and the objects of metaworld, when left out.
        count: records per family, and per object of metaworld.
        model: whether the checkpoint is judged; without, only what needs none (the oracle and the baselines).
        identify: whether the object is watched after other pokes before it is predicted, which takes most of the time.
        pokes: how many of these.
        identify_floating: whether parameters of floating objects are identified too, which takes dozens of predictions
            that machine code does not do; without, they are predicted with what is stated of them.
        assumed: what the model's mechanics take for granted.
        films: folder for film strips, true above predicted.
        seed: of surface points and compiled maps.
        device: of the networks: "auto", "cpu" or "cuda".
    """

    data: Path = Path("out/data/forward")
    split: str = "test"
    checkpoint: Path | None = None
    families: tuple[str, ...] = ()
    count: int = 1
    model: bool = True
    identify: bool = True
    pokes: int = 3
    identify_floating: bool = False
    assumed: Assumptions = field(default_factory=Assumptions)
    films: Path | None = None
    seed: int = 0
    device: str = "auto"


@dataclass
class RunningSums:
    """Errors and true motions, as shares of the object's longest side, summed by method and time."""

    error: dict[tuple[str, float], float] = field(default_factory=dict)
    motion: dict[tuple[str, float], float] = field(default_factory=dict)
    records: dict[tuple[str, float], list[float]] = field(default_factory=dict)

    def add(self, method: str, time: float, error: float, motion: float) -> None:
        """Take in one record."""
        self.error[method, time] = self.error.get((method, time), 0.0) + error
        self.motion[method, time] = self.motion.get((method, time), 0.0) + motion
        if motion > SMALLEST_MOTION:
            self.records.setdefault((method, time), []).append(error / motion)

    def shares(self) -> dict[str, dict[str, float]]:
        """Error as a share of the true motion; NaN where nothing was measured."""
        return {
            method: {
                str(time): self.error[method, time] / self.motion[method, time]
                if self.motion.get((method, time), 0.0) > 0.0
                else math.nan
                for time in TIMES
            }
            for method in METHODS
        }

    def typical(self, target: float) -> dict[str, dict[str, dict[str, float]]]:
        """What single records say, of which a few bad ones change little: their median, and how many are good.

        Args:
            target: error, as a share of the true motion, that counts as good.

        Returns:
            ``median``, ``within_target`` (share of the records) and ``records`` (how many moved enough), each with
            methods, each with times; NaN where nothing was measured.
        """
        shares = {
            method: {time: np.array(self.records.get((method, time), [])) for time in TIMES} for method in METHODS
        }
        return {
            "median": _of_each(shares, np.median),
            "within_target": _of_each(shares, lambda some: np.mean(some <= target)),
            "records": _of_each(shares, len, 0.0),
        }


def _of_each(
    shares: dict[str, dict[float, np.ndarray]], figure: Callable[[np.ndarray], Any], nothing: float = math.nan
) -> dict[str, dict[str, float]]:
    return {
        method: {str(time): float(figure(some)) if len(some) else nothing for time, some in row.items()}
        for method, row in shares.items()
    }


def evaluate_forward(configuration: ForwardEvaluation, console: Console) -> dict[str, Any]:
    """Predict every record by every method.

    Errors are ratios of sums over records: the mean distance of vertices from where they truly are, over their mean
    distance from where they began, each as a share of the object's longest side. A record that is shorter than a time
    does not count for it.

    Returns:
        ``articulated``, ``soft`` and ``metaworld``, each with methods, each with times; the same under
        ``volume_inertia`` for objects with a filled part; ``typical``: what single records of each of these groups
        say (:meth:`RunningSums.typical`); ``families``; ``beaten_by_baseline`` (families, and the times at which a
        baseline is nearer than the model); ``records`` (how many of each group), ``skipped`` with the reasons, and
        ``complete``: false where an interrupt (Ctrl-C) ended it early.

    Raises:
        NeurokError: INVALID_PARAMETER for a folder without poke shards.
    """
    predictor = None
    if configuration.model:
        predictor = Predictor.load(configuration.checkpoint, device=configuration.device, seed=configuration.seed)
    sums: dict[str, RunningSums] = {}
    counted: dict[str, int] = {}
    skipped: dict[str, str] = {}
    records = list(_all_records(configuration, skipped))
    filmed: set[str] = set()
    done = 0
    try:
        for name, sequence in track(records, "predicting", console=console):
            try:
                motions = all_motions(
                    predictor,
                    sequence,
                    pokes=configuration.pokes if configuration.identify else 0,
                    identify_floating=configuration.identify_floating,
                    assumed=configuration.assumed,
                )
            except NeurokError as error:
                skipped[name] = str(error)
                motions = {}
            for key in (_group(sequence), f"family/{sequence.family}") if motions else ():
                counted[key] = counted.get(key, 0) + 1
                measure(sums.setdefault(key, RunningSums()), sequence, motions)
            if configuration.films is not None and motions and sequence.family not in filmed:
                _film(sequence, motions, configuration.films / f"{sequence.family}.png")
                filmed.add(sequence.family)
            done += 1
    except KeyboardInterrupt:
        console.print(f"stopped after {done} of {len(records)} records; the tables are of those")
    return _result(sums, counted, skipped) | {"complete": done == len(records)}


def _result(sums: dict[str, RunningSums], counted: dict[str, int], skipped: dict[str, str]) -> dict[str, Any]:
    """Tables by group and by family, and where a baseline was nearer than the model."""
    empty = RunningSums().shares()
    result: dict[str, Any] = {
        name: sums[name].shares() if name in sums else empty for name in ("articulated", "soft", "metaworld")
    }
    for kind in ("volume_inertia", "family"):
        result[kind] = {
            name.removeprefix(f"{kind}/"): table.shares() for name, table in sums.items() if name.startswith(f"{kind}/")
        }
    result["families"] = result.pop("family")
    result["typical"] = {
        name: sums.get(name, RunningSums()).typical(target_of(name))
        for name in (*TARGETS, *(name for name in sums if name.startswith("volume_inertia/")))
    }
    result["beaten_by_baseline"] = {
        family: worse for family, table in result["families"].items() if (worse := _times_beaten(table))
    }
    return result | {"records": counted, "skipped": skipped}


def _times_beaten(table: dict[str, dict[str, float]]) -> list[str]:
    """Times at which a baseline is nearer to the truth than the model."""
    return [
        str(time)
        for time in TIMES
        if table["ours"][str(time)] > min(table[baseline][str(time)] for baseline in BASELINES)
    ]


def _all_records(configuration: ForwardEvaluation, skipped: dict[str, str]) -> Iterator[tuple[str, MotionSequence]]:
    """Every record with its name: stored ones, and pokes of the objects of metaworld."""
    wanted = set(configuration.families)
    for family, paths in _shards(configuration).items():
        for number, sequence in enumerate(_records(paths, configuration.count)):
            yield f"{family}/{number}", sequence
    for name in metaworld_names():
        if wanted and METAWORLD + name not in wanted:
            continue
        try:
            for number, sequence in enumerate(metaworld_pokes(name, configuration.count, configuration.seed)):
                yield f"{METAWORLD}{name}/{number}", sequence
        except NeurokError as error:
            skipped[METAWORLD + name] = str(error)


def _shards(configuration: ForwardEvaluation) -> dict[str, list[Path]]:
    found = {
        folder.name: sorted(folder.glob(f"{configuration.split}-*.h5"))
        for folder in sorted(configuration.data.glob("*"))
        if folder.is_dir() and (not configuration.families or folder.name in configuration.families)
    }
    found = {family: paths for family, paths in found.items() if paths}
    if not found and not any(name.startswith(METAWORLD) for name in configuration.families):
        allowed = f"a folder from `neurok data generate --pokes --split {configuration.split}`"
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "data", str(configuration.data), allowed)
    return found


def _records(paths: list[Path], count: int) -> Iterator[MotionSequence]:
    for path in paths:
        shard = Shard(path)
        for index in range(min(len(shard), count)):
            yield shard.read(index)
        count -= len(shard)
        shard.close()
        if count <= 0:
            return


def _group(sequence: MotionSequence) -> str:
    """The table that a record belongs to; a filled part makes it one of volume inertia."""
    if sequence.family.startswith(METAWORLD):
        name = "metaworld"
    else:
        name = "articulated" if sequence.kind is ObjectKind.ARTICULATED else "soft"
    filled = sequence.physics.get("solid_part", -1.0) >= 0.0
    return f"volume_inertia/{name}" if filled else name


def measure(sums: RunningSums, sequence: MotionSequence, motions: dict[str, Motion]) -> None:
    """Add one record's errors at ``TIMES``, as shares of the object's longest side."""
    truth = sequence.vertices.astype(np.float64)
    size = float(np.ptp(truth[0], axis=0).max())
    for time in TIMES:
        frame = round(time * sequence.rate)
        if frame >= len(truth):
            continue
        moved = float(np.linalg.norm(truth[frame] - truth[0], axis=1).mean()) / size
        for method, motion in motions.items():
            error = float(np.linalg.norm(motion[frame] - truth[frame], axis=1).mean()) / size
            sums.add(method, time, error, moved)


def _film(sequence: MotionSequence, motions: dict[str, Motion], path: Path) -> None:
    """True motion above each method's, at even times."""
    frames = np.linspace(0, len(sequence.vertices) - 1, FILM_FRAMES).round().astype(int)
    shown = {"true": sequence.vertices} | {name: motions[name] for name in METHODS if name in motions}
    shown = {name: motion for name, motion in shown.items() if name not in ("no_motion", "constant_velocity")}
    rows = [
        SheetRow(f"{sequence.family} {name}", motion[frames], sequence.triangles, sequence.part_of_vertex)
        for name, motion in shown.items()
    ]
    draw_contact_sheet(rows, path)
