"""Encoding time and peak memory against the size of the scan.

    python bench/encode.py --json out/bench/encode.json

A laptop of the test split, refined to about 1,000, 10,000 and 100,000 vertices, is encoded and compiled as a mesh and
as a point cloud, each size in a process of its own, so that the peak of its memory is its own. "Vertices" is what
it takes, once, until all vertices of the scan can follow the reduced coordinates.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
import trimesh
from rich.console import Console
from rich.progress import track
from rich.table import Table

from neurok_model import Predictor, TriangleMesh
from neurok_model.data.families import build_object
from neurok_model.geometry import PointCloud

SIZES = (1_000, 10_000, 100_000)
TEST_SEED = 3 * 7 + 2
"""Of the test split: its remainder modulo 3 is 2."""


def laptop_scan(vertex_count: int) -> TriangleMesh:
    """A half-open laptop that training never drew, refined to about as many vertices."""
    laptop = build_object("laptop", TEST_SEED)
    vertices = laptop.pose(laptop.state_range.mean(axis=1)[None]).vertices[0]
    fine, triangles = vertices, laptop.triangles
    longest = float(np.ptp(vertices, axis=0).max())
    while len(fine) < vertex_count:
        longest *= 0.9
        fine, triangles = trimesh.remesh.subdivide_to_size(vertices, laptop.triangles, longest, max_iter=40)
    return TriangleMesh(np.asarray(fine), np.asarray(triangles))


def measure(kind: str, vertex_count: int, device: str, repeats: int, checkpoint: Path | None) -> dict[str, float]:
    """Encode one scan several times in this process; milliseconds (medians) and mebibytes."""
    predictor = Predictor.load(checkpoint, device=device)
    mesh = laptop_scan(vertex_count)
    scan = mesh if kind == "mesh" else PointCloud(np.asarray(mesh.vertices))
    # The first encoding of a process loads libraries; a small scan does not raise the peak of memory.
    predictor.encode(laptop_scan(500))
    on_gpu = predictor.device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    before = _peak_mebibytes()
    stages: dict[str, list[float]] = {"encode_ms": [], "compile_ms": [], "vertices_ms": [], "total_ms": []}
    for _ in range(repeats):
        begin = time.perf_counter()
        model = predictor.encode(scan)
        encoded = time.perf_counter()
        model.surface.vertices(np.zeros((1, model.dimension)))
        stages["vertices_ms"].append(1e3 * (time.perf_counter() - encoded))
        stages["total_ms"].append(1e3 * (encoded - begin))
        stages["encode_ms"].append(model.timings["encode"])
        stages["compile_ms"].append(model.timings["compile"])
    figures = {name: median(values) for name, values in stages.items()}
    figures |= {
        "vertices": float(len(mesh.vertices)),
        "peak_mib": _peak_mebibytes(),
        "added_mib": _peak_mebibytes() - before,
    }
    if on_gpu:
        figures["gpu_peak_mib"] = torch.cuda.max_memory_allocated() / 2**20
    return figures


def _peak_mebibytes() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, print a table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="file for the machine-readable result")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--checkpoint", type=Path, help="safetensors file; the packaged weights when left out")
    parser.add_argument("--one", nargs=2, metavar=("KIND", "VERTICES"), help="measure one case, print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.one:
        kind, count = arguments.one
        figures = measure(kind, int(count), arguments.device, arguments.repeats, arguments.checkpoint)
        print(json.dumps(figures))
        return
    cases = [(kind, count) for kind in ("mesh", "cloud") for count in SIZES]
    result: dict[str, dict[str, float]] = {}
    for kind, count in track(cases, "encoding", console=Console(stderr=True)):
        command = [sys.executable, __file__, *sys.argv[1:], "--one", kind, str(count)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        result[f"{kind}_{count}"] = json.loads(output.splitlines()[-1])
    columns = list(next(iter(result.values())))
    table = Table("scan", *(name.replace("_", " ") for name in columns), title=f"{arguments.threads} threads")
    for name, figures in result.items():
        table.add_row(name.replace("_", ", "), *(f"{figures[column]:.0f}" for column in columns))
    Console().print(table)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        settings = {"threads": arguments.threads, "device": arguments.device, "repeats": arguments.repeats}
        text = json.dumps({"scans": result, "settings": settings}, indent=2)
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
