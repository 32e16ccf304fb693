"""When training must stop: numbers that are not finite, errors that grow, a latent that no longer says anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

SMOOTHING = 0.98
"""Decay of the running means: about fifty observations."""
PATIENCE = 1000
"""Steps before a run may be judged to have collapsed; no network moves anything in its first hundreds."""
DIVERGED = -3.0
"""Share of the motion explained below which training has diverged: four times the squared error of no motion."""
LEAST_DIMENSIONS = 0.5
"""Mean number of active dimensions below which the latent carries nothing."""
LEAST_EXPLAINED = 0.1
"""Held-out share of the motion below which the latent has collapsed, once it was given time."""
TIME_GIVEN = 0.3
"""Share of the run after which collapse is judged."""


class TrainingStopped(RuntimeError):
    """Training cannot go on; the message says why and where the last good checkpoint lies."""


@dataclass(frozen=True)
class Observation:
    """What the monitor sees of a step; means over all processes.

    Attributes:
        loss: what was minimised.
        gradient_norm: length of the gradient before clipping.
        squared_error: of the reconstructed motion, longest side of M0 = 1.
        squared_motion: of the motion itself, the squared error of predicting none.
        active_dimensions: latent dimensions with more than 0.1 nats of divergence.
    """

    loss: float
    gradient_norm: float
    squared_error: float
    squared_motion: float
    active_dimensions: float


class HealthMonitor:
    """Watches a run and stops it with the reason.

    The running means start anew when a run is continued; they decide only about stopping.

    Args:
        steps: length of the run.
        checkpoint: where the last good checkpoint lies, once there is one.
    """

    def __init__(self, steps: int, checkpoint: Path) -> None:
        self.steps = steps
        self.checkpoint = checkpoint
        self._seen = 0
        self._error = self._motion = self._dimensions = 0.0

    def observe(self, step: int, observation: Observation) -> None:
        """Take note of one step.

        Raises:
            TrainingStopped: when the loss or the gradient is not finite, the reconstruction has become much worse
                than predicting no motion, or no latent dimension is in use any more.
        """
        for name, value in (("loss", observation.loss), ("gradient's norm", observation.gradient_norm)):
            if not math.isfinite(value):
                self._stop(f"the {name} is {value} at step {step}; a lower learning_rate or gradient_limit may help")
        self._seen += 1
        keep = min(SMOOTHING, 1.0 - 1.0 / self._seen)
        self._error = keep * self._error + (1.0 - keep) * observation.squared_error
        self._motion = keep * self._motion + (1.0 - keep) * observation.squared_motion
        self._dimensions = keep * self._dimensions + (1.0 - keep) * observation.active_dimensions
        if self._seen * (1.0 - SMOOTHING) < 2.0:
            return
        explained = 1.0 - self._error / max(self._motion, 1e-12)
        if explained < DIVERGED:
            self._stop(
                f"training has diverged: at step {step} the squared error is {1.0 - explained:.1f} times that of "
                "predicting no motion; lower learning_rate"
            )
        if self._may_judge(step) and self._dimensions < LEAST_DIMENSIONS:
            self._stop(
                f"the latent has collapsed: only {self._dimensions:.1f} dimensions are active at step {step}; "
                "lower the schedule's divergence weights"
            )

    def observe_held_out(self, step: int, explained: float) -> None:
        """Take note of a held-out evaluation.

        Args:
            step: steps done.
            explained: share of the squared held-out motion that is reconstructed.

        Raises:
            TrainingStopped: when it is not finite, or hardly anything is reconstructed although there was time.
        """
        if not math.isfinite(explained):
            self._stop(f"the held-out error is not finite at step {step}")
        if self._may_judge(step) and explained < LEAST_EXPLAINED:
            self._stop(
                f"the latent has collapsed: only {explained:.0%} of the held-out motion is reconstructed at step "
                f"{step}; lower the schedule's divergence weights"
            )

    def _may_judge(self, step: int) -> bool:
        return step >= PATIENCE and step > TIME_GIVEN * self.steps

    def _stop(self, reason: str) -> None:
        written = self.checkpoint.exists()
        left = f"The last good checkpoint is {self.checkpoint}" if written else "No checkpoint has been written yet"
        raise TrainingStopped(f"{reason}. {left}")
