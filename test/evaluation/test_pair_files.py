"""Files that anyone may bring: read back as written, and refused by name when they are wrong."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from evaluation.solids import cube
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.evaluation.pair_files import NAMES, PosePair, read_pair, write_pair
from neurok_model.evaluation.task_sources import pair_tasks


def stored(path: Path, **changes: object) -> Path:
    """A file with a pair of cubes, some of its arrays replaced, or removed where None stands."""
    vertices, triangles = cube()
    content: dict[str, object] = dict(zip(NAMES, (vertices, triangles, vertices + 0.1), strict=True)) | changes
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    return path


def test_round_trip(tmp_path: Path) -> None:
    """What was written is what is read, whatever number format it was stored in."""
    vertices, triangles = cube()
    write_pair(tmp_path / "deep" / "pair.npz", PosePair(vertices, triangles, vertices + 0.1))
    pair = read_pair(tmp_path / "deep" / "pair.npz")
    np.testing.assert_array_equal(pair.rest_vertices, vertices)
    np.testing.assert_array_equal(pair.triangles, triangles)
    np.testing.assert_array_equal(pair.target_vertices, vertices + 0.1)
    compact = stored(
        tmp_path / "compact.npz", rest_vertices=vertices.astype(np.float32), triangles=triangles.astype(np.uint8)
    )
    assert read_pair(compact).rest_vertices.dtype == np.float64
    assert read_pair(compact).triangles.dtype == np.int64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_vertices": None}, "no target_vertices"),
        ({"target_vertices": np.zeros((7, 3))}, "shape of rest_vertices"),
        ({"target_vertices": np.full((8, 3), np.nan)}, r"target_vertices\[0\]"),
        ({"rest_vertices": np.full((8, 3), np.inf)}, r"rest_vertices\[0\]"),
        ({"rest_vertices": cube()[0] * 1000}, "millimetres"),
        ({"triangles": np.array([[0, 1, 8]])}, r"triangles\[0\]"),
        ({"triangles": np.array([[0.0, 1.0, 2.0]])}, "whole numbers"),
        ({"triangles": np.zeros((0, 3), dtype=np.int64)}, "t >= 1"),
        ({"rest_vertices": np.array([["a"] * 3] * 8)}, "numbers"),
        ({"rest_vertices": np.array([object()] * 8)}, "plain numbers"),
    ],
)
def test_refusals_name_the_array(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    """Every mistake is refused with the file's and the array's name and what is allowed."""
    path = stored(tmp_path / "wrong.npz", **changes)
    with pytest.raises(NeurokError, match=message) as caught:
        read_pair(path)
    assert "wrong.npz" in str(caught.value)


@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused_politely(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file that is not an npz archive is refused, never unpickled and never an unexpected error."""
    path = tmp_path_factory.getbasetemp() / "noise.npz"
    path.write_bytes(content)
    with pytest.raises(NeurokError) as caught:
        read_pair(path)
    assert caught.value.code is ErrorCode.INVALID_MESH


@given(cut=st.integers(0, 1500), flipped=st.integers(0, 1500))
def test_damaged_archives_never_crash(cut: int, flipped: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A truncated archive with a flipped byte is read whole or refused."""
    memory = io.BytesIO()
    vertices, triangles = cube()
    np.savez(memory, rest_vertices=vertices, triangles=triangles, target_vertices=vertices)
    content = bytearray(memory.getvalue())
    content[flipped % len(content)] ^= 0xFF
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(bytes(content[: len(content) - cut % 2 * cut]))
    try:
        pair = read_pair(path)
    except NeurokError:
        return
    assert np.isfinite(pair.rest_vertices).all()
    assert pair.triangles.max() < len(pair.rest_vertices)


@given(
    rest=arrays.arrays(
        st.sampled_from([np.float64, np.float32, np.int32]), arrays.array_shapes(max_dims=3, max_side=6)
    ),
    triangles=arrays.arrays(
        st.sampled_from([np.int64, np.uint8, np.float32]), arrays.array_shapes(max_dims=3, max_side=5)
    ),
    target=arrays.arrays(np.float64, arrays.array_shapes(max_dims=2, max_side=6)),
)
def test_any_arrays_are_read_or_refused(
    rest: np.ndarray, triangles: np.ndarray, target: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the arrays hold, the result is a checked pair or a refusal."""
    path = tmp_path_factory.getbasetemp() / "arrays.npz"
    np.savez(path, rest_vertices=rest, triangles=triangles, target_vertices=target)
    try:
        pair = read_pair(path)
    except NeurokError:
        return
    assert pair.rest_vertices.shape == pair.target_vertices.shape == (len(rest), 3)
    assert pair.triangles.min() >= 0


def test_folders_become_tasks(tmp_path: Path) -> None:
    """Sub-folders are families; files in the folder itself take its name; an empty folder is refused."""
    folder = tmp_path / "mine"
    (folder / "doors").mkdir(parents=True)
    with pytest.raises(NeurokError, match="npz files"):
        list(pair_tasks(folder))
    stored(folder / "one.npz")
    stored(folder / "doors" / "two.npz")
    assert {(task.family, task.name) for task in pair_tasks(folder)} == {
        ("mine", "one.npz"),
        ("doors", "doors/two.npz"),
    }
