"""Objects for the predictor's tests: the packaged checkpoint, on a laptop that training never drew."""

from __future__ import annotations

import numpy as np
import pytest

from neurok_model import ObjectModel, PhysicsParameters, Predictor
from neurok_model.data.families import build_object
from neurok_model.geometry import TriangleMesh

PHYSICS = PhysicsParameters(mass=2.0)


def laptop_mesh(opening: float = 1.7, seed: int = 11) -> TriangleMesh:
    """A generated laptop of the test split (seeds that leave 2 modulo 3), opened by ``opening`` radians."""
    laptop = build_object("laptop", 3 * seed + 2)
    limit = laptop.state_range[0]
    frames = laptop.pose(np.array([[np.clip(opening, *limit)]]))
    return TriangleMesh(frames.vertices[0], laptop.triangles)


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return Predictor.load(device="cpu")


@pytest.fixture(scope="session")
def laptop() -> TriangleMesh:
    return laptop_mesh()


@pytest.fixture(scope="session")
def model(predictor: Predictor, laptop: TriangleMesh) -> ObjectModel:
    return predictor.encode(laptop, PHYSICS)
