"""The cache on disk: what is written comes back, and nothing that goes wrong with it stops a prediction."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neurok_model.cache import DiskCache, content_key, default_directory


def _tensors(seed: int = 0, count: int = 100) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "single": torch.randn(count, 3, generator=generator),
        "double": torch.randn(7, generator=generator, dtype=torch.float64),
        "whole": torch.arange(5),
    }


def test_what_is_stored_comes_back_bit_for_bit(tmp_path: Path) -> None:
    """Protects reproducibility: a cached object must not differ from a fresh one in a single bit."""
    cache = DiskCache(tmp_path / "made" / "when needed")
    assert cache.load("a") is None
    assert cache.store("a", _tensors())
    loaded = cache.load("a")
    assert loaded is not None
    assert loaded.keys() == _tensors().keys()
    for name, tensor in _tensors().items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "bit", "exchanged"])
def test_damaged_entries_are_made_again(tmp_path: Path, damage: str) -> None:
    """Protects against disks and crashes: a damaged entry is noticed, said, and removed."""
    cache = DiskCache(tmp_path)
    cache.store("a", _tensors())
    cache.store("b", _tensors(seed=1))
    path = tmp_path / "a.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-9] ^= 16
    contents = {
        "empty": b"",
        "cut": bytes(raw[: len(raw) // 2]),
        "text": b"not a tensor file",
        "bit": bytes(raw),
        "exchanged": (tmp_path / "b.safetensors").read_bytes(),
    }
    path.write_bytes(contents[damage])
    with pytest.warns(RuntimeWarning, match="made again"):
        assert cache.load("a") is None
    assert not path.exists()
    assert cache.store("a", _tensors())
    assert cache.load("a") is not None


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_quietly(raw: bytes) -> None:
    """Protects against whatever lies in the folder: no bytes raise, and none are taken for an entry."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (Path(folder) / "a.safetensors").write_bytes(raw)
        assert DiskCache(Path(folder)).load("a") is None


def test_the_entry_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    """Protects disks: the cache stays within its limit, and reading an entry keeps it."""
    DiskCache(tmp_path).store("measured", _tensors())
    size = (tmp_path / "measured.safetensors").stat().st_size
    cache = DiskCache(tmp_path, limit=int(3.5 * size))
    for age, key in enumerate(("a", "b")):
        cache.store(key, _tensors(seed=age))
    for age, key in enumerate(("measured", "a", "b")):
        os.utime(tmp_path / f"{key}.safetensors", ns=(10**9 * (age + 1), 10**9 * (age + 1)))
    assert cache.load("measured") is not None
    assert cache.store("c", _tensors(seed=3))
    assert {path.stem for path in tmp_path.iterdir()} == {"measured", "b", "c"}


def test_an_entry_over_the_limit_is_not_kept(tmp_path: Path) -> None:
    """Protects the other entries: one enormous scan does not push all of them out."""
    cache = DiskCache(tmp_path, limit=4000)
    assert cache.store("small", _tensors(count=10))
    assert not cache.store("large", _tensors(count=100_000))
    assert cache.load("small") is not None


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """Protects read-only and impossible places: a file where the folder should be is warned of, and that is all."""
    (tmp_path / "file").write_text("in the way")
    cache = DiskCache(tmp_path / "file")
    with pytest.warns(RuntimeWarning, match="could not be written"):
        assert not cache.store("a", _tensors())


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects full disks: nothing half written stays behind."""

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("neurok_model.cache.save_file", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        assert not DiskCache(tmp_path).store("a", _tensors())
    assert list(tmp_path.iterdir()) == []


WRITER = """
import sys, torch
from pathlib import Path
from neurok_model.cache import DiskCache
cache = DiskCache(Path(sys.argv[1]))
for _ in range(15):
    cache.store("shared", {"value": torch.full((5000,), 3.0)})
    loaded = cache.load("shared")
    assert loaded is not None and bool((loaded["value"] == 3.0).all())
"""


def test_several_processes_share_a_folder(tmp_path: Path) -> None:
    """Protects nodes side by side: readers see whole entries while others write the same one."""
    command = [sys.executable, "-W", "error", "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors.decode()
    assert [path.name for path in tmp_path.iterdir()] == ["shared.safetensors"]


def test_keys_tell_every_part_apart() -> None:
    """Protects against the wrong object: parts that run together, or change names, are other keys."""
    assert content_key({"a": "1", "b": 2}) == content_key({"b": 2, "a": "1"})
    keys = {content_key(parts) for parts in ({"a": "12", "b": ""}, {"a": "1", "b": "2"}, {"ab": "12"}, {"a": b"13"})}
    assert len(keys) == 4


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Protects home folders: XDG_CACHE_HOME is obeyed where it is an absolute path, as the standard says."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_directory() == tmp_path / "neurok"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_directory() == tmp_path / ".cache" / "neurok"
