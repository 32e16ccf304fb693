"""The ablation table: right figures in the right rows, and no comparison of what cannot be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurok_model.cli import main
from neurok_model.data.pairs import PairConfiguration
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.evaluation.ablation import METRICS, build_table
from neurok_model.networks import NetworkConfiguration
from neurok_model.training import TrainingConfiguration

FULL = TrainingConfiguration(steps=100, pairs=PairConfiguration(families=("laptop", "window")))
TASKS = [{"family": "laptop", "name": "seed 2", "methods": {}}, {"family": "window", "name": "seed 5", "methods": {}}]


def write_run(folder: Path, configuration: TrainingConfiguration, reduced: float, ours: float, **changes) -> Path:
    """A run's folder as training and `neurok eval ik` leave it; every metric of a method has the given value."""
    training = {
        **configuration.to_dictionary(),
        "finished_steps": configuration.steps,
        "held_out": {"explained": 0.9},
        "changes": [],
        "compute": {"deformations": 6400, "parameters": 1000, "seconds": 60.0},
    } | changes.get("training", {})
    result = {
        "overall": {
            "ours": dict.fromkeys(METRICS, ours),
            "reduced": {**dict.fromkeys(METRICS, reduced), "volume_iou": None},
        },
        "settings": {"checkpoint": "neurok.safetensors", "protocol": "correspondences", "seed": 0, "seconds": reduced},
        "tasks": changes.get("tasks", TASKS),
    }
    folder.mkdir(parents=True)
    (folder / "neurok.json").write_text(json.dumps({"format_version": 1, "networks": {}, "training": training}))
    (folder / "ik.json").write_text(json.dumps(result))
    return folder


def test_rows_hold_the_figures_of_their_runs(tmp_path):
    """Protects the table: reduction is left out in evaluation alone, seeds share a row, other settings are named."""
    handles = replace(FULL, networks=NetworkConfiguration(handles=8))
    runs = [
        write_run(tmp_path / "no_augmentation", replace(FULL, ablation="augmentation"), 0.036, 0.05),
        write_run(tmp_path / "full_0", FULL, 0.02, 0.04),
        write_run(tmp_path / "full_1", replace(FULL, seed=1), 0.04, 0.08),
        write_run(tmp_path / "few_handles", handles, 0.03, 0.06),
    ]
    table = build_table(runs)
    rows = {row["title"]: row for row in table["rows"]}
    assert list(rows) == ["full", "without reduction", "without augmentation", "networks.handles 16 → 8"]
    expected = {"full": 0.03, "without reduction": 0.06, "without augmentation": 0.036}
    assert {title: rows[title]["chamfer_l1"] for title in expected} == pytest.approx(expected)
    # Two values a and b have the standard deviation |a - b| / sqrt(2).
    assert rows["full"]["spread"]["surface_iou"] == pytest.approx(0.02 / 2**0.5)
    assert rows["full"]["runs"] == ["full_0", "full_1"]
    assert [rows[title]["reduced"] for title in rows] == [True, False, True, True]
    assert table["tasks"]["names"] == ["laptop/seed 2", "window/seed 5"]


def test_the_command_prints_and_writes_the_table(tmp_path, capsys):
    """Protects `neurok eval ablation`: a readable table, and JSON in which what does not apply is null."""
    runs = [
        write_run(tmp_path / "full", FULL, 0.02, 0.04),
        write_run(tmp_path / "plain", replace(FULL, ablation="dual_quaternions"), 0.033, 0.05),
    ]
    path = tmp_path / "table.json"
    assert main(["eval", "ablation", "--runs", *map(str, runs), "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "0.0330" in printed
    rows = json.loads(path.read_text())["rows"]
    assert [row["ablation"] for row in rows] == ["none", "reduction", "dual_quaternions"]
    assert rows[0]["volume_iou"] is None
    assert rows[1]["volume_iou"] == 0.04


@pytest.mark.parametrize(
    ("configuration", "changes", "named"),
    [
        (replace(FULL, steps=200), {}, "steps is 100 and 200"),
        (replace(FULL, micro_batches=2), {}, "micro_batches is 1 and 2"),
        (replace(FULL, pairs=replace(FULL.pairs, objects=32)), {}, "pairs.objects is 16 and 32"),
        (replace(FULL, pairs=replace(FULL.pairs, families=("laptop",))), {}, "pairs.families"),
        (replace(FULL, initial=Path("pretrained.safetensors")), {}, "initial is None and pretrained.safetensors"),
        (FULL, {"training": {"finished_steps": 90}}, "ended at step 90 of 100"),
        (FULL, {"training": {"changes": [{"step": 3, "settings": {}}]}}, "changed on the way"),
        (FULL, {"training": {"compute": {"deformations": 6401, "parameters": 1000}}}, "6400 and 6401 deformations"),
        (FULL, {"training": {"compute": {"deformations": 6400, "parameters": 1200}}}, "1000 and 1200 parameters"),
        (FULL, {"tasks": TASKS[:1]}, "different tasks"),
    ],
)
def test_runs_of_unequal_compute_or_split_are_not_compared(tmp_path, configuration, changes, named):
    """Protects the table's honesty: every kind of unfair comparison is refused, and said what it is."""
    runs = [
        write_run(tmp_path / "full", FULL, 0.02, 0.04),
        write_run(tmp_path / "other", replace(configuration, ablation="augmentation"), 0.03, 0.05, **changes),
    ]
    with pytest.raises(NeurokError) as refusal:
        build_table(runs)
    assert named in refusal.value.value
    assert "other" in refusal.value.value


def test_missing_pieces_are_named(tmp_path):
    """Protects users at the shell: the error names the missing file and the command that makes it."""
    run = write_run(tmp_path / "run", replace(FULL, ablation="augmentation"), 0.02, 0.04)
    with pytest.raises(NeurokError, match="without --ablation"):
        build_table([run])
    with pytest.raises(NeurokError, match="folders, one of them"):
        build_table([])
    (run / "ik.json").unlink()
    with pytest.raises(NeurokError, match="neurok eval ik --checkpoint"):
        build_table([run])
    (run / "neurok.json").unlink()
    with pytest.raises(NeurokError, match="neurok train"):
        build_table([run])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["training", "overall", "ours", "reduced", "tasks", "settings", "x"]), inner)
    ),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON, JSON)
def test_any_files_are_refused_with_a_sentence(tmp_path, description, result):
    """Protects users at the shell: rubbish in a run's folder is one readable error."""
    (tmp_path / "neurok.json").write_text(json.dumps(description))
    (tmp_path / "ik.json").write_text(json.dumps(result))
    with pytest.raises(NeurokError) as refusal:
        build_table([tmp_path])
    assert refusal.value.code is ErrorCode.INVALID_PARAMETER
