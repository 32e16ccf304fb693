"""The training loop."""

from __future__ import annotations

import signal
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from neurok_model.data.augmentation import NO_AUGMENTATION
from neurok_model.training.ablations import ablated
from neurok_model.training.batches import BatchFeed, RememberedBatches
from neurok_model.training.configuration import TrainingConfiguration
from neurok_model.training.continuation import initial_networks, note_changes
from neurok_model.training.display import Display
from neurok_model.training.health import HealthMonitor, Observation
from neurok_model.training.held_out import held_out_error
from neurok_model.training.interruption import Interruption, TrainingInterrupted
from neurok_model.training.processes import Processes
from neurok_model.training.recording import Recorder
from neurok_model.training.state import Progress, load_state, save_state
from neurok_model.training.stepping import MEASURES, Stepper

READING_STEPS = 10
"""Steps between readings of the measures on CUDA, where each makes the processor wait for the device."""
CURVE_STEPS = 10
"""Steps between points of the curves."""


def train(configuration: TrainingConfiguration, console: Console | None = None) -> Path:
    """Train from scratch or from a checkpoint, or continue the run that ``configuration.output`` holds.

    Under torchrun every process calls this; they share ``configuration.output``.

    Returns:
        Path of the final checkpoint.

    Raises:
        NeurokError: for settings that cannot be trained, or that differ from those of the run to be continued.
        TrainingStopped: when the loss is not finite, training diverges, or the latent has collapsed.
        TrainingInterrupted: after SIGTERM or Ctrl-C, with the state of the last step saved.
    """
    ablated(configuration).check()
    run = _Run(configuration.with_named_families(), console or Console())
    try:
        with Interruption() as interruption:
            run.to_the_end(interruption)
    finally:
        run.close()
    return run.checkpoint


class _Run:
    def __init__(self, settings: TrainingConfiguration, console: Console) -> None:
        self.settings = settings
        self.configuration = configuration = ablated(settings)
        torch.set_num_threads(configuration.threads)
        torch.manual_seed(configuration.seed)
        self.processes = Processes(configuration)
        self.console = console if self.processes.first else Console(quiet=True)
        self.checkpoint = configuration.output / "neurok.safetensors"
        self.state = configuration.output / "state.safetensors"
        continued = self.state.exists()
        networks, deformations = initial_networks(replace(configuration, initial=None) if continued else configuration)
        self.stepper = Stepper(configuration, self.processes, networks)
        self.progress = Progress(deformations=deformations, settings=settings.to_dictionary())
        if continued:
            stepper = self.stepper
            saved = load_state(self.state, stepper.networks, stepper.averaged, stepper.optimisers)
            self.progress = note_changes(saved, settings)
            self.console.print(f"continuing {configuration.output} at step {self.progress.step}")
        self.processes.require_same_step(self.progress.step)
        self.monitor = HealthMonitor(configuration.steps, self.checkpoint)
        self.recorder = Recorder(configuration.output, self.progress.step) if self.processes.first else None
        self.feed = BatchFeed(configuration, self.processes, self.progress.step)
        self.held_out = RememberedBatches(
            configuration.pairs.evenly(),
            NO_AUGMENTATION,
            "validation",
            configuration.seed,
            configuration.evaluation_batches,
        )

    def to_the_end(self, interruption: Interruption) -> None:
        """Train to the last step."""
        configuration, progress, processes = self.configuration, self.progress, self.processes
        seen_per_step = configuration.micro_batches * configuration.pairs.objects * configuration.pairs.targets
        reading = READING_STEPS if processes.device.type == "cuda" else 1
        sums, summed = torch.zeros(len(MEASURES) + 1, device=processes.device), 0
        display = Display(self.console, configuration.steps, progress.step)
        with closing(iter(self.feed)) as batches, display:
            last = time.perf_counter()
            while progress.step < configuration.steps:
                sums[:-1] += self.stepper.advance(progress.step, batches)
                summed += 1
                progress.step += 1
                progress.deformations += seen_per_step
                evaluating = progress.step % configuration.evaluate_every == 0 or progress.step == configuration.steps
                if progress.step % reading and not evaluating:
                    continue
                # One exchange says how training goes and whether any process was asked to end.
                sums[-1] = float(interruption.signal is not None)
                *means, asked_to_end = (processes.mean(sums) / summed).tolist()
                measures = dict(zip(MEASURES, means, strict=True))
                sums, summed = torch.zeros_like(sums), 0
                now = time.perf_counter()
                progress.seconds, last = progress.seconds + now - last, now
                self._read(measures, display)
                if evaluating:
                    self._evaluate_and_save(measures, display)
                    last = time.perf_counter()
                if asked_to_end and progress.step < configuration.steps:
                    self._end_early(interruption)

    def close(self) -> None:
        """Finish the files of the first process."""
        if self.recorder is not None:
            self.recorder.close()

    def _read(self, measures: dict[str, float], display: Display) -> None:
        step = self.progress.step
        self.monitor.observe(
            step,
            Observation(
                loss=measures["total"],
                gradient_norm=measures["gradient_norm"],
                squared_error=measures["squared_error"],
                squared_motion=measures["squared_motion"],
                active_dimensions=measures["active_dimensions"],
            ),
        )
        waited = self.feed.share_waited()
        display.step(step, measures, waited)
        if self.recorder is not None and step % CURVE_STEPS == 0:
            self.recorder.training(step, {**measures, "waiting_for_data": waited})

    def _evaluate_and_save(self, measures: dict[str, float], display: Display) -> None:
        """The first process judges and writes; the others wait for its verdict."""
        processes, progress, stepper = self.processes, self.progress, self.stepper
        held_out: dict[str, float] = {}
        if processes.first:
            held_out = held_out_error(stepper.averaged, self.held_out, processes.device)
        held_out = processes.from_first(held_out)
        # Before anything is overwritten: what is on the disk is then the last good state.
        self.monitor.observe_held_out(progress.step, held_out["explained"])
        if self.recorder is not None:
            record = {**measures, "seconds": progress.seconds, "deformations": progress.deformations}
            self.recorder.evaluation(progress.step, record, held_out)
            self.recorder.save(stepper.averaged, self._description(held_out))
            self._save_state()
            display.evaluation(progress.step, measures, held_out)

    def _save_state(self) -> None:
        stepper = self.stepper
        save_state(self.state, self.progress, stepper.networks, stepper.averaged, stepper.optimisers)

    def _description(self, held_out: dict[str, float]) -> dict[str, Any]:
        """What the checkpoint's JSON file says about training."""
        processes, progress = self.processes, self.progress
        return {
            **self.settings.to_dictionary(),
            "finished_steps": progress.step,
            "held_out": held_out,
            "changes": progress.changes,
            "compute": {
                "deformations": progress.deformations,
                "seconds": progress.seconds,
                "parameters": sum(one.numel() for one in self.stepper.networks.parameters()),
                "processes": processes.count,
                "device": processes.device_name,
                "precision": processes.precision,
            },
        }

    def _end_early(self, interruption: Interruption) -> None:
        number = self.processes.from_first(interruption.signal) or signal.SIGTERM
        if self.processes.first:
            self._save_state()
        self.processes.from_first(None)  # No process leaves before the state is on the disk.
        raise TrainingInterrupted(
            f"stopped by {signal.Signals(number).name} at step {self.progress.step}, which is saved; the same command "
            "continues there",
            128 + number,
        )
