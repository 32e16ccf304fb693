"""Predicted motion of K candidates as plain arrays: what the users of the mechanics read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from neurok_model.mechanics.trajectory import Rollout


@dataclass(frozen=True)
class Motion:
    """A rollout in NumPy arrays; see ``Rollout`` and ``Trajectories`` for what each of them is.

    Attributes:
        times: [T+1] in seconds.
        q: [K, T+1, k].
        qdot: [K, T+1, k], per second.
        kinetic_energy: [K, T+1] in joules, as are the next three.
        potential_energy: [K, T+1].
        work: [K, T+1].
        dissipated: [K, T+1].
        outcome: [K], values of ``Outcome``.
        energy_drift: [K].
        residual: [K].
    """

    times: Float[np.ndarray, " times"]
    q: Float[np.ndarray, "K times k"]
    qdot: Float[np.ndarray, "K times k"]
    kinetic_energy: Float[np.ndarray, "K times"]
    potential_energy: Float[np.ndarray, "K times"]
    work: Float[np.ndarray, "K times"]
    dissipated: Float[np.ndarray, "K times"]
    outcome: Int[np.ndarray, " K"]
    energy_drift: Float[np.ndarray, " K"]
    residual: Float[np.ndarray, " K"]

    @classmethod
    def of(cls, rollout: Rollout) -> Motion:
        """The same rollout, without what gradients would need."""
        named = rollout.trajectories
        tensors = (
            rollout.times,
            named.q,
            named.qdot,
            named.kinetic_energy,
            named.potential_energy,
            named.work,
            named.dissipated,
            named.outcome,
            named.energy_drift,
            rollout.residual,
        )
        return cls(*(tensor.detach().cpu().numpy() for tensor in tensors))
