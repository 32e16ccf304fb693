"""The rollout in machine code, for what it supports; everything else goes through ``reference``.

It is chosen on a CPU when the embedding is a plain smooth map, the integrator is the variational one, every
term is one of the package's own, and no gradient is wanted. Grasps are supported when they only set the
initial velocity.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import torch

from neurok_model.mechanics import reference
from neurok_model.mechanics.actions import NEVER, Actions
from neurok_model.mechanics.integrators import Integrator, Variational
from neurok_model.mechanics.kernel_arrays import (
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

if TYPE_CHECKING:
    from neurok_model.mechanics.kernel_rollout import Progress, Records

CANCEL_EVERY = 16
"""Recorded steps between two questions whether to cancel."""

CANDIDATES_PER_THREAD = 16
"""Fewer are not worth a thread."""


def supports(system: LagrangianSystem, state: State, actions: Actions, integrator: Integrator) -> bool:
    """Whether ``integrate`` can take this rollout."""
    return (
        isinstance(system.embedding, SmoothMap)
        and system.embedding.device.type == "cpu"
        and system.embedding.dtype == torch.float64
        and type(integrator) is Variational
        and all(type(term) in SUPPORTED_POTENTIALS for term in system.potentials)
        and all(type(term) in SUPPORTED_DAMPING for term in system.damping)
        and _only_initial(actions)
        and not _wants_gradient(state, actions)
        and importlib.util.find_spec("numba") is not None
    )


def integrate(
    system: LagrangianSystem,
    state: State,
    actions: Actions,
    *,
    steps: int,
    step: float,
    substeps: int,
    integrator: Integrator,
    cancelled: Callable[[], bool] | None = None,
) -> Trajectories:
    """As ``reference.integrate``, to rounding; ``cancelled`` is asked every ``CANCEL_EVERY`` recorded
    steps.
    """
    from neurok_model.mechanics.kernel import make_scratch
    from neurok_model.mechanics.kernel_rollout import Progress, Records, roll

    assert isinstance(integrator, Variational)
    count, k = state.q.shape
    width = system.embedding.embedding_dimension
    impulses, pushes = load_arrays(actions.impulses, count, width), load_arrays(actions.pushes, count, width)
    work = np.zeros(count)
    if actions.grasps is not None:
        begun = reference.set_out(system, state, actions, step / substeps)
        state, work = State(state.q, begun.point.qdot), begun.work.numpy().copy()
        past = impulses.start < step / substeps
        impulses = impulses._replace(start=np.where(past, NEVER, impulses.start))
    progress = Progress(
        state.q.numpy().copy(), state.qdot.numpy().copy(), work, np.zeros(count), np.zeros(count, np.int64)
    )
    paths = [np.empty((count, steps + 1, k)) for _ in range(2)]
    records = Records(*paths, *(np.empty((count, steps + 1)) for _ in range(4)))
    form, terms = _arrays(system)
    numbers = (substeps, step / substeps, integrator.iterations, integrator.tolerance)

    def advance(first: int, last: int) -> None:
        def some(candidates: tuple[int, int]) -> None:
            scratch = make_scratch(k, len(form.bias), width)
            roll(form, terms, impulses, pushes, candidates, first, last, *numbers, progress, records, scratch)

        _in_parallel(some, count)

    done = 0
    while done < steps:
        if cancelled is not None and cancelled():
            if done == 0:
                advance(0, 0)
            _stay(progress, records, done)
            break
        last = steps if cancelled is None else min(done + CANCEL_EVERY, steps)
        advance(done, last)
        done = last
    series = {name: torch.from_numpy(getattr(records, name)) for name in Records._fields}
    return Trajectories(**series, outcome=torch.from_numpy(progress.outcome))


def _stay(progress: Progress, records: Records, done: int) -> None:
    """Fill what is left of the records with the last one, and say that the candidates were cancelled."""
    for series in records:
        series[:, done + 1 :] = series[:, done : done + 1]
    progress.outcome[progress.outcome != int(Outcome.DIVERGED)] = int(Outcome.CANCELLED)


def _in_parallel(work: Callable[[tuple[int, int]], None], count: int) -> None:
    """Split the candidates over as many threads as torch may use, where there are enough of them."""
    threads = min(torch.get_num_threads(), count // CANDIDATES_PER_THREAD)
    if threads < 2:
        work((0, count))
        return
    edges = np.linspace(0, count, threads + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, pairwise(edges)))


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


def _wants_gradient(state: State, actions: Actions) -> bool:
    tensors = [state.q, state.qdot]
    for loads in (actions.impulses, actions.pushes):
        if loads is not None:
            tensors += [loads.rows, loads.vectors, loads.start, loads.stop]
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
