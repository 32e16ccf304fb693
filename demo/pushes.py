"""Where and how to push: points on the surface of a scan."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from neurok_model.data.depth_camera import estimated_normals
from neurok_model.geometry import PointCloud, TriangleMesh, sample_surface, triangle_components
from neurok_model.mechanics import Push

_SURFACE_POINTS = 3000


def surface_points(
    scan: TriangleMesh | PointCloud, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Points on a scan with their outward normals: a few thousand samples of a mesh, or the cloud's own."""
    if isinstance(scan, TriangleMesh):
        mesh = scan.validated()
        samples = sample_surface(mesh, triangle_components(mesh), _SURFACE_POINTS, generator)
        return samples.points, samples.normals
    if scan.normals is not None:
        return scan.points, scan.normals
    above = scan.points.max(axis=0) + [0.0, 0.0, np.ptp(scan.points)]
    viewpoint = above if scan.viewpoint is None else scan.viewpoint
    return scan.points, estimated_normals(scan.points, viewpoint)


def nearest(points: Float[np.ndarray, "n 3"], targets: Float[np.ndarray, "m 3"]) -> Int[np.ndarray, " m"]:
    """Index of the point nearest to each target."""
    distances = np.linalg.norm(points[None] - targets[:, None], axis=-1)
    return np.argmin(distances, axis=1)


def spread_out(points: Float[np.ndarray, "n 3"], count: int, first: int = 0) -> Int[np.ndarray, " count"]:
    """Indices of ``count`` points, each as far as possible from those before it."""
    chosen = [first]
    distance = np.linalg.norm(points - points[first], axis=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen)


def pushes_all_over(
    scan: TriangleMesh | PointCloud, count: int, force: float, duration: float, seed: int
) -> list[Push]:
    """Equally strong pushes straight into the surface, spread evenly over it.

    Args:
        scan: what is pushed.
        count: how many candidates.
        force: strength of each, newtons.
        duration: of each, seconds.
        seed: of the choice of points.
    """
    points, normals = surface_points(scan, np.random.default_rng(seed))
    chosen = spread_out(points, count)
    return [Push(points[i], -force * normals[i], duration) for i in chosen]
