"""The same integration step by several routes on the CPU: numba, torch.compile (inductor), NVIDIA Warp, eager torch.

    python bench/routes.py --json out/bench/routes.json

Every route rolls the same made-up smooth map on an elastic potential through the same steps of the variational
integrator, in double precision on one thread, and must arrive at the same configurations. numba is the package's own
machine code with everything that it does besides (loads, energies, records); the others are written for this comparison
with nothing but the step, and iterate a fixed number of times. ``warp-lang`` is no dependency of the project: where it
is not installed its rows are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# Threads that wait for work would otherwise take the processor from those that have some.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from bench.timing import measured
from neurok_model.mechanics import (
    Actions,
    Elastic,
    LagrangianSystem,
    RolloutSettings,
    State,
    Variational,
    prepare,
    rollout,
)
from neurok_model.reduction import SmoothMap

FRAMES, STEPS_PER_FRAME, STEP = 30, 4, 1.0 / 60.0
ITERATIONS = 4
"""Of the routes that iterate a fixed number of times."""

FREQUENCY, LATENT_MASS = 3.0, 1e-4
CLOSE = 1e-5
"""Largest difference from the package's own rollout, relative to the largest coordinate."""

SIZES = ((2, 24, 12), (5, 24, 32))
"""Coordinates, hidden units and rank: a laptop's, and a larger object's."""

Advance = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def made_up(k: int, h: int, r: int) -> tuple[SmoothMap, LagrangianSystem]:
    """A random smooth map on an elastic potential."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    form = SmoothMap(0.3 * normal(h, k), normal(h), 0.05 * normal(r, h), 0.1 * normal(r, k))
    return form, LagrangianSystem(form, (Elastic(FREQUENCY, torch.zeros(r).double()),), (), LATENT_MASS)


def initial(k: int, count: int) -> State:
    """Candidates at rest that set out with different velocities."""
    generator = torch.Generator().manual_seed(1)
    return State(torch.zeros(count, k).double(), torch.randn(count, k, generator=generator, dtype=torch.float64))


def package(system: LagrangianSystem, state: State, backend: str) -> Callable[[], Tensor]:
    """The package's own rollout."""
    settings = RolloutSettings(
        Variational(),
        maximum_step=STEP / STEPS_PER_FRAME,
        maximum_refinements=0,
        backend=backend,  # type: ignore[arg-type]
    )
    nothing, horizon = Actions(len(state.q)), FRAMES * STEP
    return lambda: rollout(system, state, nothing, horizon, STEP, settings=settings).q[:, -1]


def torch_frame(form: SmoothMap) -> Advance:
    """One frame's steps of all candidates as torch operations without branches, as a compiler likes them."""
    k, duration = form.dimension, STEP / STEPS_PER_FRAME
    inner, outer, linear, bias = form.inner, form.outer.mT, form.linear.mT, form.bias
    rest = torch.tanh(bias)

    def value(q: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.tanh(q @ inner.mT + bias)
        return (hidden - rest) @ outer + q @ linear, hidden

    def tangents(hidden: Tensor) -> list[Tensor]:
        slope = 1.0 - hidden * hidden
        return [(slope * inner[:, i]) @ outer + linear[i] for i in range(k)]

    def factor(rows: list[Tensor]) -> list[list[Tensor]]:
        lower: list[list[Tensor]] = []
        for i in range(k):
            lower.append([])
            for j in range(i + 1):
                total = (rows[i] * rows[j]).sum(-1) + (LATENT_MASS if i == j else 0.0)
                for c in range(j):
                    total = total - lower[i][c] * lower[j][c]
                lower[i].append(torch.rsqrt(total) if i == j else total * lower[j][j])
        return lower

    def solve(lower: list[list[Tensor]], right: list[Tensor]) -> list[Tensor]:
        found: list[Tensor] = []
        for i in range(k):
            total = right[i]
            for j in range(i):
                total = total - lower[i][j] * found[j]
            found.append(total * lower[i][i])
        for i in reversed(range(k)):
            for j in range(i + 1, k):
                found[i] = found[i] - lower[j][i] * found[j]
            found[i] = found[i] * lower[i][i]
        return found

    def frame(q: Tensor, qdot: Tensor) -> tuple[Tensor, Tensor]:
        y, hidden = value(q)
        rows = tangents(hidden)
        lower = factor(rows)
        half = 0.5 * duration * FREQUENCY**2
        for _ in range(STEPS_PER_FRAME):
            speed = sum(rows[i] * qdot[:, i : i + 1] for i in range(k))
            wanted = [
                duration * ((row * (speed - half * y)).sum(-1) + LATENT_MASS * qdot[:, i]) for i, row in enumerate(rows)
            ]
            change = torch.stack(solve(lower, wanted), dim=1)
            for _ in range(ITERATIONS):
                moved = value(q + change)[0] - y
                left = [wanted[i] - (row * moved).sum(-1) - LATENT_MASS * change[:, i] for i, row in enumerate(rows)]
                change = change + torch.stack(solve(lower, left), dim=1)
            q = q + change
            after, hidden = value(q)
            moved, y = after - y, after
            rows = tangents(hidden)
            lower = factor(rows)
            momentum = [
                (row * (moved / duration - half * y)).sum(-1) + LATENT_MASS * change[:, i] / duration
                for i, row in enumerate(rows)
            ]
            qdot = torch.stack(solve(lower, momentum), dim=1)
        return q, qdot

    return frame


def by_frames(frame: Advance, state: State) -> Callable[[], Tensor]:
    """A rollout of a function that advances by one frame."""

    def run() -> Tensor:
        q, qdot = state.q, state.qdot
        for _ in range(FRAMES):
            q, qdot = frame(q, qdot)
        return q

    return run


def routes_of(form: SmoothMap, system: LagrangianSystem, state: State) -> dict[str, Callable[[], Tensor] | None]:
    """Every route by name; None where something is not installed."""
    routes: dict[str, Callable[[], Tensor] | None] = {
        "numba, the package's machine code": package(system, state, "auto"),
        "torch.compile (inductor)": by_frames(torch.compile(torch_frame(form), dynamic=False), state),
        "eager torch, the same operations": by_frames(torch_frame(form), state),
        "eager torch, the package's reference": package(system, state, "reference"),
    }
    try:
        from bench.routes_warp import warp_rollout
    except ImportError:
        routes["Warp"] = None
    else:
        routes["Warp"] = warp_rollout(
            form, state, FRAMES * STEPS_PER_FRAME, STEP / STEPS_PER_FRAME, ITERATIONS, FREQUENCY**2, LATENT_MASS
        )
    return routes


def compare(k: int, h: int, r: int, count: int, console: Console) -> list[dict[str, Any]]:
    """Rows of all routes for one size."""
    form, system = made_up(k, h, r)
    state = initial(k, count)
    rows: list[dict[str, Any]] = []
    truth: Tensor | None = None
    for name, run in routes_of(form, system, state).items():
        if run is None:
            console.print(f"{name}: not installed, left out")
            continue
        begin = time.perf_counter()
        arrived = run()
        first = time.perf_counter() - begin
        truth = arrived if truth is None else truth
        difference = float((arrived - truth).abs().max() / truth.abs().max())
        if not difference < CLOSE:
            raise RuntimeError(f"{name} arrives elsewhere: {difference:.2g} of the largest coordinate")
        spent = measured(run, repeats=15, seconds=3.0)
        sizes = {"k_q": k, "hidden": h, "rank": r, "candidates": count}
        row = {"route": name, **sizes, "cpu_ms": spent.cpu, "ms": spent.wall, "first_call_s": first}
        rows.append(
            row | {"each_step_us": 1e3 * spent.cpu / (count * FRAMES * STEPS_PER_FRAME), "difference": difference}
        )
    for row in rows:
        row["times_numba"] = row["cpu_ms"] / rows[0]["cpu_ms"]
    return rows


def main() -> None:
    """Compare, print a table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--candidates", type=int, nargs="+", default=[1, 64, 1024])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    prepare()
    console = Console(stderr=True)
    with torch.no_grad():
        rows = [row for size in SIZES for count in arguments.candidates for row in compare(*size, count, console)]
    columns = ("k_q", "candidates", "cpu_ms", "each_step_us", "times_numba", "first_call_s")
    table = Table("route", *(name.replace("_", " ") for name in columns))
    for row in rows:
        table.add_row(row["route"], *(f"{row[name]:.3g}" for name in columns))
    Console().print(table)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        result = {"rows": rows, "torch": torch.__version__, "load_average": list(os.getloadavg())}
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
