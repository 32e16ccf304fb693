"""Other triangles, the same surface: new and old vertices stay tied through every pose."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from evaluation.solids import cube, sheet, together

from neurok_model.evaluation.remeshing import REMESHINGS, decimated, shuffled, split, subdivided
from neurok_model.evaluation.shape_measures import enclosed_volume
from neurok_model.geometry import TriangleMesh, triangle_components


@pytest.fixture
def drawer() -> tuple[np.ndarray, np.ndarray]:
    """A fine cube, and another one a ten-thousandth beside it, as a drawer's front closes on its cabinet."""
    fine = trimesh.creation.box(extents=(1.0, 1.0, 1.0)).subdivide().subdivide()
    surface = np.asarray(fine.vertices), np.asarray(fine.faces, dtype=np.int64)
    return together(surface, cube((1.0001, 0.0, 0.0)))


@pytest.mark.parametrize("name", REMESHINGS)
def test_surface_stays(name: str, drawer: tuple[np.ndarray, np.ndarray]) -> None:
    """Flat faces lose nothing: volume and pieces are those from before."""
    vertices, triangles = drawer
    new = REMESHINGS[name](vertices, triangles, np.random.default_rng(0))
    assert enclosed_volume(new.vertices, new.triangles) == pytest.approx(2.0)
    assert triangle_components(TriangleMesh(new.vertices, new.triangles)).max() == 1


@pytest.mark.parametrize("name", REMESHINGS)
def test_vertices_stay_tied_in_every_pose(name: str, drawer: tuple[np.ndarray, np.ndarray]) -> None:
    """When the second cube is drawn out, no vertex of the touching faces goes with the wrong one."""
    vertices, triangles = drawer
    new = REMESHINGS[name](vertices, triangles, np.random.default_rng(1))
    np.testing.assert_allclose(new.posed(vertices), new.vertices, atol=1e-5)
    np.testing.assert_allclose(new.old_vertices(new.vertices), vertices, atol=1e-5)
    drawn = vertices.copy()
    drawn[-8:] += [0.7, 0.0, 0.0]
    moved = new.posed(drawn)
    assert enclosed_volume(moved, new.triangles) == pytest.approx(2.0, abs=1e-5)
    np.testing.assert_allclose(new.old_vertices(moved), drawn, atol=1e-5)


def test_each_remeshing_does_what_it_says(drawer: tuple[np.ndarray, np.ndarray]) -> None:
    """Shuffling renumbers, splitting shares no vertex, subdividing refines, decimating coarsens."""
    vertices, triangles = drawer
    generator = np.random.default_rng(2)
    assert not np.array_equal(shuffled(vertices, triangles, generator).triangles, triangles)
    assert len(np.unique(split(vertices, triangles, generator).triangles)) == 3 * len(triangles)
    finer = subdivided(vertices, triangles, generator)
    edges = finer.vertices[finer.triangles] - finer.vertices[np.roll(finer.triangles, 1, axis=1)]
    assert np.linalg.norm(edges, axis=-1).max() <= 0.15 * 2.0
    assert len(decimated(vertices, triangles, generator).triangles) < 0.6 * len(triangles)


def test_open_surfaces_can_be_remeshed() -> None:
    """A sheet keeps its area under every remeshing."""
    vertices, triangles = sheet(8)
    for remesh in REMESHINGS.values():
        new = remesh(vertices, triangles, np.random.default_rng(3))
        corners = new.vertices[new.triangles]
        doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert 0.5 * np.linalg.norm(doubled, axis=1).sum() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", REMESHINGS)
def test_pieces_in_the_same_place_can_be_remeshed(name: str) -> None:
    """Protects scans with doubled surfaces: pieces that look alike must not leave one of them without a partner."""
    vertices, triangles = together(cube((0.0, 0.0, 0.0)), cube((0.0, 0.0, 0.0)))
    new = REMESHINGS[name](vertices, triangles, np.random.default_rng(2))
    np.testing.assert_allclose(new.old_vertices(new.vertices), vertices, atol=1e-5)
    np.testing.assert_allclose(new.posed(vertices), new.vertices, atol=1e-5)
