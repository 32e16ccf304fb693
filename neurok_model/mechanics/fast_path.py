"""The rollout in machine code, for what it supports; everything else goes through ``reference``.

It is chosen on a CPU when the embedding is a plain smooth map, the integrator is the variational one, every
term is one of the package's own, and no gradient is wanted. Grasps are supported when they only set the
initial velocity.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

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

CANCEL_EVERY = 16
"""Recorded steps between two questions whether to cancel."""

CANDIDATES_PER_THREAD = 16
"""Fewer are not worth a thread."""


def supports(system: LagrangianSystem, state: State, actions: Actions, integrator: Integrator) -> bool:
    """Whether ``integrate`` can take this rollout."""
    return refusal(system, state, actions, integrator) is None


def refusal(system: LagrangianSystem, state: State, actions: Actions, integrator: Integrator) -> str | None:
    """What ``integrate`` cannot do of this rollout, or None where it can take it."""
    embedding = system.embedding
    reasons = {
        "gradients": _wants_gradient(state, actions),
        "embeddings other than a smooth map in double precision on a CPU": not isinstance(embedding, SmoothMap)
        or embedding.device.type != "cpu"
        or embedding.dtype != torch.float64,
        "integrators other than the variational one": type(integrator) is not Variational,
        "terms other than the package's own": any(type(term) not in SUPPORTED_POTENTIALS for term in system.potentials)
        or any(type(term) not in SUPPORTED_DAMPING for term in system.damping),
        "dry friction": system.friction is not None,
        "obstacles and stops": bool(system.constraints),
        "a latent mass for each coordinate": not isinstance(system.latent_mass, float),
        "grasps that last or begin later": not _only_initial(actions),
    }
    for reason, applies in reasons.items():
        if applies:
            return reason
    return None if available() else "anything without numba"


@cache
def available() -> bool:
    """Whether numba can be loaded; a warning says why where it cannot."""
    try:
        from neurok_model.mechanics import kernel_rollout  # noqa: F401
    except ImportError as error:
        warnings.warn(f"rollouts are slow because numba cannot be loaded: {error}", RuntimeWarning, stacklevel=2)
        return False
    return True


def prepare() -> float:
    """Compile the machine code, or load it from the cache beside this file; returns the seconds that it took.

    The first rollout does it otherwise: some ten seconds once per machine, then under one second per process.
    """
    begin = time.perf_counter()
    if available():
        nothing = torch.zeros(1, 1, dtype=torch.float64)
        system = LagrangianSystem(SmoothMap(nothing, nothing[0], nothing, nothing + 1.0))
        integrate(system, State(nothing, nothing), Actions(1), steps=1, step=1e-3, substeps=1, integrator=Variational())
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
    cancelled: Callable[[], bool] | None = None,
) -> Trajectories:
    """As ``reference.integrate``, to rounding; ``cancelled`` is asked every ``CANCEL_EVERY`` recorded
    steps.
    """
    from neurok_model.mechanics.kernel import make_scratch
    from neurok_model.mechanics.kernel_rollout import roll

    assert isinstance(integrator, Variational)
    count, k = state.q.shape
    width, duration = system.embedding.embedding_dimension, step / substeps
    form, terms = _arrays(system)
    impulses, pushes = load_arrays(actions.impulses, count, width), load_arrays(actions.pushes, count, width)
    states, outcome = np.zeros((count, 2 * k + 2)), np.zeros(count, np.int64)
    states[:, :k], states[:, k : 2 * k] = state.q.numpy(), state.qdot.numpy()
    if actions.grasps is not None:
        begun = reference.set_out(system, state, actions, duration)
        states[:, k : 2 * k], states[:, 2 * k] = begun.point.qdot.numpy(), begun.work.numpy()
        past = impulses.times[..., :1] < duration
        impulses = impulses._replace(times=np.where(past, NEVER, impulses.times))
    series = np.empty((count, steps + 1, 2 * k + 4))

    def advance(first: int, last: int) -> None:
        def some(candidates: tuple[int, int]) -> None:
            roll(
                form,
                terms,
                impulses,
                pushes,
                candidates,
                (first, last),
                substeps,
                duration,
                integrator.iterations,
                integrator.tolerance,
                states,
                outcome,
                series,
                make_scratch(k, len(form.bias), width),
            )

        _in_parallel(some, count)

    done = 0
    while done < steps:
        if cancelled is not None and cancelled():
            if done == 0:
                advance(0, 0)
            series[:, done + 1 :] = series[:, done : done + 1]
            outcome[outcome != int(Outcome.DIVERGED)] = int(Outcome.CANCELLED)
            break
        last = steps if cancelled is None else min(done + CANCEL_EVERY, steps)
        advance(done, last)
        done = last
    return _trajectories(torch.from_numpy(series), torch.from_numpy(outcome))


def _trajectories(series: Float[Tensor, "K times n"], outcome: Int[Tensor, " K"]) -> Trajectories:
    """The kernel's series as named ones."""
    k = (series.shape[-1] - 4) // 2
    work, dissipated, kinetic_energy, potential_energy = series[..., 2 * k :].unbind(-1)
    return Trajectories(
        q=series[..., :k].contiguous(),
        qdot=series[..., k : 2 * k].contiguous(),
        kinetic_energy=kinetic_energy,
        potential_energy=potential_energy,
        work=work,
        dissipated=dissipated,
        outcome=outcome,
    )


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
