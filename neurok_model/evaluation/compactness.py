"""Compactness: how many directions of the latent an object uses, against how many ways it can really move."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from neurok_model.data.families import build_object, family_names
from neurok_model.data.splits import SPLIT_NAMES, numbered_seed
from neurok_model.evaluation.trained_families import trained_families
from neurok_model.geometry import TriangleMesh
from neurok_model.networks import load_checkpoint
from neurok_model.predictor import Predictor
from neurok_model.reduction import CompiledMap
from neurok_model.weights import packaged_checkpoint

SHARE = 0.95
"""Share of E[J^T M J] that the directions must hold."""


@dataclass(frozen=True)
class CompactnessEvaluation:
    """What to evaluate.

    Args:
        checkpoint: safetensors file; the packaged weights when left out.
        instances: test instances per family, each in a random pose.
        seed: of the instances' poses.
        device: "auto", "cpu" or "cuda".
    """

    checkpoint: Path | None = None
    instances: int = 4
    seed: int = 0
    device: str = "auto"


def evaluate_compactness(configuration: CompactnessEvaluation, console: Console) -> dict[str, Any]:
    """Encode test instances and count the directions that hold 95 % of the mean mass matrix.

    Returns:
        ``overall`` and ``families``, each holding ``directions``, ``degrees_of_freedom``, ``excess_dimensions``,
        ``reduced_dimensions`` (k_q), ``compile_error`` (share of the motion), ``encode_ms`` and ``compile_ms``.
    """
    path = configuration.checkpoint or packaged_checkpoint()
    _, description = load_checkpoint(path)
    predictor = Predictor.load(path, device=configuration.device, seed=configuration.seed)
    # Of simulated families nobody knows how many degrees of freedom matter.
    families_trained = sorted(trained_families(description) & set(family_names())) or family_names()
    rows: dict[str, list[dict[str, float]]] = {}
    for family in track(families_trained, "encoding", console=console):
        generator = np.random.default_rng((configuration.seed, SPLIT_NAMES.index("test")))
        for index in range(configuration.instances):
            instance = build_object(family, numbered_seed("test", index))
            if instance.degrees_of_freedom == 0:
                continue
            frames = instance.pose(instance.sample_states(generator, 1))
            model = predictor.encode(TriangleMesh(frames.vertices[0], instance.triangles))
            compiled = model.surface.embedding
            assert isinstance(compiled, CompiledMap)
            directions = compiled.subspace.directions_for(SHARE)
            rows.setdefault(family, []).append(
                {
                    "directions": directions,
                    "degrees_of_freedom": instance.degrees_of_freedom,
                    "excess_dimensions": directions - instance.degrees_of_freedom,
                    "reduced_dimensions": model.dimension,
                    "compile_error": model.compile_error,
                    "encode_ms": model.timings["encode"],
                    "compile_ms": model.timings["compile"],
                }
            )
    families = {family: _means(some) for family, some in rows.items()}
    return {
        "overall": _means([row for some in rows.values() for row in some]),
        "families": families,
        "settings": {"checkpoint": path.name, "instances": configuration.instances, "seed": configuration.seed},
    }


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
