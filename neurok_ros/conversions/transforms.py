"""Rigid transforms between frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_ros.conversions.arrays import three


@dataclass(frozen=True)
class RigidTransform:
    """Takes coordinates of one frame to coordinates of another: ``rotation @ x + translation``.

    Args:
        rotation: rotation matrix.
        translation: in metres.
    """

    rotation: Float[np.ndarray, "3 3"] = field(default_factory=lambda: np.eye(3))
    translation: Float[np.ndarray, " 3"] = field(default_factory=lambda: np.zeros(3))

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing, to the last digit."""
        return np.array_equal(self.rotation, np.eye(3)) and not self.translation.any()

    def points(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Transform positions."""
        return points if self.is_identity else points @ self.rotation.T + self.translation

    def vectors(self, vectors: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Transform directions, forces and velocities, which only turn."""
        return vectors if self.is_identity else vectors @ self.rotation.T

    def scan(self, scan: TriangleMesh | PointCloud) -> TriangleMesh | PointCloud:
        """Transform a mesh, or a cloud with its normals and viewpoint."""
        if self.is_identity:
            return scan
        if isinstance(scan, TriangleMesh):
            return TriangleMesh(self.points(scan.vertices), scan.triangles)
        normals = None if scan.normals is None else self.vectors(scan.normals)
        viewpoint = None if scan.viewpoint is None else self.points(scan.viewpoint)
        return PointCloud(self.points(scan.points), normals, viewpoint)


def transform_from_message(message: Any) -> RigidTransform:
    """Return the transform of a geometry_msgs/Transform.

    Raises:
        NeurokError: ``UNKNOWN_FRAME`` when its numbers are no rigid transform.
    """
    quaternion = np.array([message.rotation.w, message.rotation.x, message.rotation.y, message.rotation.z])
    translation = three(message.translation)
    length = float(np.linalg.norm(quaternion))
    if not np.isfinite(translation).all() or not np.isfinite(length) or abs(length - 1.0) > 1e-3:
        raise NeurokError(
            ErrorCode.UNKNOWN_FRAME,
            "transform",
            [*translation.tolist(), *quaternion.tolist()],
            "a finite translation and a unit quaternion",
        )
    return RigidTransform(rotation_matrix(quaternion / length), translation)


def rotation_matrix(quaternion: Float[np.ndarray, " 4"]) -> Float[np.ndarray, "3 3"]:
    """Return the rotation matrix of a unit quaternion (w, x, y, z)."""
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
