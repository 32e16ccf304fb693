"""Runs that are interrupted, continued, started from a checkpoint, or continued with other settings."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch.utils.data import DataLoader
from training.tiny import CONFIGURATION, QUIET

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.networks import load_checkpoint
from neurok_model.training import TrainingInterrupted, TrainingStopped, train
from neurok_model.training.continuation import initial_networks
from neurok_model.training.interruption import outlive_signals


def interrupt_at(monkeypatch, step: int, number: signal.Signals) -> None:
    """Send this process and its data processes a signal while it computes a step, as Ctrl-C and batch systems do."""
    from neurok_model.training.stepping import Stepper

    advance = Stepper.advance

    def interrupted(self, at, batches):
        if at == step:
            # By a process that is not the parent: a parent's SIGTERM is how Python itself ends data processes.
            everyone = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
            subprocess.run(["kill", f"-{int(number)}", *map(str, everyone)], check=True)
        return advance(self, at, batches)

    monkeypatch.setattr(Stepper, "advance", interrupted)


@pytest.mark.parametrize(
    ("optimiser", "precision", "number"),
    [("adamw", "float32", signal.SIGTERM), ("muon", "bfloat16", signal.SIGINT)],
    ids=["adamw", "muon"],
)
def test_a_run_that_is_asked_to_end_continues_with_the_same_bytes(tmp_path, monkeypatch, optimiser, precision, number):
    """Protects long runs: the step under way is finished and saved, and the rest gives the very same weights."""
    configuration = replace(CONFIGURATION, optimiser=optimiser, precision=precision, micro_batches=2)
    whole = train(replace(configuration, output=tmp_path / "whole"), QUIET)
    interrupted = replace(configuration, workers=1, output=tmp_path / "interrupted")
    with monkeypatch.context() as patch:
        # Step 4 of 6, between the evaluations at 3 and 6: the exact step is kept, not the last checkpoint's.
        interrupt_at(patch, 3, number)
        with pytest.raises(TrainingInterrupted, match=f"{number.name} at step 4") as ended:
            train(interrupted, QUIET)
    assert ended.value.status == 128 + number
    assert multiprocessing.active_children() == [], "the data processes are gone"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, "the usual handlers are back"
    resumed = train(interrupted, QUIET)
    assert whole.read_bytes() == resumed.read_bytes()
    logs = [[json.loads(line) for line in (path.parent / "log.jsonl").open()] for path in (whole, resumed)]
    assert [line["step"] for line in logs[1]] == [3, 6]
    assert [line["error"] for line in logs[0]] == [line["error"] for line in logs[1]]


@pytest.mark.slow
def test_a_killed_run_with_data_processes_continues_with_the_same_bytes(tmp_path):
    """Protects long runs: SIGKILL in the middle loses no more than what came after the last checkpoint."""
    configuration = replace(CONFIGURATION, steps=12, evaluate_every=2, workers=1)
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(configuration.to_dictionary()))
    output = tmp_path / "killed"
    command = [sys.executable, "-m", "neurok_model.cli", "train", str(settings), "--output", str(output)]
    process = subprocess.Popen([*command, "--workers", "1", "--device", "cpu"], start_new_session=True)
    try:
        waiting_until = time.monotonic() + 120
        while not (output / "state.safetensors").exists():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < waiting_until
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert len((output / "log.jsonl").read_text().splitlines()) < 6, "killed in the middle"
    resumed = train(replace(configuration, output=output), QUIET)
    whole = train(replace(configuration, workers=0, output=tmp_path / "whole"), QUIET)
    assert whole.read_bytes() == resumed.read_bytes()
    assert [json.loads(line)["step"] for line in (output / "log.jsonl").open()] == list(range(2, 13, 2))


def test_data_processes_obey_their_parent_alone():
    """Protects both ends: a batch system's SIGTERM leaves them at work, and Python can still end them when it exits."""
    workers = DataLoader(range(1000), num_workers=1, worker_init_fn=outlive_signals, multiprocessing_context="fork")
    batches = iter(workers)
    next(batches)
    (worker,) = multiprocessing.active_children()
    for number in (signal.SIGTERM, signal.SIGINT):
        subprocess.run(["kill", f"-{int(number)}", str(worker.pid)], check=True)
    assert sum(1 for _ in batches) == 999
    again = iter(workers)
    next(again)
    (worker,) = multiprocessing.active_children()
    worker.terminate()
    worker.join(timeout=60)
    assert worker.exitcode == 0


def test_a_finished_run_is_left_as_it_is(tmp_path):
    """Protects finished work: the same command again trains nothing and changes nothing."""
    configuration = replace(CONFIGURATION, steps=3, output=tmp_path)
    path = train(configuration, QUIET)
    before = path.read_bytes(), (tmp_path / "log.jsonl").read_bytes()
    assert train(configuration, QUIET) == path
    assert before == (path.read_bytes(), (tmp_path / "log.jsonl").read_bytes())


def test_other_settings_continue_a_run_only_on_request(tmp_path):
    """Protects reproducibility: a run never changes its settings unnoticed, and says afterwards where it did."""
    configuration = replace(CONFIGURATION, steps=3, output=tmp_path)
    train(configuration, QUIET)
    longer = replace(configuration, steps=6, learning_rate=1e-3)
    with pytest.raises(NeurokError, match=r"learning_rate 0.0007 -> 0.001, steps 3 -> 6"):
        train(longer, QUIET)
    _, description = load_checkpoint(train(replace(longer, accept_changes=True), QUIET))
    assert description["training"]["changes"] == [{"step": 3, "settings": {"learning_rate": 1e-3, "steps": 6}}]
    assert description["training"]["finished_steps"] == 6


def test_a_checkpoint_starts_a_run_with_its_weights_alone(tmp_path):
    """Protects `--initial`: half-precision weights come over, moments do not, and earlier compute is counted."""
    first = train(replace(CONFIGURATION, output=tmp_path / "first"), QUIET)
    # With a learning rate that changes nothing, what the second run saves is what it started from.
    second = replace(CONFIGURATION, initial=first, learning_rate=1e-12, steps=3, seed=5, output=tmp_path / "second")
    path = train(second, QUIET)
    for name, value in load_file(first).items():
        torch.testing.assert_close(load_file(path)[name], value, atol=1e-6, rtol=0, msg=name)
    first.rename(tmp_path / "moved.safetensors")
    train(replace(second, steps=4, accept_changes=True), QUIET)  # A run that is continued does not need it any more.
    (tmp_path / "moved.safetensors").rename(first)
    compute = [load_checkpoint(one)[1]["training"]["compute"] for one in (first, path)]
    assert [one["deformations"] for one in compute] == [6 * 4 * 2, 10 * 4 * 2]
    wider = replace(second, networks=replace(CONFIGURATION.networks, width=64), output=tmp_path / "third")
    with pytest.raises(NeurokError, match="width 32 -> 64"):
        train(wider, QUIET)


@pytest.mark.parametrize("seed", [0, 5])
def test_a_seed_that_the_checkpoint_has_seen_is_warned_about(tmp_path, seed):
    """Protects compute: batches are functions of the seed, so a run with the old one learns from the same objects."""
    first = train(replace(CONFIGURATION, steps=1, output=tmp_path / "first"), QUIET)
    assert CONFIGURATION.seed == 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        initial_networks(replace(CONFIGURATION, initial=first, seed=seed))
    assert any("another --seed" in str(one.message) for one in caught) == (seed == 0)


def test_networks_of_another_form_take_over_what_fits(tmp_path):
    """Protects changes of the latent: what both forms share comes over, and what they do not starts at random."""
    first = train(replace(CONFIGURATION, output=tmp_path / "first"), QUIET)
    networks = replace(CONFIGURATION.networks, latent_tokens=5)
    second = replace(
        CONFIGURATION, networks=networks, initial=first, learning_rate=1e-12, steps=1, output=tmp_path / "second"
    )
    before, after = load_file(first), load_file(train(second, QUIET))
    assert before.keys() == after.keys()
    fits = {name for name in before if before[name].shape == after[name].shape}
    assert {"decoder.position", "prior_encoder.latent_tokens"} <= before.keys() - fits
    for name in fits:
        torch.testing.assert_close(after[name], before[name], atol=1e-6, rtol=0, msg=name)


@pytest.mark.parametrize("part", ["reach", "latent_mass"])
def test_one_part_alone_can_be_trained(tmp_path, part):
    """Protects checkpoints that get their reach or latent mass afterwards: nothing else of them changes by a bit."""
    without = replace(CONFIGURATION.networks, **{part: False})
    schedule = replace(CONFIGURATION.schedule, tangents_from=0.0)
    first = train(replace(CONFIGURATION, networks=without, output=tmp_path / "first"), QUIET)
    second = replace(CONFIGURATION, schedule=schedule, initial=first, only=part, steps=3, output=tmp_path / "second")
    before, after = load_file(first), load_file(train(second, QUIET))
    added = after.keys() - before.keys()
    assert added == {name for name in after if name.startswith(f"{part}_encoder.")}
    assert after[f"{part}_encoder.to_rows.weight"].abs().max() > 0.0
    for name, value in before.items():
        assert torch.equal(after[name], value), name
    with pytest.raises(NeurokError, match="only = " + part):
        train(replace(second, networks=without, output=tmp_path / "third"), QUIET)


def test_a_damaged_state_is_refused(tmp_path):
    """Protects against continuing from rubbish: a state that was cut off is an error with its path, not a traceback."""
    configuration = replace(CONFIGURATION, steps=3, output=tmp_path)
    train(configuration, QUIET)
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(NeurokError, match=r"state\.safetensors") as refusal:
        train(configuration, QUIET)
    assert refusal.value.code is ErrorCode.INVALID_CHECKPOINT


def test_numbers_that_are_not_finite_stop_the_run_and_spare_the_checkpoint(tmp_path):
    """Protects the last good checkpoint: a run that explodes says when, and overwrites nothing."""
    configuration = replace(CONFIGURATION, steps=3, output=tmp_path)
    path = train(configuration, QUIET)
    before = path.read_bytes(), (tmp_path / "state.safetensors").read_bytes()
    exploding = replace(configuration, steps=6, learning_rate=1e30, accept_changes=True)
    with pytest.raises(TrainingStopped, match=r"(nan|inf) at step [456].*last good checkpoint is .*neurok"):
        train(exploding, QUIET)
    assert before == (path.read_bytes(), (tmp_path / "state.safetensors").read_bytes())
