"""Requests that are too large are refused before anything is allocated."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from predictor.tiny_objects import box_scan, tiny_predictor

from neurok_model import ObjectModel, Push
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.request_size import RequestSize, in_words

LIMIT = 30_000_000


@pytest.fixture(scope="module")
def small() -> ObjectModel:
    return tiny_predictor(memory_limit=LIMIT).encode(box_scan())


def _refused(error: pytest.ExceptionInfo[NeurokError]) -> bool:
    said = str(error.value)
    return error.value.code == ErrorCode.REQUEST_TOO_LARGE and "would take" in said and "30 MB" in said


def test_what_is_too_large_is_refused_with_its_size(small: ObjectModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects robots: a request for terabytes is an error that says so, and nothing has been computed for it."""
    from neurok_model import object_model

    def never(*arguments: object, **options: object) -> None:
        raise AssertionError("nothing may run")

    with monkeypatch.context() as patch:
        for name in ("rollout", "quick_rollout", "gather_actions", "PlacedContacts"):
            patch.setattr(object_model, name, never)
        with pytest.raises(NeurokError) as caught:
            small.predict([], horizon=1e6, step=1e-2)
        assert _refused(caught)
        with pytest.raises(NeurokError) as caught:
            small.predict_batch([[]] * 300_000, horizon=0.5, step=1 / 60)
        assert _refused(caught)
        with pytest.raises(NeurokError) as caught:
            small.predict_batch([[]] * 200_000, horizon=0.01, step=0.01, full_meshes=True)
        assert _refused(caught)
        tracked = np.zeros(2000, dtype=np.int64)
        with pytest.raises(NeurokError) as caught:
            small.predict_batch([[]] * 2000, horizon=0.5, step=1 / 60, tracked_vertices=tracked)
        assert _refused(caught)
    with pytest.raises(NeurokError) as caught:
        small.surface.vertices(np.zeros((500_000, small.dimension)))
    assert _refused(caught)


def test_the_object_survives_a_refusal(small: ObjectModel) -> None:
    """Protects services: after a refusal the same object answers what fits."""
    with pytest.raises(NeurokError):
        small.predict([], horizon=1e6, step=1e-2)
    assert len(small.predict([], horizon=0.1, step=0.05).times) == 3


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), ErrorCode.REQUEST_TOO_LARGE),
        (MemoryError(), ErrorCode.REQUEST_TOO_LARGE),
        (RuntimeError("CUDA error: device-side assert triggered"), ErrorCode.INTERNAL),
    ],
)
def test_a_machine_that_gives_up_is_an_error(
    small: ObjectModel, monkeypatch: pytest.MonkeyPatch, failure: Exception, code: ErrorCode
) -> None:
    """Protects services: memory that runs out and devices that vanish are said, and the object answers the next one."""
    from neurok_model import object_model

    def failing(*arguments: object, **options: object) -> None:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(object_model, "rollout", failing)
        patch.setattr(object_model, "quick_rollout", failing)
        with pytest.raises(NeurokError) as caught:
            small.predict([], horizon=0.1, step=0.05)
        assert caught.value.code == code
    assert len(small.predict([], horizon=0.1, step=0.05).times) == 3


def test_the_size_covers_what_comes_back(small: ObjectModel) -> None:
    """Protects the bound: it is at least the bytes of the arrays that a request returns, and grows with it."""
    corner = small.rest_vertices[0].astype(np.float64)
    actions = [[Push(corner, (0.1, 0.0, 0.0), 0.05)]] * 20
    tracked = np.arange(30)
    batch = small.predict_batch(actions, horizon=0.2, step=0.02, tracked_vertices=tracked, full_meshes=True)
    assert batch.tracked is not None
    assert batch.final_vertices is not None
    numbers = {"candidates": 20, "frames": 11, "dimension": small.dimension, "contacts": 1, "tracked": 30}
    embedding = small.system.embedding.embedding_dimension
    size = RequestSize.of(**numbers, embedding_dimension=embedding, vertices=len(small.rest_vertices))
    assert size.states >= batch.q.nbytes + batch.qdot.nbytes
    assert size.points >= batch.tracked.nbytes + batch.final_vertices.nbytes
    for name in ("candidates", "frames"):
        larger = RequestSize.of(**{**numbers, name: 10 * numbers[name]}, embedding_dimension=embedding)
        assert larger.states == 10 * size.states


def test_sizes_are_readable() -> None:
    """Protects the message: bytes come in the unit that people think in."""
    assert [in_words(count) for count in (12, 3400, 5.6e9, 7e18)] == ["12 B", "3.4 kB", "5.6 GB", "7e+03 PB"]
