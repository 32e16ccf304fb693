"""Runs that go wrong are stopped, and those that go well are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training.tiny import CONFIGURATION, NETWORKS, QUIET

from neurok_model.networks import NeurokNetworks, save_checkpoint
from neurok_model.training import TrainingStopped, health, train
from neurok_model.training.health import HealthMonitor, Observation

NOWHERE = Path("no/such/checkpoint.safetensors")
GOOD = Observation(loss=0.5, gradient_norm=3.0, squared_error=0.01, squared_motion=0.04, active_dimensions=6.0)


def observe(monitor: HealthMonitor, observation: Observation, steps: range) -> None:
    for step in steps:
        monitor.observe(step, observation)


def test_a_good_run_is_left_alone():
    """Protects good runs, also from single steps that go wrong."""
    monitor = HealthMonitor(4000, NOWHERE)
    observe(monitor, GOOD, range(1, 2000))
    monitor.observe(2000, replace(GOOD, squared_error=0.5))
    observe(monitor, GOOD, range(2001, 4001))
    monitor.observe_held_out(4000, 0.7)


@pytest.mark.parametrize("name", ["loss", "gradient_norm"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_stop_at_once(name, value):
    """Protects the weights: nothing that follows a NaN is worth computing."""
    with pytest.raises(TrainingStopped, match=r"at step 7.*No checkpoint has been written yet"):
        HealthMonitor(4000, NOWHERE).observe(7, replace(GOOD, **{name: value}))


def test_growing_errors_stop_the_run():
    """Protects time: a run that is worse than no motion for long has diverged, at any step."""
    monitor = HealthMonitor(4000, NOWHERE)
    observe(monitor, GOOD, range(1, 200))
    bad = replace(GOOD, squared_error=0.3)  # More than seven times the squared motion.
    with pytest.raises(TrainingStopped, match="diverged"):
        observe(monitor, bad, range(200, 260))


def test_a_dead_latent_stops_the_run_once_it_had_time():
    """Protects time: a latent without information cannot come back, but needs time to begin with."""
    dead = replace(GOOD, active_dimensions=0.0)
    monitor = HealthMonitor(2000, NOWHERE)
    observe(monitor, dead, range(1, health.PATIENCE))
    with pytest.raises(TrainingStopped, match=r"0\.0 dimensions are active at step 1000"):
        monitor.observe(health.PATIENCE, dead)
    long = HealthMonitor(100_000, NOWHERE)
    observe(long, dead, range(1, 5000))


def test_held_out_motion_that_is_not_reconstructed_stops_the_run_once_it_had_time():
    """Protects time: after a third of the run some motion must be explained."""
    monitor = HealthMonitor(4000, NOWHERE)
    monitor.observe_held_out(1200, 0.05)
    monitor.observe_held_out(1300, 0.15)
    with pytest.raises(TrainingStopped, match="5% of the held-out motion"):
        monitor.observe_held_out(1300, 0.05)
    with pytest.raises(TrainingStopped, match="not finite"):
        monitor.observe_held_out(1, float("nan"))


def test_a_real_collapse_stops_a_real_run(tmp_path, monkeypatch):
    """Protects the wiring: networks whose posterior is the prior carry nothing, and training them on is refused."""
    monkeypatch.setattr(health, "PATIENCE", 4)
    monkeypatch.setattr(health, "SMOOTHING", 0.5)
    collapsed = NeurokNetworks(NETWORKS)
    torch.nn.init.zeros_(collapsed.deformation_encoder.to_posterior.weight)
    torch.nn.init.zeros_(collapsed.deformation_encoder.to_posterior.bias)
    save_checkpoint(tmp_path / "collapsed.safetensors", collapsed)
    configuration = replace(
        CONFIGURATION, output=tmp_path, initial=tmp_path / "collapsed.safetensors", learning_rate=1e-9, evaluate_every=6
    )
    with pytest.raises(TrainingStopped, match=r"only 0\.0 dimensions are active at step [45]"):
        train(configuration, QUIET)
    healthy = replace(configuration, initial=None, output=tmp_path / "healthy")
    monkeypatch.setattr(health, "LEAST_EXPLAINED", -1e9)
    monkeypatch.setattr(health, "DIVERGED", -1e9)
    train(healthy, QUIET)
