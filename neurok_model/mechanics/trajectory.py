"""The record of a rollout and what can be read off it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.mechanics.outcome import Outcome

SMALLEST_ENERGY = 1e-12
"""Joules below which an object counts as standing still."""


@dataclass(frozen=True)
class Trajectories:
    """Motion of K candidates, at T + 1 times.

    The first entries are the initial state right after the contacts that act at once. Energies are in joules.

    Attributes:
        q: [K, T+1, k] reduced coordinates.
        qdot: [K, T+1, k] their velocities, per second.
        kinetic_energy: [K, T+1], with the latent mass.
        potential_energy: [K, T+1], zero potential being the terms' own.
        work: [K, T+1], done by contacts up to then.
        dissipated: [K, T+1], lost to damping, dry friction and impacts up to then.
        outcome: [K], values of ``Outcome``.
    """

    q: Float[Tensor, "K times k"]
    qdot: Float[Tensor, "K times k"]
    kinetic_energy: Float[Tensor, "K times"]
    potential_energy: Float[Tensor, "K times"]
    work: Float[Tensor, "K times"]
    dissipated: Float[Tensor, "K times"]
    outcome: Int[Tensor, " K"]

    @cached_property
    def energy_drift(self) -> Float[Tensor, " K"]:
        """Largest energy that appeared or vanished without a cause, relative to the energy that was
        exchanged.

        max_t |E(t) - E(0) - work + dissipated| / scale, where scale is the largest kinetic energy, change of
        potential energy or work, and at least what rounding makes of the total.
        """
        error, exchanged = self._balance()
        return error.amax(1) / exchanged[:, -1]

    def with_drift(self, drift: Float[Tensor, " K"]) -> Trajectories:
        """These trajectories, of which the energy drift is known already."""
        self.__dict__["energy_drift"] = drift
        return self

    def _balance(self) -> tuple[Float[Tensor, "K times"], Float[Tensor, "K times"]]:
        """Error of the energy balance at every time, and the energy that had been exchanged by then [J]."""
        total = self.kinetic_energy + self.potential_energy
        error = (total - total[:, :1]) - (self.work - self.work[:, :1]) + self.dissipated
        parts = (self.kinetic_energy, self.potential_energy - self.potential_energy[:, :1], self.work)
        exchanged = torch.stack([part.abs() for part in parts]).amax(0)
        rounding = 1e3 * torch.finfo(total.dtype).eps * total.abs() + SMALLEST_ENERGY
        return error.abs(), torch.maximum(exchanged, rounding).cummax(1).values

    def stopped_where_unstable(self, limit: float) -> Trajectories:
        """These trajectories, with candidates whose energy balance is off by more than ``limit`` stopped there.

        They stay at their last state before, with the outcome DIVERGED: a step too long for the motion has put energy
        in from nowhere, and what came after is not a prediction.
        """
        unstable = self.energy_drift > limit
        if not bool(unstable.any()):
            return self
        error, exchanged = self._balance()
        wrong = unstable[:, None] & (error > limit * exchanged)
        times = torch.arange(wrong.shape[1], device=wrong.device)
        first = torch.where(wrong.any(1), wrong.to(torch.int64).argmax(1), wrong.shape[1])
        kept = torch.minimum(times, (first[:, None] - 1).clamp_min(0))
        row = torch.arange(len(kept), device=kept.device)[:, None]
        series = {item.name: getattr(self, item.name)[row, kept] for item in fields(self) if item.name != "outcome"}
        outcome = torch.where(wrong.any(1), int(Outcome.DIVERGED), self.outcome)
        return type(self)(**series, outcome=outcome)

    def replaced_by(self, other: Trajectories, index: Int[Tensor, " n"]) -> Trajectories:
        """These trajectories with the candidates ``index`` taken from ``other``, in its order."""
        return type(self)(
            *(getattr(self, item.name).index_copy(0, index, getattr(other, item.name)) for item in fields(other))
        )


@dataclass(frozen=True)
class Rollout:
    """Result of ``rollout``: the trajectories, when, and what to think of them.

    Attributes:
        times: [T+1] in seconds, from 0.
        trajectories: states and energies of all candidates.
        residual: [K] share of the contacts' motion that the object could not follow, 0 to 1.
        substeps: [K] integration steps per recorded step of each candidate, before those of single frames are halved.
    """

    times: Float[Tensor, " times"]
    trajectories: Trajectories
    residual: Float[Tensor, " K"]
    substeps: Int[Tensor, " K"]

    @property
    def q(self) -> Float[Tensor, "K times k"]:
        """Reduced coordinates."""
        return self.trajectories.q

    @property
    def qdot(self) -> Float[Tensor, "K times k"]:
        """Velocities of the reduced coordinates, per second."""
        return self.trajectories.qdot

    @property
    def kinetic_energy(self) -> Float[Tensor, "K times"]:
        """In joules, with the latent mass."""
        return self.trajectories.kinetic_energy

    @property
    def potential_energy(self) -> Float[Tensor, "K times"]:
        """In joules."""
        return self.trajectories.potential_energy

    @property
    def work(self) -> Float[Tensor, "K times"]:
        """Work done by contacts so far, in joules."""
        return self.trajectories.work

    @property
    def dissipated(self) -> Float[Tensor, "K times"]:
        """Energy lost to damping, dry friction and impacts so far, in joules."""
        return self.trajectories.dissipated

    @property
    def energy_drift(self) -> Float[Tensor, " K"]:
        """See ``Trajectories.energy_drift``."""
        return self.trajectories.energy_drift

    @property
    def outcomes(self) -> list[Outcome]:
        """How each candidate ended."""
        return [Outcome(int(value)) for value in self.trajectories.outcome]
