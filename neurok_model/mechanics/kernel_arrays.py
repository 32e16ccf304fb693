"""The plain arrays that the compiled rollout works on: one object's mechanics, and the loads on its
candidates.

The embedding's dimension r is padded with zeros to a multiple of ``LANES``, so that inner loops have no
remainder.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from neurok_model.mechanics.actions import PointLoads
from neurok_model.mechanics.damping import MassProportional, StiffnessProportional, Viscous
from neurok_model.mechanics.potentials import Elastic, Gravity, PriorDensity, StaticEquilibrium, Walls
from neurok_model.mechanics.system import LagrangianSystem
from neurok_model.reduction.smooth_map import SmoothMap

SUPPORTED_POTENTIALS = (Gravity, Elastic, PriorDensity, StaticEquilibrium, Walls)
SUPPORTED_DAMPING = (MassProportional, StiffnessProportional, Viscous)


class MapArrays(NamedTuple):
    """A smooth map."""

    inner: np.ndarray
    """[k, h], W1 transposed."""
    bias: np.ndarray
    """[h]."""
    outer: np.ndarray
    """[r, h], W2."""
    linear: np.ndarray
    """[r, k], W0."""
    offset: np.ndarray
    """[r], -W2 tanh(b)."""


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
    """[w, 3]: energy, width and radius of w walls."""
    wall_mean: np.ndarray
    """[w, k]."""
    wall_precision: np.ndarray
    """[w, k, k]."""
    damping_rate: float
    has_viscous: bool
    viscous: np.ndarray
    """[k, k]."""
    latent_mass: float
    region_mean: np.ndarray
    """[k]."""
    region_precision: np.ndarray
    """[k, k]; zeros where there is no region."""
    region_radius: float
    region_limit: float


class LoadArrays(NamedTuple):
    """Loads in embedding coordinates of K candidates, c each."""

    vector: np.ndarray
    """[K, c, r]."""
    times: np.ndarray
    """[K, c, 2]: start and stop."""


def map_arrays(form: SmoothMap) -> MapArrays:
    """Lay out a smooth map."""
    bias, outer = _array(form.bias), _array(form.outer)
    return MapArrays(_array(form.inner.mT), bias, outer, _array(form.linear), -outer @ np.tanh(bias))


def term_arrays(system: LagrangianSystem) -> TermArrays:
    """Sum up the system's terms, all of which must be supported."""
    k, r = system.embedding.dimension, system.embedding.embedding_dimension
    load, slope, quadratic, viscous = np.zeros(r), np.zeros(k), np.zeros((k, k)), np.zeros((k, k))
    stiffness = constant = rate = 0.0
    walls: list[Walls] = []
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
            walls.append(term)
    for damping in system.damping:
        if isinstance(damping, MassProportional | StiffnessProportional):
            rate += damping.rate
        elif isinstance(damping, Viscous):
            viscous += _array(damping.coefficients)
    region = system.region
    return TermArrays(
        load,
        stiffness,
        constant,
        slope,
        quadratic,
        np.array([(wall.energy, wall.width, wall.region.radius) for wall in walls]).reshape(-1, 3),
        np.array([_array(wall.region.mean) for wall in walls]).reshape(-1, k),
        np.array([_array(wall.region.precision) for wall in walls]).reshape(-1, k, k),
        rate,
        bool(viscous.any()),
        viscous,
        float(system.latent_mass),
        np.zeros(k) if region is None else _array(region.mean),
        np.zeros((k, k)) if region is None else _array(region.precision),
        np.inf if region is None else float(region.radius),
        np.inf if region is None else float(system.trust_factor * region.radius),
    )


def load_arrays(loads: PointLoads | None, count: int, embedding_dimension: int) -> LoadArrays:
    """Lay out point loads; none gives no slots."""
    if loads is None:
        return LoadArrays(np.zeros((count, 0, embedding_dimension)), np.zeros((count, 0, 2)))
    return LoadArrays(_array(loads.embedded), _array(torch.stack((loads.start, loads.stop), dim=-1)))


def _array(tensor: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().double().numpy())
