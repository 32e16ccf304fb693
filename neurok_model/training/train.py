"""The training loop."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.data import DataLoader, Subset

from neurok_model.data.augmentation import NO_AUGMENTATION
from neurok_model.data.families import family_names
from neurok_model.data.pairs import PairBatch, PairBatches
from neurok_model.device import choose_device
from neurok_model.networks import NeurokNetworks, save_checkpoint
from neurok_model.training.configuration import TrainingConfiguration
from neurok_model.training.held_out import held_out_error
from neurok_model.training.objective import LossTerms, objective
from neurok_model.training.state import load_state, save_state

COLLAPSE_PATIENCE = 1000
"""Steps before a run may be judged to have collapsed; no network moves anything in its first hundreds."""


class TrainingStopped(RuntimeError):
    """Training cannot go on; the message says why and where the last good checkpoint lies."""


def train(configuration: TrainingConfiguration, console: Console | None = None) -> Path:
    """Train from scratch, or continue the run that ``configuration.output`` holds.

    Returns:
        Path of the final checkpoint.

    Raises:
        TrainingStopped: when the loss is not finite, or the latent has collapsed to no motion.
    """
    return _Run(configuration, console or Console()).to_the_end()


class _Run:
    def __init__(self, configuration: TrainingConfiguration, console: Console) -> None:
        torch.set_num_threads(configuration.threads)
        torch.manual_seed(configuration.seed)
        if not configuration.pairs.families:
            # Named in the checkpoint, so that families added later do not change what this run drew from.
            pairs = replace(configuration.pairs, families=tuple(family_names()))
            configuration = replace(configuration, pairs=pairs)
        self.configuration = configuration
        self.console = console
        self.device = choose_device(configuration.device)
        self.networks = NeurokNetworks(configuration.networks).to(self.device)
        self.averaged = copy.deepcopy(self.networks).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            self.networks.parameters(),
            lr=configuration.learning_rate,
            weight_decay=configuration.weight_decay,
            betas=(0.9, 0.98),
        )
        self.generator = torch.Generator().manual_seed(configuration.seed)
        self.checkpoint = configuration.output / "neurok.safetensors"
        self.resume_from = configuration.output / "state.safetensors"
        self.log = configuration.output / "log.jsonl"
        self.step = 0
        if self.resume_from.exists():
            self.step = load_state(
                self.resume_from, self.networks, self.averaged, self.optimiser, self.generator
            )
            console.print(f"continuing {configuration.output} at step {self.step}")

    def to_the_end(self) -> Path:
        configuration = self.configuration
        batches = PairBatches(
            configuration.pairs, configuration.augmentation, "train", configuration.seed, configuration.steps
        )
        loader = DataLoader(
            Subset(batches, range(self.step, configuration.steps)),
            batch_size=None,
            num_workers=configuration.workers,
            prefetch_factor=8 if configuration.workers else None,
        )
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task("training", total=configuration.steps, completed=self.step)
            for batch in loader:
                terms = self._advance(PairBatch(*(tensor.to(self.device) for tensor in batch)))
                progress.update(task, completed=self.step, description=_summary(self.step, terms))
                if self.step % configuration.evaluate_every == 0 or self.step == configuration.steps:
                    self._evaluate_and_save(terms)
        return self.checkpoint

    def _advance(self, batch: PairBatch) -> LossTerms:
        configuration = self.configuration
        weights = configuration.schedule.weights(self.step, configuration.steps)
        factor = configuration.schedule.learning_rate_factor(self.step, configuration.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = configuration.learning_rate * factor
        terms = objective(
            self.networks, batch, configuration.pairs.deformation_points, weights, self.generator
        )
        if not torch.isfinite(terms.total):
            raise TrainingStopped(
                f"the loss is {terms.total.item()} at step {self.step}; the last good checkpoint is {self.checkpoint}"
            )
        self.optimiser.zero_grad(set_to_none=True)
        terms.total.backward()
        torch.nn.utils.clip_grad_norm_(self.networks.parameters(), configuration.gradient_limit)
        self.optimiser.step()
        self.step += 1
        decay = min(configuration.averaging, self.step / (self.step + 10.0))
        with torch.no_grad():
            for average, current in zip(self.averaged.parameters(), self.networks.parameters(), strict=True):
                average.lerp_(current, 1.0 - decay)
        return terms

    def _evaluate_and_save(self, terms: LossTerms) -> None:
        configuration = self.configuration
        pairs = configuration.pairs.evenly()
        batches = PairBatches(
            pairs, NO_AUGMENTATION, "validation", configuration.seed, configuration.evaluation_batches
        )
        held_out = held_out_error(self.averaged, batches, self.device)
        progress = self.step / configuration.steps
        if progress > 0.3 and self.step >= COLLAPSE_PATIENCE and held_out["explained"] < 0.1:
            raise TrainingStopped(
                f"only {held_out['explained']:.0%} of the held-out motion is reconstructed at step {self.step}: "
                f"the latent has collapsed; lower squeeze_divergence. The last good checkpoint is {self.checkpoint}"
            )
        record = {"step": self.step, "time": time.time(), **held_out}
        record |= {name: value.item() for name, value in terms._asdict().items()}
        description = {**configuration.to_dictionary(), "finished_steps": self.step, "held_out": held_out}
        save_checkpoint(self.checkpoint, self.averaged, description)
        save_state(self.resume_from, self.step, self.networks, self.averaged, self.optimiser, self.generator)
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        self.console.print(
            f"step {self.step}: held-out error {held_out['error']:.4f} (no motion {held_out['no_motion']:.4f}), "
            f"motion explained {held_out['explained']:.0%}, "
            f"divergence {float(terms.divergence):.1f}, active dimensions {int(terms.active_dimensions)}"
        )


def _summary(step: int, terms: LossTerms) -> str:
    return f"step {step}  error {float(terms.mean_distance):.4f}  divergence {float(terms.divergence):.1f}"
