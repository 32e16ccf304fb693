"""From a scan to the surface points that stand for the object, and the vertices that follow them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from neurok_model.geometry import (
    Normalisation,
    PointCloud,
    SurfaceSamples,
    TriangleMesh,
    drive_weights,
    sample_surface,
    triangle_components,
)

SURFACE_POINTS = 1024
"""Points that stand for the surface, whatever the scan's resolution."""

NORMAL_NEIGHBOURS = 24
"""Neighbours from which a cloud's normals are estimated."""

CLOSE_POINTS = 2048
"""Surface points that only show the networks what the surface is like close to the others."""

LARGEST_CLOUD = 20_000
"""Points of a cloud that are looked at; more of them add time, not shape."""


@dataclass(frozen=True)
class PreparedScan:
    """A validated scan with its surface points.

    Args:
        content_hash: hexadecimal digest of the scan's vertices and triangles.
        vertices: the scan's own vertices (or points), metres.
        triangles: the scan's triangles; none for a cloud.
        samples: points that stand for the surface, each with its share of the area.
        close_points: more points of the surface, metres, which carry nothing.
        close_normals: their unit normals.
        normalisation: between metres and the networks' coordinates.
        vertex_component: connected component of each vertex; -1 where no triangle uses it.
    """

    content_hash: str
    vertices: Float[np.ndarray, "v 3"]
    triangles: Int[np.ndarray, "t 3"]
    samples: SurfaceSamples
    close_points: Float[np.ndarray, "c 3"]
    close_normals: Float[np.ndarray, "c 3"]
    normalisation: Normalisation
    vertex_component: Int[np.ndarray, " v"]

    @cached_property
    def _driving(self) -> tuple[Int[np.ndarray, "v k"], Float[np.ndarray, "v k"]]:
        # Found when vertices are first asked for: encoding needs none, however many there are.
        return drive_weights(self.vertices, self.vertex_component, self.samples.points, self.samples.component)

    @property
    def drive_index(self) -> Int[np.ndarray, "v k"]:
        """Surface points that drive each vertex."""
        return self._driving[0]

    @property
    def drive_weight(self) -> Float[np.ndarray, "v k"]:
        """How much each of them contributes."""
        return self._driving[1]


def prepare_scan(scan: TriangleMesh | PointCloud, seed: int) -> PreparedScan:
    """Validate a scan and sample its surface.

    Args:
        scan: mesh or cloud, metres.
        seed: of the surface points; the same scan and seed give the same points.

    Raises:
        NeurokError: when the scan does not describe an object; see the scan's ``validated``.
    """
    checked = scan.validated()
    generator = np.random.default_rng(seed)
    if isinstance(checked, TriangleMesh):
        vertices, triangles = checked.vertices, checked.triangles
        component = triangle_components(checked)
        samples = sample_surface(checked, component, SURFACE_POINTS, generator)
        closer = sample_surface(checked, component, CLOSE_POINTS, generator)
        # In no order, so that any number of them are from everywhere; as sampled, one part follows the other.
        order = generator.permutation(len(closer.points))
        close_points, close_normals = closer.points[order], closer.normals[order]
        vertex_component = np.full(len(vertices), -1, dtype=np.int64)
        vertex_component[triangles.reshape(-1)] = np.repeat(component, 3)
    else:
        vertices, triangles = checked.points, np.empty((0, 3), dtype=np.int64)
        samples, close_points, close_normals = _sample_cloud(checked, generator)
        vertex_component = np.zeros(len(vertices), dtype=np.int64)
    box = Normalisation.of(vertices[vertex_component >= 0], samples.points)
    return PreparedScan(
        _digest(vertices, triangles), vertices, triangles, samples, close_points, close_normals, box, vertex_component
    )


def _digest(vertices: Float[np.ndarray, "v 3"], triangles: Int[np.ndarray, "t 3"]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    digest.update(np.ascontiguousarray(vertices, dtype=np.float32).tobytes())
    digest.update(np.ascontiguousarray(triangles, dtype=np.int32).tobytes())
    return digest.hexdigest()


def _sample_cloud(
    cloud: PointCloud, generator: np.random.Generator
) -> tuple[SurfaceSamples, Float[np.ndarray, "c 3"], Float[np.ndarray, "c 3"]]:
    """Evenly spread points of a cloud, each standing for the same share of the surface; any of its points, normals."""
    import open3d  # Imported here: it takes a second, and meshes do not need it.

    points, normals = cloud.points, cloud.normals
    if len(points) > LARGEST_CLOUD:
        chosen = generator.choice(len(points), LARGEST_CLOUD, replace=False)
        points, normals = points[chosen], None if normals is None else normals[chosen]
    geometry = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    if normals is not None:
        geometry.normals = open3d.utility.Vector3dVector(normals)
    else:
        neighbours = min(NORMAL_NEIGHBOURS, len(points))
        geometry.estimate_normals(open3d.geometry.KDTreeSearchParamKNN(neighbours))
        if cloud.viewpoint is not None:
            geometry.orient_normals_towards_camera_location(cloud.viewpoint)
        else:
            # Without a camera's position the outside is taken to face away from the middle.
            geometry.orient_normals_towards_camera_location(points.mean(axis=0))
            geometry.normals = open3d.utility.Vector3dVector(-np.asarray(geometry.normals))
    any_points = generator.permutation(len(points))[:CLOSE_POINTS]
    close_points, close_normals = np.asarray(geometry.points)[any_points], np.asarray(geometry.normals)[any_points]
    if len(points) > SURFACE_POINTS:
        geometry = geometry.farthest_point_down_sample(SURFACE_POINTS)
    chosen_points = np.asarray(geometry.points)
    count = len(chosen_points)
    samples = SurfaceSamples(
        chosen_points,
        np.asarray(geometry.normals),
        np.zeros(count, dtype=np.int64),
        np.zeros((count, 3)),
        np.zeros(count, dtype=np.int64),
        np.full(count, 1.0 / count),
    )
    return samples, close_points, close_normals
