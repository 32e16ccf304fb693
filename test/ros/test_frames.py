"""Frames: identity without tf2, transforms with it, and clear words when neither helps."""

from types import SimpleNamespace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform, Vector3

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_ros.conversions.transforms import RigidTransform, rotation_matrix, transform_from_message
from neurok_ros.frames import FrameResolver

HALF = np.sqrt(0.5)


class Buffer:
    """Stands in for tf2_ros.Buffer: knows how "camera" stands in "base"."""

    def lookup_transform(self, target: str, source: str, time: object, timeout: object) -> SimpleNamespace:
        """Answer, or fail as tf2 does."""
        if (target, source) != ("base", "camera"):
            raise LookupError(f'"{source}" passed to lookupTransform does not exist')
        transform = Transform(translation=Vector3(x=0.5, z=1.0), rotation=Quaternion(w=float(HALF), x=float(HALF)))
        return SimpleNamespace(transform=transform)


@pytest.mark.parametrize("source", ["", "base"])
def test_own_frame_needs_no_tf2(source: str) -> None:
    """An empty frame means the object's own."""
    assert FrameResolver().transform("base", source, Time()).is_identity


def test_other_frames_need_tf2() -> None:
    """The error names the frame, the frame that would do, and what is missing."""
    with pytest.raises(NeurokError, match=r"'camera'.*'base'.*tf2_ros.*not installed") as caught:
        FrameResolver().transform("base", "camera", Time())
    assert caught.value.code is ErrorCode.UNKNOWN_FRAME


def test_tf2_is_used() -> None:
    """A quarter turn about x: the camera's y is the base's z."""
    transform = FrameResolver(Buffer()).transform("base", "camera", Time(sec=3))
    np.testing.assert_allclose(transform.points(np.array([0.0, 2.0, 0.0])), [0.5, 0.0, 3.0], atol=1e-12)
    np.testing.assert_allclose(transform.vectors(np.array([0.0, 2.0, 0.0])), [0.0, 0.0, 2.0], atol=1e-12)


@pytest.mark.parametrize("target", ["base", ""])
def test_frames_that_tf2_does_not_know(target: str) -> None:
    """tf2's failure, and an object without a frame, are refusals and not faults."""
    with pytest.raises(NeurokError, match="'nowhere'") as caught:
        FrameResolver(Buffer()).transform(target, "nowhere", Time())
    assert caught.value.code is ErrorCode.UNKNOWN_FRAME


@pytest.mark.parametrize(
    "transform",
    [
        Transform(rotation=Quaternion(w=0.0, x=0.0, y=0.0, z=0.0)),
        Transform(rotation=Quaternion(w=float("nan"))),
        Transform(translation=Vector3(x=float("inf"))),
    ],
)
def test_broken_transforms_are_refused(transform: Transform) -> None:
    """A quaternion of zeros would collapse the object to a point."""
    with pytest.raises(NeurokError) as caught:
        transform_from_message(transform)
    assert caught.value.code is ErrorCode.UNKNOWN_FRAME


def test_rotations_are_rotations() -> None:
    """Orthonormal, right-handed, and the conjugate is the inverse."""
    for quaternion in np.random.default_rng(0).normal(size=(20, 4)):
        unit = quaternion / np.linalg.norm(quaternion)
        rotation = rotation_matrix(unit)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) > 0
        np.testing.assert_allclose(rotation_matrix(unit * [1, -1, -1, -1]), rotation.T, atol=1e-12)


def test_scans_move_whole() -> None:
    """Vertices, points and the camera's position move; normals only turn; triangles stay."""
    turn = RigidTransform(rotation_matrix(np.array([HALF, 0, 0, HALF])), np.array([1.0, 0, 0]))
    mesh = turn.scan(TriangleMesh(np.eye(3), np.array([[0, 1, 2]])))
    np.testing.assert_allclose(mesh.vertices[0], [1, 1, 0], atol=1e-12)
    assert mesh.triangles.tolist() == [[0, 1, 2]]
    cloud = turn.scan(PointCloud(np.eye(3), np.eye(3), np.array([1.0, 0, 0])))
    np.testing.assert_allclose(cloud.points[0], [1, 1, 0], atol=1e-12)
    np.testing.assert_allclose(cloud.normals[0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(cloud.viewpoint, [1, 1, 0], atol=1e-12)
