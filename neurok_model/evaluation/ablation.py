"""The ablation table: what each ingredient is worth, from runs of equal compute judged on the same tasks."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.evaluation.reporting import write_json
from neurok_model.training.ablations import ablation_named
from neurok_model.training.continuation import flat_settings

METRICS = ("chamfer_l1", "chamfer_l2", "surface_iou", "volume_iou", "correspondence_error")
CHECKPOINT, INVERSE_KINEMATICS = "neurok.json", "ik.json"
"""Files that a run's folder must hold: the checkpoint's description and the result of ``neurok eval ik``."""
COLUMNS = ("Chamfer L1 ↓", "Chamfer L2 ↓", "surface IoU ↑", "volume IoU ↑", "correspondence error ↓")
"""The same in words, with the direction that is better."""
MEANT_TO_DIFFER = ("seed", "ablation")
OF_COMPUTE = ("steps", "micro_batches", "pairs.", "initial", "stored_motions")
"""Settings, or beginnings of their names, that decide how much a run computes and on what."""
SIZE_TOLERANCE = 0.1
"""Largest difference in parameters; heads of different form cannot have exactly as many."""


@dataclass(frozen=True)
class AblationTable:
    """What each ingredient is worth, from runs of `neurok train --ablation NAME`.

    Each must have been judged by `neurok eval ik --checkpoint RUN/neurok.safetensors --json RUN/ik.json`.
    """

    runs: tuple[Path, ...]
    """Folders of runs of equal compute, one of them without an ablation; runs that differ in their seed share a row."""
    json: Path | None = None
    """File for the machine-readable table."""

    def run(self, console: Console) -> None:
        """Build the table, print it and write the JSON file."""
        table = build_table(self.runs)
        compute, tasks = table["compute"], table["tasks"]
        title = f"{compute['deformations']:,} deformations seen by each, {len(tasks['names'])} test tasks"
        shown = Table("", *COLUMNS, title=title)
        for row in table["rows"]:
            shown.add_row(row["title"], *(_shown(row[name], row["spread"][name]) for name in METRICS))
        console.print(shown)
        write_json(self.json, table)


@dataclass(frozen=True)
class AblationRun:
    """One trained and evaluated network.

    Attributes:
        folder: where it lies.
        training: what its checkpoint says about training.
        inverse_kinematics: what ``neurok eval ik`` wrote.
    """

    folder: Path
    training: Mapping[str, Any]
    inverse_kinematics: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """Settings by dotted name."""
        records = ("held_out", "compute", "changes", "finished_steps")
        return flat_settings({name: value for name, value in self.training.items() if name not in records})

    def metrics(self, method: str) -> dict[str, float]:
        """Figures of a method of ``neurok eval ik``, over all tasks; NaN where one does not apply."""
        figures = self.inverse_kinematics["overall"][method]
        return {name: math.nan if figures[name] is None else float(figures[name]) for name in METRICS}


def build_table(folders: Sequence[Path]) -> dict[str, Any]:
    """Build the table from runs; the first without an ablation is the full model, which others are compared with.

    Every row is solved in reduced coordinates, as the paper does it, except the one without reduction, which is the
    full model solved in its whole latent. Runs that differ in nothing but their seed share a row.

    Args:
        folders: folders of runs, each with ``neurok.json`` and ``ik.json``.

    Returns:
        ``rows``, each with ``title``, ``ablation``, ``reduced``, ``runs`` (names of folders), the metrics of
        :data:`METRICS` and ``spread`` (their standard deviations over seeds, NaN for one run); ``compute`` of the
        full model and ``tasks``, the settings of the evaluation.

    Raises:
        NeurokError: when a file is missing or damaged, no run is without an ablation, or the runs are of unequal
            compute, of different data, or judged on different tasks.
    """
    runs = [read_run(folder) for folder in folders]
    full = next((run for run in runs if run.training["ablation"] == "none"), None)
    if full is None:
        raise _refusal(", ".join(map(str, folders)) or "none", "folders, one of them of a run without --ablation")
    groups: dict[str, list[AblationRun]] = {_title(full, full): []}
    for run in runs:
        require_comparable(full, run)
        groups.setdefault(_title(full, run), []).append(run)
    (title, whole), *others = groups.items()
    rows = [_row(title, whole, "reduced"), _row("without reduction", whole, "ours")]
    rows += [_row(title, some, "reduced") for title, some in others]
    return {"rows": rows, "compute": dict(full.training["compute"]), "tasks": _tasks(full)}


def read_run(folder: Path) -> AblationRun:
    """Read a run's folder.

    Raises:
        NeurokError: when a file is missing, damaged, or from a version that did not record its compute.
    """
    description = _read(folder / CHECKPOINT, "the folder of a finished `neurok train`")
    command = f"`neurok eval ik --checkpoint {folder}/neurok.safetensors --json {folder}/{INVERSE_KINEMATICS}` first"
    result = _read(folder / INVERSE_KINEMATICS, command)
    try:
        run = AblationRun(folder, description["training"], result)
        for method in ("ours", "reduced"):
            run.metrics(method)
        _tasks(run)
        ablation_named(run.training["ablation"])
        float(run.training["compute"]["deformations"]), float(run.training["compute"]["parameters"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, NeurokError):
            raise
        raise _refusal(
            f"{folder} without {error}", f"a run of this version of neurok, evaluated by {command}"
        ) from error
    return run


def require_comparable(first: AblationRun, other: AblationRun) -> None:
    """Make sure that two runs differ in their ingredients alone.

    Raises:
        NeurokError: naming everything else that differs.
    """
    problems = []
    for run in (first, other):
        steps, finished = run.training["steps"], run.training["finished_steps"]
        if finished != steps:
            problems.append(f"{run.folder} ended at step {finished} of {steps}")
    ours, theirs = first.settings, other.settings
    problems += [
        f"{name} is {_short(ours.get(name))} and {_short(theirs.get(name))}"
        for name in sorted(ours.keys() | theirs)
        if name.startswith(OF_COMPUTE) and ours.get(name) != theirs.get(name)
    ]
    if first.training["changes"] != other.training["changes"]:
        problems.append("settings were changed on the way")
    seen, size = ([run.training["compute"][name] for run in (first, other)] for name in ("deformations", "parameters"))
    if seen[0] != seen[1]:
        problems.append(f"{seen[0]} and {seen[1]} deformations seen")
    if abs(size[1] - size[0]) > SIZE_TOLERANCE * size[0]:
        problems.append(f"{size[0]} and {size[1]} parameters")
    if _tasks(first) != _tasks(other):
        problems.append("evaluated on different tasks")
    if problems:
        raise _refusal(
            f"{first.folder} and {other.folder}: {'; '.join(problems)}",
            "runs of equal compute, judged on the same split",
        )


def _title(first: AblationRun, run: AblationRun) -> str:
    """The ablation's name, and whatever else was set differently from the first run."""
    ours, theirs = first.settings, run.settings
    changes = [
        f"{name} {_short(ours.get(name))} → {_short(theirs.get(name))}"
        for name in sorted(ours.keys() | theirs)
        if name not in MEANT_TO_DIFFER and ours.get(name) != theirs.get(name)
    ]
    name = ablation_named(run.training["ablation"]).title
    return ", ".join(changes if changes and run.training["ablation"] == "none" else [name, *changes])


def _row(title: str, runs: Sequence[AblationRun], method: str) -> dict[str, Any]:
    figures = [run.metrics(method) for run in runs]
    columns = {name: np.array([one[name] for one in figures]) for name in METRICS}
    return {
        "title": title,
        "ablation": "reduction" if method == "ours" else runs[0].training["ablation"],
        "reduced": method == "reduced",
        "runs": [run.folder.name for run in runs],
        **{name: float(values.mean()) for name, values in columns.items()},
        "spread": {name: float(values.std(ddof=1)) if len(runs) > 1 else math.nan for name, values in columns.items()},
    }


def _shown(value: float, spread: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.4f}" if math.isnan(spread) else f"{value:.4f} ± {spread:.4f}"


def _tasks(run: AblationRun) -> dict[str, Any]:
    """What a run was judged on: the evaluation's settings and the name of every task."""
    result = run.inverse_kinematics
    own = ("checkpoint", "seconds", "device")
    settings = {name: value for name, value in result["settings"].items() if name not in own}
    return {**settings, "names": [f"{task['family']}/{task['name']}" for task in result["tasks"]]}


def _read(path: Path, allowed: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise _refusal(f"{path}: {error}", allowed) from error


def _short(value: object, limit: int = 30) -> str:
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _refusal(value: str, allowed: str) -> NeurokError:
    return NeurokError(ErrorCode.INVALID_PARAMETER, "runs", value, allowed)
