"""The plain arrays that the compiled rollout works on: one object's mechanics, and the loads on its
candidates.

The embedding's dimension r and the number of hidden units are padded with zeros to multiples of ``LANES``, so that
inner loops have no remainder.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from neurok_model.mechanics.actions import NEVER, PointLoads
from neurok_model.mechanics.damping import MassProportional, StiffnessProportional, Viscous
from neurok_model.mechanics.potentials import Elastic, Gravity, PriorDensity, StaticEquilibrium, Walls
from neurok_model.mechanics.support import Support
from neurok_model.mechanics.system import LagrangianSystem
from neurok_model.mechanics.wall_damping import WallDamping
from neurok_model.reduction.smooth_map import SmoothMap

LANES = 8
"""Candidates per vector: one register of AVX-512, two of AVX2."""

SUPPORTED_POTENTIALS = (Gravity, Elastic, PriorDensity, StaticEquilibrium, Walls, Support)
SUPPORTED_DAMPING = (MassProportional, StiffnessProportional, Viscous, WallDamping)


class MapArrays(NamedTuple):
    """A smooth map."""

    inner: np.ndarray
    """[k, h], W1 transposed."""
    bias: np.ndarray
    """[h]."""
    outer: np.ndarray
    """[r, h + k], W2 and W0 side by side."""
    outer_transposed: np.ndarray
    """[h + k, r], the same."""
    first: np.ndarray
    """[2 + k, r], what sums begin with: -W2 tanh(b) for y, the columns of W0 for the rows of its Jacobian, and zeros
    for what y changes by.
    """


class TermArrays(NamedTuple):
    """All potentials and damping terms, summed by kind.

    V = stiffness / 2 |y|^2 - load . y + q^T quadratic q / 2 - slope . q + constant + walls.
    """

    load: np.ndarray
    """[r]."""
    stiffness: float
    constant: float
    slope: np.ndarray
    """[k]."""
    quadratic: np.ndarray
    """[k, k]."""
    walls: np.ndarray
    """[w, 4]: energy, width, radius and coefficient of damping of w walls."""
    wall_mean: np.ndarray
    """[w, k]."""
    wall_precision: np.ndarray
    """[w, k, k]."""
    damping_rate: float
    full_damping: bool
    """Whether more damps than a share of the mass matrix and one wall: it is then solved for as a full matrix."""
    viscous: np.ndarray
    """[k, k]."""
    latent: np.ndarray
    """[k, k], latent mass."""
    region_mean: np.ndarray
    """[k]."""
    region_precision: np.ndarray
    """[k, k]; zeros where there is no region."""
    region_radius: float
    region_limit: float


Loads = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of K candidates: modes at the contacts [K, c, 3, r], forces [N] or impulses [N s] [K, c, 3], and their start and stop
[K, c, 2] in seconds.
"""


class LoadArrays(NamedTuple):
    """Loads in embedding coordinates of K candidates, c each."""

    vector: np.ndarray
    """[K, c, r]."""
    times: np.ndarray
    """[K, c, 2]: start and stop."""


def map_arrays(form: SmoothMap) -> MapArrays:
    """Lay out a smooth map."""
    bias, inner = padded(_array(form.bias)), padded(_array(form.inner.mT))
    outer, linear = padded(padded(_array(form.outer)).T), padded(_array(form.linear.mT))
    # With one coordinate numpy would lay the columns out one after the other; the machine code reads rows.
    transposed = np.ascontiguousarray(np.concatenate((outer, linear)))
    first = np.concatenate((-(np.tanh(bias) @ outer)[None], linear, np.zeros_like(outer[:1])))
    return MapArrays(inner, bias, np.ascontiguousarray(transposed.T), transposed, first)


def padded(array: np.ndarray) -> np.ndarray:
    """The array with zeros after its last dimension, up to a multiple of ``LANES``."""
    width = array.shape[-1]
    if width % LANES == 0:
        return array
    result = np.zeros((*array.shape[:-1], width + -width % LANES))
    result[..., :width] = array
    return result


def term_arrays(system: LagrangianSystem) -> TermArrays:
    """Sum up the system's terms, all of which must be supported."""
    k, r = system.embedding.dimension, system.embedding.embedding_dimension
    load, slope, quadratic, viscous = np.zeros(r), np.zeros(k), np.zeros((k, k)), np.zeros((k, k))
    stiffness = constant = rate = 0.0
    walls: dict[Walls, list[float]] = {}
    for term in system.potentials:
        if isinstance(term, Gravity):
            load += _array(term.weight)
        elif isinstance(term, Elastic):
            squared, rest = term.angular_frequency**2, _array(term.rest)
            stiffness += squared
            load += squared * rest
            constant += 0.5 * squared * float(rest @ rest)
        elif isinstance(term, PriorDensity):
            precision, mean = term.energy * _array(term.region.precision), _array(term.region.mean)
            quadratic += precision
            slope += precision @ mean
            constant += 0.5 * float(mean @ precision @ mean)
        elif isinstance(term, StaticEquilibrium):
            slope += _array(term.force)
        elif isinstance(term, Walls):
            walls.setdefault(term, [0.0, 0.0])[0] += term.energy
    for damping in system.damping:
        if isinstance(damping, MassProportional | StiffnessProportional):
            rate += damping.rate
        elif isinstance(damping, Viscous):
            viscous += _array(damping.coefficients)
        elif isinstance(damping, WallDamping):
            walls.setdefault(damping.walls, [0.0, 0.0])[1] += damping.coefficient
    region = system.region
    return TermArrays(
        padded(load),
        stiffness,
        constant,
        slope,
        quadratic,
        np.array([(energy, w.width, w.region.radius, drag) for w, (energy, drag) in walls.items()]).reshape(-1, 4),
        np.array([_array(wall.region.mean) for wall in walls]).reshape(-1, k),
        np.array([_array(wall.region.precision) for wall in walls]).reshape(-1, k, k),
        rate,
        bool(viscous.any()) or sum(drag > 0.0 for _, drag in walls.values()) > 1,
        viscous,
        np.ascontiguousarray(_array(system.latent)),
        np.zeros(k) if region is None else _array(region.mean),
        np.zeros((k, k)) if region is None else _array(region.precision),
        np.inf if region is None else float(region.radius),
        np.inf if region is None else float(system.trust_factor * region.radius),
    )


def load_arrays(loads: PointLoads | None, rows: int, embedding_dimension: int) -> LoadArrays:
    """As ``laid_out``, for loads in tensors."""
    if loads is None:
        return laid_out(None, rows, embedding_dimension)
    times = np.stack((_array(loads.start), _array(loads.stop)), axis=-1)
    return laid_out((_array(loads.rows), _array(loads.vectors), times), rows, embedding_dimension)


def laid_out(loads: Loads | None, rows: int, embedding_dimension: int) -> LoadArrays:
    """Lay out loads in at least as many ``rows`` as there are candidates; none gives no slots."""
    width = embedding_dimension + -embedding_dimension % LANES
    if loads is None:
        return LoadArrays(np.zeros((rows, 0, width)), np.zeros((rows, 0, 2)))
    modes, vectors, times = loads
    count, slots = vectors.shape[:2]
    vector = np.zeros((rows, slots, width))
    vector[:count, :, :embedding_dimension] = (vectors[..., None, :] @ modes)[..., 0, :]
    all_times = np.full((rows, slots, 2), NEVER)
    all_times[:count] = times
    return LoadArrays(vector, all_times)


def _array(tensor: torch.Tensor) -> np.ndarray:
    if tensor.requires_grad or tensor.device.type != "cpu" or tensor.dtype != torch.float64:
        tensor = tensor.detach().cpu().double()
    return np.ascontiguousarray(tensor.numpy())
