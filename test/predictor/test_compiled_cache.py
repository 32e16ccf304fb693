"""Compiled objects on disk: the same scan costs once, whatever happens to the folder, and never the wrong object."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from predictor.tiny_objects import box_scan, tiny_predictor

from neurok_model import ObjectModel, PhysicsParameters
from neurok_model.cache import DiskCache, cache_called
from neurok_model.reduction import CompilationSettings, CompiledMap


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one entry with every compilation."""
    from neurok_model import predictor

    done: list[int] = []
    original: Callable[..., CompiledMap] = predictor.compile_object

    def counted(*arguments: object, **options: object) -> CompiledMap:
        done.append(1)
        return original(*arguments, **options)

    monkeypatch.setattr(predictor, "compile_object", counted)
    return done


def _positions(model: ObjectModel) -> np.ndarray:
    return model.surface.vertices(model.sample(4, seed=1).q)


def test_another_process_finds_the_object_bit_for_bit(tmp_path: Path, compilations: list[int]) -> None:
    """Protects the promise: a second predictor on the same folder runs no network, and its vertices are the same."""
    first = tiny_predictor(cache=DiskCache(tmp_path)).encode(box_scan())
    expected = _positions(first)
    second = tiny_predictor(cache=DiskCache(tmp_path))
    second.networks.decoder.bind = None  # type: ignore[assignment]
    again = second.encode(box_scan())
    np.testing.assert_array_equal(_positions(again), expected)
    assert again.object_id == first.object_id
    assert again.compile_error == first.compile_error
    assert len(compilations) == 1


def test_the_mass_of_an_object_is_no_reason_to_compile_it_again(tmp_path: Path, compilations: list[int]) -> None:
    """Protects users who try masses: physics is not part of what is compiled."""
    predictor = tiny_predictor(cache=DiskCache(tmp_path))
    light, heavy = (predictor.encode(box_scan(), PhysicsParameters(mass=mass)) for mass in (1.0, 4.0))
    assert len(compilations) == 1
    np.testing.assert_allclose(_positions(light), _positions(heavy), atol=1e-6)
    energies = [np.linalg.norm(model.surface.embedding_coordinates(model.sample(4, 1).q)) for model in (light, heavy)]
    assert energies[1] == pytest.approx(2.0 * energies[0], rel=1e-4)


def test_whatever_the_result_depends_on_is_compiled_anew(tmp_path: Path, compilations: list[int]) -> None:
    """Protects against the wrong object: other scans, weights, seeds and settings are other entries."""
    cache = DiskCache(tmp_path)
    tiny_predictor(cache=cache).encode(box_scan())
    tiny_predictor(cache=cache).encode(box_scan(width=0.21))
    tiny_predictor(cache=cache, seed=1).encode(box_scan())
    tiny_predictor(cache=cache, settings=CompilationSettings(samples=100, test_samples=20, hidden=(8,))).encode(
        box_scan()
    )
    other_seed = tiny_predictor(cache=cache)
    other_seed.seed = 7
    other_seed.encode(box_scan())
    assert len(compilations) == 5


def test_a_damaged_entry_is_made_again_and_said(tmp_path: Path, compilations: list[int]) -> None:
    """Protects against disks: the object is right, the user is told, and the next one is quick again."""
    predictor = tiny_predictor(cache=DiskCache(tmp_path))
    expected = _positions(predictor.encode(box_scan()))
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.warns(RuntimeWarning, match="made again"):
        np.testing.assert_array_equal(_positions(predictor.encode(box_scan())), expected)
    predictor.encode(box_scan())
    assert len(compilations) == 2


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    """Protects read-only systems: the object is there all the same, and the user is told."""
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(RuntimeWarning, match="could not be written"):
        model = tiny_predictor(cache=DiskCache(tmp_path / "file")).encode(box_scan())
    with pytest.warns(RuntimeWarning, match="could not be written"):
        assert np.isfinite(_positions(model)).all()


def test_the_folder_stays_within_its_limit(tmp_path: Path) -> None:
    """Protects disks: a robot that scans all day does not fill them."""
    cache = DiskCache(tmp_path, limit=400_000)
    for width in (0.2, 0.22, 0.24, 0.26):
        _positions(tiny_predictor(cache=cache).encode(box_scan(width)))
    assert 0 < sum(path.stat().st_size for path in tmp_path.iterdir()) <= 400_000


def test_caches_are_called_by_name(tmp_path: Path) -> None:
    """Protects the command line and the node: "auto", "off" and folders mean what they say."""
    assert cache_called("off") is None
    automatic, named = cache_called("auto"), cache_called(str(tmp_path))
    assert automatic is not None
    assert automatic.directory == Path(os.environ["XDG_CACHE_HOME"]) / "neurok"
    assert named is not None
    assert named.directory == tmp_path
