"""Rollouts of many candidates on an NVIDIA GPU, by the kernel of ``cuda_kernel``.

Few candidates are done on a CPU before a GPU has begun, so only large batches come here. Arrays go over at the
beginning and back at the end; in between are nothing but launches.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch

from neurok_model.mechanics.rollout_job import RolloutJob

FEWEST_CANDIDATES = 256
"""Fewer stay on the CPU: a GPU takes about as long for one candidate as for some thousands."""

THREADS = 32
"""Candidates per block: one warp, so that a few thousand candidates are spread over all multiprocessors."""

REMEMBERED = 8
"""Objects whose map and terms stay on the GPU."""


@cache
def available() -> bool:
    """Whether numba can compile for a GPU that is there; a warning says what is missing where there is one that it
    cannot use.
    """
    try:
        from numba import cuda

        if cuda.is_available():
            return True
        reason = "numba finds no compiler for it"
    except ImportError as error:
        reason = str(error)
    if torch.cuda.is_available():
        wanted = "the extra neurok_ros[cuda] installs what it needs"
        warnings.warn(f"large batches stay on the CPU: {reason}; {wanted}", RuntimeWarning, stacklevel=2)
    return False


@cache
def _kernel() -> Any:
    """The compiled kernel: a minute of compilation, once per process."""
    from numba import cuda

    from neurok_model.mechanics.cuda_kernel import build_kernel

    return build_kernel(cuda.jit(device=True), cuda.jit)


class _Memory:
    """Arrays on a device. On a CPU they stay what they are, which is how numba's simulator of a GPU takes them."""

    def __init__(self, device: torch.device) -> None:
        self._simulated = device.type == "cpu"
        self._device = device

    def copy(self, array: np.ndarray) -> Any:
        """The array, over there."""
        if self._simulated:
            return array.copy()
        return self._seen_by_numba(torch.from_numpy(np.ascontiguousarray(array)).to(self._device))

    def zeros(self, shape: tuple[int, ...], kind: np.dtype) -> Any:
        """New memory; torch's, because it keeps what is given back for the next time."""
        if self._simulated:
            return np.zeros(shape, kind)
        like = torch.from_numpy(np.empty(0, kind))
        return self._seen_by_numba(torch.zeros(shape, dtype=like.dtype, device=self._device))

    def copy_tuple(self, arrays: Any) -> Any:
        """A named tuple with its arrays over there."""
        return type(arrays)(*(self.copy(each) if isinstance(each, np.ndarray) else each for each in arrays))

    def back(self, there: Any, here: np.ndarray) -> None:
        """Copy back."""
        if self._simulated:
            here[:] = there
        else:
            there.copy_to_host(here)

    @staticmethod
    def _seen_by_numba(tensor: torch.Tensor) -> Any:
        from numba import cuda

        return cuda.as_cuda_array(tensor)


class _Mechanics(NamedTuple):
    """An object's map and terms: here, which keeps them alive, and there."""

    here: tuple[Any, Any]
    there: tuple[Any, Any]


_KNOWN: dict[tuple[int, int, str], _Mechanics] = {}


def _mechanics_on(memory: _Memory, job: RolloutJob, device: torch.device) -> tuple[Any, Any]:
    """The object's map and terms on the device, where they stay for the next batch."""
    key = id(job.form), id(job.terms), str(device)
    if key not in _KNOWN:
        if len(_KNOWN) >= REMEMBERED:
            _KNOWN.pop(next(iter(_KNOWN)))
        there = memory.copy_tuple(job.form), memory.copy_tuple(job.terms)
        _KNOWN[key] = _Mechanics((job.form, job.terms), there)
    return _KNOWN[key].there


class CudaRun:
    """A job on a GPU.

    Args:
        job: what to do; ``finish`` writes its flags and series, and nothing else is changed.
        count: candidates, not counting the spare rows.
        device: the GPU; a CPU for numba's simulator.
    """

    def __init__(self, job: RolloutJob, count: int, device: torch.device) -> None:
        from neurok_model.mechanics.kernel import make_scratch

        self._job, self._count = job, count
        memory = self._memory = _Memory(device)
        k, h = job.form.inner.shape
        one = make_scratch(k, h, len(job.form.outer), lanes=False)
        # Each number has one place per candidate: neighbouring threads then use neighbouring places.
        self._scratch = type(one)(*(memory.zeros((*_shape_of_one(array), count), array.dtype) for array in one))
        form, terms = _mechanics_on(memory, job, device)
        self._there = job._replace(
            form=form,
            terms=terms,
            impulses=memory.copy_tuple(job.impulses),
            pushes=memory.copy_tuple(job.pushes),
            flags=memory.copy(job.flags),
            states=memory.copy(job.states),
            series=memory.zeros(job.series.shape, job.series.dtype),
        )

    def advance(self, first: int, last: int) -> None:
        """Roll all candidates from one record to another."""
        blocks = -(-self._count // THREADS)
        _kernel()[blocks, THREADS](self._there, self._count, first, last, self._scratch)

    def finish(self) -> None:
        """Wait for the GPU, and write the job's flags and series."""
        # The flags come last: as long as they are what they were, another processor can do the job again.
        self._memory.back(self._there.series, self._job.series)
        self._memory.back(self._there.flags, self._job.flags)


def _shape_of_one(array: np.ndarray) -> tuple[int, ...]:
    """The shape of a working array of one candidate; what numbers lanes has but one."""
    return (1,) if array.dtype.kind == "i" else array.shape
