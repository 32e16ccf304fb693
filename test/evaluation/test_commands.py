"""The evaluations as users run them, on a tiny untrained model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation.solids import cube

from neurok_model.cli import main
from neurok_model.data.metaworld import metaworld_folder
from neurok_model.evaluation.inverse_kinematics import METHODS
from neurok_model.evaluation.metrics import METRICS
from neurok_model.evaluation.pair_files import PosePair, write_pair
from neurok_model.evaluation.remeshing import REMESHINGS

needs_assets = pytest.mark.skipif(
    not (metaworld_folder() / "metaworld").is_dir(), reason="metaworld assets are not there: run `make setup`"
)


def run(tmp_path: Path, *arguments: str | Path) -> dict[str, Any]:
    """Run ``neurok eval`` and read what it wrote; JSON without NaN, as strict readers want it."""
    path = tmp_path / "result.json"
    assert main(["eval", *map(str, arguments), "--json", str(path)]) == 0

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    return dict(json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse))


def test_inverse_kinematics(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Every method has every metric, overall and per family; families are told apart by whether they were trained."""
    result = run(tmp_path, "ik", "--checkpoint", tiny_checkpoint, "--families", "laptop", "elastic_bar", "--count", "1")
    assert set(result["families"]) == {"laptop", "elastic_bar"}
    for figures in (
        result["overall"],
        result["median"],
        result["families"]["laptop"],
        result["seen"],
        result["unseen"],
    ):
        assert set(figures) == set(METHODS)
        assert all(set(figures[method]) == set(METRICS) for method in METHODS)
    assert result["seen"] == result["families"]["laptop"]
    overall = result["overall"]
    assert overall["floor"]["correspondence_error"] == 0.0
    assert overall["floor"]["volume_iou"] == 1.0
    for method in METHODS:
        assert overall[method]["chamfer_l1"] >= 0.95 * overall["floor"]["chamfer_l1"]
        assert overall[method]["chamfer_l2"] >= overall[method]["chamfer_l1"]
    assert overall["rigid"]["correspondence_error"] <= overall["no_motion"]["correspondence_error"]
    again = run(tmp_path, "ik", "--checkpoint", tiny_checkpoint, "--families", "laptop", "elastic_bar", "--count", "1")
    assert again["tasks"] == result["tasks"]


def test_tangents(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Shares between 0 and 1 of every family, in the latent and in the coordinates of the mechanics, twice the same.

    Answers to pushes there are of the mechanics alone.
    """
    arguments = ("tangents", "--checkpoint", tiny_checkpoint, "--families", "laptop", "elastic_bar", "--instances", "1")
    result = run(tmp_path, *arguments)
    assert set(result["families"]) == {"laptop", "elastic_bar"}
    for figures in (result["overall"], *result["families"].values()):
        assert set(figures) == {"full", "reduced"}
        shares = [method[name] for method in figures.values() for name in ("missing", "spurious")]
        assert all(0.0 <= share <= 1.0 + 1e-6 for share in shares)
        assert figures["full"]["response"] is None
        assert min(figures["reduced"][name] for name in ("response", "response_without")) >= 0.0
        assert figures["full"]["missing"] <= figures["reduced"]["missing"] + 1e-3
    assert run(tmp_path, *arguments) == result


def test_own_pairs(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Pairs of one's own: a cube moved by half its side, whose figures are known."""
    vertices, triangles = cube()
    write_pair(tmp_path / "pairs" / "moved.npz", PosePair(vertices, triangles, vertices + [0.5, 0.0, 0.0]))
    methods = ("--methods", "no_motion", "rigid", "cage", "arap")
    result = run(tmp_path, "ik", "--checkpoint", tiny_checkpoint, "--pairs", tmp_path / "pairs", *methods)
    figures = result["families"]["pairs"]
    assert figures["no_motion"]["correspondence_error"] == pytest.approx(0.5)
    assert figures["no_motion"]["volume_iou"] == pytest.approx(1 / 3, abs=0.01)
    for method in ("rigid", "cage", "arap"):
        assert figures[method]["correspondence_error"] < 1e-3


@needs_assets
def test_real_objects_from_one_view(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Real meshes, shown and observed by a depth camera: no method is told of the mesh, so none deforms it."""
    result = run(
        tmp_path, "ik", "--checkpoint", tiny_checkpoint, "--source", "metaworld", "--families", "laptop",
        "--count", "1", "--scan", "partial", "--protocol", "partial",
    )  # fmt: skip
    assert set(result["overall"]) == set(METHODS) - {"arap"}
    assert all(np.isfinite(value) for figures in result["overall"].values() for value in figures.values())


def test_plausibility(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """True poses are at no distance from the truth and cover it; measures appear where they apply."""
    result = run(
        tmp_path, "plausibility", "--checkpoint", tiny_checkpoint, "--families", "laptop", "plush_body",
        "--draws", "3", "--pictures", tmp_path / "pictures",
    )  # fmt: skip
    assert (tmp_path / "pictures" / "draws-00.png").stat().st_size > 1000
    laptop, plush = result["families"]["laptop"], result["families"]["plush_body"]
    assert laptop["truth"]["distance"] < 1e-3
    assert laptop["truth"]["rigidity"] < 1e-6
    assert laptop["truth"]["volume"] is None
    assert plush["truth"]["rigidity"] is None
    for figures in (laptop, plush):
        for name in ("full", "reduced"):
            assert 0.0 <= figures[name]["distance"] <= 1.5 * figures[name]["motion"] + 1e-3
    assert laptop["full"]["rigidity"] > laptop["truth"]["rigidity"]


def test_triangulation(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """The mesh as given is its own reference; every remeshing and the resampling are compared with it."""
    result = run(tmp_path, "triangulation", "--checkpoint", tiny_checkpoint, "--families", "laptop")
    figures = result["families"]["laptop"]
    assert set(figures) == {"as_given", "resampled", *REMESHINGS}
    assert figures["as_given"]["solved"] == figures["as_given"]["middle"] == 0.0
    assert all(0.0 < figures[name]["middle"] < 0.5 for name in figures if name != "as_given")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ik", "--families", "teapot"), "laptop"),
        (("ik", "--methods", "magic"), "no_motion"),
        (("ik", "--count", "0"), "at least 1"),
        (("ik", "--source", "metaworld", "--families", "teapot"), "faucet"),
        (("ik", "--source", "stored", "--motions", "nowhere"), "of `neurok data"),
        (("plausibility", "--draws", "0"), "at least 1"),
        (("plausibility", "--families", "teapot"), "laptop"),
    ],
)
def test_mistakes_are_named(
    arguments: tuple[str, ...], message: str, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong argument ends with what is allowed, and a failing exit status."""
    assert main(["eval", arguments[0], "--checkpoint", str(tiny_checkpoint), *arguments[1:]]) == 1
    assert message in capsys.readouterr().err.replace("\n", " ")
