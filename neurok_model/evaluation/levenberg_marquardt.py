"""Levenberg-Marquardt from several starts at once, with matches that may change in every iteration.

Minimises over coordinates c of a deformation x(c)

    f(c) = sum_i s_i rho(|x_i(c) - y_i|) + λ (c - m)ᵀ P (c - m)

with matches y and the loss rho from a matcher, the Jacobian of x analytic, and a quadratic prior (Nocedal and Wright,
"Numerical Optimization", section 10.3; Marquardt's scaling of the damping by the diagonal).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.evaluation.evidence import Matcher


class Deformation(ABC):
    """Points of an object as a smooth function of some coordinates.

    Attributes:
        mean: [k], most probable coordinates.
        precision: [k, k], inverse covariance of the prior.
    """

    mean: Float[Tensor, " k"]
    precision: Float[Tensor, "k k"]

    @abstractmethod
    def positions(self, coordinates: Float[Tensor, "f k"]) -> Float[Tensor, "f n 3"]:
        """Positions for f sets of coordinates, longest side = 1."""

    @abstractmethod
    def jacobian(self, coordinates: Float[Tensor, "f k"]) -> Float[Tensor, "f n 3 k"]:
        """Derivatives of the positions."""


@dataclass(frozen=True)
class SearchSettings:
    """How hard to search.

    Attributes:
        iterations: at most so many steps.
        trial_iterations: steps after which only the most promising starts go on.
        kept: how many of them.
        prior_weight: λ, against mean squared distances, longest side = 1.
        tolerance: a start is finished once a step gains less than this share.
    """

    iterations: int = 40
    trial_iterations: int = 4
    kept: int = 2
    prior_weight: float = 1e-6
    tolerance: float = 1e-4


class Found(NamedTuple):
    """The best coordinates, and their mean squared distance."""

    coordinates: Float[Tensor, " k"]
    squared_distance: float


class _Candidate:
    """One start on its way."""

    def __init__(self, coordinates: Tensor) -> None:
        self.coordinates = coordinates
        self.damping = 1e-3
        self.cost = float("inf")
        self.squared_distance = float("inf")
        self.curvature: Tensor | None = None
        self.gradient: Tensor | None = None
        self.finished = False


@torch.no_grad()
def search(
    deformation: Deformation,
    matcher: Matcher,
    starts: Float[Tensor, "f k"],
    settings: SearchSettings = SearchSettings(),
) -> Found:
    """Minimise from every start and return the best result."""
    problem = _Problem(deformation, matcher, settings)
    candidates = [_Candidate(start) for start in starts.double()]
    for candidate, (cost, squared) in zip(candidates, problem.costs(starts.double()), strict=True):
        candidate.cost, candidate.squared_distance = cost, squared
    for iteration in range(settings.iterations):
        if iteration == settings.trial_iterations:
            candidates = sorted(candidates, key=lambda each: each.cost)[: settings.kept]
        active = [each for each in candidates if not each.finished]
        if not active:
            break
        problem.linearise([each for each in active if each.curvature is None])
        trials = torch.stack([problem.step(each) for each in active])
        for each, trial, (cost, squared) in zip(active, trials, problem.costs(trials), strict=True):
            if cost < each.cost:
                each.finished = each.cost - cost < settings.tolerance * each.cost
                each.coordinates, each.cost, each.squared_distance = trial, cost, squared
                each.curvature = None
                each.damping = max(each.damping / 4.0, 1e-9)
            else:
                each.damping *= 8.0
                each.finished = each.damping > 1e5
    best = min(candidates, key=lambda each: each.cost)
    return Found(best.coordinates, best.squared_distance)


class _Problem:
    """Costs and derivatives of the objective."""

    def __init__(self, deformation: Deformation, matcher: Matcher, settings: SearchSettings) -> None:
        self._deformation, self._matcher = deformation, matcher
        self._mean = deformation.mean.double()
        self._precision = settings.prior_weight * deformation.precision.double()

    def costs(self, coordinates: Float[Tensor, "f k"]) -> list[tuple[float, float]]:
        """Objective and mean squared distance of several coordinates."""
        matches = [self._matcher(standing) for standing in self._positions(coordinates)]
        offset = coordinates - self._mean
        prior = ((offset @ self._precision) * offset).sum(-1).tolist()
        return [(each.cost + more, each.squared_distance) for each, more in zip(matches, prior, strict=True)]

    def linearise(self, candidates: list[_Candidate]) -> None:
        """Set curvature (Gauss-Newton) and gradient, both halved, where the candidates are."""
        if not candidates:
            return
        coordinates = torch.stack([each.coordinates for each in candidates])
        jacobians = self._deformation.jacobian(coordinates.to(self._deformation.mean))
        for each, standing, jacobian in zip(candidates, self._positions(coordinates), jacobians, strict=True):
            matches = self._matcher(standing)
            used = torch.as_tensor(np.flatnonzero(matches.weight > 0.0), device=jacobian.device)
            weight = torch.as_tensor(matches.weight, device=jacobian.device)[used].repeat_interleave(3)
            misfit = torch.as_tensor(standing - matches.wanted, device=jacobian.device)[used].flatten()
            tangent = jacobian[used].flatten(0, 1).double()
            weighted = tangent * weight[:, None]
            offset = each.coordinates - self._mean
            each.curvature = weighted.T @ tangent + self._precision
            each.gradient = weighted.T @ misfit + self._precision @ offset

    def step(self, candidate: _Candidate) -> Float[Tensor, " k"]:
        """Where the damped Gauss-Newton step leads."""
        curvature, gradient = candidate.curvature, candidate.gradient
        assert curvature is not None
        assert gradient is not None
        scaling = torch.diag(curvature.diagonal().clamp_min(1e-12))
        return candidate.coordinates - torch.linalg.solve(curvature + candidate.damping * scaling, gradient)

    def _positions(self, coordinates: Float[Tensor, "f k"]) -> Float[np.ndarray, "f n 3"]:
        positions = self._deformation.positions(coordinates.to(self._deformation.mean))
        return positions.double().cpu().numpy()
