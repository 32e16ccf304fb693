"""Shards and generation: same bytes for any number of workers, interruptions, damage and full disks."""

from __future__ import annotations

import errno
import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest

from neurok_model.data import generation
from neurok_model.data.generation import GenerationRequest, generate, make_shard, tasks_of
from neurok_model.data.shards import Shard
from neurok_model.data.sources import GeneratedSource, MixedSource, StoredSource
from neurok_model.data.splits import SPLIT_NAMES, leave_families_out, split_of_seed
from neurok_model.errors import NeurokError


def _request(folder: Path, **changes: object) -> GenerationRequest:
    settings: dict[str, object] = {"families": ("bead_string", "dangling_rope"), "count": 3, "seed": 7,
                                   "frames": 4, "per_shard": 2}  # fmt: skip
    return GenerationRequest(folder, **{**settings, **changes})  # type: ignore[arg-type]


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


def _read_all(path: Path) -> None:
    shard = Shard(path)
    for index in range(len(shard)):
        shard.read(index)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set made by one worker."""
    folder = tmp_path_factory.mktemp("shards")
    generate(_request(folder))
    return folder


def test_same_bytes_for_any_number_of_workers(generated: Path, tmp_path: Path) -> None:
    """One and two workers write the same files to the last bit."""
    generate(_request(tmp_path), workers=2)
    assert _digests(tmp_path) == _digests(generated)
    assert len(_digests(tmp_path)) == 4


def test_interrupted_runs_continue(generated: Path, tmp_path: Path) -> None:
    """After an interruption only what is missing is made, unfinished files are ignored, and all is the same."""
    request = _request(tmp_path)
    make_shard(tasks_of(request)[1])
    leftover = tmp_path / "bead_string" / ".train-00000.h5.4194999.partial"
    leftover.write_bytes(b"half of a shard")
    report = generate(request)
    assert sum(shard.already_there for shard in report.shards) == 1
    assert _digests(tmp_path) == _digests(generated)
    for workers in (1, 2):
        with pytest.raises(NeurokError, match="settings"):
            generate(_request(tmp_path, seed=8), workers)


def test_sequences_hold_their_meaning(generated: Path) -> None:
    """Seeds belong to the split, positions are float32 metres, masses and contacts are recorded."""
    shard = Shard(generated / "dangling_rope" / "train-00000.h5")
    sequence = shard.read(1)
    assert shard.family(1) == sequence.family == "dangling_rope"
    assert split_of_seed(sequence.seed) == "train"
    assert sequence.vertices.dtype == np.float32
    assert sequence.vertices.shape[0] == 4
    assert sequence.vertex_masses.sum() == pytest.approx(sequence.physics["mass"], rel=1e-5)
    assert sequence.contacts.shape[1] == 8
    assert -9.81 <= sequence.physics["gravity"] <= 0.0


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "missing", "foreign"])
def test_damaged_shards_are_refused(generated: Path, tmp_path: Path, damage: str) -> None:
    """A shard that is cut, changed, empty, missing or something else is named, and never read as whole."""
    content = bytearray((generated / "bead_string" / "train-00000.h5").read_bytes())
    path = tmp_path / "damaged.h5"
    if damage == "flipped":
        for place in range(len(content) // 4, len(content), 97):
            content[place] ^= 0x5A
    if damage != "missing":
        path.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "foreign": b"text" * 99,
                          "flipped": content}[damage])  # fmt: skip
    with pytest.raises(NeurokError, match=r"damaged\.h5"):
        _read_all(path)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full the error says how much was needed, and no file appears under any name."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("neurok_model.data.shards.os.fsync", full)
    with pytest.raises(NeurokError, match="free bytes"):
        make_shard(tasks_of(_request(tmp_path))[0])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_unusable_requests_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown families, wrong counts, a family that never succeeds, and Ray where it is not installed."""
    for changes in ({"families": ("granite",)}, {"count": 0}, {"split": "exam"}, {"families": ("laptop",)}):
        with pytest.raises(NeurokError):
            tasks_of(_request(tmp_path, **changes))
    monkeypatch.setattr(generation, "simulate_sequence", lambda *_: generation.Rejection.STILL)
    with pytest.raises(NeurokError, match="still"):
        generate(_request(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(NeurokError, match=r"neurok_ros\[ray\]"):
        generate(_request(tmp_path), use_ray=True)


def test_pokes_of_articulated_objects(tmp_path: Path) -> None:
    """Poke records begin at rest, are made for both kinds of family, and keep rigid parts rigid."""
    request = _request(tmp_path, families=("laptop", "spring_stack"), count=2, pokes=True, split="test", frames=8)
    generate(request)
    for family in request.families:
        for sequence in (Shard(tmp_path / family / "test-00000.h5").read(index) for index in range(2)):
            assert split_of_seed(sequence.seed) == "test"
            assert sequence.at_rest
            assert (sequence.contacts[:, 7] > 0).all()
            start = np.abs(sequence.vertices[0] - sequence.contacts[0, :3]).max(axis=1).min()
            assert start < 1e-5
            for part in np.unique(sequence.part_of_vertex):
                rows = np.flatnonzero(sequence.part_of_vertex == part)
                spread = np.linalg.norm(sequence.vertices[:, rows] - sequence.vertices[:, rows[:1]], axis=-1)
                np.testing.assert_allclose(spread, np.broadcast_to(spread[0], spread.shape), atol=1e-5)


def test_sources_draw_alike(generated: Path) -> None:
    """On-the-fly and stored frames come through one interface, repeat with the generator, and survive pickling."""
    stored = StoredSource(generated)
    mixed = MixedSource([GeneratedSource(["laptop", "elastic_bar"]), stored])
    assert set(mixed.families) == {"laptop", "elastic_bar", "bead_string", "dangling_rope"}
    seen = set()
    for seed in range(12):
        drawn = mixed.draw("train", np.random.default_rng(seed), 3)
        again = pickle.loads(pickle.dumps(mixed)).draw("train", np.random.default_rng(seed), 3)
        np.testing.assert_array_equal(drawn.frames.vertices, again.frames.vertices)
        assert drawn.frames.vertices.shape == (3, len(drawn.part_of_vertex), 3)
        np.testing.assert_allclose(np.linalg.norm(drawn.frames.rotations, axis=-1), 1.0, atol=1e-9)
        seen.add(drawn.family)
    assert len(seen) >= 3
    with pytest.raises(NeurokError, match="validation"):
        stored.draw("validation", np.random.default_rng(0), 2)
    with pytest.raises(NeurokError, match="granite"):
        StoredSource(generated, ["granite"])


def test_left_out_families_are_never_seen() -> None:
    """Every family is either seen or unseen, whatever others exist; wrong names are refused."""
    names = [f"family{index}" for index in range(40)]
    split = leave_families_out(names, ["family3"], share=0.25, seed=1)
    assert set(split.seen) | set(split.unseen) == set(names)
    assert not set(split.seen) & set(split.unseen)
    assert "family3" in split.unseen
    fewer = leave_families_out(names[:20], ["family3"], share=0.25, seed=1)
    assert set(fewer.unseen) == set(split.unseen) & set(names[:20])
    with pytest.raises(NeurokError, match="granite"):
        leave_families_out(names, ["granite"])
    with pytest.raises(NeurokError, match="train"):
        leave_families_out(names[:1], names[:1])
    assert len(SPLIT_NAMES) == 3
