"""What the demo pushes: real objects in the pose that is claimed, pushed where a hand could push."""

import numpy as np
import pytest

from demo.objects import BAR_SEED, demo_objects
from demo.pushes import nearest, pushes_all_over, spread_out, surface_points
from neurok_model.data.splits import split_of_seed
from neurok_model.geometry import PointCloud, TriangleMesh

CUBE = TriangleMesh(
    np.array([[x, y, z] for x in (0.0, 1) for y in (0.0, 1) for z in (0.0, 1)]),
    np.array(
        [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
        + [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    ),
)


def test_pushes_go_into_the_surface() -> None:
    """A push presses on the object and never pulls: on a cube all forces point inwards."""
    pushes = pushes_all_over(CUBE, 32, force=3.0, duration=0.1, seed=0)
    assert len(pushes) == 32
    for push in pushes:
        assert np.linalg.norm(push.force) == pytest.approx(3.0)
        assert push.force @ (0.5 - push.point) > 0
        assert np.abs(push.point - 0.5).max() == pytest.approx(0.5)


def test_spread_out_points_cover_the_surface() -> None:
    """The overview shows the whole object: no part of it is far from a push."""
    points, _ = surface_points(CUBE, np.random.default_rng(0))
    chosen = points[spread_out(points, 64)]
    gaps = np.linalg.norm(points[:, None] - chosen[None], axis=-1).min(axis=1)
    assert gaps.max() < 0.35
    assert len(np.unique(chosen, axis=0)) == 64


def test_fewer_points_than_pushes_are_not_repeated() -> None:
    """A sparse cloud gives as many candidates as it has points."""
    cloud = PointCloud(np.eye(3), normals=np.eye(3))
    assert len(pushes_all_over(cloud, 64, 1.0, 0.1, seed=0)) == 3


def test_pushes_on_a_cloud_without_normals_follow_the_view() -> None:
    """Raw clouds have no normals: forces then point away from the camera."""
    plane = np.random.default_rng(0).uniform(-1, 1, (200, 3)) * [1.0, 1.0, 0.0]
    cloud = PointCloud(plane, viewpoint=np.array([0.0, 0.0, -2.0]))
    for push in pushes_all_over(cloud, 8, 2.0, 0.1, seed=0):
        np.testing.assert_allclose(push.force, [0.0, 0.0, 2.0], atol=1e-6)


def test_demo_objects_are_what_they_claim() -> None:
    """A mesh, a cloud, a soft object; pushes act on the surface, the laptop's on its lid's upper edge."""
    things = {thing.name: thing for thing in demo_objects()}
    assert [thing.input for thing in things.values()] == ["mesh", "cloud", "mesh"]
    for thing in things.values():
        points, _ = surface_points(thing.scan, np.random.default_rng(1))
        closest = points[nearest(points, thing.push.point[None])[0]]
        assert np.linalg.norm(closest - thing.push.point) < 0.05 * np.ptp(points, axis=0).max()
    laptop = things["laptop_mesh"]
    assert laptop.push.point[2] > 0.97 * laptop.scan.vertices[:, 2].max()
    assert abs(laptop.push.point[0]) < 0.02
    assert split_of_seed(BAR_SEED) == "test"


def test_laptop_is_open_at_a_hundred_degrees() -> None:
    """The lid leans back by ten degrees from upright, as a laptop in use does."""
    points, normals = surface_points(demo_objects()[0].scan, np.random.default_rng(0))
    screen = normals[(points[:, 2] > 0.1) & (normals[:, 1] < -0.9)]
    assert len(screen) > 100
    assert np.degrees(np.arcsin(np.median(screen[:, 2]))) == pytest.approx(10.0, abs=1.0)
