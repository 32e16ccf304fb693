"""Plausibility: whether what the prior draws are poses that the object can really take, and whether it draws all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from rich.console import Console
from rich.progress import track

from neurok_model.data.contact_sheets import SheetRow, draw_contact_sheet
from neurok_model.data.families import build_object, family_names
from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.metaworld import metaworld_names, metaworld_object
from neurok_model.data.sources import StoredSource
from neurok_model.data.splits import family_generator, seed_in_split
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.evaluation.latent_object import LatentObject
from neurok_model.evaluation.reporting import mean_figures
from neurok_model.evaluation.shape_measures import edge_stretch, part_rigidity_error, vertex_areas, volume_change
from neurok_model.evaluation.task_sources import checked_names
from neurok_model.evaluation.true_poses import RecordedPoses, StatePoses, TruePoses
from neurok_model.geometry import Normalisation, TriangleMesh
from neurok_model.predictor import Predictor
from neurok_model.weights import packaged_checkpoint

STREAM = 0x91A
RECORDED_FRAMES = 32
COVERED_POSES = 16
SHOWN_TRUE = 3
SHOWN_DRAWS = 4
ROWS_PER_SHEET = 14


@dataclass(frozen=True)
class PlausibilityEvaluation:
    """What to evaluate.

    Args:
        checkpoint: safetensors file; the packaged weights when left out.
        source: generated test instances, the real objects of metaworld, or stored motions (whose nearest true pose
            is the nearest recorded frame: an upper bound).
        families: families or objects; all of the source by default.
        count: instances per family.
        draws: draws from the prior per instance.
        motions: folder of `neurok data generate`, for the source of stored motions.
        pictures: folder for contact sheets of the first instance of each family; none when left out.
        seed: of instances, poses and draws.
        device: "auto", "cpu" or "cuda".
    """

    checkpoint: Path | None = None
    source: Literal["generated", "metaworld", "stored"] = "generated"
    families: tuple[str, ...] = ()
    count: int = 1
    draws: int = 16
    motions: Path = Path("out/data/motions")
    pictures: Path | None = None
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class _Subject:
    """An object as it was scanned, with all that it can do."""

    family: str
    kind: ObjectKind
    rest: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "t 3"]
    part_of_vertex: Int[np.ndarray, " n"]
    poses: TruePoses


def evaluate_plausibility(configuration: PlausibilityEvaluation, console: Console) -> dict[str, Any]:
    """Draw from the prior and compare with what objects can really do.

    Returns:
        ``overall`` and ``families``, each holding ``full`` (draws of z through the decoder), ``reduced`` (draws of
        q through the compiled map) and ``truth`` (true poses, drawn anywhere between the limits), each holding, in
        longest sides of the scan: ``distance`` to the nearest true pose; ``motion``, the mean distance from the
        scanned pose, without which small distances mean nothing; ``coverage``, the mean distance of true poses from
        the nearest draw; ``rigidity`` error (articulated objects), and as shares ``stretch`` of edges (cloth) and
        ``volume`` change (soft bodies). NaN where a measure does not apply. Also ``settings``.

    Raises:
        NeurokError: for unknown families or a source that is not there.
    """
    if min(configuration.count, configuration.draws) < 1:
        value = min(configuration.count, configuration.draws)
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "count and draws", value, "integers of at least 1")
    path = configuration.checkpoint or packaged_checkpoint()
    predictor = Predictor.load(path, device=configuration.device, seed=configuration.seed)
    begin = time.perf_counter()
    results: dict[str, list[dict[str, dict[str, float]]]] = {}
    rows: list[SheetRow] = []
    subjects = list(_subjects(configuration))
    for subject in track(subjects, "drawing from the prior", console=console):
        figures, shown = _judged(predictor, subject, configuration)
        if subject.family not in results:
            rows.append(shown)
        results.setdefault(subject.family, []).append(figures)
    if configuration.pictures is not None:
        for number, start in enumerate(range(0, len(rows), ROWS_PER_SHEET)):
            draw_contact_sheet(rows[start : start + ROWS_PER_SHEET], configuration.pictures / f"draws-{number:02d}.png")
    return {
        "overall": mean_figures([figures for some in results.values() for figures in some]),
        "families": {family: mean_figures(some) for family, some in results.items()},
        "settings": {
            "checkpoint": path.name,
            "source": configuration.source,
            "count": configuration.count,
            "draws": configuration.draws,
            "seed": configuration.seed,
            "seconds": round(time.perf_counter() - begin, 1),
        },
    }


def _judged(
    predictor: Predictor, subject: _Subject, configuration: PlausibilityEvaluation
) -> tuple[dict[str, dict[str, float]], SheetRow]:
    """Figures of one object, and the row that shows its draws."""
    shape = LatentObject(predictor, TriangleMesh(subject.rest, subject.triangles), subject.rest)
    chosen = shape.fitted_points()
    generator = torch.Generator().manual_seed(configuration.seed)
    latents = shape.full(chosen).draws(configuration.draws, generator)
    q = shape.reduced(chosen).draws(configuration.draws, generator)
    numbers = family_generator(subject.family, configuration.seed, STREAM, 1)
    truth = subject.poses.draw(max(COVERED_POSES, SHOWN_TRUE), numbers)
    drawn = {"full": shape.full_vertices(latents), "reduced": shape.reduced_vertices(q), "truth": truth}
    figures = {name: _figures(subject, some, truth) for name, some in drawn.items()}
    shown = np.concatenate((subject.rest[None], truth[:SHOWN_TRUE], drawn["full"][:SHOWN_DRAWS]))
    title = f"{subject.family}: the scan, {SHOWN_TRUE} true poses, then draws from the prior"
    return figures, SheetRow(title, shown, subject.triangles, subject.part_of_vertex)


def _figures(
    subject: _Subject, poses: Float[np.ndarray, "f n 3"], truth: Float[np.ndarray, "g n 3"]
) -> dict[str, float]:
    rest, triangles = subject.rest, subject.triangles
    scale = Normalisation.of(rest[np.unique(triangles)]).scale
    weight = vertex_areas(rest, triangles)
    weight /= weight.sum() * scale

    def apart(first: Float[np.ndarray, "n 3"], second: Float[np.ndarray, "n 3"]) -> float:
        return float(weight @ np.linalg.norm(first - second, axis=1))

    articulated = subject.kind in (ObjectKind.ARTICULATED, ObjectKind.MULTI_BODY)
    unknown = float("nan")
    rows = [
        {
            "distance": apart(pose, subject.poses.nearest(pose)),
            "motion": apart(pose, rest),
            "rigidity": part_rigidity_error(rest, pose, triangles, subject.part_of_vertex) / scale
            if articulated
            else unknown,
            "stretch": edge_stretch(rest, pose, triangles) if subject.kind is ObjectKind.CLOTH else unknown,
            "volume": volume_change(rest, pose, triangles) if subject.kind is ObjectKind.ELASTIC else unknown,
        }
        for pose in poses
    ]
    between = np.array([[apart(true, pose) for pose in poses] for true in truth])
    if poses is truth:
        # Every pose covers itself: the nearest of the others counts.
        np.fill_diagonal(between, np.inf)
    means = mean_figures([{"all": row} for row in rows])["all"]
    return {**means, "coverage": float(between.min(axis=1).mean())}


def _subjects(configuration: PlausibilityEvaluation) -> Iterator[_Subject]:
    count, seed = configuration.count, configuration.seed
    if configuration.source == "stored":
        for family in StoredSource(configuration.motions, configuration.families).families:
            source = StoredSource(configuration.motions, (family,))
            generator = family_generator(family, seed, STREAM)
            for _ in range(count):
                drawn = source.draw("test", generator, 1 + RECORDED_FRAMES)
                frames = drawn.frames.vertices
                recorded = RecordedPoses(frames[1:], drawn.triangles, seed)
                yield _Subject(family, drawn.kind, frames[0], drawn.triangles, drawn.part_of_vertex, recorded)
        return
    real = configuration.source == "metaworld"
    for family in checked_names(configuration.families, metaworld_names() if real else family_names()):
        generator = family_generator(family, seed, STREAM)
        done = 0
        while done < count:
            instance = metaworld_object(family) if real else build_object(family, seed_in_split("test", generator))
            if instance.degrees_of_freedom == 0:
                continue
            done += 1
            rest = instance.pose(instance.sample_states(generator, 1)).vertices[0]
            poses = StatePoses(instance, seed)
            yield _Subject(family, instance.kind, rest, instance.triangles, instance.part_of_vertex, poses)
