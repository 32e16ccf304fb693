"""State estimation: the configuration whose surface an observation shows (inverse kinematics)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import cKDTree
from torch import Tensor

from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.reduction import PriorRegion
from neurok_model.scan import prepare_scan
from neurok_model.surface import ReducedSurface

ITERATIONS = 40
STARTS = 8
"""Configurations from which a cloud's fit begins: nearest-point matching has local minima."""

PRIOR_WEIGHT = 1e-6
"""Weight of the prior's negative log-density against the mean squared distance, longest side = 1."""

Rows = tuple[Float[Tensor, "m 3 r"], Float[Tensor, "m 3"]]
"""Modes at matched points, and the displacement from rest that would bring them onto the observation."""


def fit_configuration(
    surface: ReducedSurface,
    region: PriorRegion,
    observation: TriangleMesh | PointCloud,
    start: Float[np.ndarray, " k"],
    seed: int = 0,
) -> tuple[Float[np.ndarray, " k"], float]:
    """Minimise the squared distance between the object and an observation by Levenberg-Marquardt.

    An observation with as many vertices as the scan, and the same triangles, is matched vertex by vertex. Anything
    else is matched to the nearest surface points, again in every iteration, from several starts.

    Returns:
        q, and the root-mean-square distance in metres.
    """
    checked = observation.validated()
    if isinstance(checked, TriangleMesh) and _corresponds(checked, surface):
        modes = surface.vertex_modes().to(surface.embedding.device)
        rows = (modes, torch.as_tensor(checked.vertices - surface.rest_vertices).to(modes))
        return _minimise(surface, region, lambda _: rows, start)
    return _fit_by_nearest_points(surface, region, checked, start, seed)


def _corresponds(mesh: TriangleMesh, surface: ReducedSurface) -> bool:
    """Whether the mesh is the scan in another pose, vertex by vertex."""
    return len(mesh.vertices) == len(surface.rest_vertices) and np.array_equal(mesh.triangles, surface.triangles)


def _fit_by_nearest_points(
    surface: ReducedSurface,
    region: PriorRegion,
    observation: TriangleMesh | PointCloud,
    start: Float[np.ndarray, " k"],
    seed: int,
) -> tuple[Float[np.ndarray, " k"], float]:
    observed = prepare_scan(observation, seed).samples.points
    observed_tree = cKDTree(observed)
    complete = isinstance(observation, TriangleMesh)
    modes, rest = surface.point_modes(), surface.scan.samples.points

    def match(q: Float[np.ndarray, " k"]) -> Rows:
        standing = surface.points(q)
        nearest = cKDTree(standing).query(observed)[1]
        index, wanted = nearest, observed - rest[nearest]
        if complete:
            # A mesh shows the whole object, so every point of the object must lie on it too.
            back = observed_tree.query(standing)[1]
            index = np.concatenate((index, np.arange(len(rest))))
            wanted = np.concatenate((wanted, observed[back] - rest))
        return modes[torch.as_tensor(index)], torch.as_tensor(wanted).to(modes)

    draws = region.sample(STARTS - 1, torch.Generator().manual_seed(seed)).cpu().numpy()
    fits = [_minimise(surface, region, match, begin) for begin in (start, *draws)]
    return min(fits, key=lambda fit: fit[1])


def _minimise(
    surface: ReducedSurface,
    region: PriorRegion,
    match: Callable[[Float[np.ndarray, " k"]], Rows],
    start: Float[np.ndarray, " k"],
) -> tuple[Float[np.ndarray, " k"], float]:
    """Levenberg-Marquardt with matches that may change from iteration to iteration."""
    embedding, scale = surface.embedding, surface.scan.normalisation.scale
    mean, precision = region.mean.double(), PRIOR_WEIGHT * scale**2 * region.precision.double()
    q = torch.as_tensor(start, dtype=torch.float64)

    def linearise(position: Tensor) -> tuple[float, float, Tensor, Tensor]:
        rows, wanted = match(position.cpu().numpy())
        y, jacobian = embedding.value_and_jacobian(position.to(embedding.device, embedding.dtype)[None])
        tangent = (rows.flatten(0, 1) @ jacobian[0]).double()
        misfit = ((rows @ y[0]) - wanted).flatten().double()
        count = len(rows)
        offset = position - mean
        squared = float(misfit @ misfit) / count
        cost = squared + float(offset @ precision @ offset)
        return cost, squared, tangent.T @ tangent / count + precision, tangent.T @ misfit / count + precision @ offset

    cost, squared, curvature, gradient = linearise(q)
    damping = 1e-3
    for _ in range(ITERATIONS):
        diagonal = torch.diag(curvature.diagonal().clamp_min(1e-12))
        change = torch.linalg.solve(curvature + damping * diagonal, -gradient)
        trial = linearise(q + change)
        if trial[0] < cost:
            converged = cost - trial[0] < 1e-9 * cost
            q = q + change
            cost, squared, curvature, gradient = trial
            damping = max(damping / 4.0, 1e-9)
            if converged:
                break
        else:
            damping *= 6.0
            if damping > 1e6:
                break
    return q.cpu().numpy(), squared**0.5
