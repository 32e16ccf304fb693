"""Feeding training: which batches a process takes, made ahead of time by worker processes."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from functools import cached_property

import torch
from torch.utils.data import DataLoader, Subset

from neurok_model.data.pairs import PairBatch, PairBatches
from neurok_model.training.configuration import TrainingConfiguration
from neurok_model.training.interruption import outlive_signals
from neurok_model.training.processes import Processes

MOST_WORKERS = 16
PREFETCH = 4
"""Batches that every worker makes ahead."""


class BatchFeed:
    """The batches of one process, on its device, from the first step that is still to be done.

    Step s of the whole run computes on the batches numbered s m to s m + m - 1, m being ``micro_batches``; process r
    of w takes every w-th of them from the r-th on. So neither the number of processes nor that of workers, nor an
    interruption, changes which batches a step sees.
    """

    def __init__(self, configuration: TrainingConfiguration, processes: Processes, first_step: int) -> None:
        total = configuration.steps * configuration.micro_batches
        batches = PairBatches(configuration.pairs, configuration.augmentation, "train", configuration.seed, total)
        mine = range(first_step * configuration.micro_batches + processes.rank, total, processes.count)
        workers = worker_count(configuration, processes)
        self._waited = self._elapsed = 0.0
        self._device = processes.device
        self._loader = DataLoader(
            Subset(batches, mine),
            batch_size=None,
            num_workers=workers,
            prefetch_factor=PREFETCH if workers else None,
            pin_memory=processes.device.type == "cuda",
            worker_init_fn=outlive_signals,
        )

    def __iter__(self) -> Generator[PairBatch, None, None]:
        """Yield the batches in order. Closing the generator ends the worker processes."""
        batches = iter(self._loader)
        before = time.perf_counter()
        while True:
            start = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            now = time.perf_counter()
            # The first batches are waited for in any case; a running mean forgets them.
            self._waited = 0.98 * self._waited + (now - start)
            self._elapsed = 0.98 * self._elapsed + (now - before)
            before = now
            yield to_device(batch, self._device)

    def share_waited(self) -> float:
        """Share of the time of the last fifty batches or so that the process spent waiting for data."""
        return self._waited / self._elapsed if self._elapsed else 0.0


def to_device(batch: PairBatch, device: torch.device) -> PairBatch:
    """Copy a batch; from pinned memory without waiting for the copy."""
    return PairBatch(*(tensor.to(device, non_blocking=True) for tensor in batch))


def worker_count(configuration: TrainingConfiguration, processes: Processes) -> int:
    """Data processes per training process: as asked for, or a fair share of the cores that training leaves idle."""
    if configuration.workers != "auto":
        return configuration.workers
    share = len(os.sched_getaffinity(0)) // processes.on_this_machine
    return max(1, min(MOST_WORKERS, share - 1))


class RememberedBatches(PairBatches):
    """Batches that are asked for again and again, made once."""

    def __getitem__(self, number: int) -> PairBatch:
        if number not in self._made:
            self._made[number] = super().__getitem__(number)
        return self._made[number]

    @cached_property
    def _made(self) -> dict[int, PairBatch]:
        return {}
