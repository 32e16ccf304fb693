"""Where a compiled map was fitted: the prior's region with a margin, and around the states that it was refitted to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from torch import Tensor

from neurok_model.reduction.region import PriorRegion

NEARBY = 1.0
"""Distance from a state, in standard deviations, up to which a map that was refitted to it is trusted."""


@dataclass(frozen=True)
class SampledRegion:
    """Configurations in which a map was fitted to the decoder; elsewhere it extrapolates.

    Attributes:
        region: the prior's.
        reach: distance from its mean, in standard deviations, up to which the decoder was sampled.
        centres: states around which it was sampled as well.
    """

    region: PriorRegion
    reach: float
    centres: tuple[Float[Tensor, " k"], ...] = ()

    def distance(self, q: Float[np.ndarray, "*batch k"]) -> Float[np.ndarray, "*batch"]:
        """How far outside q lies, in standard deviations; negative inside.

        For arrays: a single prediction is over before tensors would have been made for it.
        """
        mean, precision, centres = self._arrays
        offset = q - mean
        squared = ((offset @ precision) * offset).sum(-1)
        outside = np.sqrt(np.maximum(squared, 0.0)) - self.reach
        for centre in centres:
            # The prior is a standard normal one in every direction, so that plain distances count.
            outside = np.minimum(outside, np.linalg.norm(q - centre, axis=-1) - NEARBY)
        return np.asarray(outside)

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """Mean, precision and centres, in double precision."""
        tensors = (self.region.mean, self.region.precision, *self.centres)
        mean, precision, *centres = (tensor.detach().cpu().double().numpy() for tensor in tensors)
        return mean, precision, centres
