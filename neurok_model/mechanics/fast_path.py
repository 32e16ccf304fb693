"""The rollout in machine code, for what it supports; everything else goes through ``reference``.

It is chosen on a CPU when the embedding is a plain smooth map, the integrator is the variational one, every
term is one of the package's own, and no gradient is wanted. Grasps are supported when they only set the
initial velocity.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.contact_weights import RIDGE
from neurok_model.mechanics import reference
from neurok_model.mechanics.actions import NEVER, Actions, PointLoads
from neurok_model.mechanics.frame_refinement import FrameRefinement
from neurok_model.mechanics.integrators import Integrator, Variational
from neurok_model.mechanics.kernel_arrays import (
    LANES,
    SUPPORTED_DAMPING,
    SUPPORTED_POTENTIALS,
    MapArrays,
    TermArrays,
    load_arrays,
    map_arrays,
    term_arrays,
)
from neurok_model.mechanics.outcome import Outcome
from neurok_model.mechanics.system import LagrangianSystem, State
from neurok_model.mechanics.trajectory import Trajectories
from neurok_model.reduction.smooth_map import SmoothMap

CANCEL_EVERY = 16
"""Recorded steps between two questions whether to cancel."""

CANDIDATES_PER_THREAD = 16
"""Fewer are not worth a thread."""

REMEMBERED = 8
"""Working memories that a thread keeps."""

FEWEST_IN_LANES = 3
"""Fewer candidates are faster one by one than in a vector with most lanes idle."""


def supports(system: LagrangianSystem, state: State, actions: Actions, integrator: Integrator) -> bool:
    """Whether ``integrate`` can take this rollout."""
    return refusal(system, state, actions, integrator) is None


def refusal(system: LagrangianSystem, state: State, actions: Actions, integrator: Integrator) -> str | None:
    """What ``integrate`` cannot do of this rollout, or None where it can take it."""
    if wants_gradient(state, actions):
        return "gradients"
    if system not in _REFUSALS:
        _REFUSALS[system] = _refusal_of_system(system)
    if _REFUSALS[system] is not None:
        return _REFUSALS[system]
    if type(integrator) is not Variational:
        return "integrators other than the variational one"
    if not _only_initial(actions):
        return "grasps that last or begin later"
    return None if available() else "anything without numba"


_REFUSALS: WeakKeyDictionary[LagrangianSystem, str | None] = WeakKeyDictionary()


def _refusal_of_system(system: LagrangianSystem) -> str | None:
    """What ``integrate`` cannot do of this object's mechanics."""
    embedding = system.embedding
    reasons = {
        "embeddings other than a smooth map in double precision on a CPU": not isinstance(embedding, SmoothMap)
        or embedding.device.type != "cpu"
        or embedding.dtype != torch.float64,
        "terms other than the package's own": any(type(term) not in SUPPORTED_POTENTIALS for term in system.potentials)
        or any(type(term) not in SUPPORTED_DAMPING for term in system.damping),
        "dry friction": system.friction is not None,
        "obstacles and stops": bool(system.constraints),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


@cache
def available() -> bool:
    """Whether numba can be loaded; a warning says why where it cannot."""
    try:
        from neurok_model.mechanics import kernel_contacts, kernel_reports, kernel_rollout  # noqa: F401
    except ImportError as error:
        warnings.warn(f"rollouts are slow because numba cannot be loaded: {error}", RuntimeWarning, stacklevel=2)
        return False
    return True


def prepare() -> float:
    """Compile the machine code, or load it from the cache beside this file; returns the seconds that it took.

    The first rollouts do it otherwise: some twenty seconds once per machine, then under one second per process.
    """
    begin = time.perf_counter()
    if available():
        nothing = torch.zeros(1, 1, dtype=torch.float64)
        system = LagrangianSystem(SmoothMap(nothing, nothing[0], nothing, nothing + 1.0))
        for count in (1, LANES):
            still = State(nothing.expand(count, 1), nothing.expand(count, 1))
            loads = PointLoads(*(torch.zeros(count, 1, *shape).double() for shape in ((3, 1), (3,), (), ())))
            actions = Actions(count, pushes=loads)
            integrate(system, still, actions, steps=1, step=1e-3, substeps=1, integrator=Variational())
            residual(system, still, actions)
        points = np.zeros((4, 3))
        contact_modes(points[:1], np.arange(4)[None], points, np.zeros(4, np.int64), np.zeros((4, 3, 1)), 4)
    return time.perf_counter() - begin


def integrate(
    system: LagrangianSystem,
    state: State,
    actions: Actions,
    *,
    steps: int,
    step: float,
    substeps: int,
    integrator: Integrator,
    refinement: FrameRefinement | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Trajectories:
    """As ``reference.integrate``, to rounding; ``cancelled`` is asked every ``CANCEL_EVERY`` recorded
    steps.
    """
    from neurok_model.mechanics.kernel_rollout import AT_EDGE, MOVING, RATIO, roll

    assert isinstance(integrator, Variational)
    count, k = state.q.shape
    stride = LANES if count >= FEWEST_IN_LANES else 1
    # Two more rows: one that fills lanes, one that takes what is thrown away.
    rows = count + 2
    width, duration = system.embedding.embedding_dimension, step / substeps
    form, terms = _arrays(system)
    impulses = load_arrays(actions.impulses, count, rows, width)
    pushes = load_arrays(actions.pushes, count, rows, width)
    states, flags = np.zeros((rows, 4 * k + 2)), np.zeros((rows, RATIO + 1))
    states[:count, :k], states[:count, k : 2 * k] = state.q.numpy(), state.qdot.numpy()
    flags[: count + 1, MOVING] = 1.0
    if actions.grasps is not None:
        begun = reference.set_out(system, state, actions, duration)
        states[:count, k : 2 * k], states[:count, 2 * k] = begun.point.qdot.numpy(), begun.work.numpy()
        past = impulses.times[..., :1] < duration
        impulses = impulses._replace(times=np.where(past, NEVER, impulses.times))
    series = np.empty((rows, steps + 1, 2 * k + 4))
    halvings, frame_tolerance = (0, np.inf) if refinement is None else (refinement.halvings, refinement.tolerance)

    def advance(first: int, last: int) -> None:
        def some(candidates: tuple[int, int]) -> None:
            roll(
                form,
                terms,
                impulses,
                pushes,
                candidates,
                stride,
                (first, last),
                substeps,
                halvings,
                step,
                integrator.iterations,
                integrator.tolerance,
                frame_tolerance,
                flags,
                states,
                series,
                _scratch(k, len(form.bias), width, stride > 1),
            )

        _in_parallel(some, count, stride)

    done = 0
    cancelled_now = False
    while done < steps:
        cancelled_now = cancelled is not None and cancelled()
        if cancelled_now:
            if done == 0:
                advance(0, 0)
            series[:, done + 1 :] = series[:, done : done + 1]
            break
        last = steps if cancelled is None else min(done + CANCEL_EVERY, steps)
        advance(done, last)
        done = last
    outcome = np.where(flags[:count, AT_EDGE] > 0.5, int(Outcome.PRIOR_EDGE), int(Outcome.OK))
    if cancelled_now:
        outcome[:] = int(Outcome.CANCELLED)
    outcome[flags[:count, MOVING] < 0.5] = int(Outcome.DIVERGED)
    return _trajectories(series[:count], outcome)


def _trajectories(series: Float[np.ndarray, "K times n"], outcome: Int[np.ndarray, " K"]) -> Trajectories:
    """The kernel's series as named ones."""
    from neurok_model.mechanics.kernel_reports import energy_drifts

    k = (series.shape[-1] - 4) // 2
    drifts = np.empty(len(series))
    energy_drifts(series, drifts)
    columns = torch.from_numpy(series)
    work, dissipated, kinetic_energy, potential_energy = columns[..., 2 * k :].unbind(-1)
    trajectories = Trajectories(
        q=columns[..., :k],
        qdot=columns[..., k : 2 * k],
        kinetic_energy=kinetic_energy,
        potential_energy=potential_energy,
        work=work,
        dissipated=dissipated,
        outcome=torch.from_numpy(outcome),
    )
    return trajectories.with_drift(torch.from_numpy(drifts))


def residual(system: LagrangianSystem, state: State, actions: Actions) -> Float[Tensor, " K"]:
    """As ``contact_fit.contact_residual``, to rounding, for actions without grasps."""
    from neurok_model.mechanics.kernel_reports import load_residuals

    loads = [group for group in (actions.impulses, actions.pushes) if group is not None]
    residuals = np.zeros(actions.count)
    if not loads:
        return torch.from_numpy(residuals)
    rows = [group.rows.numpy() for group in loads]
    impulses = [group.vectors.numpy() for group in loads]
    if actions.pushes is not None:
        lasting = (actions.pushes.stop - actions.pushes.start).numpy()
        impulses[-1] = impulses[-1] * lasting[..., None]
    form, terms = _arrays(system)
    joined = [parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1) for parts in (rows, impulses)]
    scratch = _scratch(system.embedding.dimension, len(form.bias), system.embedding.embedding_dimension, False)
    load_residuals(form, terms, state.q.numpy(), *map(np.ascontiguousarray, joined), residuals, scratch)
    return torch.from_numpy(residuals)


def contact_modes(
    points: Float[np.ndarray, "p 3"],
    nearest: Int[np.ndarray, "p n"],
    standing: Float[np.ndarray, "N 3"],
    component: Int[np.ndarray, " N"],
    modes: Float[np.ndarray, "N 3 r"],
    neighbours: int,
) -> Float[Tensor, "p 3 r"]:
    """Phi at contact points, by ``contact_weights.affine_weights`` over the first ``neighbours`` of the ``nearest``
    surface points that belong to the nearest one's connected part; in double precision.
    """
    from neurok_model.mechanics.kernel_contacts import contact_rows, make_contact_scratch

    rows = np.empty((len(points), 3, modes.shape[-1]))
    scratch = make_contact_scratch(nearest.shape[1])
    points = np.ascontiguousarray(points, dtype=np.float64)
    contact_rows(points, nearest, standing, component, modes, neighbours, RIDGE, scratch, rows)
    return torch.from_numpy(rows)


def _in_parallel(work: Callable[[tuple[int, int]], None], count: int, stride: int) -> None:
    """Split the candidates over as many threads as torch may use, where there are enough of them."""
    threads = min(torch.get_num_threads(), count // CANDIDATES_PER_THREAD)
    if threads < 2:
        work((0, count))
        return
    edges = [*(np.linspace(0, count // stride, threads + 1).astype(int) * stride).tolist()[:-1], count]
    list(_pool(threads).map(work, pairwise(edges)))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that wait for rollouts: starting them anew would cost as much as a short one."""
    return ThreadPoolExecutor(threads, thread_name_prefix="rollout")


class _WorkingMemory(threading.local):
    """What each thread used last, by size."""

    def __init__(self) -> None:
        self.of: dict[tuple[int, int, int, bool], Any] = {}


_MEMORY = _WorkingMemory()


def _scratch(k: int, h: int, r: int, lanes: bool) -> Any:
    """Working memory of the calling thread for objects of these sizes."""
    from neurok_model.mechanics.kernel import make_scratch

    known = _MEMORY.of
    if (k, h, r, lanes) not in known:
        if len(known) >= REMEMBERED:
            known.clear()
        known[k, h, r, lanes] = make_scratch(k, h, r, lanes=lanes)
    return known[k, h, r, lanes]


_LAID_OUT: WeakKeyDictionary[LagrangianSystem, tuple[MapArrays, TermArrays]] = WeakKeyDictionary()


def _arrays(system: LagrangianSystem) -> tuple[MapArrays, TermArrays]:
    """The system as plain arrays, laid out once."""
    if system not in _LAID_OUT:
        assert isinstance(system.embedding, SmoothMap)
        _LAID_OUT[system] = (map_arrays(system.embedding), term_arrays(system))
    return _LAID_OUT[system]


def _only_initial(actions: Actions) -> bool:
    """Whether no grasp begins later or lasts."""
    grasps = actions.grasps
    if grasps is None:
        return True
    used = grasps.start < NEVER
    return bool((grasps.start[used] == 0.0).all()) and bool((grasps.stop[used] == 0.0).all())


def wants_gradient(state: State, actions: Actions) -> bool:
    """Whether anything that a rollout begins with is to be differentiated by."""
    tensors = [state.q, state.qdot]
    for loads in (actions.impulses, actions.pushes):
        if loads is not None:
            tensors += [loads.rows, loads.vectors, loads.start, loads.stop]
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
