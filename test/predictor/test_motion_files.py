"""Files of watched motions: read as they were written, and refused by name when they are wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.motion_files import read_motion

TIMES = np.arange(4) / 30.0
VERTICES = np.random.default_rng(0).normal(size=(4, 5, 3))
PUSH = {
    "points": np.array([[0.0, 0.1, 0.2]]),
    "forces": np.array([[1.0, 0.0, 0.0]]),
    "starts": np.array([0.05]),
    "durations": np.array([0.1]),
}


def stored(path: Path, **changes: object) -> Path:
    """A file with a motion, some of its arrays replaced, or removed where None stands."""
    content: dict[str, object] = {"times": TIMES, "vertices": VERTICES} | changes
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Protects users' files, with and without what was done, in any format of numbers."""
    bare = read_motion(stored(tmp_path / "bare.npz"))
    assert list(bare.contacts) == []
    assert bare.indices is None
    np.testing.assert_array_equal(bare.points, VERTICES)
    full = read_motion(
        stored(tmp_path / "full.npz", indices=np.arange(5, dtype=np.uint8), vertices=VERTICES.astype("f4"), **PUSH)
    )
    (push,) = full.contacts
    assert (push.start, push.duration) == (0.05, 0.1)
    np.testing.assert_array_equal(push.force, (1.0, 0.0, 0.0))
    assert full.points.dtype == np.float64
    np.testing.assert_array_equal(full.indices, np.arange(5))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times": None}, "no times"),
        ({"times": np.zeros(4)}, "times"),
        ({"times": TIMES[:, None]}, "times"),
        ({"vertices": VERTICES[:3]}, "vertices"),
        ({"vertices": VERTICES[..., :2]}, r"vertices = .*\[4, p, 3\]"),
        ({"vertices": np.full((4, 5, 3), np.nan)}, "vertices"),
        ({"vertices": np.full((4, 5, 3), "a")}, "numbers"),
        ({"vertices": np.array([object()] * 4)}, "plain numbers"),
        ({"indices": np.arange(4)}, "indices"),
        ({"indices": np.zeros(5)}, "whole numbers"),
        (PUSH | {"forces": None}, "forces"),
        (PUSH | {"forces": np.ones((2, 3))}, "forces"),
        (PUSH | {"starts": np.zeros(())}, "starts"),
        (PUSH | {"durations": np.zeros(1)}, "duration"),
        (PUSH | {"forces": np.full((1, 3), np.inf)}, "force"),
    ],
)
def test_refusals_name_the_array(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    """Protects users: the file, the array and what is allowed are named."""
    with pytest.raises(NeurokError, match=message) as caught:
        read_motion(stored(tmp_path / "wrong.npz", **changes))
    assert "wrong.npz" in str(caught.value)


@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused_politely(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Protects from crashes: what is no archive is refused, and never unpickled."""
    path = tmp_path_factory.getbasetemp() / "noise.npz"
    path.write_bytes(content)
    with pytest.raises(NeurokError) as caught:
        read_motion(path)
    assert caught.value.code is ErrorCode.INVALID_PARAMETER


NUMBERS = arrays.arrays(
    st.sampled_from([np.float64, np.float32, np.int32]), arrays.array_shapes(min_dims=0, max_dims=3, max_side=4)
)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(times=NUMBERS, vertices=NUMBERS, contacts=st.fixed_dictionaries(dict.fromkeys(PUSH, NUMBERS)))
def test_any_arrays_are_read_or_refused(
    times: np.ndarray,
    vertices: np.ndarray,
    contacts: dict[str, np.ndarray],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Protects from crashes: whatever the arrays hold, the result is a checked motion or a refusal."""
    path = tmp_path_factory.getbasetemp() / "arrays.npz"
    np.savez(path, times=times, vertices=vertices, **contacts)
    try:
        motion = read_motion(path)
    except NeurokError:
        return
    assert motion.points.shape == (len(motion.times), motion.points.shape[1], 3)
    assert np.isfinite(motion.points).all()
