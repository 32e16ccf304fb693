"""Whether answers depend on how a scan happens to be triangulated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.progress import track

from neurok_model.evaluation.evidence import Protocol, gather_evidence
from neurok_model.evaluation.latent_fit import fit_reduced
from neurok_model.evaluation.latent_object import LatentObject
from neurok_model.evaluation.pose_task import PoseTask
from neurok_model.evaluation.remeshing import REMESHINGS
from neurok_model.evaluation.reporting import mean_figures
from neurok_model.evaluation.shape_measures import vertex_areas
from neurok_model.evaluation.task_sources import generated_tasks, metaworld_tasks
from neurok_model.geometry import Normalisation
from neurok_model.predictor import Predictor
from neurok_model.weights import packaged_checkpoint


@dataclass(frozen=True)
class TriangulationEvaluation:
    """What to evaluate.

    Args:
        checkpoint: safetensors file; the packaged weights when left out.
        source: generated test instances, or the real objects of metaworld.
        families: families or objects; all of the source by default.
        count: instances per family.
        seed: of instances, poses and remeshings.
        device: "auto", "cpu" or "cuda".
    """

    checkpoint: Path | None = None
    source: Literal["generated", "metaworld"] = "generated"
    families: tuple[str, ...] = ()
    count: int = 1
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class _Answer:
    """What the model says of one scan, at the vertices of the mesh before it was remeshed."""

    solved: Float[np.ndarray, "n 3"]
    middle: Float[np.ndarray, "n 3"]


def evaluate_triangulation(configuration: TriangulationEvaluation, console: Console) -> dict[str, Any]:
    """Scan the same surface with other triangles and compare the answers.

    Returns:
        ``overall`` and ``families``, each holding one entry per remeshing, and ``resampled`` (the same triangles,
        other surface points: the spread that sampling alone makes). Each entry holds, in longest sides of the scan:
        ``solved`` and ``middle``, the mean distance between the answers for the new and for the old triangles, where
        the answer is the pose found from known correspondences in reduced coordinates, and the decoded mean of the
        prior; and ``correspondence_error`` of the pose found. Also ``settings``.
    """
    path = configuration.checkpoint or packaged_checkpoint()
    predictor = Predictor.load(path, device=configuration.device, seed=configuration.seed)
    other = Predictor(predictor.networks, predictor.checkpoint_name, configuration.seed + 1)
    tasks = list(_tasks(configuration))
    results: dict[str, list[dict[str, dict[str, float]]]] = {}
    for number, task in enumerate(track(tasks, "remeshing", console=console)):
        generator = np.random.default_rng((configuration.seed, number))
        results.setdefault(task.family, []).append(_compared(predictor, other, task, generator))
    return {
        "overall": mean_figures([figures for some in results.values() for figures in some]),
        "families": {family: mean_figures(some) for family, some in results.items()},
        "settings": {
            "checkpoint": path.name,
            "source": configuration.source,
            "count": configuration.count,
            "seed": configuration.seed,
        },
    }


def _tasks(configuration: TriangulationEvaluation) -> Iterator[PoseTask]:
    tasks = metaworld_tasks if configuration.source == "metaworld" else generated_tasks
    yield from tasks(configuration.families, configuration.count, configuration.seed)


def _compared(
    predictor: Predictor, other: Predictor, task: PoseTask, generator: np.random.Generator
) -> dict[str, dict[str, float]]:
    weight = vertex_areas(task.rest, task.triangles)
    weight /= weight.sum() * Normalisation.of(task.rest[np.unique(task.triangles)]).scale

    def apart(first: Float[np.ndarray, "n 3"], second: Float[np.ndarray, "n 3"]) -> float:
        return float(weight @ np.linalg.norm(first - second, axis=1))

    def figures(answer: _Answer) -> dict[str, float]:
        return {
            "solved": apart(answer.solved, reference.solved),
            "middle": apart(answer.middle, reference.middle),
            "correspondence_error": apart(answer.solved, task.target),
        }

    reference = _answer(predictor, task)
    compared = {"as_given": figures(reference), "resampled": figures(_answer(other, task))}
    for name, remesh in REMESHINGS.items():
        new = remesh(task.rest, task.triangles, generator)
        answer = _answer(
            predictor, PoseTask.of_mesh(task.family, name, new.vertices, new.posed(task.target), new.triangles)
        )
        compared[name] = figures(
            replace(answer, solved=new.old_vertices(answer.solved), middle=new.old_vertices(answer.middle))
        )
    return compared


def _answer(predictor: Predictor, task: PoseTask) -> _Answer:
    shape = LatentObject(predictor, task.scan, task.rest)
    evidence = gather_evidence(task, shape.prepared, Protocol.CORRESPONDENCES, 0)
    middle = shape.full(shape.fitted_points()).mean
    reached, found = fit_reduced(shape, evidence, 0)
    return _Answer(reached.reduced_vertices(found.coordinates[None])[0], shape.full_vertices(middle[None])[0])
