"""The ``neurok`` command, as the README shows it."""

from __future__ import annotations

import json

import numpy as np
import trimesh

from neurok_model.cli import main


def write_box(path) -> None:
    box = trimesh.creation.box((0.2, 0.1, 0.3))
    box.export(path)


def test_predict_writes_the_frames_of_a_mesh_file(tmp_path, capsys):
    """Protects the quickest way in: a mesh file and a push give an archive of frames that begins at the scan, and the
    profile names every stage.
    """
    write_box(tmp_path / "scan.obj")
    output = tmp_path / "prediction.npz"
    arguments = ["predict", str(tmp_path / "scan.obj"), "--point", "0", "0", "0.15", "--force", "1", "0", "0"]
    assert main([*arguments, "--horizon", "0.1", "--output", str(output), "--profile"]) == 0
    profile = capsys.readouterr().out
    assert all(stage in profile for stage in ("encode", "compile", "contact fit", "integrate", "decode", "convert"))
    with np.load(output) as archive:
        assert archive["vertices"].shape == (7, 8, 3)
        np.testing.assert_allclose(np.ptp(archive["vertices"][0], axis=0), (0.2, 0.1, 0.3), atol=1e-5)
        assert np.isfinite(archive["vertices"]).all()


def test_what_was_watched_corrects_what_is_predicted(tmp_path, capsys):
    """Protects `neurok predict --watched`: the command's own output is a motion that can be watched, what was fitted is
    said, the prediction is another one then; and nothing can be fitted to nothing.
    """
    write_box(tmp_path / "scan.obj")
    seen, again = tmp_path / "seen.npz", tmp_path / "again.npz"
    push = ["--point", "0", "0", "0.15", "--force", "40", "0", "0", "--horizon", "0.3"]
    weights = ["predict", str(tmp_path / "scan.obj"), *push]
    assert main([*weights, "--physics.mass", "0.3", "--output", str(seen)]) == 0
    capsys.readouterr()
    assert main([*weights, "--watched", str(seen), "--identify", "mass", "--output", str(again)]) == 0
    said = capsys.readouterr().out
    assert "is followed to" in said
    assert "mass = " in said
    unwatched = tmp_path / "unwatched.npz"
    assert main([*weights, "--output", str(unwatched)]) == 0
    with np.load(unwatched) as first, np.load(again) as second:
        assert np.isfinite(second["vertices"]).all()
        assert np.abs(second["vertices"][-1] - first["vertices"][-1]).max() > 1e-3
    assert main([*weights, "--identify", "mass"]) == 1
    assert "--watched" in capsys.readouterr().err


def test_errors_are_sentences_and_an_exit_status(tmp_path, capsys):
    """Protects users at the shell: a contact in the air, or no mesh at all, is one readable line, not a traceback."""
    write_box(tmp_path / "scan.obj")
    (tmp_path / "broken.obj").write_text("this is no mesh")
    push = ["--point", "5", "0", "0", "--force", "1", "0", "0"]
    assert main(["predict", str(tmp_path / "scan.obj"), *push]) == 1
    assert "from the surface" in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "missing.obj"), *push]) == 1
    assert "missing.obj" in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "broken.obj"), *push]) == 1
    assert "allowed is" in capsys.readouterr().err


def test_reconstruction_reports_families_beside_no_motion(tmp_path):
    """Protects the README's figures: the command that they come from runs and writes what it says."""
    path = tmp_path / "reconstruction.json"
    assert main(["eval", "reconstruction", "--batches", "2", "--json", str(path)]) == 0
    result = json.loads(path.read_text())
    assert 0.0 < result["overall"]["error"] < result["overall"]["no_motion"]
    assert result["overall"]["explained"] < 1.0
    assert set(next(iter(result["families"].values()))) == {"error", "no_motion"}
