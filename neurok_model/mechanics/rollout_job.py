"""A rollout of many candidates in plain arrays, as every machine code takes it, whatever the processor."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from neurok_model.mechanics.kernel_arrays import LoadArrays, MapArrays, TermArrays


class RolloutJob(NamedTuple):
    """What the entry points are handed, in their order but for the span and the working memory.

    Attributes:
        form: the map.
        terms: potentials and damping.
        impulses: of K candidates and the spare rows.
        pushes: the lasting loads.
        substeps: integration steps of a recorded one.
        halvings: how often the steps of a single frame may be halved.
        step: a recorded step [s].
        iterations: of the equation of a step, at most.
        tolerance: of that equation.
        frame_tolerance: error of the energy's balance, as a share of the energy exchanged, that halves a frame's steps.
        flags: [rows, 5], see ``kernel_rollout``; changed.
        states: [rows, 4k + 2]; changed.
        series: [rows, T+1, 2k + 4]; written.
    """

    form: MapArrays
    terms: TermArrays
    impulses: LoadArrays
    pushes: LoadArrays
    substeps: int
    halvings: int
    step: float
    iterations: int
    tolerance: float
    frame_tolerance: float
    flags: np.ndarray
    states: np.ndarray
    series: np.ndarray


@runtime_checkable
class RolloutRun(Protocol):
    """A job on its way."""

    def advance(self, first: int, last: int) -> None:
        """Roll all candidates from one record to another; a span that begins at 0 writes record 0 too."""

    def finish(self) -> None:
        """Make sure that the job's flags and series hold what was computed."""
