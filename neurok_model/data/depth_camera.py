"""A depth camera: partial, noisy point clouds of a mesh, as a robot would get them.

Rays are cast by Open3D. Depth is disturbed the way triangulating sensors disturb it: noise grows with the
square of the distance, values are rounded in inverse depth (disparity), and readings are missing at grazing
surfaces, at depth edges, in random pixels and in random patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import PointCloud, TriangleMesh


@dataclass(frozen=True)
class DepthCamera:
    """Optics and errors of a depth camera.

    Attributes:
        width: pixels across.
        height: pixels down.
        field_of_view: horizontal angle of view in radians.
        noise_floor: standard deviation of depth at no distance, metres.
        noise_per_square_metre: what each squared metre of distance adds to it, 1/metres.
        disparity_step: rounding of inverse depth, 1/metres; at depth z a step is z² times as many metres.
        pixel_jitter: standard deviation of the ray's direction in pixels.
        missing_share: share of pixels without a reading, at random.
        missing_patches: expected number of round patches without readings per view.
        grazing_limit: surfaces seen under a smaller angle than this (radians) give no reading.
        edge_ratio: a pixel whose depth differs from a neighbour's by more than this share of the depth
            lies on an edge, where half of the readings are missing.
    """

    width: int = 160
    height: int = 120
    field_of_view: float = 1.0
    noise_floor: float = 0.0003
    noise_per_square_metre: float = 0.0015
    disparity_step: float = 0.001
    pixel_jitter: float = 0.3
    missing_share: float = 0.03
    missing_patches: float = 2.0
    grazing_limit: float = 0.12
    edge_ratio: float = 0.03

    def without_errors(self) -> DepthCamera:
        """The same optics with exact and complete depth."""
        return DepthCamera(self.width, self.height, self.field_of_view, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, np.inf)

    def noise(self, depth: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Standard deviation of a reading at each depth, metres."""
        return self.noise_floor + self.noise_per_square_metre * depth**2


def viewpoints_around(
    mesh: TriangleMesh, count: int, rng: np.random.Generator, camera: DepthCamera | None = None
) -> Float[np.ndarray, "views 3"]:
    """Camera positions that see the whole object from different sides, 10 to 60 degrees above it.

    The distance makes the object fill 50 to 80 per cent of the picture; the views are spread around the
    object in azimuth with some randomness.
    """
    optics = camera or DepthCamera()
    low, high = _bounds(mesh)
    center, radius = 0.5 * (low + high), 0.5 * float(np.linalg.norm(high - low))
    narrow = 0.5 * optics.field_of_view * min(1.0, optics.height / optics.width)
    distance = radius / np.sin(narrow) / rng.uniform(0.5, 0.8, count)
    azimuth = rng.uniform(0, 2 * np.pi) + 2 * np.pi * (np.arange(count) + rng.uniform(-0.25, 0.25, count)) / count
    elevation = rng.uniform(np.radians(10), np.radians(60), count)
    direction = np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=-1
    )
    return center + distance[:, None] * direction


def scan(
    mesh: TriangleMesh,
    viewpoints: Float[np.ndarray, "views 3"],
    rng: np.random.Generator,
    camera: DepthCamera | None = None,
    table_clearance: float | None = None,
) -> PointCloud:
    """The readings of one camera placed at each viewpoint in turn, looking at the object's middle.

    Args:
        mesh: the object, in metres and in the world frame.
        viewpoints: camera positions in the world frame.
        rng: source of all errors; the same state gives the same cloud.
        camera: optics and errors.
        table_clearance: when given, readings lower than this above the object's lowest point are missing,
            as after the removal of the table's plane.

    Returns:
        Points in the world frame with unit normals that are estimated from the points themselves and turned
        towards the camera; ``viewpoint`` is set when there is only one view.

    Raises:
        NeurokError: when fewer than 3 readings remain.
    """
    checked = mesh.validated()
    optics = camera or DepthCamera()
    low, high = _bounds(checked)
    caster = _ray_caster(checked)
    clouds, directions = [], []
    for eye in np.asarray(viewpoints, dtype=np.float64):
        view = _one_view(caster, eye, 0.5 * (low + high), rng, optics)
        if table_clearance is not None:
            view = view[view[:, 2] > low[2] + table_clearance]
        # View by view, so that the two sides of a thin part, seen from two sides, do not mix.
        clouds.append(view)
        directions.append(estimated_normals(view, eye))
    points, normals = np.concatenate(clouds), np.concatenate(directions)
    if len(points) < 3:
        allowed = "viewpoints from which at least 3 readings of the object remain"
        raise NeurokError(ErrorCode.INVALID_POINT_CLOUD, "viewpoints", f"{len(points)} readings", allowed)
    return PointCloud(points, normals, np.array(viewpoints[0]) if len(viewpoints) == 1 else None)


def estimated_normals(
    points: Float[np.ndarray, "n 3"], viewpoint: Float[np.ndarray, " 3"], neighbours: int = 12
) -> Float[np.ndarray, "n 3"]:
    """Normals of the planes that fit each point's neighbours best, turned towards the viewpoint."""
    if len(points) == 0:
        return np.zeros((0, 3))
    count = min(neighbours, len(points))
    nearest = cKDTree(points).query(points, k=count)[1].reshape(len(points), count)
    offsets = points[nearest] - points[nearest].mean(axis=1, keepdims=True)
    covariance = np.einsum("nki,nkj->nij", offsets, offsets)
    # eigh sorts eigenvalues upwards: the first direction is the one with the least spread.
    normals = np.linalg.eigh(covariance)[1][..., 0]
    facing = np.einsum("ni,ni->n", normals, viewpoint - points)
    return np.where(facing[:, None] < 0, -normals, normals)


def _bounds(mesh: TriangleMesh) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    used = np.asarray(mesh.vertices, dtype=np.float64)[np.unique(mesh.triangles)]
    return used.min(axis=0), used.max(axis=0)


def _ray_caster(mesh: TriangleMesh) -> Any:
    # Open3D takes seconds to import: only those who cast rays pay for it.
    import open3d

    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        open3d.core.Tensor(np.ascontiguousarray(mesh.vertices, dtype=np.float32)),
        open3d.core.Tensor(np.ascontiguousarray(mesh.triangles, dtype=np.uint32)),
    )
    return scene


def _camera_axes(eye: Float[np.ndarray, " 3"], target: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    """Columns: right, down and forward, with the horizon level unless the view is straight down."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    up = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.999 else np.array([1.0, 0.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def _one_view(
    caster: Any,
    eye: Float[np.ndarray, " 3"],
    target: Float[np.ndarray, " 3"],
    rng: np.random.Generator,
    optics: DepthCamera,
) -> Float[np.ndarray, "n 3"]:
    import open3d

    pitch = 2 * np.tan(0.5 * optics.field_of_view) / optics.width
    columns, rows = np.meshgrid(np.arange(optics.width) + 0.5, np.arange(optics.height) + 0.5)
    pixels = np.stack([columns - optics.width / 2, rows - optics.height / 2], axis=-1)
    looked_along = pixels + optics.pixel_jitter * rng.normal(size=pixels.shape)
    axes = _camera_axes(eye, target)
    directions = _ray_directions(looked_along * pitch, axes)
    rays = np.concatenate([np.broadcast_to(eye, directions.shape), directions], axis=-1).astype(np.float32)
    hits = caster.cast_rays(open3d.core.Tensor(rays))
    # Directions have a forward component of one, so the ray parameter is the depth.
    depth = hits["t_hit"].numpy().astype(np.float64)
    unit = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    grazing = np.abs(np.einsum("hwi,hwi->hw", hits["primitive_normals"].numpy(), unit))
    seen = _readings(depth, grazing, rng, optics)
    reading = depth[seen] + optics.noise(depth[seen]) * rng.normal(size=int(seen.sum()))
    if optics.disparity_step > 0:
        steps = np.maximum(np.round(1.0 / reading / optics.disparity_step), 1.0)
        reading = 1.0 / (steps * optics.disparity_step)
    # The camera believes that it looked along the middle of the pixel.
    return eye + reading[:, None] * _ray_directions(pixels * pitch, axes)[seen]


def _ray_directions(
    slopes: Float[np.ndarray, "rows columns 2"], axes: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "rows columns 3"]:
    ahead = np.ones((*slopes.shape[:2], 1))
    return np.concatenate([slopes, ahead], axis=-1) @ axes.T


def _readings(
    depth: Float[np.ndarray, "rows columns"],
    grazing: Float[np.ndarray, "rows columns"],
    rng: np.random.Generator,
    optics: DepthCamera,
) -> Bool[np.ndarray, "rows columns"]:
    """Which pixels give a reading."""
    seen = np.isfinite(depth) & (grazing >= np.sin(optics.grazing_limit))
    seen &= rng.random(depth.shape) >= optics.missing_share
    far = np.where(np.isfinite(depth), depth, np.inf)
    with np.errstate(invalid="ignore"):
        jump_right = np.abs(np.diff(far, axis=1)) > optics.edge_ratio * far[:, :-1]
        jump_down = np.abs(np.diff(far, axis=0)) > optics.edge_ratio * far[:-1]
    edge = np.zeros_like(seen)
    edge[:, :-1] |= jump_right
    edge[:, 1:] |= jump_right
    edge[:-1] |= jump_down
    edge[1:] |= jump_down
    seen &= ~(edge & (rng.random(depth.shape) < 0.5))
    rows, columns = np.indices(depth.shape)
    hit_rows, hit_columns = np.nonzero(seen)
    for _ in range(int(rng.poisson(optics.missing_patches)) if len(hit_rows) else 0):
        middle = int(rng.integers(len(hit_rows)))
        radius = rng.uniform(0.01, 0.05) * optics.width
        distance = (rows - hit_rows[middle]) ** 2 + (columns - hit_columns[middle]) ** 2
        seen &= distance > radius**2
    return seen
