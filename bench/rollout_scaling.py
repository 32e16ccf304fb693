"""How time and memory of predictions grow, by which route they are computed, and how far from the floor they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from bench.rollout_scenes import FRAMES, HORIZON, STEP, laptop_scan, pushes
from bench.timing import Budget, Time, measured
from neurok_model import NeurokError, ObjectModel, PhysicsParameters, Predictor
from neurok_model.mechanics import (
    Actions,
    LagrangianSystem,
    MechanicsConfiguration,
    PointLoads,
    RolloutSettings,
    State,
    array_rollout,
    build_system,
    rollout,
)
from neurok_model.reduction import CompilationSettings, PriorRegion, SmoothMap
from neurok_model.request_size import RequestSize, in_words

FIXED = RolloutSettings(maximum_refinements=0, maximum_step=STEP / 4.0)
"""Four integration steps per frame, whatever happens."""

Row = dict[str, Any]


def _row(time: Time, **more: Any) -> Row:
    return {**more, "ms": time.wall, "cpu_ms": time.cpu, "runs": time.runs}


def _request(model: ObjectModel, candidates: int, frames: int, **decoded: int) -> int:
    embedding = model.system.embedding
    return RequestSize.of(
        candidates=candidates,
        frames=frames,
        dimension=embedding.dimension,
        embedding_dimension=embedding.embedding_dimension,
        **decoded,
    ).total


def scale_candidates(model: ObjectModel, budget: Budget) -> list[Row]:
    """0.5 s of 1 to 16,384 candidates: states alone."""
    rows: list[Row] = []
    for count in (1, 4, 16, 64, 256, 1024, 4096, 16384):
        if rows and not budget.allows(8e-3 * rows[-1]["ms"]):
            break
        actions = pushes(model, count)
        time = measured(
            lambda actions=actions: model.predict_batch(actions, horizon=HORIZON, step=STEP),
            repeats=8,
            warm=count < 1000,
        )
        size = _request(model, count, FRAMES + 1)
        rows.append(_row(time, candidates=count, each_cpu_us=1e3 * time.cpu / count, request_bytes=size))
    return rows


def scale_horizon(model: ObjectModel, budget: Budget) -> list[Row]:
    """64 candidates over 0.1 to 4 s."""
    rows: list[Row] = []
    actions = pushes(model, 64)
    for horizon in (0.1, 0.5, 1.0, 2.0, 4.0):
        if rows and not budget.allows(4e-3 * rows[-1]["ms"]):
            break
        time = measured(lambda h=horizon: model.predict_batch(actions, horizon=h, step=STEP), repeats=5)
        size = _request(model, 64, round(horizon / STEP) + 1)
        rows.append(_row(time, horizon_s=horizon, candidates=64, request_bytes=size))
    return rows


def scale_vertices(predictor: Predictor, budget: Budget) -> list[Row]:
    """Scans of 10^3 to 10^6 vertices: encoding, 64 candidates with 8 tracked vertices, and full meshes at their end."""
    rows: list[Row] = []
    for count in (1_000, 10_000, 100_000, 1_000_000):
        if rows and not budget.allows(10e-3 * (rows[-1]["encode_ms"] + rows[-1]["vertices_once_ms"]) + 5.0):
            break
        model = predictor.encode(laptop_scan(count), PhysicsParameters(mass=1.5))
        once = measured(model.surface.vertex_modes, repeats=1, warm=False)
        vertices, actions = len(model.rest_vertices), pushes(model, 64)
        tracked = np.linspace(0, vertices - 1, 8).astype(np.int64)

        def batch(**wanted: Any) -> object:
            return model.predict_batch(actions, horizon=HORIZON, step=STEP, **wanted)  # noqa: B023

        time = measured(lambda: batch(tracked_vertices=tracked), repeats=5)  # noqa: B023
        row = _row(time, vertices=vertices, candidates=64, encode_ms=model.timings["encode"])
        row |= {"compile_ms": model.timings["compile"], "vertices_once_ms": once.wall}
        size = _request(model, 64, FRAMES + 1, vertices=vertices)
        try:
            meshes = measured(lambda: batch(full_meshes=True), repeats=3)
            row |= {"meshes_ms": meshes.wall, "meshes_cpu_ms": meshes.cpu}
        except NeurokError as refusal:
            row["refused"] = str(refusal)
        rows.append(row | {"request_bytes": size})
    return rows


def scale_coordinates(predictor: Predictor, budget: Budget) -> list[Row]:
    """The same scan with 1 to 8 coordinates, as far as its latent goes: captured motion, error and time."""
    rows: list[Row] = []
    scan = laptop_scan(2_000)
    for dimension in (1, 2, 3, 4, 6, 8):
        if not budget.allows(8.0 + 2e-3 * sum(row["compile_ms"] for row in rows[-1:])):
            break
        settings = CompilationSettings(maximum_dimension=dimension, energy=1.0)
        model = Predictor(predictor.networks, predictor.checkpoint_name, settings=settings).encode(scan)
        form = model.parts.embedding if model.parts else model.surface.embedding
        actions = pushes(model, 64)
        time = measured(lambda: model.predict_batch(actions, horizon=HORIZON, step=STEP), repeats=5)  # noqa: B023
        sizes = {"k_q": model.dimension, "hidden": len(form.bias), "rank": form.embedding_dimension}
        found = {"captured": form.subspace.captured, "compile_error": model.compile_error}
        rows.append(_row(time, **sizes, **found, compile_ms=model.timings["compile"]))
        if model.dimension < dimension:
            break
    return rows


def made_up_system(k: int, h: int, r: int) -> LagrangianSystem:
    """Mechanics of a random smooth map of these sizes."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    form = SmoothMap(0.3 * normal(h, k), normal(h), 0.05 * normal(r, h), 0.05 * normal(r, k))
    region = PriorRegion(torch.zeros(k).double(), torch.eye(k).double(), 4.0)
    return build_system(form, 0.1 * normal(3, r), region, MechanicsConfiguration(gravity=(0.0, 0.0, 0.0)))


def rollout_of(system: LagrangianSystem, count: int, settings: RolloutSettings = FIXED) -> Callable[[], object]:
    """A rollout of ``count`` candidates that are pushed."""
    k, r = system.embedding.dimension, system.embedding.embedding_dimension
    still = State(torch.zeros(k).double(), torch.zeros(k).double())
    rows = torch.randn(count, 1, 3, r, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    times = torch.zeros(count, 1, dtype=torch.float64)
    actions = Actions(count, pushes=PointLoads(rows, 0.01 + torch.zeros(count, 1, 3).double(), times, times + 0.1))
    return lambda: rollout(system, still, actions, HORIZON, STEP, settings=settings)


def scale_rank(budget: Budget) -> list[Row]:
    """512 candidates of made-up maps of other sizes, four integration steps per frame."""
    rows: list[Row] = []
    for k, h, r in ((3, 8, 8), (5, 8, 8), (8, 8, 8), (5, 24, 8), (5, 24, 16), (5, 24, 32), (5, 24, 48), (5, 96, 32)):
        if not budget.allows(5.0):
            break
        time = measured(rollout_of(made_up_system(k, h, r), 512), repeats=5)
        rows.append(_row(time, k_q=k, hidden=h, rank=r, candidates=512, each_cpu_us=1e3 * time.cpu / 512))
    return rows


def routes(model: ObjectModel, budget: Budget) -> list[Row]:
    """The processor's routes: vectors of candidates, one candidate after the other, and plain torch."""
    rows: list[Row] = []

    def run(name: str, count: int, settings: RolloutSettings, warm: bool = True) -> None:
        actions = pushes(model, count)
        time = measured(
            lambda: model.predict_batch(actions, horizon=HORIZON, step=STEP, settings=settings), repeats=5, warm=warm
        )
        rows.append(_row(time, route=name, candidates=count, each_cpu_us=1e3 * time.cpu / count))

    run("numba, eight candidates per vector", 64, RolloutSettings())
    fewest, array_rollout.FEWEST_IN_LANES = array_rollout.FEWEST_IN_LANES, 10**9
    try:
        run("numba, one candidate after the other", 64, RolloutSettings())
    finally:
        array_rollout.FEWEST_IN_LANES = fewest
    for count in (1, 64):
        if budget.allows(20.0):
            run("plain torch, all candidates in one tensor", count, RolloutSettings(backend="reference"), warm=False)
    return rows


def roofline(model: ObjectModel) -> dict[str, Row]:
    """Operations and bytes counted, the time that they take at this machine's measured best, and the time taken."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    left = torch.randn(768, 768, dtype=torch.float64)
    peak = 2.0 * 768**3 / measured(lambda: left @ left, repeats=8).cpu / 1e6
    source, target = torch.zeros(2, 16_000_000, dtype=torch.float32).unbind(0)
    bandwidth = 2 * source.numel() * 4 / measured(lambda: target.copy_(source), repeats=8).cpu / 1e6
    form = model.system.embedding
    assert isinstance(form, SmoothMap)
    k, h, r = form.dimension, len(form.bias), form.embedding_dimension
    candidates, steps = 512, 4 * FRAMES
    # A step evaluates the map at least twice (10 operations per tanh), its Jacobian and the mass matrix once.
    evaluation = 2 * k * h + 10 * h + 2 * (h + k) * r + 2 * k * r
    step = 2 * evaluation + k * h + 2 * k * h * r + k * (k + 1) * r + k**3 // 3 + 8 * k * r
    time = measured(rollout_of(made_up_system(k, h, r), candidates), repeats=5)
    floor = candidates * steps * step / peak / 1e6
    integrate = {"k_q": k, "hidden": h, "rank": r, "candidates": candidates, "steps": steps, "operations": step}
    integrate |= {"floor_ms": floor, "measured_ms": time.cpu, "gap": time.cpu / floor, "peak_gflops": peak}
    n, q = len(model.rest_vertices), np.zeros((FRAMES, model.dimension))
    model.surface.vertex_modes()
    decoding = measured(lambda: model.surface.vertices(q), repeats=20)
    operations, traffic = 2 * FRAMES * 3 * n * r, 4 * 3 * n * (FRAMES + r)
    written = 4 * 3 * n * FRAMES / bandwidth / 1e6
    floor = max(operations / (2.0 * peak) / 1e6, traffic / bandwidth / 1e6)
    decode = {"vertices": n, "frames": FRAMES, "operations": operations, "bytes": traffic, "floor_ms": floor}
    decode |= {"writing_ms": written, "measured_ms": decoding.cpu, "gap": decoding.cpu / floor}
    decode["bandwidth_gb_s"] = bandwidth
    torch.set_num_threads(threads)
    return {"integrate": integrate, "decode": decode}


def scaling(predictor: Predictor, model: ObjectModel, budget: Budget) -> dict[str, list[Row]]:
    """All tables, as far as the budget goes; the slow ones come last."""
    tables = {
        "candidates": lambda: scale_candidates(model, budget),
        "horizon": lambda: scale_horizon(model, budget),
        "rank": lambda: scale_rank(budget),
        "coordinates": lambda: scale_coordinates(predictor, budget),
        "routes": lambda: routes(model, budget),
        "vertices": lambda: scale_vertices(predictor, budget),
    }
    return {name: make() for name, make in track(tables.items(), "scaling", console=Console(stderr=True))}


def readable(row: Row) -> dict[str, str]:
    """A row as text."""
    text = {}
    for name, value in row.items():
        if name == "request_bytes":
            text["memory"] = in_words(value)
        elif isinstance(value, float):
            text[name] = f"{value:.3g}"
        else:
            text[name] = str(value)
    return text


def as_dictionary(times: dict[str, Time]) -> dict[str, Row]:
    """Times for JSON."""
    return {name: asdict(time) for name, time in times.items()}
