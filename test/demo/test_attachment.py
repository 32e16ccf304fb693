"""A contact sticks to the material: the arrow and the measured displacement are those of the pushed point."""

import numpy as np

from demo.attachment import attach

TRIANGLE = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5.0, 5, 5]])
FACES = np.array([[0, 1, 2]])


def test_a_point_inside_a_large_triangle_follows_all_its_corners() -> None:
    """Real meshes have few vertices: the nearest one may be far from the contact and move otherwise."""
    point = np.array([[0.25, 0.5, 0.0]])
    attached = attach(point, TRIANGLE, FACES)
    np.testing.assert_allclose(attached.positions(TRIANGLE), point, atol=1e-6)
    moved = TRIANGLE.copy()
    moved[2, 2] = 1.0
    frames = np.stack([TRIANGLE, moved])
    np.testing.assert_allclose(attached.positions(frames)[:, 0], [[0.25, 0.5, 0.0], [0.25, 0.5, 0.5]], atol=1e-6)


def test_a_point_off_the_surface_is_attached_to_the_nearest_place() -> None:
    """Contacts lie on the surface only within a tolerance."""
    attached = attach(np.array([[0.2, 0.3, 0.04], [-0.1, 0.4, 0.0]]), TRIANGLE, FACES)
    np.testing.assert_allclose(attached.positions(TRIANGLE), [[0.2, 0.3, 0.0], [0.0, 0.4, 0.0]], atol=1e-6)


def test_on_a_cloud_the_nearest_point_is_followed() -> None:
    """Clouds have no triangles to interpolate in."""
    attached = attach(np.array([[0.9, 0.1, 0.0]]), TRIANGLE, np.zeros((0, 3), dtype=int))
    np.testing.assert_allclose(attached.positions(TRIANGLE + 1.0), [[2.0, 1.0, 1.0]])
