"""The two active subspaces beside each other: how many coordinates, and what motion they leave out.

    python bench/subspaces.py --json out/bench/subspaces.json

For test instances of several families, coordinates are chosen from the Gauss-Newton matrix E[J^T M J] and from the
scalar norm's E[grad |x| grad |x|^T] by the same share of the spectrum. "Left out" is what then counts: the
root-mean-square, mass-weighted difference between the decoder at draws from the prior and at their projections onto the
coordinates, as a share of the motion; once with each method's own number of coordinates, once with the same number.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
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

from neurok_model import Predictor, TriangleMesh
from neurok_model.data.families import build_object
from neurok_model.encoding import EncodedScan
from neurok_model.reduction import active_subspace
from neurok_model.reduction.active_subspace import Method, leading_count
from neurok_model.reduction.compilation import subspace_latents
from neurok_model.scan import prepare_scan

FAMILIES = "laptop,office_chair,desk_lamp,drawer_chest,faucet,scissors,elastic_bar,hanging_rope"
METHODS: tuple[Method, ...] = ("gauss_newton", "scalar_norm")


def left_out(displacement: Any, rest: Tensor, basis: Tensor, latents: Tensor, root: Tensor) -> float:
    """Share of the motion that the coordinates cannot follow."""
    moved, still = displacement(latents), displacement(rest[None])
    kept = displacement(rest + (latents - rest) @ basis @ basis.mT)
    return float(((moved - kept) * root).norm() / ((moved - still) * root).norm())


@torch.no_grad()
def compare(predictor: Predictor, family: str, energy: float, samples: int) -> dict[str, Any]:
    """Both methods on one test instance."""
    instance = build_object(family, 2)
    frames = instance.pose(instance.sample_states(np.random.default_rng(0), 1))
    prepared = prepare_scan(TriangleMesh(frames.vertices[0], instance.triangles), 0)
    encoded = EncodedScan(predictor.networks, prepared, 0)
    _, prior_mean, rest = encoded.parts
    masses = torch.as_tensor(prepared.samples.area_share, dtype=torch.float32)
    latents = subspace_latents(rest, prior_mean, samples, torch.Generator().manual_seed(0))
    fresh = prior_mean + torch.randn(64, len(rest), generator=torch.Generator().manual_seed(1))
    row: dict[str, Any] = {"family": family, "degrees_of_freedom": instance.degrees_of_freedom}
    found, root = {}, masses.sqrt()[:, None]
    for method in METHODS:
        begin = time.process_time()
        found[method] = active_subspace(
            encoded.surface_decoder, latents, masses, method, 1.0, len(rest), torch.Generator().manual_seed(2)
        )
        row[f"{method}_cpu_ms"] = 1e3 * (time.process_time() - begin)
        row[f"{method}_k"] = min(leading_count(found[method].spectrum, energy), 8)
    same = min(row[f"{method}_k"] for method in METHODS)
    for method in METHODS:
        for name, count in (("left_out", row[f"{method}_k"]), ("left_out_same_k", same)):
            basis = found[method].basis[:, :count]
            row[f"{method}_{name}"] = left_out(encoded.surface_decoder, rest, basis, fresh, root)
    return row


def main() -> None:
    """Compare, print a table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--families", default=FAMILIES)
    parser.add_argument("--energy", type=float, default=0.95)
    parser.add_argument("--samples", type=int, default=96)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    predictor = Predictor.load(arguments.checkpoint, device="cpu")
    families = track(arguments.families.split(","), "comparing", console=Console(stderr=True))
    rows = [compare(predictor, family, arguments.energy, arguments.samples) for family in families]
    numbers = [name for name in rows[0] if name != "family"]
    mean = {"family": "mean", **{name: float(np.mean([row[name] for row in rows])) for name in numbers}}
    table = Table("family", *(name.replace("_", " ") for name in numbers))
    for row in [*rows, mean]:
        table.add_row(row["family"], *(f"{row[name]:.3g}" for name in numbers))
    Console().print(table)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({"rows": rows, "mean": mean}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
