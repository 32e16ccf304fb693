"""The interface of the integrators: one step of a batch of candidates that know nothing of each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neurok_model.mechanics.durations import Duration, matrix, of_candidates, row
from neurok_model.mechanics.system import LagrangianSystem, PhasePoint, apply, solve


@dataclass(frozen=True)
class Step:
    """Where one step led.

    Attributes:
        point: the phase point at the step's end.
        work: [K] work that the external force did during the step [J].
        dissipated: [K] energy that damping took out during the step [J].
        converged: [K] false where the step's equations were not solved; the point is then meaningless.
    """

    point: PhasePoint
    work: Float[Tensor, " K"]
    dissipated: Float[Tensor, " K"]
    converged: Bool[Tensor, " K"]

    def select(self, index: Int[Tensor, " n"]) -> Step:
        """Some of the candidates."""
        return Step(self.point.select(index), self.work[index], self.dissipated[index], self.converged[index])

    def with_rows(self, index: Int[Tensor, " n"], other: Step) -> Step:
        """The step with the candidates ``index`` taken from ``other``, in its order."""
        return Step(
            self.point.with_rows(index, other.point),
            self.work.index_copy(0, index, other.work),
            self.dissipated.index_copy(0, index, other.dissipated),
            self.converged.index_copy(0, index, other.converged),
        )

    def after(self, earlier: Step) -> Step:
        """An earlier step and this one as one."""
        return Step(
            self.point,
            earlier.work + self.work,
            earlier.dissipated + self.dissipated,
            earlier.converged & self.converged,
        )


class Integrator(ABC):
    """A method that advances the equation of motion by a fixed time.

    Implementations must treat candidates independently and must not raise for a candidate that goes wrong: it
    comes back not converged or not finite, and the rollout takes it out.
    """

    name: ClassVar[str]

    damps_first: ClassVar[bool] = False
    """Whether a step begins with half of its damping alone, before forces act (see ``damp``)."""

    @abstractmethod
    def step(
        self, system: LagrangianSystem, point: PhasePoint, force: Float[Tensor, "K r"] | None, duration: Duration
    ) -> Step:
        """Advance all candidates.

        Args:
            system: the object's mechanics.
            point: where they are.
            force: external force in embedding coordinates, constant over the step; None for no force.
            duration: length of the step [s], the same for all candidates or one for each.
        """


def damp(
    system: LagrangianSystem,
    mass_matrix: Float[Tensor, "K k k"],
    point: PhasePoint,
    duration: Duration,
) -> tuple[Float[Tensor, "K k"], Float[Tensor, " K"]]:
    """Let damping alone act for ``duration`` at a fixed configuration, by the midpoint rule.

    (G + h D / 2) v' = (G - h D / 2) v loses exactly h u^T D u of energy, u the mean of v and v': whatever the
    step, damping never adds energy, and what it took is known to the last digit.

    Returns:
        The new velocities and the energy that was lost [J].
    """
    qdot, resistance = point.qdot, system.damping_matrix(mass_matrix, point.q)
    if resistance is None:
        return qdot, qdot.new_zeros(len(qdot))
    impulse = row(duration) * apply(resistance, qdot)
    change = -solve(mass_matrix + 0.5 * matrix(duration) * resistance, impulse)
    mean = qdot + 0.5 * change
    return qdot + change, of_candidates(duration, qdot[:, 0]) * (apply(resistance, mean) * mean).sum(-1)


def undamp(
    system: LagrangianSystem,
    mass_matrix: Float[Tensor, "K k k"],
    point: PhasePoint,
    duration: Duration,
) -> Float[Tensor, "K k"]:
    """The velocity from which ``damp`` makes that of ``point``: (G - h D / 2) v = (G + h D / 2) v'."""
    qdot, resistance = point.qdot, system.damping_matrix(mass_matrix, point.q)
    if resistance is None:
        return qdot
    share = 0.5 * matrix(duration) * resistance
    return torch.linalg.solve(mass_matrix - share, apply(mass_matrix + share, qdot)[..., None])[..., 0]
