"""What is known of the target pose, by protocol, and how points of the object are matched to it.

Every method, the model and the baselines alike, is given the same evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from neurok_model.data.depth_camera import scan as depth_scan
from neurok_model.data.depth_camera import viewpoints_around
from neurok_model.evaluation.metrics import at_samples, surface_samples
from neurok_model.evaluation.pose_task import PoseTask
from neurok_model.geometry import Normalisation, TriangleMesh
from neurok_model.scan import PreparedScan

CLOUD_POINTS = 2048
"""Points of an observed cloud."""

LOSS_WIDTH = 0.02
"""Distance from which on the loss is linear, as a share of the longest side.
A squared loss lets a part that cannot follow drag all the others along: on seven families the surface overlap was 0.56
with it, 0.60 with a width of 0.05 and 0.62 with 0.01; from partial clouds 0.05 was a little better than 0.01."""


class Protocol(StrEnum):
    """What is observed of the target pose."""

    CORRESPONDENCES = "correspondences"
    """Where every point of M0 has gone."""

    CLOUD = "cloud"
    """The whole surface as an unordered, exact cloud."""

    PARTIAL = "partial"
    """One view of a depth camera: half of the surface at best, noisy, with holes."""


@dataclass(frozen=True)
class Matches:
    """Where points of the object should go, as a least-squares problem: sum_i weight_i |x_i - wanted_i|².

    Attributes:
        wanted: wanted position of every point; anything where its weight is zero.
        weight: of each point.
        cost: the objective for the points as they stand.
        squared_distance: mean squared distance of the points as they stand.
    """

    wanted: Float[np.ndarray, "n 3"]
    weight: Float[np.ndarray, " n"]
    cost: float
    squared_distance: float


@dataclass(frozen=True)
class Evidence:
    """What every method is given.

    Attributes:
        points: points that are spread evenly over the scan of M0.
        targets: where each of them is in the target pose, when correspondences are known.
        vertex_targets: the same of the vertices of M0's mesh.
        seen: the observed cloud of the target pose otherwise.
        complete: whether that cloud covers the whole surface.
    """

    points: Float[np.ndarray, "n 3"]
    targets: Float[np.ndarray, "n 3"] | None = None
    vertex_targets: Float[np.ndarray, "v 3"] | None = None
    seen: Float[np.ndarray, "m 3"] | None = None
    complete: bool = False

    def normalised(self, box: Normalisation) -> Evidence:
        """The same in the networks' coordinates."""
        return Evidence(
            box.apply(self.points),
            None if self.targets is None else box.apply(self.targets),
            None if self.vertex_targets is None else box.apply(self.vertex_targets),
            None if self.seen is None else box.apply(self.seen),
            self.complete,
        )

    def some(self, chosen: Int[np.ndarray, " c"]) -> Evidence:
        """The same for some of the object's points."""
        return replace(self, points=self.points[chosen], targets=None if self.targets is None else self.targets[chosen])

    def matcher(self, width: float = LOSS_WIDTH) -> Matcher:
        """The rule that says where points should go.

        Args:
            width: of the loss (see :class:`Matcher`), as a share of the longest side of the object.
        """
        return Matcher(self, width * float(np.ptp(self.points, axis=0).max()))


class Matcher:
    """Matches points of the object, as they stand in some pose, to the evidence.

    With known correspondences the matches do not depend on the pose. Otherwise every observed point is matched to the
    nearest point of the object and, when the whole surface was seen, every point of the object to the nearest
    observed one; both halves weigh the same.

    The objective is the mean over the matches of rho(d) = 2 w² (sqrt(1 + d² / w²) - 1) of their distances d: the
    pseudo-Huber loss, squared below the width w and linear beyond it. For an infinite width it is d². Its
    least-squares form (iteratively reweighted least squares) weighs a match by rho'(d) / 2 d = 1 / sqrt(1 + d² / w²).

    Args:
        evidence: what is known.
        width: w, same unit as the evidence.
    """

    def __init__(self, evidence: Evidence, width: float = math.inf) -> None:
        self._evidence, self._width = evidence, width
        self._tree = None if evidence.seen is None else cKDTree(evidence.seen)

    def __call__(self, standing: Float[np.ndarray, "n 3"]) -> Matches:
        """Where points that stand like this should go."""
        evidence, count = self._evidence, len(standing)
        everyone = np.arange(count)
        if evidence.targets is not None:
            return self._reweighted(standing, everyone, evidence.targets, np.full(count, 1.0 / count))
        seen, tree = evidence.seen, self._tree
        assert seen is not None
        assert tree is not None
        index, wanted = cKDTree(standing).query(seen)[1], seen
        share = np.full(len(seen), 1.0 / len(seen))
        if evidence.complete:
            index = np.concatenate((index, everyone))
            wanted = np.concatenate((wanted, seen[tree.query(standing)[1]]))
            share = 0.5 * np.concatenate((share, np.full(count, 1.0 / count)))
        return self._reweighted(standing, index, wanted, share)

    def _reweighted(
        self,
        standing: Float[np.ndarray, "n 3"],
        index: Int[np.ndarray, " m"],
        wanted: Float[np.ndarray, "m 3"],
        share: Float[np.ndarray, " m"],
    ) -> Matches:
        """Gather the matches of each point: together they pull it towards their weighted mean."""
        squared = ((standing[index] - wanted) ** 2).sum(axis=1)
        root = np.sqrt(1.0 + squared / self._width**2)
        weight = share / root
        total = np.bincount(index, weight, len(standing))
        pull = np.stack([np.bincount(index, weight * wanted[:, axis], len(standing)) for axis in range(3)], axis=1)
        # 2 w² (root - 1), in a form that holds for an infinite width too.
        cost = float(share @ (2.0 * squared / (root + 1.0)))
        return Matches(pull / np.maximum(total, 1e-300)[:, None], total, cost, float(share @ squared))


def gather_evidence(task: PoseTask, scan: PreparedScan, protocol: Protocol, seed: int) -> Evidence:
    """Observe the target pose of a task.

    Args:
        task: the object and its target pose.
        scan: the prepared scan of M0, whose surface points stand for the object.
        protocol: what is observed.
        seed: of the observed points and of the camera's viewpoint and errors.

    Raises:
        NeurokError: when a camera sees nothing of the target.
    """
    points = scan.samples.points
    if protocol is Protocol.CORRESPONDENCES:
        return Evidence(points, _moved(task, scan), task.target)
    generator = np.random.default_rng((seed, 2))
    if protocol is Protocol.CLOUD:
        drawn = surface_samples(task.target, task.triangles, CLOUD_POINTS, generator)
        return Evidence(points, seen=at_samples(task.target, task.triangles, drawn), complete=True)
    mesh = TriangleMesh(task.target, task.triangles)
    cloud = depth_scan(mesh, viewpoints_around(mesh, 1, generator), generator).points
    if len(cloud) > CLOUD_POINTS:
        cloud = cloud[generator.choice(len(cloud), CLOUD_POINTS, replace=False)]
    return Evidence(points, seen=cloud)


def _moved(task: PoseTask, scan: PreparedScan) -> Float[np.ndarray, "n 3"]:
    """Surface points of the scan as they lie in the target pose."""
    samples = scan.samples
    if isinstance(task.scan, TriangleMesh):
        return at_samples(task.target, task.triangles, (samples.triangle, samples.barycentric))
    # A point of a noisy cloud moves like the point of the surface that is nearest to it.
    triangle, barycentric = closest_on_surface(task.rest, task.triangles, samples.points)
    still = at_samples(task.rest, task.triangles, (triangle, barycentric))
    return samples.points - still + at_samples(task.target, task.triangles, (triangle, barycentric))


def closest_on_surface(
    vertices: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    points: Float[np.ndarray, "s 3"],
) -> tuple[Int[np.ndarray, " s"], Float[np.ndarray, "s 3"]]:
    """Triangle and barycentric coordinates of the surface point nearest to each point."""
    import open3d  # Imported here: it takes a second.

    scene = open3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(
        open3d.core.Tensor(np.ascontiguousarray(vertices, dtype=np.float32)),
        open3d.core.Tensor(np.ascontiguousarray(triangles, dtype=np.uint32)),
    )
    found = scene.compute_closest_points(open3d.core.Tensor(points.astype(np.float32)), nthreads=1)
    second_third = found["primitive_uvs"].numpy().astype(np.float64)
    barycentric = np.concatenate((1.0 - second_third.sum(axis=1, keepdims=True), second_third), axis=1)
    return found["primitive_ids"].numpy().astype(np.int64), barycentric
