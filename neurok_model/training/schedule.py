"""How the weights of the objective and the learning rate change over a run.

A divergence weight from the first step collapses the latent, and none at all leaves it many-dimensional. So the
networks first learn to move things freely, are then squeezed until unneeded dimensions are pruned, and are
finally relaxed, with nested dropout ordering the dimensions that are left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from neurok_model.training.objective import ObjectiveWeights


@dataclass(frozen=True)
class ScheduleConfiguration:
    """Phases as shares of the run, and the divergence weight lambda of each.

    Args:
        warm_up_steps: steps of linear learning-rate growth.
        free_until: end of the free phase.
        squeezed_from: end of the ramp to the squeeze.
        squeezed_until: end of the squeeze.
        relaxed_from: end of the way down to the final weight.
        nested_from: start of nested dropout.
        free_divergence: lambda of the free phase.
        squeeze_divergence: lambda of the squeeze.
        final_divergence: lambda of the rest.
        nested_share: share of objects under nested dropout.
        spread: weight beta of the number of latent directions, from ``nested_from`` on.
        tangents: weight gamma of motions that the object cannot make, or the latent not, from ``tangents_from`` on.
        bodies: weight delta of points that follow the same handles but not the same body, or the reverse, from
            ``tangents_from`` on.
        smoothness: weight epsilon of ripples in the way between poses, from ``tangents_from`` on.
        tangents_from: when these three begin to count.
        final_learning_rate: last learning rate as a share of the peak.
    """

    warm_up_steps: int = 100
    free_until: float = 0.2
    squeezed_from: float = 0.35
    squeezed_until: float = 0.6
    relaxed_from: float = 0.65
    nested_from: float = 0.3
    free_divergence: float = 1e-4
    squeeze_divergence: float = 8e-4
    final_divergence: float = 4e-4
    nested_share: float = 0.3
    spread: float = 2e-3
    tangents: float = 0.02
    bodies: float = 0.02
    smoothness: float = 0.0
    tangents_from: float = 0.1
    final_learning_rate: float = 0.02

    def learning_rate_factor(self, step: int, steps: int) -> float:
        """Learning rate at ``step`` as a share of its peak: linear warm-up, then half a cosine."""
        warm_up = min(1.0, (step + 1) / self.warm_up_steps)
        cosine = 0.5 * (1.0 + math.cos(math.pi * step / steps))
        return warm_up * (self.final_learning_rate + (1.0 - self.final_learning_rate) * cosine)

    def weights(self, step: int, steps: int) -> ObjectiveWeights:
        """Weights of the objective at ``step`` of ``steps``."""
        progress = step / steps
        return ObjectiveWeights(
            divergence=self._divergence(progress),
            nested_dropout=self.nested_share if progress >= self.nested_from else 0.0,
            spread=self.spread if progress >= self.nested_from else 0.0,
            tangents=self.tangents if progress >= self.tangents_from else 0.0,
            bodies=self.bodies if progress >= self.tangents_from else 0.0,
            smoothness=self.smoothness if progress >= self.tangents_from else 0.0,
        )

    def _divergence(self, progress: float) -> float:
        knots = (
            (self.free_until, self.free_divergence),
            (self.squeezed_from, self.squeeze_divergence),
            (self.squeezed_until, self.squeeze_divergence),
            (self.relaxed_from, self.final_divergence),
        )
        if progress <= knots[0][0]:
            return knots[0][1]
        for (start, before), (end, after) in pairwise(knots):
            if progress < end:
                part = (progress - start) / (end - start)
                return math.exp((1.0 - part) * math.log(before) + part * math.log(after))
        return knots[-1][1]
