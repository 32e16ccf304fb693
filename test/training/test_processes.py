"""Several processes: together they compute what one computes alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from training.tiny import CONFIGURATION, QUIET

from neurok_model.errors import NeurokError
from neurok_model.networks import load_checkpoint
from neurok_model.training import train
from neurok_model.training.batches import MOST_WORKERS, BatchFeed, worker_count
from neurok_model.training.processes import Processes


@pytest.mark.slow
def test_two_processes_train_like_one_with_the_same_global_batch(tmp_path):
    """Protects distributed training: torchrun with two gloo processes gives the weights that one process gives."""
    configuration = replace(CONFIGURATION, steps=4, evaluate_every=2, micro_batches=2)
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(configuration.to_dictionary()))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = ["-m", "neurok_model.cli", "train", str(settings), "--output", str(tmp_path / "two")]
    run = subprocess.run(
        [*torchrun, *arguments, "--workers", "0", "--device", "cpu"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    train(replace(configuration, output=tmp_path / "one"), QUIET)
    # Half of the batch alone, to know how far apart different training would be.
    train(replace(configuration, micro_batches=1, output=tmp_path / "half"), QUIET)
    two, one, half = (load_file(tmp_path / name / "state.safetensors") for name in ("two", "one", "half"))
    weights = [name for name in one if name.startswith(("networks/", "averaged/"))]
    apart = [max(float((other[name] - one[name]).abs().max()) for name in weights) for other in (two, half)]
    assert apart[0] < 1e-5 < 1e-3 < apart[1]
    assert two.keys() == one.keys()
    lines = [json.loads(line) for line in (tmp_path / "two" / "log.jsonl").open()]
    assert [line["step"] for line in lines] == [2, 4], "one process alone writes"
    alone = [json.loads(line) for line in (tmp_path / "one" / "log.jsonl").open()]
    assert [line["total"] for line in lines] == pytest.approx([line["total"] for line in alone], rel=1e-5)
    assert load_checkpoint(tmp_path / "two" / "neurok.safetensors")[1]["training"]["compute"]["processes"] == 2


def test_processes_share_every_batch_once_whatever_their_number(monkeypatch):
    """Protects the global batch: what the processes draw is together what one draws, from any step on."""
    configuration = replace(CONFIGURATION, steps=2, micro_batches=4)
    alone = [batch.points for batch in BatchFeed(configuration, Processes(configuration), first_step=1)]
    assert len(alone) == 4
    shares = []
    for rank in range(2):
        process = Processes(configuration)
        process.rank, process.count = rank, 2
        shares.append([batch.points for batch in BatchFeed(configuration, process, first_step=1)])
    for number, points in enumerate(alone):
        assert torch.equal(points, shares[number % 2][number // 2])


def test_micro_batches_that_cannot_be_shared_are_refused(monkeypatch):
    """Protects against processes that compute different numbers of batches, and wait for each other for ever."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(NeurokError, match="a multiple of the 2 processes"):
        Processes(replace(CONFIGURATION, micro_batches=3))


@pytest.mark.parametrize("workers", [0, 2])
def test_data_processes_change_nothing(workers):
    """Protects reproducibility: any number of workers feeds the same batches in the same order."""
    configuration = replace(CONFIGURATION, steps=3, workers=workers)
    expected = [batch.points for batch in BatchFeed(replace(configuration, workers=0), Processes(configuration), 0)]
    for points, batch in zip(expected, BatchFeed(configuration, Processes(configuration), 0), strict=True):
        assert torch.equal(points, batch.points)


def test_idle_cores_make_data(monkeypatch):
    """Protects against data as the bottleneck: the cores beside training are shared among its processes."""
    process = Processes(CONFIGURATION)
    expected = {(2, 1): 1, (1, 1): 1, (16, 1): 15, (16, 4): 3, (128, 1): MOST_WORKERS}
    for (cores, processes), workers in expected.items():
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        process.on_this_machine = processes
        assert worker_count(replace(CONFIGURATION, workers="auto"), process) == workers
    assert worker_count(replace(CONFIGURATION, workers=7), process) == 7


def test_lower_precision_trains_about_the_same(tmp_path):
    """Protects bfloat16: matrix products change by their rounding, weights and moments stay in single precision."""
    paths = [
        train(replace(CONFIGURATION, steps=3, precision=precision, output=tmp_path / precision), QUIET)
        for precision in ("float32", "bfloat16")
    ]
    states = [load_file(path.with_name("state.safetensors")) for path in paths]
    assert {value.dtype for name, value in states[1].items()} == {torch.float32}
    errors = [load_checkpoint(path)[1]["training"]["held_out"]["error"] for path in paths]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)
    assert errors[0] != errors[1], "the lower precision was really used"
