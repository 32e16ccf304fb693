"""What watching one joint move teaches: poses between and beyond those that were seen, and of the other joints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.progress import track

from neurok_model.data.families import build_object, family_names
from neurok_model.data.generated_object import GeneratedObject
from neurok_model.data.metaworld import METAWORLD, metaworld_names, metaworld_object
from neurok_model.data.splits import SPLIT_NAMES, numbered_seed
from neurok_model.errors import NeurokError
from neurok_model.evaluation.reporting import mean_figures, median_figures
from neurok_model.geometry import TriangleMesh
from neurok_model.identification import MotionObservation
from neurok_model.object_model import ObjectModel
from neurok_model.predictor import Predictor

SEEN = np.linspace(0.2, 0.6, 9)
"""Shares of its joint's range at which an object is seen, the first of them in the scan."""

BETWEEN, BEYOND = (0.33, 0.48), (0.7, 0.8)
"""Shares at which it is judged."""

FRAME = 1.0 / 30.0

SMALLEST_MOTION = 0.01
"""Root-mean-square motion, in longest sides, below which a joint is not judged."""


@dataclass(frozen=True)
class WatchingEvaluation:
    """What to evaluate.

    Args:
        checkpoint: safetensors file; the packaged weights when left out.
        families: names, those of real objects with ``metaworld_`` before them; everything when left out.
        instances: test instances per family; real objects are taken once.
        seed: of the states, the joints that are watched, surface points and compiled maps.
        device: "auto", "cpu" or "cuda".
    """

    checkpoint: Path | None = None
    families: tuple[str, ...] = ()
    instances: int = 1
    seed: int = 0
    device: str = "auto"


def evaluate_watching(configuration: WatchingEvaluation, console: Console) -> dict[str, Any]:
    """Scan objects, watch one joint of each, and see how near the compiled object can come to other true poses.

    Returns:
        ``overall`` (means over generated objects), ``median`` (the same), ``metaworld`` and ``families``, each with the
        methods ``scanned`` and ``watched``, each with the root-mean-square distance of vertices from poses ``between``
        and ``beyond`` those that were seen and of ``another_joint``, as shares of their motion (NaN where there is
        none), and the number of ``coordinates``; ``skipped`` with the reasons.
    """
    predictor = Predictor.load(configuration.checkpoint, device=configuration.device, seed=configuration.seed)
    rows: dict[str, list[dict[str, dict[str, float]]]] = {}
    skipped: dict[str, str] = {}
    for family, instance, state, joint in track(list(_objects(configuration, skipped)), "watching", console=console):
        try:
            rows.setdefault(family, []).append(_judged(predictor, instance, state, joint))
        except NeurokError as error:
            skipped[family] = str(error)
    generated = [row for family, some in rows.items() if not family.startswith(METAWORLD) for row in some]
    real = [row for family, some in rows.items() if family.startswith(METAWORLD) for row in some]
    return {
        **({"overall": mean_figures(generated), "median": median_figures(generated)} if generated else {}),
        **({"metaworld": mean_figures(real)} if real else {}),
        "families": {family: mean_figures(some) for family, some in rows.items() if some},
        "skipped": skipped,
        "settings": {"instances": configuration.instances, "seed": configuration.seed},
    }


def _objects(
    configuration: WatchingEvaluation, skipped: dict[str, str]
) -> Iterator[tuple[str, GeneratedObject, Float[np.ndarray, " coordinates"], int]]:
    """Objects, each with a state and one of the joints that move enough of it."""
    names = configuration.families or (*family_names(), *(METAWORLD + name for name in metaworld_names()))
    for family in names:
        generator = np.random.default_rng((configuration.seed, SPLIT_NAMES.index("test")))
        try:
            if family.startswith(METAWORLD):
                instances: list[GeneratedObject] = [metaworld_object(family.removeprefix(METAWORLD))]
            else:
                seeds = [numbered_seed("test", index) for index in range(configuration.instances)]
                instances = [build_object(family, seed) for seed in seeds]
        except NeurokError as error:
            skipped[family] = str(error)
            continue
        for instance in instances:
            if instance.degrees_of_freedom == 0:
                continue
            state = instance.sample_states(generator, 1)[0]
            joints = [joint for joint in range(len(state)) if _moves(instance, state, joint)]
            if joints:
                yield family, instance, state, int(generator.choice(joints))
            else:
                skipped[family] = "no joint moves enough of it"


def _moves(instance: GeneratedObject, state: Float[np.ndarray, " coordinates"], joint: int) -> bool:
    """Whether what is seen of a joint is more than play."""
    ends = _swept(instance, state, joint, SEEN[[0, -1]])
    motion = np.sqrt(np.square(ends[1] - ends[0]).sum(-1).mean())
    return bool(motion >= SMALLEST_MOTION * np.ptp(ends[0], axis=0).max())


def _swept(
    instance: GeneratedObject,
    state: Float[np.ndarray, " coordinates"],
    joint: int,
    shares: Float[np.ndarray, " poses"],
) -> Float[np.ndarray, "poses v 3"]:
    """Vertices [m] with one joint at shares of its range, and the others as in ``state``."""
    states = np.repeat(state[None], len(shares), axis=0)
    lower, upper = instance.state_range[joint]
    states[:, joint] = lower + shares * (upper - lower)
    return np.asarray(instance.pose(states).vertices)


def _judged(
    predictor: Predictor, instance: GeneratedObject, state: Float[np.ndarray, " coordinates"], joint: int
) -> dict[str, dict[str, float]]:
    """Figures of one object, scanned and watched."""
    seen = _swept(instance, state, joint, SEEN)
    lower, upper = instance.state_range[joint]
    scanned_state = state.copy()
    scanned_state[joint] = lower + SEEN[0] * (upper - lower)
    poses = {
        "between": _swept(instance, state, joint, np.array(BETWEEN)),
        "beyond": _swept(instance, state, joint, np.array(BEYOND)),
        "another_joint": np.concatenate(
            [
                _swept(instance, scanned_state, other, np.array(BEYOND))
                for other in range(len(state))
                if other != joint and _moves(instance, state, other)
            ]
            or [np.empty((0, *seen[0].shape))]
        ),
    }
    scan = TriangleMesh(seen[0], instance.triangles)
    model = predictor.encode(scan)
    observation = MotionObservation((), FRAME * np.arange(len(seen)), seen)
    watched = predictor.refine(model, [observation]).model
    return {
        name: {
            **{place: _missed(judged, scan, some) for place, some in poses.items()},
            "coordinates": float(judged.dimension),
        }
        for name, judged in (("scanned", model), ("watched", watched))
    }


def _missed(model: ObjectModel, scan: TriangleMesh, poses: Float[np.ndarray, "poses v 3"]) -> float:
    """Mean over poses of the distance from what the model can do, as a share of the motion; NaN for no pose."""
    shares = []
    for pose in poses:
        motion = math.sqrt(np.square(pose - scan.vertices).sum(-1).mean())
        if motion > SMALLEST_MOTION * np.ptp(scan.vertices, axis=0).max():
            shares.append(model.estimate_state(TriangleMesh(pose, scan.triangles)).residual / motion)
    return float(np.mean(shares)) if shares else math.nan
