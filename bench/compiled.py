"""What compiling costs in accuracy: every family's compiled object against the network in the loop.

    python bench/compiled.py --json out/bench/compiled.json

One test instance of each family is encoded twice by the same checkpoint: compiled, and exact, with the decoder itself
in double precision in every time step. At draws from the prior the two are compared in displacements of the surface
points, in their first derivatives by the coordinates, and in their second ones along random unit vectors, all weighted
by mass and as shares of the exact ones' root-mean-square size; then in the motion after a push. A decoder may have
ripples far smaller than its motion, which rule its second derivative at a point: that is why it is also compared as
second differences over half a standard deviation and a whole one. Families are spread over ``--processes``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# Threads that wait for work would otherwise take the processor from those that have some.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from neurok_model import ObjectModel, PhysicsParameters, Predictor, Push, TriangleMesh
from neurok_model.data.families import build_object, family_names
from neurok_model.reduction import Embedding

TEST_SEED = 2
"""Of the test split: its remainder modulo 3 is 2."""

STEP = 1.0 / 60.0
PUSHED = 6
"""Frames for which the push of a rollout lasts."""

ERRORS = ("value", "first", "second", "second_half", "second_one", "rollout_push", "rollout")


@cache
def _predictor(checkpoint: Path | None) -> Predictor:
    torch.set_num_threads(1)
    return Predictor.load(checkpoint, device="cpu")


def both_models(checkpoint: Path | None, family: str) -> tuple[ObjectModel, ObjectModel]:
    """A test instance, compiled and exact."""
    instance = build_object(family, TEST_SEED)
    frames = instance.pose(instance.sample_states(np.random.default_rng(0), 1))
    scan, physics = TriangleMesh(frames.vertices[0], instance.triangles), PhysicsParameters(mass=1.0)
    predictor = _predictor(checkpoint)
    return predictor.encode(scan, physics), predictor.encode(scan, physics, exact=True)


def share(ours: Tensor, exact: Tensor) -> float:
    """Root-mean-square difference as a share of the exact one's size."""
    return float((ours - exact).norm() / exact.norm().clamp_min(1e-300))


@torch.no_grad()
def errors_of_map(compiled: ObjectModel, exact: ObjectModel, draws: int) -> dict[str, float]:
    """Errors of values and derivatives at ``draws`` configurations from the prior."""
    ours, theirs = compiled.system.embedding, exact.system.embedding
    assert compiled.parts is not None
    masses = torch.as_tensor(compiled.parts.scan.samples.area_share, dtype=torch.float64)
    # y of the exact object are the mass-weighted displacements themselves.
    modes = (masses.sqrt()[:, None, None] * compiled.parts.point_modes.double()).flatten(0, 1)
    generator = torch.Generator().manual_seed(1)
    q = compiled.region.sample(draws, generator).double()
    direction = torch.randn(q.shape, generator=generator, dtype=torch.float64)
    direction = direction / direction.norm(dim=1, keepdim=True)

    def second_difference(embedding: Embedding, reach: float) -> Tensor:
        ahead, behind = (embedding.value(q + sign * reach * direction) for sign in (1.0, -1.0))
        return ahead - 2.0 * embedding.value(q) + behind

    bend = ours.second_directional(q, direction) @ modes.mT
    return {
        "value": share(ours.value(q) @ modes.mT, theirs.value(q)),
        "first": share(modes @ ours.jacobian(q), theirs.jacobian(q)),
        "second": share(bend, theirs.second_directional(q, direction)),
        "second_half": share(second_difference(ours, 0.5) @ modes.mT, second_difference(theirs, 0.5)),
        "second_one": share(second_difference(ours, 1.0) @ modes.mT, second_difference(theirs, 1.0)),
    }


def error_of_rollout(compiled: ObjectModel, exact: ObjectModel, horizon: float) -> dict[str, float]:
    """Difference of the vertices over a pushed motion, as a share of how far they move at most."""
    highest = compiled.rest_vertices[np.argmax(compiled.rest_vertices[:, 2])].astype(np.float64)
    push = [Push(highest, (0.3, 0.2, 0.1), duration=PUSHED * STEP)]
    ours, theirs = (model.predict(push, horizon=horizon, step=STEP) for model in (compiled, exact))
    vertices, expected = ours.vertices(), theirs.vertices()
    moved = np.sqrt(np.square(expected - expected[0]).sum(-1).mean(1))
    apart = np.sqrt(np.square(vertices - expected).sum(-1).mean(1))
    while_pushed = slice(0, PUSHED + 1)
    return {
        "rollout_push": float(apart[while_pushed].max() / moved[while_pushed].max()),
        "rollout": float(apart.max() / moved.max()),
        "rollout_mm": 1e3 * float(apart.max()),
        "moved_mm": 1e3 * float(moved.max()),
        "exact_drift": theirs.energy_drift,
        "drift": ours.energy_drift,
    }


def compare(family: str, checkpoint: Path | None, draws: int, horizon: float) -> dict[str, Any]:
    """One family's row."""
    begin = time.process_time()
    compiled, exact = both_models(checkpoint, family)
    form = compiled.parts.embedding if compiled.parts else compiled.system.embedding
    row: dict[str, Any] = {"family": family, "k_q": compiled.dimension, "hidden": len(form.bias)}
    row |= {"rank": form.embedding_dimension, "compile_error": compiled.compile_error}
    row |= errors_of_map(compiled, exact, draws) | error_of_rollout(compiled, exact, horizon)
    return row | {"cpu_s": time.process_time() - begin}


def summary(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Median and largest of every error."""
    return {
        name: {"median": float(np.median([row[name] for row in rows])), "largest": max(row[name] for row in rows)}
        for name in ("compile_error", *ERRORS)
    }


def main() -> None:
    """Compare, print a table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="the packaged one when left out")
    parser.add_argument("--families", help="comma-separated; all when left out")
    parser.add_argument("--draws", type=int, default=16)
    parser.add_argument("--horizon", type=float, default=0.25, help="of the rollout [s]")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    families = arguments.families.split(",") if arguments.families else family_names()
    columns = ("k_q", "hidden", "rank", "compile_error", *ERRORS, "moved_mm", "drift", "exact_drift", "cpu_s")
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        tasks = [
            pool.submit(compare, family, arguments.checkpoint, arguments.draws, arguments.horizon)
            for family in families
        ]
        for task in track(tasks, "comparing", console=Console(stderr=True)):
            rows.append(task.result())
            # Written after every family: a run that is broken off leaves what it has.
            result = {"rows": rows, "summary": summary(rows), "draws": arguments.draws, "horizon_s": arguments.horizon}
            if arguments.json:
                arguments.json.parent.mkdir(parents=True, exist_ok=True)
                arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    table = Table("family", *(name.replace("_", " ") for name in columns))
    for row in rows:
        table.add_row(row["family"], *(f"{row[name]:.3g}" for name in columns))
    Console().print(table)


if __name__ == "__main__":
    main()
