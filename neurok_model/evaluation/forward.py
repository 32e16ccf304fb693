"""Predicted against simulated motion on held-out pokes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from neurok_model.data.contact_sheets import SheetRow, draw_contact_sheet
from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.sequences import MotionSequence
from neurok_model.data.shards import Shard
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.evaluation.forward_methods import METHODS, Motion, all_motions
from neurok_model.predictor import Predictor

TIMES = (0.1, 0.25, 0.5, 1.0)
"""Seconds after the poke begins at which motions are compared."""

FILM_FRAMES = 6


@dataclass(frozen=True)
class ForwardEvaluation:
    """What to evaluate.

    Args:
        data: folder of poke shards, from ``neurok data generate --pokes --split test``.
        checkpoint: safetensors file; the packaged weights when left out.
        families: names; every family in the folder when left out.
        count: records per family.
        model: whether the checkpoint is judged; without, only what needs none (the oracle and the baselines).
        films: folder for film strips, true above predicted.
        seed: of surface points and compiled maps.
        device: of the networks: "auto", "cpu" or "cuda".
    """

    data: Path = Path("out/data/pokes")
    checkpoint: Path | None = None
    families: tuple[str, ...] = ()
    count: int = 4
    model: bool = True
    films: Path | None = None
    seed: int = 0
    device: str = "auto"


@dataclass
class _Sums:
    """Errors and true motions, as shares of the object's longest side, summed by method and time."""

    error: dict[tuple[str, float], float]
    motion: dict[tuple[str, float], float]

    def add(self, method: str, time: float, error: float, motion: float) -> None:
        """Take in one record."""
        self.error[method, time] = self.error.get((method, time), 0.0) + error
        self.motion[method, time] = self.motion.get((method, time), 0.0) + motion

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


def evaluate_forward(configuration: ForwardEvaluation, console: Console) -> dict[str, Any]:
    """Predict every record by every method.

    Errors are ratios of sums over records: the mean distance of vertices from where they truly are, over their mean
    distance from where they began, each as a share of the object's longest side. A record that is shorter than a time
    does not count for it.

    Returns:
        ``articulated``, ``soft`` and ``metaworld``, each with methods, each with times; the same under
        ``volume_inertia`` for objects with a filled part; ``families``; ``records`` (how many of each group) and
        ``skipped`` with the reasons.

    Raises:
        NeurokError: INVALID_PARAMETER for a folder without poke shards.
    """
    predictor = None
    if configuration.model:
        predictor = Predictor.load(configuration.checkpoint, device=configuration.device, seed=configuration.seed)
    sums: dict[str, _Sums] = {}
    counted: dict[str, int] = {}
    skipped: dict[str, str] = {}
    shards = _shards(configuration)
    for family, paths in track(shards.items(), "predicting", console=console):
        filmed = configuration.films is None
        for number, sequence in enumerate(_records(paths, configuration.count)):
            try:
                motions = all_motions(predictor, sequence)
            except NeurokError as error:
                skipped[f"{family}/{number}"] = str(error)
                continue
            group = _group(sequence)
            for key in (group, f"family/{family}"):
                counted[key] = counted.get(key, 0) + 1
                _measure(sums.setdefault(key, _Sums({}, {})), sequence, motions)
            if not filmed and configuration.films is not None:
                _film(sequence, motions, configuration.films / f"{family}.png")
                filmed = True
    empty = _Sums({}, {}).shares()
    result: dict[str, Any] = {
        name: sums[name].shares() if name in sums else empty for name in ("articulated", "soft", "metaworld")
    }
    volume = [name for name in sums if name.startswith("volume_inertia/")]
    result["volume_inertia"] = {name.removeprefix("volume_inertia/"): sums[name].shares() for name in volume}
    families = [name for name in sums if name.startswith("family/")]
    result["families"] = {name.removeprefix("family/"): sums[name].shares() for name in families}
    result["records"], result["skipped"] = counted, skipped
    return result


def _shards(configuration: ForwardEvaluation) -> dict[str, list[Path]]:
    found = {
        folder.name: sorted(folder.glob("test-*.h5"))
        for folder in sorted(configuration.data.glob("*"))
        if folder.is_dir() and (not configuration.families or folder.name in configuration.families)
    }
    found = {family: paths for family, paths in found.items() if paths}
    if not found:
        allowed = "a folder from `neurok data generate --pokes --split test`"
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
    if sequence.family.startswith("metaworld"):
        name = "metaworld"
    else:
        name = "articulated" if sequence.kind is ObjectKind.ARTICULATED else "soft"
    filled = sequence.physics.get("solid_part", -1.0) >= 0.0
    return f"volume_inertia/{name}" if filled else name


def _measure(sums: _Sums, sequence: MotionSequence, motions: dict[str, Motion]) -> None:
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
