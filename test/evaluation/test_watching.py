"""`neurok eval watching`: what is seen is the joint, and what is judged was not seen."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from neurok_model.cli import main
from neurok_model.data.families import build_object
from neurok_model.evaluation.watching import BETWEEN, BEYOND, SEEN, _missed, _moves, _swept
from neurok_model.geometry import TriangleMesh
from neurok_model.predictor import Predictor


def test_poses_that_are_judged_were_not_seen() -> None:
    """Protects the figures: they are of other poses of the same joint, the other joints staying where they are."""
    assert not set(SEEN) & {*BETWEEN, *BEYOND}
    assert all(SEEN[0] < share < SEEN[-1] for share in BETWEEN)
    assert all(share > SEEN[-1] for share in BEYOND)
    chest = build_object("drawer_chest", 17)
    state = chest.sample_states(np.random.default_rng(0), 1)[0]
    assert _moves(chest, state, 0)
    poses = _swept(chest, state, 0, np.array((0.2, 0.4, 0.6)))
    moved = np.linalg.norm(poses - poses[0], axis=-1)
    assert len(np.unique(chest.part_of_vertex[moved[2] > 1e-6])) == 1
    np.testing.assert_allclose(moved[2], 2.0 * moved[1], atol=1e-5)


def test_what_stands_still_is_not_judged(tiny_checkpoint: Path) -> None:
    """Protects shares from division by next to nothing."""
    dial = build_object("dial", 17)
    vertices = dial.pose(dial.sample_states(np.random.default_rng(0), 1)).vertices[0]
    scan = TriangleMesh(vertices, dial.triangles)
    model = Predictor.load(tiny_checkpoint, device="cpu").encode(scan)
    assert math.isnan(_missed(model, scan, vertices[None] + 1e-4))
    scattered = vertices + 0.1 * np.random.default_rng(1).normal(size=vertices.shape)
    assert _missed(model, scan, scattered[None]) == pytest.approx(1.0, abs=0.1)


def test_the_command_judges_what_was_watched(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Protects the command: figures of every group in the JSON file, smaller ones for what was watched, and none of
    joints that an object does not have.
    """
    path = tmp_path / "watching.json"
    arguments = ["--checkpoint", str(tiny_checkpoint), "--families", "laptop", "drawer_chest", "--json", str(path)]
    assert main(["eval", "watching", *arguments]) == 0
    result = json.loads(path.read_text(encoding="utf-8"))
    assert set(result["families"]) == {"laptop", "drawer_chest"}
    overall = result["overall"]
    for place in ("between", "beyond"):
        assert 0.0 < overall["watched"][place] < overall["scanned"][place]
    assert result["families"]["laptop"]["watched"]["another_joint"] is None
    assert result["families"]["drawer_chest"]["watched"]["another_joint"] > 0.0
    assert result["skipped"] == {}
