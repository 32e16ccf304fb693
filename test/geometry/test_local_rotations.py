"""Local rotations of deforming surfaces."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from neurok_model.data import build_object
from neurok_model.geometry.local_rotations import local_rotations


def test_rigid_motion_gives_its_rotation_everywhere() -> None:
    """A turned and moved flat sheet and solid turn by the same rotation at every vertex, also beyond 90 degrees."""
    for family in ("bending_plate", "laptop"):
        built = build_object(family, 0)
        rest = built.pose(np.zeros((1, built.degrees_of_freedom))).vertices[0]
        turn = Rotation.from_rotvec([0.4, -2.0, 1.1])
        fitted = local_rotations(rest, built.triangles, (turn.apply(rest) + [1.0, 2.0, 3.0])[None])
        expected = np.roll(turn.as_quat(), 1)
        np.testing.assert_allclose(np.abs(fitted[0] @ expected), 1.0, atol=1e-9)


def test_parts_turn_by_their_own_rotation() -> None:
    """The laptop's lid and base get the rotations that their kinematics give them."""
    built = build_object("laptop", 3)
    frames = built.pose(np.array([[0.0], [1.2]]))
    fitted = local_rotations(frames.vertices[0], built.triangles, frames.vertices[1:])
    np.testing.assert_allclose(np.abs((fitted[0] * frames.rotations[1]).sum(-1)), 1.0, atol=1e-9)


def test_unused_vertices_keep_the_identity() -> None:
    """A vertex without triangles has no surface that could turn."""
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]])
    fitted = local_rotations(vertices, np.array([[0, 1, 2]]), vertices[None] * 2.0)
    np.testing.assert_allclose(fitted[0], [[1.0, 0, 0, 0]] * 4, atol=1e-9)
