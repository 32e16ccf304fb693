"""The rollout of ``kernel_rollout`` for NVIDIA GPUs: one fused kernel, a thread per candidate (numba).

There is no second source: the functions that numba compiles for the CPU are compiled again, with other definitions of
the few primitives that they are written in (``kernel_lanes``). A number is a number here, never a vector of lanes, and
a candidate's working memory is a column of arrays that all candidates share, so that neighbouring threads read
neighbouring numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FunctionType
from typing import Any, no_type_check

from numba import cuda

from neurok_model.mechanics import kernel_rollout
from neurok_model.mechanics.kernel import Scratch


@no_type_check
def load(array, index):
    """The number at ``index``."""
    return array[index]


@no_type_check
def store(array, index, value):
    """Write a number at ``index``."""
    array[index] = value


@no_type_check
def gather(like, array, rows, index):
    """``array[rows[0], *index]``."""
    return array[(rows[0], *index)]


@no_type_check
def scatter(value, array, rows, index):
    """``array[rows[0], *index] = value``."""
    array[(rows[0], *index)] = value


@no_type_check
def constant(like, value):
    """``value`` as a number."""
    return float(value)


@no_type_check
def where(mask, chosen, other):
    """``chosen`` where the mask is true, ``other`` elsewhere; both are numbers."""
    return float(chosen) if mask else float(other)


@no_type_check
def both(left, right):
    """Whether both are true."""
    return left and right


@no_type_check
def either(left, right):
    """Whether one is true at least."""
    return left or right


@no_type_check
def opposite(mask):
    """Whether it is false."""
    return not mask


@no_type_check
def any_of(mask):
    """Whether it is true."""
    return mask


@no_type_check
def root(value):
    """Square root; not a number for what is negative."""
    return math.sqrt(value) if value >= 0.0 else math.nan


@no_type_check
def floor(value):
    """The largest whole number that is not larger, as a float."""
    return float(math.floor(value))


@no_type_check
def absolute(value):
    """Without its sign."""
    return math.fabs(value)


@no_type_check
def times_power_of_two(value, power):
    """``value * 2**power`` for a whole ``power``."""
    return math.ldexp(value, int(power))


PRIMITIVES: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        load, store, gather, scatter, constant, where, both, either, opposite, any_of, root, floor, absolute,
        times_power_of_two,
    )
} | {"load_vector": load, "store_vector": store}  # fmt: skip
"""What replaces the names that ``kernel_lanes`` defines."""


def retargeted(function: Any, compile_function: Callable[..., Any], known: dict[str, Any]) -> Any:
    """A function for the CPU, and all that it calls, compiled by ``compile_function`` over ``PRIMITIVES``.

    Args:
        function: what ``numba.njit`` made of a function of the kernels.
        compile_function: turns a plain function into one that others of its kind may call.
        known: by name, what was compiled before; added to.
    """
    plain: FunctionType = function.py_func
    name = plain.__name__
    if name not in known:
        names = dict(plain.__globals__)
        for used in plain.__code__.co_names:
            if used in PRIMITIVES:
                if used not in known:
                    known[used] = compile_function(PRIMITIVES[used])
                names[used] = known[used]
            elif hasattr(names.get(used), "py_func"):
                names[used] = retargeted(names[used], compile_function, known)
        names["LANES"] = 1
        known[name] = compile_function(FunctionType(plain.__code__, names, name, None, plain.__closure__))
    return known[name]


def build_kernel(compile_function: Callable[..., Any], compile_kernel: Callable[..., Any]) -> Any:
    """The kernel, by these decorators of functions and of the kernel itself."""
    roll = retargeted(kernel_rollout.roll, compile_function, {})

    @compile_kernel
    @no_type_check
    def roll_all(job, count, span_begin, span_end, memory):
        """``kernel_rollout.roll`` of one candidate per thread, for a ``RolloutJob`` whose arrays are on the GPU;
        ``memory`` is a ``Scratch`` with the candidates last.
        """
        candidate = cuda.grid(1)
        if candidate < count:
            scratch = Scratch(
                memory.vectors[:, :, candidate],
                memory.wide[:, :, candidate],
                memory.matrices[:, :, :, candidate],
                memory.jacobian[:, :, candidate],
                memory.features[:, candidate],
                memory.grown[:, candidate],
                memory.slopes[:, :, candidate],
                memory.kept[:, candidate],
                memory.rows[:, candidate],
                memory.targets[:, candidate],
            )
            roll(
                job.form,
                job.terms,
                job.impulses,
                job.pushes,
                (candidate, candidate + 1),
                1,
                (span_begin, span_end),
                job.substeps,
                job.halvings,
                job.step,
                job.iterations,
                job.tolerance,
                job.frame_tolerance,
                job.flags,
                job.states,
                job.series,
                scratch,
            )

    return roll_all
