"""The part of the reduced coordinates that the prior calls plausible: a Gaussian and a radius around its
mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy.stats import chi2
from torch import Tensor


@dataclass(frozen=True)
class PriorRegion:
    """The ellipsoid sqrt((q - mean)^T precision (q - mean)) <= radius of a Gaussian density over q.

    Attributes:
        mean: [k], the most probable configuration. The scanned rest pose is q = 0, which need not be the
            mean.
        precision: [k, k], inverse covariance, symmetric positive definite.
        radius: edge of the region, in standard deviations.
    """

    mean: Float[Tensor, " k"]
    precision: Float[Tensor, "k k"]
    radius: float

    @classmethod
    def of_probability(
        cls,
        mean: Float[Tensor, " k"],
        precision: Float[Tensor, "k k"],
        probability: float = 0.95,
        rest_margin: float = 1.1,
    ) -> PriorRegion:
        """The region that holds ``probability`` of the density, widened where needed to hold the rest pose.

        The rest pose q = 0 was scanned, so it is possible whatever the prior says of it; ``rest_margin``
        times its distance is the least radius.
        """
        radius = float(chi2.ppf(probability, len(mean)) ** 0.5)
        rest_distance = float((mean @ precision @ mean).sqrt())
        return cls(mean, precision, max(radius, rest_margin * rest_distance))

    @property
    def dimension(self) -> int:
        """Number of reduced coordinates, k."""
        return len(self.mean)

    def distance(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch"]:
        """Mahalanobis distance of q from the mean, in standard deviations."""
        offset = q - self.mean
        return ((offset @ self.precision) * offset).sum(-1).clamp_min(0.0).sqrt()

    def sample(self, count: int, generator: torch.Generator) -> Float[Tensor, "count k"]:
        """Draw from the density, pulling draws from beyond the radius back onto it."""
        normal = torch.randn(count, self.dimension, generator=generator, dtype=torch.float64).to(self.mean)
        length = normal.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return self.mean + self._unwhiten(normal * (self.radius / length).clamp_max(1.0))

    def sample_ball(self, count: int, generator: torch.Generator) -> Float[Tensor, "count k"]:
        """Draw with uniformly distributed distance from the mean: the far edge is well represented."""
        normal = torch.randn(count, self.dimension, generator=generator, dtype=torch.float64).to(self.mean)
        distance = torch.rand(count, 1, generator=generator, dtype=torch.float64).to(self.mean) * self.radius
        return self.mean + self._unwhiten(normal / normal.norm(dim=-1, keepdim=True).clamp_min(1e-12) * distance)

    def _unwhiten(self, white: Float[Tensor, "count k"]) -> Float[Tensor, "count k"]:
        """Map offsets with unit precision to offsets with this region's precision (P = L L^T, d = L^-T w)."""
        factor = torch.linalg.cholesky(self.precision)
        return torch.linalg.solve_triangular(factor.mT, white.mT, upper=True).mT

    def to(self, reference: Tensor) -> PriorRegion:
        """The same region in the dtype and on the device of ``reference``."""
        return PriorRegion(self.mean.to(reference), self.precision.to(reference), self.radius)
