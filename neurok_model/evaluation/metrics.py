"""How far a predicted pose is from the true one: Chamfer distances, occupancy overlaps, correspondence error.

All lengths are in longest sides of M0: the longest side of the smallest upright box around it is 1. The formulas,
for samples A of the prediction and B of the target with nearest-neighbour distance d(a, B) = min_b ‖a - b‖₂:

    chamfer_l1 = ½ (mean_a d(a, B) + mean_b d(b, A))
    chamfer_l2 = ½ (√mean_a d(a, B)² + √mean_b d(b, A)²)

The first is the "Chamfer-L1" of Occupancy Networks (Mescheder et al., 2019). The second takes the root, so that both
are lengths: the NeuROK paper reports 0.028 for either without a formula, and a mean of squares of that size would
mean distances of 17 % of the object. The root is the stricter reading.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from neurok_model.evaluation.occupancy import (
    SURFACE_CELLS,
    VOLUME_CELLS,
    inside_cells,
    overlap,
    surface_cells,
)
from neurok_model.geometry import Normalisation
from neurok_model.geometry.sampling import draw_on_triangles, triangle_areas_and_normals

SAMPLES = 10_000
"""Surface samples of each pose."""

FARTHEST = 2.0
"""Vertices are counted as at most so many longest sides from the middle of M0: a prediction that flies away is wrong
enough there, and grids stay small."""

METRICS = ("chamfer_l1", "chamfer_l2", "surface_iou", "volume_iou", "correspondence_error")


def chamfer(first: Float[np.ndarray, "a 3"], second: Float[np.ndarray, "b 3"]) -> tuple[float, float]:
    """Chamfer distances ``chamfer_l1`` and ``chamfer_l2`` between two sets of samples; see the module."""
    return _chamfer(first, cKDTree(first), second, cKDTree(second))


def _chamfer(
    first: Float[np.ndarray, "a 3"], first_tree: cKDTree, second: Float[np.ndarray, "b 3"], second_tree: cKDTree
) -> tuple[float, float]:
    forth, back = second_tree.query(first)[0], first_tree.query(second)[0]
    mean = 0.5 * (forth.mean() + back.mean())
    root = 0.5 * (np.sqrt((forth**2).mean()) + np.sqrt((back**2).mean()))
    return float(mean), float(root)


def surface_samples(
    vertices: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    count: int,
    generator: np.random.Generator,
) -> tuple[Int[np.ndarray, " s"], Float[np.ndarray, "s 3"]]:
    """Triangles and barycentric coordinates of points that are spread evenly over a surface."""
    return draw_on_triangles(triangle_areas_and_normals(vertices[triangles])[0], count, generator)


def at_samples(
    vertices: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    samples: tuple[Int[np.ndarray, " s"], Float[np.ndarray, "s 3"]],
) -> Float[np.ndarray, "s 3"]:
    """Where material points lie on the surface in some pose."""
    triangle, barycentric = samples
    return np.einsum("sc,scd->sd", barycentric, vertices[triangles[triangle]])


@dataclass(frozen=True)
class PoseMetrics:
    """The five figures of one predicted pose; see the module. ``volume_iou`` is NaN for open surfaces."""

    chamfer_l1: float
    chamfer_l2: float
    surface_iou: float
    volume_iou: float
    correspondence_error: float


class PoseJudge:
    """Judges poses of one object against its true target pose.

    Args:
        rest: vertices of M0, metres, z up; its longest side is the unit.
        triangles: vertex indices.
        target: vertices of the true target pose, metres.
        seed: of all samples; predictions and target are sampled independently.
    """

    def __init__(
        self,
        rest: Float[np.ndarray, "n 3"],
        triangles: Int[np.ndarray, "t 3"],
        target: Float[np.ndarray, "n 3"],
        seed: int,
    ) -> None:
        box = Normalisation.of(rest[np.unique(triangles)])
        self.scale = box.scale
        # Axis-aligned boxes with their faces on the grid's planes would make occupancy a matter of rounding.
        self._origin = box.centre + box.scale * np.array((0.00123, -0.00211, 0.00307))
        self.triangles = triangles
        self.target = self._unit(target)
        self._seed = seed
        generator = np.random.default_rng((seed, 0))
        self._target_samples = self._drawn(self.target, generator)
        self._target_tree = cKDTree(self._target_samples)
        self._target_cells = surface_cells(self.target, triangles, 1.0 / SURFACE_CELLS, generator)
        self._target_inside = inside_cells(self.target, triangles, 1.0 / VOLUME_CELLS)
        self._material = surface_samples(self._unit(rest), triangles, SAMPLES, generator)
        self._target_material = at_samples(self.target, triangles, self._material)

    def judge(self, prediction: Float[np.ndarray, "n 3"]) -> PoseMetrics:
        """Compare a predicted pose (vertices, metres) with the target."""
        vertices = np.clip(self._unit(prediction), -FARTHEST, FARTHEST)
        generator = np.random.default_rng((self._seed, 1))
        samples = self._drawn(vertices, generator)
        mean, root = _chamfer(samples, cKDTree(samples), self._target_samples, self._target_tree)
        cells = surface_cells(vertices, self.triangles, 1.0 / SURFACE_CELLS, generator)
        difference = at_samples(vertices, self.triangles, self._material) - self._target_material
        return PoseMetrics(
            mean,
            root,
            overlap(cells, self._target_cells),
            overlap(inside_cells(vertices, self.triangles, 1.0 / VOLUME_CELLS), self._target_inside),
            float(np.linalg.norm(difference, axis=1).mean()),
        )

    def floor(self) -> PoseMetrics:
        """What a perfect prediction would get: the target against itself, sampled again."""
        return self.judge(self.target * self.scale + self._origin)

    def _unit(self, vertices: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        return (np.asarray(vertices, dtype=np.float64) - self._origin) / self.scale

    def _drawn(self, vertices: Float[np.ndarray, "n 3"], generator: np.random.Generator) -> Float[np.ndarray, "s 3"]:
        return at_samples(vertices, self.triangles, surface_samples(vertices, self.triangles, SAMPLES, generator))
