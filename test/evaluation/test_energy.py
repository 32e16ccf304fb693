"""`neurok eval energy`: the balance of energy and momentum of a lid, against theory, through the command."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from neurok_model.cli import main
from neurok_model.evaluation.lids import judge_lid, lid_of


def test_a_lid_keeps_what_theory_says_it_keeps(tmp_path: Path) -> None:
    """Protects the command and its targets: energy, work of damping and of strikes and angular momentum."""
    path, plots = tmp_path / "energy.json", tmp_path / "plots"
    chosen = ["--families", "laptop", "--integrators", "variational", "--candidates", "1", "--seconds", "0.25"]
    assert main(["eval", "energy", *chosen, "--no-encoded", "--json", str(path), "--plots", str(plots)]) == 0
    result = json.loads(path.read_text(encoding="utf-8"))
    assert set(result["cases"]) == {"joints/laptop", "floating/laptop"}
    overall = result["overall"]
    assert overall["diverged"] == 0
    assert 0.0 < overall["max_drift"] < 1e-3
    assert 0.0 < overall["max_damping_error"] < 5e-3
    assert 0.0 <= overall["max_impulse_error"] < 1e-5
    assert 0.0 < overall["max_momentum_error"] < 1e-3
    assert 0.0 < overall["max_lid_angular_momentum_error"] < 1e-2
    assert (plots / "energy.png").stat().st_size > 5_000


def test_a_shut_lid_is_struck_and_not_the_box_under_it() -> None:
    """Protects the comparison with theory where the lid's rim lies on its base, which would take the strike."""
    found = lid_of("lidded_box")
    assert found is not None
    assert judge_lid(*found, torch.float64, seconds=1 / 60).angular_momentum < 1e-2
