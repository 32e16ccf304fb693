"""Predicted against simulated motion: the measures by hand, the true joints against MuJoCo, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from neurok_model import Predictor
from neurok_model.cli import main
from neurok_model.data.generation import GenerationRequest, generate
from neurok_model.data.metaworld import metaworld_folder
from neurok_model.data.sequences import MotionSequence
from neurok_model.data.shards import Shard
from neurok_model.errors import NeurokError
from neurok_model.evaluation import forward, forward_methods
from neurok_model.evaluation.forward import TIMES, ForwardEvaluation, RunningSums, evaluate_forward, measure
from neurok_model.evaluation.forward_methods import METHODS, all_motions, stated_physics
from neurok_model.evaluation.metaworld_pokes import metaworld_pokes
from neurok_model.evaluation.observed_pokes import another_poke


@pytest.fixture(scope="module")
def pokes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a poke of a lever and one of a rope, half a second each."""
    folder = tmp_path_factory.mktemp("pokes")
    generate(GenerationRequest(folder, ("lever", "dangling_rope"), count=1, split="test", pokes=True, frames=32))
    return folder


def first(folder: Path, family: str) -> MotionSequence:
    return Shard(next((folder / family).glob("*.h5"))).read(0)


def test_errors_are_shares_of_the_true_motion(pokes: Path) -> None:
    """Protects the measure: sums of distances over sums of motions, each object by its size, by hand."""
    record = first(pokes, "lever")
    frames = np.linspace(0.0, 1.0, 32)[:, None, None]
    still = np.repeat(record.vertices[:1], 32, axis=0)
    size = np.ptp(still[0], axis=0).max()
    sums = RunningSums()
    for move, error in ((0.4, 0.1), (0.1, 0.1)):
        moved = still + frames * np.array([0.0, 0.0, move * size])
        truth = replace(record, vertices=moved.astype(np.float32))
        measure(sums, truth, {"no_motion": still, "ours": moved + frames * np.array([error * size, 0.0, 0.0])})
    shares = sums.shares()
    assert shares["no_motion"]["0.5"] == pytest.approx(1.0, abs=1e-4)
    assert shares["ours"]["0.25"] == pytest.approx((0.1 + 0.1) / (0.4 + 0.1), abs=1e-4)
    assert np.isnan(shares["ours"]["1.0"])
    assert np.isnan(shares["oracle"]["0.5"])


def test_typical_records_are_counted_one_by_one() -> None:
    """Protects the robust figures: median and share of good records by hand, without those that hardly move."""
    sums = RunningSums()
    for error, motion in ((0.02, 0.1), (0.03, 0.1), (9.0, 0.1), (0.01, 0.001)):
        sums.add("ours", 0.5, error, motion)
    typical = sums.typical(0.25)
    assert typical["median"]["ours"]["0.5"] == pytest.approx(0.3)
    assert typical["within_target"]["ours"]["0.5"] == pytest.approx(1 / 3)
    assert typical["records"]["ours"] == {"0.1": 0, "0.25": 0, "0.5": 3, "1.0": 0}
    assert np.isnan(typical["median"]["oracle"]["0.5"])
    assert np.isnan(typical["within_target"]["oracle"]["0.5"])


def test_true_joints_move_as_the_simulator_says(pokes: Path) -> None:
    """Protects the mechanics as a whole (inertia, damping, contact, timing): within 5 % of MuJoCo after 0.5 s."""
    record = first(pokes, "lever")
    motions = all_motions(None, record)
    moved = np.linalg.norm(record.vertices[30] - record.vertices[0], axis=1).mean()
    missed = np.linalg.norm(motions["oracle"][30] - record.vertices[30], axis=1).mean()
    assert moved > 0.01
    assert missed < 0.05 * moved


def test_another_poke_shows_the_same_object_moving_otherwise(pokes: Path) -> None:
    """Protects identification from looking at the answer, and from another object, pose or material."""
    for family in ("lever", "dangling_rope"):
        record = first(pokes, family)
        seen, again = another_poke(record), another_poke(record)
        assert seen is not None
        assert again is not None
        np.testing.assert_array_equal(seen.points, again.points)
        other = another_poke(record, 1)
        assert other is not None
        assert np.abs(other.points - seen.points).max() > 0.02 * np.ptp(record.vertices[0], axis=0).max()
        size = np.ptp(record.vertices[0], axis=0).max()
        assert np.abs(seen.points[0] - record.vertices[0]).max() < 0.01 * size
        frame = len(seen.points) // 2
        assert np.abs(seen.points[frame] - record.vertices[frame]).max() > 0.02 * size


def test_masses_of_soft_objects_are_those_of_what_moves(pokes: Path) -> None:
    """Protects stated masses: the fixed stand of a rope gets the mass per area of the rope, and weighs its share."""
    rope, lever = first(pokes, "dangling_rope"), first(pokes, "lever")
    assert stated_physics(rope).mass >= rope.physics["mass"]
    assert stated_physics(lever).mass == lever.physics["mass"]
    assert stated_physics(lever).damping_rate == lever.physics["damping_rate"]


def test_no_record_tells_how_stiff_its_object_is(pokes: Path) -> None:
    """Protects the comparison: the stiffness of what has no joints follows from its weight, or is one guess for all;
    joints have none.
    """
    rope, lever = first(pokes, "dangling_rope"), first(pokes, "lever")
    hanging, jointed = stated_physics(rope), stated_physics(lever)
    floating = stated_physics(replace(rope, physics=rope.physics | {"gravity": 0.0}))
    assert hanging.sag > 0.0 == jointed.sag == floating.sag
    assert floating.prior_frequency > hanging.prior_frequency == jointed.prior_frequency
    stiffer = replace(rope, physics=rope.physics | {"young": 1e9, "damping": 1.0})
    assert stated_physics(stiffer) == hanging


def test_watching_another_poke_corrects_the_motion_too(pokes: Path, tiny_checkpoint: Path) -> None:
    """Protects what `identified` means: predictions are other ones than with fitted parameters alone, and what is ours
    hears of neither.
    """
    record = first(pokes, "dangling_rope")
    predictor = Predictor.load(tiny_checkpoint, device="cpu")
    watched = all_motions(predictor, record, pokes=1)
    unwatched = all_motions(predictor, record, pokes=0)
    np.testing.assert_array_equal(watched["ours"], unwatched["ours"])
    np.testing.assert_array_equal(unwatched["identified"], unwatched["ours"])
    assert np.isfinite(watched["identified"]).all()
    assert np.abs(watched["identified"] - watched["parameters_identified"]).max() > 1e-3


def test_the_command_compares_everything(
    pokes: Path, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects `neurok eval forward`: every group, method and time in the JSON file, and a film per family."""
    # Identification has tests of its own and takes dozens of predictions.
    monkeypatch.setattr(forward_methods, "another_poke", lambda sequence, number: None)
    films, path = tmp_path / "films", tmp_path / "forward.json"
    arguments = ["--data", str(pokes), "--families", "lever", "--checkpoint", str(tiny_checkpoint)]
    assert main(["eval", "forward", *arguments, "--json", str(path), "--films", str(films)]) == 0
    result = json.loads(path.read_text(encoding="utf-8"))
    for group in ("articulated", "soft", "metaworld"):
        assert set(result[group]) == set(METHODS)
        assert all(set(figures) == {str(time) for time in TIMES} for figures in result[group].values())
        typical = result["typical"][group]
        assert set(typical) == {"median", "within_target", "records"}
        assert all(set(figures) == set(METHODS) for figures in typical.values())
    assert result["typical"]["articulated"]["median"]["no_motion"]["0.5"] == 1.0
    assert result["skipped"] == {}
    assert result["complete"]
    table = result["families"]["lever"]
    assert table["identified"] == table["parameters_identified"] == table["ours"]
    assert table["no_motion"]["0.5"] == 1.0
    assert table["oracle"]["0.5"] < 0.05
    assert table["ours"]["0.5"] > table["oracle"]["0.5"]
    assert table["ours"]["1.0"] is None
    assert (films / "lever.png").stat().st_size > 10_000


def test_an_interrupt_leaves_the_tables_of_what_was_done(pokes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects long evaluations: Ctrl-C ends them with what was measured, and the result says so."""
    seen = []

    def interrupted(predictor: object, sequence: MotionSequence, **settings: bool) -> dict[str, np.ndarray]:
        if seen:
            raise KeyboardInterrupt
        seen.append(sequence.family)
        return {"no_motion": np.repeat(sequence.vertices[:1], len(sequence.vertices), axis=0)}

    monkeypatch.setattr(forward, "all_motions", interrupted)
    result = evaluate_forward(
        ForwardEvaluation(data=pokes, families=("lever", "dangling_rope"), model=False), Console(quiet=True)
    )
    assert not result["complete"]
    assert set(result["families"]) == set(seen)


def test_a_folder_without_pokes_is_an_error(tmp_path: Path) -> None:
    """Protects against an empty table."""
    with pytest.raises(NeurokError, match="data"):
        evaluate_forward(ForwardEvaluation(data=tmp_path, model=False), Console(quiet=True))


@pytest.mark.skipif(not (metaworld_folder() / "metaworld").is_dir(), reason="metaworld assets: run `make setup`")
def test_another_split_is_kept_apart(pokes: Path) -> None:
    """Protects the test split: where another one is asked for, its records are not judged in its place."""
    with pytest.raises(NeurokError, match="--split validation"):
        evaluate_forward(ForwardEvaluation(data=pokes, split="validation", model=False), Console(quiet=True))


def test_real_objects_are_poked_too() -> None:
    """Protects the table of real meshes: their true joints also move as MuJoCo says."""
    (record,) = metaworld_pokes("drawer", 1, seed=0)
    missed = np.linalg.norm(all_motions(None, record)["oracle"][30] - record.vertices[30], axis=1).mean()
    assert missed < 0.05 * np.linalg.norm(record.vertices[30] - record.vertices[0], axis=1).mean()
