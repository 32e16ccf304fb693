"""Rollouts in machine code on plain arrays: laid out, run, and read off.

``fast_path`` offers them to whoever has tensors; ``quick_rollout`` goes from contacts to motion without any. What
depends on the object alone is laid out once and kept. Large batches of an object that was encoded on a GPU are rolled
out there (``cuda_rollout``), everything else on the CPU.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float, Int

from neurok_model.mechanics import cuda_rollout
from neurok_model.mechanics.frame_refinement import FrameRefinement
from neurok_model.mechanics.integrators import Variational
from neurok_model.mechanics.kernel_arrays import LANES, LoadArrays, MapArrays, TermArrays, map_arrays, term_arrays
from neurok_model.mechanics.outcome import Outcome
from neurok_model.mechanics.rollout_job import RolloutJob, RolloutRun
from neurok_model.mechanics.system import LagrangianSystem
from neurok_model.reduction.smooth_map import SmoothMap

CANCEL_EVERY = 16
"""Recorded steps between two questions whether to cancel."""

CANDIDATES_PER_THREAD = 16
"""Fewer are not worth a thread."""

REMEMBERED = 8
"""Working memories that a thread keeps."""

FEWEST_IN_LANES = 3
"""Fewer candidates are faster one by one than in a vector with most lanes idle."""

SPARE_ROWS = 2
"""Rows after those of the candidates: one that fills lanes, one that takes what is thrown away."""


class Layout(NamedTuple):
    """One object's mechanics as plain arrays.

    Attributes:
        form: the map.
        terms: potentials and damping.
        dimension: k.
        embedding_dimension: r.
        batch_device: where large batches are rolled out.
    """

    form: MapArrays
    terms: TermArrays
    dimension: int
    embedding_dimension: int
    batch_device: torch.device


@dataclass(frozen=True)
class ArrayRollout:
    """What the machine code wrote.

    Attributes:
        series: [K, T+1, 2k + 4]: q, qdot, work, losses, kinetic and potential energy.
        outcome: [K], values of ``Outcome``.
        drift: [K], energy drift as in ``Trajectories``.
    """

    series: Float[np.ndarray, "K times n"]
    outcome: Int[np.ndarray, " K"]
    drift: Float[np.ndarray, " K"]


class _Kernels(NamedTuple):
    """The entry points; loading them takes numba."""

    roll: Callable[..., int]
    energy_drifts: Callable[..., None]
    load_residuals: Callable[..., None]
    make_scratch: Callable[..., Any]
    moving: int
    at_edge: int
    flags: int


@cache
def _kernels() -> _Kernels:
    from neurok_model.mechanics import kernel, kernel_reports, kernel_rollout

    return _Kernels(
        kernel_rollout.roll,
        kernel_reports.energy_drifts,
        kernel_reports.load_residuals,
        kernel.make_scratch,
        kernel_rollout.MOVING,
        kernel_rollout.AT_EDGE,
        kernel_rollout.RATIO + 1,
    )


_LAID_OUT: WeakKeyDictionary[LagrangianSystem, Layout] = WeakKeyDictionary()


def layout_of(system: LagrangianSystem) -> Layout:
    """The system, which machine code must support, as plain arrays."""
    layout = _LAID_OUT.get(system)
    if layout is None:
        embedding = system.embedding
        assert isinstance(embedding, SmoothMap)
        sizes = embedding.dimension, embedding.embedding_dimension
        layout = Layout(map_arrays(embedding), term_arrays(system), *sizes, system.batch_device)
        _LAID_OUT[system] = layout
    return layout


def initial_states(
    layout: Layout, q: Float[np.ndarray, "*#K k"], qdot: Float[np.ndarray, "*#K k"], count: int
) -> Float[np.ndarray, "rows n"]:
    """What ``roll_arrays`` begins with: the same state for all of ``count`` candidates, or one for each."""
    k = layout.dimension
    states = np.zeros((count + SPARE_ROWS, 4 * k + 2))
    states[:count, :k], states[:count, k : 2 * k] = q, qdot
    return states


def roll_arrays(
    layout: Layout,
    states: Float[np.ndarray, "rows n"],
    impulses: LoadArrays,
    pushes: LoadArrays,
    *,
    steps: int,
    step: float,
    substeps: int,
    integrator: Variational,
    refinement: FrameRefinement | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ArrayRollout:
    """Roll all candidates out.

    Args:
        layout: the object.
        states: from ``initial_states``; changed.
        impulses: with ``SPARE_ROWS`` rows more than candidates, as are the pushes.
        pushes: the lasting loads.
        steps: recorded steps.
        step: their length [s].
        substeps: integration steps of each.
        integrator: its tolerances.
        refinement: how single frames are refined; None where they are not.
        cancelled: asked every ``CANCEL_EVERY`` recorded steps.
    """
    kernels = _kernels()
    count = len(states) - SPARE_ROWS
    flags = np.zeros((len(states), kernels.flags))
    flags[: count + 1, kernels.moving] = 1.0
    series = np.empty((len(states), steps + 1, 2 * layout.dimension + 4))
    halvings, frame_tolerance = (0, np.inf) if refinement is None else (refinement.halvings, refinement.tolerance)
    numbers = substeps, halvings, step, integrator.iterations, integrator.tolerance, frame_tolerance
    job = RolloutJob(layout.form, layout.terms, impulses, pushes, *numbers, flags, states, series)
    done = _rolled_out(job, layout, count, steps, cancelled)
    if done < steps:
        series[:, done + 1 :] = series[:, done : done + 1]
    outcome = np.where(flags[:count, kernels.at_edge] > 0.5, int(Outcome.PRIOR_EDGE), int(Outcome.OK))
    if done < steps:
        outcome[:] = int(Outcome.CANCELLED)
    outcome[flags[:count, kernels.moving] < 0.5] = int(Outcome.DIVERGED)
    drifts = np.empty(count)
    kernels.energy_drifts(series[:count], drifts)
    return ArrayRollout(series[:count], outcome, drifts)


def _rolled_out(job: RolloutJob, layout: Layout, count: int, steps: int, cancelled: Callable[[], bool] | None) -> int:
    """Roll the job out, on the GPU where that pays; returns at which record it was cancelled, or ``steps``."""
    device = layout.batch_device
    if device.type == "cuda" and count >= cuda_rollout.FEWEST_CANDIDATES and cuda_rollout.available():
        try:
            return _advanced(cuda_rollout.CudaRun(job, count, device), steps, cancelled)
        except Exception as error:
            # Drivers and compilers fail in their own ways, and nothing of the job has been changed by then.
            warnings.warn(f"rolled out on the CPU, because the GPU failed: {error}", RuntimeWarning, stacklevel=2)
    return _advanced(_CpuRun(job, layout, count), steps, cancelled)


def _advanced(run: RolloutRun, steps: int, cancelled: Callable[[], bool] | None) -> int:
    """Advance to the end, or to where it is cancelled, which is asked before every few records."""
    done = 0
    while done < steps:
        if cancelled is not None and cancelled():
            if done == 0:
                run.advance(0, 0)
            break
        last = steps if cancelled is None else min(done + CANCEL_EVERY, steps)
        run.advance(done, last)
        done = last
    run.finish()
    return done


class _CpuRun:
    """A job on the CPU's cores."""

    def __init__(self, job: RolloutJob, layout: Layout, count: int) -> None:
        self._job, self._layout, self._count = job, layout, count
        self._stride = LANES if count >= FEWEST_IN_LANES else 1

    def advance(self, first: int, last: int) -> None:
        """Roll all candidates from one record to another."""
        roll, stride = _kernels().roll, self._stride
        object_and_loads, numbers_and_arrays = self._job[:4], self._job[4:]

        def some(candidates: tuple[int, int]) -> None:
            scratch = _scratch(self._layout, stride > 1)
            roll(*object_and_loads, candidates, stride, (first, last), *numbers_and_arrays, scratch)

        _in_parallel(some, self._count, stride)

    def finish(self) -> None:
        """Everything is where it belongs."""


def residuals_of(
    layout: Layout,
    states: Float[np.ndarray, "K n"],
    rows: Float[np.ndarray, "K c 3 r"],
    impulses: Float[np.ndarray, "K c 3"],
) -> Float[np.ndarray, " K"]:
    """As ``contact_fit.contact_residual``, to rounding, of pushes and strikes.

    Args:
        layout: the object.
        states: begin with q.
        rows: modes at the contacts.
        impulses: of the contacts [N s].
    """
    residuals = np.zeros(len(states))
    # One layout in memory, for which the machine code is compiled once.
    arrays = (np.ascontiguousarray(array) for array in (states, rows, impulses))
    _kernels().load_residuals(layout.form, layout.terms, *arrays, residuals, _scratch(layout, False))
    return residuals


def _in_parallel(work: Callable[[tuple[int, int]], None], count: int, stride: int) -> None:
    """Split the candidates over as many threads as torch may use, where there are enough of them."""
    threads = min(torch.get_num_threads(), count // CANDIDATES_PER_THREAD) if count >= CANDIDATES_PER_THREAD else 1
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


def _scratch(layout: Layout, lanes: bool) -> Any:
    """Working memory of the calling thread for objects of these sizes."""
    k, h, r = layout.dimension, len(layout.form.bias), layout.embedding_dimension
    known = _MEMORY.of
    if (k, h, r, lanes) not in known:
        if len(known) >= REMEMBERED:
            known.clear()
        known[k, h, r, lanes] = _kernels().make_scratch(k, h, r, lanes=lanes)
    return known[k, h, r, lanes]
