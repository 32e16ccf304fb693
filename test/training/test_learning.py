"""Training learns, and shows its curves."""

from __future__ import annotations

import io
import itertools
import json
import re
from dataclasses import replace

import pytest
import torch
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training.tiny import CONFIGURATION, NETWORKS, QUIET

from neurok_model.data.augmentation import NO_AUGMENTATION
from neurok_model.networks import NeurokNetworks, load_checkpoint
from neurok_model.training import train
from neurok_model.training.batches import RememberedBatches
from neurok_model.training.held_out import held_out_error
from neurok_model.training.processes import Processes
from neurok_model.training.schedule import ScheduleConfiguration
from neurok_model.training.stepping import Stepper


@pytest.mark.slow
def test_a_tiny_network_learns_one_laptop_by_heart():
    """Protects the whole chain of data, networks, objective and optimisers: the poses of one hinge can be learnt."""
    configuration = replace(
        CONFIGURATION,
        steps=80,
        optimiser="muon",
        learning_rate=3e-3,
        muon_learning_rate=2e-2,
        pairs=replace(CONFIGURATION.pairs, families=("laptop",), objects=1, targets=8),
        schedule=ScheduleConfiguration(warm_up_steps=10, free_until=1.0, nested_from=1.0),
    )
    torch.manual_seed(0)
    stepper = Stepper(configuration, Processes(configuration), NeurokNetworks(NETWORKS))
    batches = RememberedBatches(configuration.pairs, NO_AUGMENTATION, "train", 0, 1)
    for step in range(configuration.steps):
        stepper.advance(step, itertools.repeat(batches[0]))
    # Judged as held-out objects are: with averaged weights, from the posterior's mean.
    assert held_out_error(stepper.averaged, batches, torch.device("cpu"))["explained"] > 0.9


def test_curves_log_and_checkpoint_say_the_same(tmp_path):
    """Protects what a run leaves behind: TensorBoard, the log and the checkpoint's JSON hold the same figures."""
    configuration = replace(CONFIGURATION, steps=10, evaluate_every=5, output=tmp_path)
    _, description = load_checkpoint(train(configuration, QUIET))
    curves = EventAccumulator(str(tmp_path / "curves"))
    curves.Reload()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").open()]
    held_out = curves.Scalars("held_out/error")
    assert [(point.step, pytest.approx(point.value)) for point in held_out] == [
        (line["step"], line["error"]) for line in lines
    ]
    (loss,) = curves.Scalars("training/total")
    assert (loss.step, loss.value) == (10, pytest.approx(lines[-1]["total"]))
    assert description["training"]["held_out"]["error"] == lines[-1]["error"]
    assert lines[-1]["deformations"] == description["training"]["compute"]["deformations"] == 10 * 4 * 2
    assert 0.0 < lines[0]["seconds"] < lines[1]["seconds"]


def test_progress_shows_error_pace_and_time_left(tmp_path):
    """Protects those who wait: the bar names the error and the time left, and every evaluation leaves a line."""
    screen = Console(file=io.StringIO(), force_terminal=True, width=140)
    train(replace(CONFIGURATION, output=tmp_path), screen)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.file.getvalue())  # Without colours and cursor movements.
    for part in ("error", "divergence", "6/6", "left", "step 3: held-out error", "step 6: held-out error"):
        assert part in shown
