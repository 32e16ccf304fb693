"""The part of the reduced coordinates that the prior calls plausible: a Gaussian and a radius around its
mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.stats import chi2, norm
from torch import Tensor


@dataclass(frozen=True)
class PriorRegion:
    """The ellipsoid sqrt((q - mean)^T precision (q - mean)) <= radius: what the prior and the scan call plausible.

    Attributes:
        mean: [k], the ellipsoid's centre. The scanned rest pose is q = 0, which need not be the centre.
        precision: [k, k], symmetric positive definite: what distances are measured by.
        radius: edge of the region, in standard deviations.
        prior_mean: [k], the most probable configuration; None where it is the centre.
        prior_precision: [k, k], inverse covariance of the prior; None where it is ``precision``.
    """

    mean: Float[Tensor, " k"]
    precision: Float[Tensor, "k k"]
    radius: float
    prior_mean: Float[Tensor, " k"] | None = None
    prior_precision: Float[Tensor, "k k"] | None = None

    @classmethod
    def of_probability(
        cls,
        mean: Float[Tensor, " k"],
        precision: Float[Tensor, "k k"],
        probability: float = 0.95,
        rest_margin: float = 1.5,
    ) -> PriorRegion:
        """The region that holds ``probability`` of a Gaussian prior, and the rest pose with ``rest_margin`` standard
        deviations beyond it.

        The rest pose q = 0 was scanned, so it is possible whatever the prior says of it. Where the ball around the
        prior's mean does not hold it, the region is an ellipsoid along the line from rest to the mean, from the margin
        beyond rest to the ball's far side, and as wide as the probability asks for. A ball wide enough to hold the
        rest pose would be mostly configurations that neither the prior nor the scan speaks for.

        Args:
            mean: the prior's mean, relative to rest.
            precision: the prior's inverse covariance.
            probability: of the prior, to be held.
            rest_margin: in standard deviations.
        """
        ball = float(chi2.ppf(probability, len(mean)) ** 0.5)
        distance = float((mean @ precision @ mean).sqrt())
        if distance + rest_margin <= ball:
            return cls(mean, precision, ball)
        half_length = 0.5 * (distance + ball + rest_margin)
        centre = 0.5 * (distance + ball - rest_margin) / distance * mean
        width = _width(len(mean), probability, distance - 0.5 * (distance + ball - rest_margin), half_length)
        direction = precision @ mean / distance
        surplus = 1.0 - (width / half_length) ** 2
        return cls(centre, precision - surplus * torch.outer(direction, direction), width, mean, precision)

    @classmethod
    def within_limits(
        cls, rest: Float[Tensor, " k"], basis: Float[Tensor, "k q"], limit: float, rest_margin: float = 0.25
    ) -> PriorRegion:
        """The region that ends where each coordinate of the prior, moved alone from the scan, has its limits.

        Coordinates that belong to joints fill an interval between two stops, not a ball: with several of them a ball
        that holds most of the prior lets each go far beyond its own stops. With coordinates u of unit variance, rest
        pose a, and stops at -l and l, the ellipsoid sum_i u_i^2 / ((1 + T) (l^2 - a_i^2)) <= 1 with T = sum_i a_i^2 /
        (l^2 - a_i^2) passes through both stops of every coordinate, the others being at rest. It lies inside the box
        of all stops where the rest pose is its middle, and around it where it is a corner. The region is its cut with
        the reduced coordinates.

        Args:
            rest: a, the scanned pose, for a prior N(0, I).
            basis: orthonormal, u = a + basis q.
            limit: l, in standard deviations; the square root of 3 where coordinates fill their intervals evenly.
            rest_margin: by how much a limit is at least farther than the scanned pose, in standard deviations.
        """
        basis, rest = basis.double().cpu(), rest.double().cpu()
        limits = (rest.abs() + rest_margin).clamp_min(limit)
        room = limits.square() - rest.square()
        weight = limit**2 / ((1.0 + (rest.square() / room).sum()) * room)
        precision = basis.mT @ (weight[:, None] * basis)
        towards = basis.mT @ (weight * rest)
        centre = -torch.linalg.solve(precision, towards)
        missed = (weight * rest.square()).sum() + towards @ centre
        identity = torch.eye(basis.shape[1], dtype=torch.float64)
        return cls(centre, precision, float((limit**2 - missed).sqrt()), -basis.mT @ rest, identity)

    def reaching(self, factor: float, along: Float[Tensor, " k"] | None = None, behind: float = 1.0) -> PriorRegion:
        """The region of an object whose coordinates go ``factor`` times as far from the scanned pose q = 0.

        Args:
            factor: above 0.
            along: unit vector towards which they do; all of them and either way when left out.
            behind: the factor of how far they go against ``along``; without it of no effect.
        """
        identity = torch.eye(self.dimension).to(self.mean)
        if along is None:
            return self._stretched(factor * identity, torch.zeros_like(self.mean))
        along = along.to(self.mean)
        front, back = self.ends(along)
        longer = (factor * front + behind * back) / (front + back)
        stretch = identity + (longer - 1.0) * torch.outer(along, along)
        return self._stretched(stretch, (longer - behind) * back * along)

    def ends(self, along: Float[Tensor, " k"]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """How far the region goes from q = 0 along a unit vector, and against it."""
        along = along.to(self.mean)
        square = along @ self.precision @ along
        offset = (along @ self.precision @ self.mean) / square
        room = (self.radius**2 - self.mean @ self.precision @ self.mean) / square
        half = (offset.square() + room.clamp_min(0.0)).sqrt()
        return half + offset, half - offset

    def _stretched(self, stretch: Float[Tensor, "k k"], shift: Float[Tensor, " k"]) -> PriorRegion:
        """The region, and the prior, of stretch q + shift."""
        shrink = torch.linalg.inv(stretch)
        prior_mean = None if self.prior_mean is None else stretch @ self.prior_mean + shift
        prior_precision = None if self.prior_precision is None else shrink.mT @ self.prior_precision @ shrink
        mean, precision = stretch @ self.mean + shift, shrink.mT @ self.precision @ shrink
        return PriorRegion(mean, precision, self.radius, prior_mean, prior_precision)

    @property
    def dimension(self) -> int:
        """Number of reduced coordinates, k."""
        return len(self.mean)

    @property
    def prior(self) -> tuple[Float[Tensor, " k"], Float[Tensor, "k k"]]:
        """The most probable configuration, and the inverse covariance of the prior."""
        mean = self.mean if self.prior_mean is None else self.prior_mean
        return mean, self.precision if self.prior_precision is None else self.prior_precision

    def distance(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch"]:
        """Mahalanobis distance of q from the mean, in standard deviations."""
        offset = q - self.mean
        return ((offset @ self.precision) * offset).sum(-1).clamp_min(0.0).sqrt()

    def sample(self, count: int, generator: torch.Generator) -> Float[Tensor, "count k"]:
        """Draw from the prior, pulling draws from outside the region back onto its edge."""
        normal = torch.randn(count, self.dimension, generator=generator, dtype=torch.float64).to(self.mean)
        mean, precision = self.prior
        drawn = mean + _unwhiten(precision, normal)
        inside = (self.radius / self.distance(drawn).clamp_min(1e-12)).clamp_max(1.0)
        return self.mean + inside[:, None] * (drawn - self.mean)

    def sample_ball(
        self, count: int, generator: torch.Generator, reach: float | None = None
    ) -> Float[Tensor, "count k"]:
        """Draw with uniformly distributed distance from the mean, up to ``reach`` (the radius when left out): the far
        edge is well represented.
        """
        normal = torch.randn(count, self.dimension, generator=generator, dtype=torch.float64).to(self.mean)
        distance = torch.rand(count, 1, generator=generator, dtype=torch.float64).to(self.mean)
        distance = distance * (self.radius if reach is None else reach)
        direction = normal / normal.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return self.mean + _unwhiten(self.precision, direction * distance)

    def to(self, reference: Tensor) -> PriorRegion:
        """The same region in the dtype and on the device of ``reference``."""
        prior = (self.prior_mean, self.prior_precision)
        return PriorRegion(
            self.mean.to(reference),
            self.precision.to(reference),
            self.radius,
            *(None if tensor is None else tensor.to(reference) for tensor in prior),
        )


def _width(dimension: int, probability: float, offset: float, half_length: float) -> float:
    """Radius across, in standard deviations, of the ellipsoid of a given half length that holds ``probability`` of a
    standard normal variable which lies ``offset`` from its centre along its axis.

    Along a line there is no width; the half length is returned.
    """
    if dimension == 1:
        return half_length
    along = np.linspace(-8.0, 8.0, 1601)
    density = norm.pdf(along) * (along[1] - along[0])
    room = np.clip(1.0 - ((offset + along) / half_length) ** 2, 0.0, None)

    def lacking(width: float) -> float:
        return float((density * chi2.cdf(width**2 * room, dimension - 1)).sum()) - probability

    return float(brentq(lacking, 1e-3, 100.0))


def _unwhiten(precision: Float[Tensor, "k k"], white: Float[Tensor, "count k"]) -> Float[Tensor, "count k"]:
    """Map offsets with unit precision to offsets with the given one (P = L L^T, d = L^-T w)."""
    factor = torch.linalg.cholesky(precision)
    return torch.linalg.solve_triangular(factor.mT, white.mT, upper=True).mT
