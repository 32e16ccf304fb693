"""Inverse kinematics: from M0 and evidence of another pose of the object to that pose, judged against the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.progress import track

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.evaluation.baselines import fit_arap, fit_cage, fit_rigid
from neurok_model.evaluation.evidence import Evidence, Protocol, gather_evidence
from neurok_model.evaluation.latent_fit import fit_full, fit_reduced
from neurok_model.evaluation.latent_object import LatentObject
from neurok_model.evaluation.metrics import PoseJudge, PoseMetrics
from neurok_model.evaluation.pose_task import PoseTask
from neurok_model.evaluation.reporting import mean_figures, median_figures
from neurok_model.evaluation.task_sources import (
    generated_tasks,
    metaworld_tasks,
    pair_tasks,
    stored_tasks,
    with_partial_scan,
)
from neurok_model.evaluation.trained_families import trained_families
from neurok_model.geometry import TriangleMesh
from neurok_model.networks import load_checkpoint
from neurok_model.predictor import Predictor
from neurok_model.weights import packaged_checkpoint

Vertices = Float[np.ndarray, "n 3"]


@dataclass(frozen=True)
class InverseKinematicsEvaluation:
    """What to evaluate.

    Args:
        checkpoint: safetensors file; the packaged weights when left out.
        protocol: what is known of the target pose: where every point has gone, an exact cloud of the whole surface,
            or one view of a noisy depth camera.
        source: generated test instances, the real objects of metaworld (never trained on), or stored motions.
        scan: show the model the mesh of M0, or one view of a depth camera.
        families: families or objects; all of the source by default.
        count: instances per family (pairs of poses per object of metaworld).
        pairs: folder of npz files (rest_vertices, triangles, target_vertices, metres) to evaluate instead.
        motions: folder of `neurok data generate`, for the source of stored motions.
        methods: what to compare, in this order.
        seed: of instances, poses, observations and starts.
        device: "auto", "cpu" or "cuda".
    """

    checkpoint: Path | None = None
    protocol: Literal["correspondences", "cloud", "partial"] = "correspondences"
    source: Literal["generated", "metaworld", "stored"] = "generated"
    scan: Literal["mesh", "partial"] = "mesh"
    families: tuple[str, ...] = ()
    count: int = 2
    pairs: Path | None = None
    motions: Path = Path("out/data/motions")
    methods: tuple[str, ...] = ("ours", "reduced", "floor", "no_motion", "arap", "cage", "rigid")
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class _Problem:
    """Everything that a method may look at; ``judge`` alone knows the answer."""

    task: PoseTask
    shape: LatentObject
    evidence: Evidence
    judge: PoseJudge
    seed: int

    def moved(self, motion: Callable[[Vertices], Vertices]) -> Vertices:
        return motion(self.task.rest)


def _ours(problem: _Problem) -> Vertices:
    found = fit_full(problem.shape, problem.evidence, problem.seed)
    return problem.shape.full_vertices(found.coordinates[None])[0]


def _reduced(problem: _Problem) -> Vertices:
    shape, found = fit_reduced(problem.shape, problem.evidence, problem.seed)
    return shape.reduced_vertices(found.coordinates[None])[0]


METHODS: dict[str, Callable[[_Problem], Vertices]] = {
    "ours": _ours,
    "reduced": _reduced,
    "floor": lambda problem: problem.task.target,
    "no_motion": lambda problem: problem.task.rest,
    "arap": lambda problem: fit_arap(TriangleMesh(problem.task.rest, problem.task.triangles), problem.evidence),
    "cage": lambda problem: problem.moved(fit_cage(problem.evidence)),
    "rigid": lambda problem: problem.moved(fit_rigid(problem.evidence)),
}
"""Every method's prediction of the target's vertices. ``floor`` is the target itself, sampled again."""


def solve_task(
    predictor: Predictor, task: PoseTask, protocol: Protocol, methods: tuple[str, ...], seed: int
) -> dict[str, PoseMetrics]:
    """Solve one task by several methods and judge them.

    Args:
        predictor: with its checkpoint.
        task: what to solve.
        protocol: what is known of the target pose.
        methods: names out of ``METHODS``.
        seed: of observations, starts and samples.

    Raises:
        NeurokError: when the scan does not describe an object.
    """
    shape = LatentObject(predictor, task.scan, task.rest)
    evidence = gather_evidence(task, shape.prepared, protocol, seed)
    judge = PoseJudge(task.rest, task.triangles, task.target, seed)
    problem = _Problem(task, shape, evidence, judge, seed)
    return {method: judge.judge(METHODS[method](problem)) for method in methods}


def evaluate_inverse_kinematics(configuration: InverseKinematicsEvaluation, console: Console) -> dict[str, Any]:
    """Solve tasks and judge every method on them.

    Returns:
        ``overall``, ``median`` and ``families``, each (family) holding the methods, each holding the metrics of
        :mod:`neurok_model.evaluation.metrics`; ``seen`` and ``unseen``, the means over families that the checkpoint
        was and was not trained on, where there are such; ``tasks``, one by one; ``settings``.

    Raises:
        NeurokError: for unknown families, methods, or a source that is not there.
    """
    methods = _checked_methods(configuration)
    path = configuration.checkpoint or packaged_checkpoint()
    predictor = Predictor.load(path, device=configuration.device, seed=configuration.seed)
    tasks = list(_tasks(configuration))
    begin = time.perf_counter()
    rows: list[tuple[PoseTask, dict[str, dict[str, float]]]] = []
    for number, task in enumerate(track(tasks, "inverse kinematics", console=console)):
        seed = 1000 * configuration.seed + number
        judged = solve_task(predictor, task, Protocol(configuration.protocol), methods, seed)
        rows.append((task, {method: asdict(metrics) for method, metrics in judged.items()}))
    everything = [figures for _, figures in rows]
    families = {
        family: mean_figures([figures for task, figures in rows if task.family == family])
        for family in dict.fromkeys(task.family for task in tasks)
    }
    return {
        "overall": mean_figures(everything),
        "median": median_figures(everything),
        "families": families,
        **_by_training(configuration, rows, trained_families(load_checkpoint(path)[1])),
        "tasks": [{"family": task.family, "name": task.name, "methods": figures} for task, figures in rows],
        "settings": _settings(configuration, path, time.perf_counter() - begin),
    }


def _tasks(configuration: InverseKinematicsEvaluation) -> Iterator[PoseTask]:
    families, count, seed = configuration.families, configuration.count, configuration.seed
    if configuration.pairs is not None:
        tasks = pair_tasks(configuration.pairs)
    elif configuration.source == "metaworld":
        tasks = metaworld_tasks(families, count, seed)
    elif configuration.source == "stored":
        tasks = stored_tasks(configuration.motions, families, count, seed)
    else:
        tasks = generated_tasks(families, count, seed)
    for task in tasks:
        yield with_partial_scan(task, seed) if configuration.scan == "partial" else task


def _checked_methods(configuration: InverseKinematicsEvaluation) -> tuple[str, ...]:
    unknown = [method for method in configuration.methods if method not in METHODS]
    if unknown or not configuration.methods:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "methods", ", ".join(unknown), "some of " + ", ".join(METHODS))
    if configuration.count < 1:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "count", configuration.count, "an integer of at least 1")
    # A deformation of the true mesh would be told more than a method that sees one side of it.
    return tuple(name for name in configuration.methods if configuration.scan == "mesh" or name != "arap")


def _by_training(
    configuration: InverseKinematicsEvaluation,
    rows: list[tuple[PoseTask, dict[str, dict[str, float]]]],
    trained: frozenset[str],
) -> dict[str, dict[str, dict[str, float]]]:
    if configuration.pairs is not None or configuration.source == "metaworld":
        # A real faucet is not of the generated family of that name.
        return {}
    groups = {
        "seen": [figures for task, figures in rows if task.family in trained],
        "unseen": [figures for task, figures in rows if task.family not in trained],
    }
    return {name: mean_figures(some) for name, some in groups.items() if some}


def _settings(configuration: InverseKinematicsEvaluation, path: Path, seconds: float) -> dict[str, Any]:
    return {
        "checkpoint": path.name,
        "protocol": configuration.protocol,
        "source": "pairs" if configuration.pairs is not None else configuration.source,
        "scan": configuration.scan,
        "count": configuration.count,
        "seed": configuration.seed,
        "seconds": round(seconds, 1),
    }
