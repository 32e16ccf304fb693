"""Generation on a Ray cluster, where Ray is installed (the optional extra ``ray``)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurok_model.data.generation import GenerationRequest, generate
from neurok_model.errors import NeurokError

ray = pytest.importorskip("ray", reason="the optional extra `ray` is not installed")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A cluster on this machine alone."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def _digests(folder: Path) -> list[tuple[str, str]]:
    return [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in sorted(folder.rglob("*.h5"))]


def test_ray_writes_the_same_bytes_as_one_process(tmp_path: Path) -> None:
    """The same seeds give the same files wherever a shard is made, with more shards than fit in flight."""
    settings = {"families": ("spring_stack", "bead_string"), "count": 4, "seed": 3, "frames": 4, "per_shard": 1}
    generate(GenerationRequest(tmp_path / "alone", **settings))  # type: ignore[arg-type]
    generate(GenerationRequest(tmp_path / "cluster", **settings), workers=3, use_ray=True)  # type: ignore[arg-type]
    assert len(_digests(tmp_path / "alone")) == 8
    assert _digests(tmp_path / "alone") == _digests(tmp_path / "cluster")


def test_errors_come_back_as_they_were_raised(tmp_path: Path) -> None:
    """A folder that holds something else is refused with the same error as without Ray."""
    generate(GenerationRequest(tmp_path, ("spring_stack",), 1, frames=4))
    with pytest.raises(NeurokError, match="settings"):
        generate(GenerationRequest(tmp_path, ("spring_stack",), 1, seed=1, frames=4), use_ray=True)
