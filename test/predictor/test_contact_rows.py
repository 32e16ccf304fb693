"""Contacts in machine code and from memory against the plain computation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from predictor.tiny_objects import box_scan, tiny_predictor

from neurok_model import ObjectModel, TriangleMesh
from neurok_model.standing import POINTS, StandingSurface, StandingSurfaces


@pytest.fixture(scope="module")
def two_boxes() -> ObjectModel:
    """Two parts, a few millimetres apart, so that contacts have to choose."""
    one = box_scan()
    other = one.vertices + np.array([0.203, 0.0, 0.0])
    vertices = np.concatenate((one.vertices, other))
    return tiny_predictor().encode(TriangleMesh(vertices, np.concatenate((one.triangles, one.triangles + len(other)))))


def test_machine_code_carries_contacts_as_the_plain_computation_does(two_boxes: ObjectModel) -> None:
    """Protects the one source of truth: the same carriers and the same weights, next to another part too."""
    surface = two_boxes.surface
    q = two_boxes.sample(1, seed=2).q[0]
    points = surface.vertices(q)[::7].astype(np.float64)
    expected = surface.contact_rows(surface.embedding_coordinates(q).double(), torch.as_tensor(points))
    ours = surface.contact_modes(q)(points)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_known_contacts_are_not_computed_again(two_boxes: ObjectModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects planners' time: candidates that push the same points pay for the points once, and get the same rows."""
    surface = two_boxes.surface
    q = np.zeros(two_boxes.dimension)
    points = surface.rest_vertices[:5].astype(np.float64)
    first = surface.contact_modes(q)(points)
    monkeypatch.setattr(surface, "_rows_in_machine_code", None)
    again = surface.contact_modes(q)(points[[3, 1, 3]])
    assert torch.equal(again, first[[3, 1, 3]])
    assert torch.equal(surface.contact_modes(q)(points[[2, 2]]), first[[2, 2]])


def test_what_is_remembered_is_bounded() -> None:
    """Protects memory: a robot that touches new points and states all day forgets the oldest."""
    asked: list[int] = []

    def fresh(points: np.ndarray) -> np.ndarray:
        asked.append(len(points))
        return np.repeat(points[:, :, None], 2, axis=2)

    surface = StandingSurface(np.zeros((4, 3)))
    places = np.random.default_rng(0).normal(size=(POINTS + 10, 3))
    for some in np.array_split(places, 5):
        np.testing.assert_array_equal(surface.rows(some, fresh)[:, :, 0], some)
    assert sum(asked) == len(places)
    np.testing.assert_array_equal(surface.rows(places[:2], fresh)[:, :, 1], places[:2])
    assert sum(asked) == len(places) + 2
    states = StandingSurfaces()
    kept = states.of(b"first", lambda: surface)
    assert states.of(b"first", lambda: StandingSurface(np.zeros((1, 3)))) is kept
    for number in range(10):
        states.of(str(number).encode(), lambda: StandingSurface(np.zeros((1, 3))))
    assert states.of(b"first", lambda: StandingSurface(np.zeros((1, 3)))) is not kept
