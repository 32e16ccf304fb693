"""Prediction against simulation: our rollouts beside MuJoCo's, in one run on one machine.

    python bench/rollout.py --json out/bench/rollout.json

Ours is told nothing: a laptop of the test split, refined to about 10,000 vertices, is encoded, compiled and pushed.
MuJoCo is told everything: a laptop of two boxes whose hinge and limits it is given, a soft block of 1,000 vertices as
an interpolated flex and as full finite elements, and a cloth. All roll out 0.5 s, MuJoCo at its usual 2 ms, both on the
same number of threads. With ``--reduced-order-python`` the same block is also simulated in reduced coordinates, on one
thread at 10 ms (``reduced_order_peer.py`` says how to install what that needs). Every figure comes as wall time and as
processor time: the latter says what the work costs on a machine that does other things too. ``docs/speed.md`` says what
the figures mean.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# Threads that wait for work would otherwise take the processor from those that have some.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import mujoco
import torch
from rich.console import Console
from rich.table import Table

from bench.rollout_peers import measure_peers, measure_reduced_order
from bench.rollout_scaling import as_dictionary, readable, roofline, scaling
from bench.rollout_scenes import FRAMES, HORIZON, STEP, laptop_scan, pushes
from bench.timing import Budget, Time, measured
from neurok_model import ObjectModel, PhysicsParameters, Predictor
from neurok_model.mechanics import Outcome, prepare
from neurok_model.standing import StandingSurfaces


def measure_ours(predictor: Predictor, vertices: int, repeats: int) -> tuple[dict[str, Time], ObjectModel]:
    """Every stage of a prediction; also the object, to judge the figures by."""
    scan = laptop_scan(vertices)
    predictor.encode(laptop_scan(0))  # The first encoding of a process loads libraries.
    models: list[ObjectModel] = []
    whole = measured(
        lambda: models.append(predictor.encode(scan, PhysicsParameters(mass=1.5))), repeats=3, seconds=8.0, warm=False
    )
    model = models[-1]
    times = {"encode_and_compile": whole}
    for stage in ("encode", "compile"):
        times[stage] = Time(median(each.timings[stage] for each in models), float("nan"), len(models))
    one = pushes(model, 8)[0]

    def at_a_new_point() -> object:
        model.surface._known = StandingSurfaces()
        return model.predict(one, horizon=HORIZON, step=STEP)

    times["one_new_contact"] = measured(at_a_new_point, repeats=repeats)
    times["one"] = measured(lambda: model.predict(one, horizon=HORIZON, step=STEP), repeats=repeats)
    for count in (64, 512):
        actions = pushes(model, count)
        times[f"batch{count}"] = measured(
            lambda actions=actions: model.predict_batch(actions, horizon=HORIZON, step=STEP),
            repeats=max(3, repeats // 4),
        )
    gentle = pushes(model, 64, force=0.1)
    times["one_gentle"] = measured(lambda: model.predict(gentle[0], horizon=HORIZON, step=STEP), repeats=repeats)
    times["batch64_gentle"] = measured(
        lambda: model.predict_batch(gentle, horizon=HORIZON, step=STEP), repeats=max(3, repeats // 4)
    )
    frames = model.predict(one, horizon=HORIZON, step=STEP).q[:FRAMES]
    times["decode"] = measured(lambda: model.surface.vertices(frames), repeats=repeats)
    return times, model


def details_of(model: ObjectModel) -> dict[str, Any]:
    """What was predicted, to judge the figures by."""
    batch = model.predict_batch(pushes(model, 64), horizon=HORIZON, step=STEP)
    form = model.parts.embedding if model.parts else model.surface.embedding
    return {
        "vertices": len(model.rest_vertices),
        "coordinates": model.dimension,
        "rank": form.embedding_dimension,
        "hidden": int(form.inner.shape[0]) if hasattr(form, "inner") else 0,
        "compile_error": model.compile_error,
        "compile_error_metres": getattr(form, "value_error_metres", None),
        "largest_energy_drift": float(batch.energy_drift.max()),
        "coordinates_hold": form.subspace.captured if hasattr(form, "subspace") else None,
        "outcomes": {outcome.name.lower(): int((batch.outcome == outcome).sum()) for outcome in Outcome},
    }


def ratios_of(ours: dict[str, Time], theirs: dict[str, Time], kind: str) -> dict[str, float]:
    """How many times faster than the peers; where 64 of a peer were not run, 64 times one."""
    ratios = {}
    for peer in ("laptop", "flex", "fem", "cloth", "reduced_order"):
        if f"{peer}_one" not in theirs:
            continue
        single = getattr(theirs[f"{peer}_one"], kind)
        many = getattr(theirs[f"{peer}_64"], kind) if f"{peer}_64" in theirs else 64.0 * single
        ratios[f"one_against_{peer}"] = single / getattr(ours["one"], kind)
        ratios[f"batch64_against_{peer}"] = many / getattr(ours["batch64"], kind)
        ratios[f"batch64_gentle_against_{peer}"] = many / getattr(ours["batch64_gentle"], kind)
    return ratios


def show(result: dict[str, Any], console: Console) -> None:
    """Print everything as tables."""
    settings = result["settings"]
    title = f"{HORIZON} s, {settings['threads']} threads, {settings['device']}, checkpoint {settings['checkpoint']}"
    table = Table("stage", "wall ms", "CPU ms", title=title)
    for owner, key in (("ours", "ours"), ("MuJoCo", "mujoco"), ("", "others")):
        for name, value in result[key].items():
            cpu = result[f"{key}_cpu"][name]
            text = f"{owner} {name.removesuffix('_ms').replace('_', ' ')}".strip()
            table.add_row(text, f"{value:.2f}", f"{cpu:.2f}")
    for name, value in result["ratios"].items():
        table.add_row(name.replace("_", " "), f"{value:.1f} x", f"{result['ratios_cpu'][name]:.1f} x")
    console.print(table)
    for name, rows in [*result["scaling"].items(), *((f"roofline {k}", [v]) for k, v in result["roofline"].items())]:
        columns = list(dict.fromkeys(column for row in rows for column in readable(row) if column != "runs"))
        table = Table(*columns, title=name)
        for row in rows:
            text = readable(row)
            table.add_row(*(text.get(column, "") for column in columns))
        console.print(table)


def main() -> None:
    """Measure, print tables and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="file for the machine-readable result, or - for the terminal alone")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--vertices", type=int, default=10_000, help="of the scan")
    parser.add_argument("--checkpoint", type=Path, help="the packaged one when left out")
    parser.add_argument("--seconds", type=float, default=240.0, help="that the whole run may take, roughly")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--reduced-order-python", type=Path, help="an interpreter that has fast-cody")
    arguments = parser.parse_args()
    budget, progress = Budget(arguments.seconds), Console(stderr=True)
    torch.set_num_threads(arguments.threads)
    progress.print(f"machine code ready after {prepare():.1f} s")
    predictor = Predictor.load(arguments.checkpoint, device=arguments.device)
    ours, model = measure_ours(predictor, arguments.vertices, arguments.repeats)
    progress.print("ours measured; now the peers")
    theirs = measure_peers(HORIZON, arguments.threads, arguments.repeats, budget)
    result: dict[str, Any] = {"details": details_of(model)}
    others: dict[str, Time] = {}
    if arguments.reduced_order_python:
        python = arguments.reduced_order_python
        others["reduced_order_one"], details = measure_reduced_order(python, HORIZON, arguments.repeats)
        result["details"]["reduced_order"] = details
    for owner, times in (("ours", ours), ("mujoco", theirs), ("others", others)):
        result[owner] = {f"{name}_ms": time.wall for name, time in times.items()}
        result[f"{owner}_cpu"] = {f"{name}_ms": time.cpu for name, time in times.items()}
        result[f"{owner}_runs"] = as_dictionary(times)
    result["ratios"], result["ratios_cpu"] = (ratios_of(ours, theirs | others, kind) for kind in ("wall", "cpu"))
    result["roofline"] = roofline(model)
    result["scaling"] = scaling(predictor, model, budget)
    result["settings"] = {
        "threads": arguments.threads,
        "device": str(predictor.device),
        "mujoco": mujoco.__version__,
        "checkpoint": predictor.checkpoint_name,
        "load_average": list(os.getloadavg()),
        "seconds": arguments.seconds,
    }
    text = json.dumps(result, indent=2, default=float) + "\n"
    if arguments.json == Path("-"):
        print(text)
        return
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(text, encoding="utf-8")
    show(result, Console())


if __name__ == "__main__":
    main()
