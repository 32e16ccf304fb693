"""Tangents: whether small motions of the latent about a scan are the ways in which the object can truly move."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor

from neurok_model.data.families import build_object, family_names
from neurok_model.data.generated_object import GeneratedObject
from neurok_model.data.metaworld import METAWORLD, metaworld_names, metaworld_object
from neurok_model.data.splits import SPLIT_NAMES, numbered_seed
from neurok_model.errors import NeurokError
from neurok_model.evaluation.latent_object import LatentObject
from neurok_model.evaluation.reporting import mean_figures
from neurok_model.geometry import TriangleMesh
from neurok_model.geometry.sampling import lumped_areas
from neurok_model.predictor import Predictor
from neurok_model.training.response import response_error
from neurok_model.training.tangents import subspace_errors


@dataclass(frozen=True)
class TangentEvaluation:
    """What to evaluate.

    Args:
        checkpoint: safetensors file; the packaged weights when left out.
        families: names, those of real objects with ``metaworld_`` before them; everything when left out.
        instances: test instances per family, each in a random pose; real objects are taken once.
        seed: of the instances' poses, surface points and compiled maps.
        device: "auto", "cpu" or "cuda".
    """

    checkpoint: Path | None = None
    families: tuple[str, ...] = ()
    instances: int = 2
    seed: int = 0
    device: str = "auto"


def evaluate_tangents(configuration: TangentEvaluation, console: Console) -> dict[str, Any]:
    """Encode objects and compare the directions in which they move about the scanned pose with the true ones.

    Returns:
        ``overall`` (families), ``metaworld`` and ``families``, each with the methods ``full`` (the decoder's latent)
        and ``reduced`` (the coordinates of the mechanics), each with ``missing`` and ``spurious``: shares m and s of
        :mod:`neurok_model.training.tangents`, means over the area of the scan. ``reduced`` also has ``response``, how
        far the velocities that pushes cause are from the true ones (0: all right, 1: as for an object that does not
        move; see :mod:`neurok_model.training.response`), and ``response_without``, the same without the latent mass
        that the networks give (neither applies to ``full``: NaN); ``skipped`` with the reasons.
    """
    predictor = Predictor.load(configuration.checkpoint, device=configuration.device, seed=configuration.seed)
    rows: dict[str, list[dict[str, dict[str, float]]]] = {}
    skipped: dict[str, str] = {}
    for family, instance, state in track(list(_objects(configuration, skipped)), "encoding", console=console):
        scan = TriangleMesh(instance.pose(state[None]).vertices[0], instance.triangles)
        try:
            rows.setdefault(family, []).append(_errors(predictor, scan, instance.tangents(state)))
        except NeurokError as error:
            skipped[family] = str(error)
    generated = [row for family, some in rows.items() if not family.startswith(METAWORLD) for row in some]
    real = [row for family, some in rows.items() if family.startswith(METAWORLD) for row in some]
    return {
        **{name: mean_figures(some) for name, some in (("overall", generated), ("metaworld", real)) if some},
        "families": {family: mean_figures(some) for family, some in rows.items()},
        "skipped": skipped,
        "settings": {"instances": configuration.instances, "seed": configuration.seed},
    }


def _objects(
    configuration: TangentEvaluation, skipped: dict[str, str]
) -> Iterator[tuple[str, GeneratedObject, Float[np.ndarray, " coordinates"]]]:
    """Instances of the test split, and real objects, with a state that each is scanned in."""
    names = configuration.families or (*family_names(), *(METAWORLD + name for name in metaworld_names()))
    for family in names:
        generator = np.random.default_rng((configuration.seed, SPLIT_NAMES.index("test")))
        if family.startswith(METAWORLD):
            try:
                instances: list[GeneratedObject] = [metaworld_object(family.removeprefix(METAWORLD))]
            except NeurokError as error:
                skipped[family] = str(error)
                continue
        else:
            instances = [build_object(family, numbered_seed("test", index)) for index in range(configuration.instances)]
        for instance in instances:
            if instance.degrees_of_freedom:
                yield family, instance, instance.sample_states(generator, 1)[0]


def _errors(
    predictor: Predictor, scan: TriangleMesh, tangents: Float[np.ndarray, "j v 3"]
) -> dict[str, dict[str, float]]:
    """Missing and spurious shares of one object, in the full latent and in the reduced coordinates."""
    encoded = LatentObject(predictor, scan, scan.vertices)
    weight = np.sqrt(lumped_areas(scan.vertices, scan.triangles))[:, None]
    truth = torch.as_tensor(weight * tangents)[None]
    moves = {"full": encoded.full_tangents(), "reduced": encoded.reduced_tangents()}
    figures = {name: _shares(torch.as_tensor(weight) * move.double().cpu(), truth) for name, move in moves.items()}
    per_mass = torch.as_tensor(weight / np.linalg.norm(weight)) * moves["reduced"].double().cpu()
    physics = encoded.model.physics
    without = encoded.model.with_physics(replace(physics, learned_latent_mass=0.0))
    for name, model in (("response", encoded.model), ("response_without", without)):
        figures["full"][name] = math.nan
        figures["reduced"][name] = _response(per_mass, model.system.latent.double().cpu() / physics.mass, truth)
    return figures


def _response(moves: Float[Tensor, "k v 3"], latent: Float[Tensor, "k k"], truth: Float[Tensor, "1 j v 3"]) -> float:
    """Error of the answer to pushes, for motions weighted with the root of their share of the mass."""
    rows = moves.flatten(1)
    size = rows.norm(dim=-1)
    answer = size[:, None] * torch.linalg.inv(rows @ rows.mT + latent) * size
    return float(response_error(moves[None], truth, answer[None])[0])


def _shares(moves: Float[Tensor, "k v 3"], truth: Float[Tensor, "1 j v 3"]) -> dict[str, float]:
    missing, spurious, _ = subspace_errors(moves[None], truth)
    return {"missing": float(missing), "spurious": float(spurious)}
