"""Scans as they arrive: triangle meshes and point clouds, checked before anything is computed from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from neurok_model.errors import ErrorCode, NeurokError

SMALLEST_OBJECT = 0.005
"""Longest side, in metres, under which a scan is taken for a mistake in units."""

LARGEST_OBJECT = 20.0
"""Longest side, in metres, over which a scan is taken for a mistake in units."""


@dataclass(frozen=True)
class TriangleMesh:
    """A triangle mesh, as it was given: nothing is known of its contents until it has been ``validated``.

    Args:
        vertices: [n, 3], positions in metres, in the object's frame (z up).
        triangles: [t, 3], indices into ``vertices``, counter-clockwise seen from outside.
    """

    vertices: np.ndarray
    triangles: np.ndarray

    def validated(self) -> TriangleMesh:
        """Return this mesh as float64 and int64 arrays, after checking that it describes an object.

        Raises:
            NeurokError: ``INVALID_MESH`` for wrong shapes, non-finite vertices, indices out of range or no
                triangles; ``IMPLAUSIBLE_SCALE`` when the size cannot be metres.
        """
        vertices = _positions(self.vertices, "vertices", ErrorCode.INVALID_MESH)
        triangles = np.asarray(self.triangles)
        if triangles.ndim != 2 or triangles.shape[1] != 3 or len(triangles) == 0:
            raise NeurokError(
                ErrorCode.INVALID_MESH, "triangles", f"shape {triangles.shape}", "an array [t, 3] with t >= 1"
            )
        triangles = triangles.astype(np.int64)
        outside = (triangles < 0) | (triangles >= len(vertices))
        if outside.any():
            raise NeurokError(
                ErrorCode.INVALID_MESH,
                f"triangles[{int(np.argwhere(outside)[0, 0])}]",
                triangles[outside.any(axis=1)][0].tolist(),
                f"vertex indices from 0 to {len(vertices) - 1}",
            )
        # Marking is ten times as fast as sorting out which indices occur.
        used = np.zeros(len(vertices), dtype=bool)
        used[triangles] = True
        _check_extent(vertices[used], "vertices", ErrorCode.INVALID_MESH)
        if _triangle_areas(vertices, triangles).sum() <= 0.0:
            raise NeurokError(ErrorCode.INVALID_MESH, "triangles", "total area 0", "at least one triangle with area")
        return TriangleMesh(vertices, triangles)


@dataclass(frozen=True)
class PointCloud:
    """An unordered set of surface points, as a depth camera gives them; unchecked until ``validated``.

    Args:
        points: [n, 3], positions in metres, in the object's frame (z up).
        normals: [n, 3], unit surface normals pointing outwards, or None to have them estimated.
        viewpoint: [3], where the camera stood, metres, in the object's frame; it tells which side of the surface
            is outside when normals are estimated.
    """

    points: np.ndarray
    normals: np.ndarray | None = None
    viewpoint: np.ndarray | None = None

    def validated(self) -> PointCloud:
        """Return this cloud as float64 arrays, after checking that it describes an object.

        Raises:
            NeurokError: ``INVALID_POINT_CLOUD`` for wrong shapes, non-finite points, fewer than 3 points or
                points that all coincide; ``IMPLAUSIBLE_SCALE`` when the size cannot be metres.
        """
        points = _positions(self.points, "points", ErrorCode.INVALID_POINT_CLOUD)
        _check_extent(points, "points", ErrorCode.INVALID_POINT_CLOUD)
        viewpoint = None if self.viewpoint is None else np.asarray(self.viewpoint, dtype=np.float64)
        if viewpoint is not None and (viewpoint.shape != (3,) or not np.isfinite(viewpoint).all()):
            raise NeurokError(
                ErrorCode.INVALID_POINT_CLOUD, "viewpoint", self.viewpoint, "three finite coordinates in metres"
            )
        if self.normals is None:
            return PointCloud(points, viewpoint=viewpoint)
        normals = np.asarray(self.normals, dtype=np.float64)
        if normals.shape != points.shape or not np.isfinite(normals).all():
            raise NeurokError(
                ErrorCode.INVALID_POINT_CLOUD,
                "normals",
                f"shape {normals.shape}",
                f"finite unit vectors of shape {points.shape}, or none at all",
            )
        return PointCloud(points, normals, viewpoint)


def _positions(values: np.ndarray, field: str, code: ErrorCode) -> Float[np.ndarray, "n 3"]:
    positions = np.asarray(values, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != 3 or len(positions) < 3:
        raise NeurokError(code, field, f"shape {positions.shape}", "an array [n, 3] with n >= 3")
    finite = np.isfinite(positions).all(axis=1)
    if not finite.all():
        index = int(np.argmin(finite))
        raise NeurokError(code, f"{field}[{index}]", positions[index].tolist(), "finite coordinates in metres")
    return positions


def _check_extent(points: Float[np.ndarray, "n 3"], field: str, code: ErrorCode) -> None:
    longest_side = float(np.ptp(points, axis=0).max())
    allowed = f"a longest side between {SMALLEST_OBJECT} m and {LARGEST_OBJECT} m"
    if longest_side == 0.0:
        raise NeurokError(code, field, f"{len(points)} equal points", "points that do not all coincide")
    if longest_side > LARGEST_OBJECT:
        hint = "; coordinates look like millimetres: divide them by 1000" if longest_side < 20_000 else ""
        raise NeurokError(ErrorCode.IMPLAUSIBLE_SCALE, field, f"longest side {longest_side:.6g} m", allowed + hint)
    if longest_side < SMALLEST_OBJECT:
        raise NeurokError(
            ErrorCode.IMPLAUSIBLE_SCALE,
            field,
            f"longest side {longest_side:.6g} m",
            allowed + "; coordinates must be metres",
        )


def _triangle_areas(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"]) -> Float[np.ndarray, " t"]:
    corners = vertices[triangles]
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return 0.5 * np.asarray(np.linalg.norm(doubled, axis=1))
