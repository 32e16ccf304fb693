"""Prediction against simulation: our rollouts beside MuJoCo's, in one run on one machine.

    python bench/rollout.py --json out/bench/rollout.json

Ours is told nothing: a laptop of the test split, refined to about 5,000 vertices, is encoded, compiled and
pushed. MuJoCo is told everything: a laptop of two boxes whose hinge and limits it is given, and a soft block
of 1,000 vertices as an interpolated flex. All roll out 0.5 s, MuJoCo at its usual 2 ms, both on the same
number of threads.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mujoco
import numpy as np
import torch
import trimesh
from mujoco import rollout
from rich.console import Console
from rich.table import Table

from neurok_model import ObjectModel, PhysicsParameters, Predictor, Push, TriangleMesh
from neurok_model.data.families import build_object

HORIZON = 0.5
STEP = 1.0 / 60.0
FRAMES = 30
VERTICES = 5000
FORCE = 1.0
TEST_SEED = 3 * 7 + 2
"""Of the test split: its remainder modulo 3 is 2."""

LAPTOP = """
<mujoco>
  <option timestep="0.002"/>
  <worldbody>
    <geom type="box" size=".17 .12 .01" pos="0 0 .01" contype="0" conaffinity="0"/>
    <body pos="0 .12 .02">
      <joint type="hinge" axis="1 0 0" range="-3 1.6" limited="true" damping="0.01"/>
      <geom type="box" size=".17 .004 .11" pos="0 0 .11" mass=".5" contype="0" conaffinity="0"/>
    </body>
  </worldbody>
</mujoco>
"""

FLEX = """
<mujoco>
  <option timestep="0.002" integrator="discrete" solver="Newton" iterations="1000"/>
  <size memory="100M"/>
  <worldbody>
    <flexcomp name="block" type="grid" dim="3" count="10 10 10" spacing=".02 .02 .02" radius="0.001"
              mass="0.5"
              dof="trilinear" pos="0 0 .1">
      <elasticity young="2e4" poisson="0.3" damping="0.005"/>
      <contact contype="0" conaffinity="0" selfcollide="none"/>
      <pin id="0 2 4 6"/>
    </flexcomp>
  </worldbody>
</mujoco>
"""


def laptop_scan() -> TriangleMesh:
    """A half-open laptop that training never drew, refined to at least 5,000 vertices."""
    laptop = build_object("laptop", TEST_SEED)
    lower, upper = laptop.state_range[0]
    frames = laptop.pose(np.array([[0.5 * (lower + upper)]]))
    vertices, triangles = frames.vertices[0], laptop.triangles
    longest = 0.1
    while len(vertices) < VERTICES:
        vertices, triangles = trimesh.remesh.subdivide_to_size(
            frames.vertices[0], laptop.triangles, longest, max_iter=30
        )
        longest *= 0.95
    return TriangleMesh(np.asarray(vertices), np.asarray(triangles))


def pushes(model: ObjectModel, count: int) -> list[list[Push]]:
    """One push per candidate at the highest vertex, in directions around the vertical axis."""
    point = model.rest_vertices[np.argmax(model.rest_vertices[:, 2])].astype(np.float64)
    angles = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
    return [[Push(point, (FORCE * np.cos(a), FORCE * np.sin(a), 0.0), duration=0.1)] for a in angles]


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall time of one call, after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - begin))
    return median(times)


def measure_ours(predictor: Predictor, repeats: int) -> tuple[dict[str, float], dict[str, object]]:
    """Every stage of a prediction; also what was predicted, to judge the figures by."""
    scan = laptop_scan()
    predictor.encode(scan)
    models = [predictor.encode(scan, PhysicsParameters(mass=1.5)) for _ in range(3)]
    model = models[0]
    figures = {
        "encode_ms": median(each.timings["encode"] for each in models),
        "compile_ms": median(each.timings["compile"] for each in models),
    }
    one = pushes(model, 8)[0]
    figures["one_ms"] = milliseconds(lambda: model.predict(one, horizon=HORIZON, step=STEP), repeats)
    for count in (64, 512):
        actions = pushes(model, count)
        figures[f"batch{count}_ms"] = milliseconds(
            lambda actions=actions: model.predict_batch(actions, horizon=HORIZON, step=STEP), max(3, repeats // 4)
        )
    prediction = model.predict(one, horizon=HORIZON, step=STEP)
    frames = prediction.q[:FRAMES]
    figures["decode_ms"] = milliseconds(lambda: model.surface.vertices(frames), repeats)
    outcomes = model.predict_batch(pushes(model, 64), horizon=HORIZON, step=STEP).outcome
    details = {
        "vertices": len(model.rest_vertices),
        "coordinates": model.dimension,
        "compile_error": model.compile_error,
        "outcomes": {name: int((outcomes == value).sum()) for value, name in enumerate(("ok", "edge", "diverged"))},
    }
    return figures, details


def measure_mujoco(threads: int, repeats: int) -> dict[str, float]:
    """One and 64 rollouts of the laptop and of the flex."""
    figures = {}
    for name, xml in (("laptop", LAPTOP), ("flex", FLEX)):
        model = mujoco.MjModel.from_xml_string(xml)
        for count, key in ((1, "one"), (64, "64")):
            data = [mujoco.MjData(model) for _ in range(min(threads, count))]
            states = initial_states(model, count)
            steps = round(HORIZON / model.opt.timestep)
            few = 1 if (name, count) == ("flex", 64) else repeats
            figures[f"{name}_{key}_ms"] = milliseconds(
                lambda model=model, data=data, states=states, steps=steps: rollout.rollout(
                    model, data, states, nstep=steps, persistent_pool=True
                ),
                few,
            )
    rollout.shutdown_persistent_pool()
    return figures


def initial_states(model: mujoco.MjModel, count: int) -> np.ndarray:
    """Full physics states that differ in their velocities."""
    data = mujoco.MjData(model)
    size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    states = np.empty((count, size))
    generator = np.random.default_rng(0)
    for state in states:
        data.qvel[:] = generator.normal(0.0, 0.5, model.nv)
        mujoco.mj_getState(model, data, state, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    return states


def main() -> None:
    """Measure, print a table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="file for the machine-readable result")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    predictor = Predictor.load(device=arguments.device)
    ours, details = measure_ours(predictor, arguments.repeats)
    theirs = measure_mujoco(arguments.threads, arguments.repeats)
    ratios = {
        "one_against_laptop": theirs["laptop_one_ms"] / ours["one_ms"],
        "batch64_against_laptop": theirs["laptop_64_ms"] / ours["batch64_ms"],
        "batch64_against_flex": theirs["flex_64_ms"] / ours["batch64_ms"],
    }
    settings = {"threads": arguments.threads, "device": str(predictor.device), "mujoco": mujoco.__version__}
    result = {"ours": ours, "mujoco": theirs, "ratios": ratios, "details": details, "settings": settings}
    table = Table("stage", "milliseconds", title=f"{HORIZON} s, {arguments.threads} threads, {predictor.device}")
    for owner, figures in (("ours", ours), ("MuJoCo", theirs)):
        for name, value in figures.items():
            table.add_row(f"{owner} {name.removesuffix('_ms').replace('_', ' ')}", f"{value:.2f}")
    for name, value in ratios.items():
        table.add_row(name.replace("_", " "), f"{value:.1f} times faster")
    Console().print(table)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
