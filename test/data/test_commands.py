"""``neurok data``: generating, listing, drawing and checking through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from neurok_model.data.commands import Families, Generate, Inspect, Validate
from neurok_model.data.self_intersection import crossing_count, self_intersects
from neurok_model.data.shapes import box
from neurok_model.data.shards import Shard, write_shard
from neurok_model.data.validation import Validation, open_edges
from neurok_model.errors import NeurokError


def test_generate_inspect_and_validate(tmp_path: Path) -> None:
    """A generated folder passes its validation, is drawn, and damaged or wrong sequences are named."""
    console = Console(record=True, width=120)
    folder = tmp_path / "data"
    Generate(folder, families=("bead_string",), count=2, frames=4).run(console)
    Inspect(tmp_path / "sheets", folder=folder, frames=2).run(console)
    assert (tmp_path / "sheets" / "sheet-00.png").stat().st_size > 2000
    entry = json.loads((tmp_path / "sheets" / "statistics.json").read_text())["families"][0]
    assert (entry["family"], entry["sequences"], entry["frames"]) == ("bead_string", 2, 8)
    assert 0.0 <= entry["rejected_share"] < 1.0
    masses = [Shard(folder / "bead_string" / "train-00000.h5").read(index).vertex_masses.sum() for index in range(2)]
    assert entry["mass"] == pytest.approx([min(masses), np.mean(masses), max(masses)], abs=1e-4)
    Validate(folder=folder).run(console)
    assert "100.0 % watertight" in console.export_text()
    first = Shard(folder / "bead_string" / "train-00000.h5").read(0)
    broken = type(first)(**{**vars(first), "energy": first.work + 1.0, "triangles": first.triangles[1:]})
    write_shard(folder / "bead_string" / "train-00009.h5", [broken, first])
    (folder / "bead_string" / "train-00010.h5").write_bytes(b"cut")
    with pytest.raises(NeurokError, match=r"train-00009\.h5\[0\].*train-00010\.h5"):
        Validate(folder=folder).run(console)
    said = console.export_text()
    for word in ("watertight", "duplicate", "energy", "shard"):
        assert word in said


def test_families_are_listed_with_their_kinds(tmp_path: Path) -> None:
    """The JSON file names every family of every kind with its range of degrees of freedom."""
    path = tmp_path / "families.json"
    Families(json=path, instances=1).run(Console(quiet=True))
    entries = {entry["name"]: entry for entry in json.loads(path.read_text())["families"]}
    kinds = {entry["kind"] for entry in entries.values()}
    assert kinds == {"articulated", "elastic", "cloth", "rope", "multi_body"}
    assert entries["laptop"]["degrees_of_freedom"] == [1, 1]
    assert entries["hanging_cloth"]["source"] == "simulated"


def test_families_pass_and_are_drawn(tmp_path: Path) -> None:
    """Families can be checked and drawn without a folder."""
    Validate(families=("laptop", "wheel"), instances=2).run(Console(quiet=True))
    Inspect(tmp_path, families=("laptop",), instances=1, frames=2).run(Console(quiet=True))
    picture = np.asarray(Image.open(tmp_path / "sheet-00.png"))
    assert picture.shape == (180 + 14, 2 * 180, 3)
    shown = (picture[14:] < 250).any(axis=-1)
    # Shut in the first picture, open in the second: the lid covers more of it.
    assert 1000 < shown[:, :180].sum() < shown[:, 180:].sum()


def test_surface_checks_see_what_they_should() -> None:
    """A box is closed and clean; without a triangle it is open; a spike through the far wall intersects."""
    cube = box([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    assert open_edges(cube.triangles) == 0
    assert not self_intersects(cube.vertices, cube.triangles)
    assert open_edges(cube.triangles[1:]) == 3
    spiked = cube.vertices.copy()
    spiked[0] = [0.4, 0.3, 2.0]
    assert self_intersects(spiked, cube.triangles)
    assert crossing_count(spiked, cube.triangles) > crossing_count(spiked, cube.triangles, at_most=1) == 1
    twice = Validation()
    twice.check_surface("first", cube.vertices, cube.triangles)
    twice.check_surface("second", cube.vertices.copy(), cube.triangles)
    assert [finding.check for finding in twice.findings] == ["duplicate"]
    twice.check_surface("third", np.full((8, 3), np.nan), cube.triangles)
    assert twice.findings[-1].check == "surface"
