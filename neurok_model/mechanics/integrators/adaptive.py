"""torchdiffeq's adaptive Dormand-Prince method, as a reference to check the others against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torchdiffeq import odeint

from neurok_model.mechanics.durations import Duration, of_candidates
from neurok_model.mechanics.integrators.base import Integrator, Step
from neurok_model.mechanics.integrators.runge_kutta import dissipated_power
from neurok_model.mechanics.system import LagrangianSystem, PhasePoint, State


class _TooManyEvaluations(Exception):
    """The cap was reached; never leaves this module."""


@dataclass(frozen=True)
class DormandPrince5(Integrator):
    """dopri5 with error control, one candidate at a time, so that no candidate sets another's step.

    Attributes:
        relative_tolerance: of the local error.
        absolute_tolerance: of the local error, in units of q.
        maximum_evaluations: of the acceleration, per candidate and step; beyond it the candidate has not
            converged.
    """

    name: ClassVar[str] = "dopri5"
    relative_tolerance: float = 1e-7
    absolute_tolerance: float = 1e-9
    maximum_evaluations: int = 2000

    def step(
        self, system: LagrangianSystem, point: PhasePoint, force: Float[Tensor, "K r"] | None, duration: Duration
    ) -> Step:
        """Advance the candidates one after another."""
        external = torch.zeros_like(point.y) if force is None else force
        lengths = of_candidates(duration, point.q[:, 0])
        ends = [
            self._integrate(system, point.q[i], point.qdot[i], external[i], float(lengths[i]))
            for i in range(len(point.q))
        ]
        final = torch.stack(ends)
        k = system.embedding.dimension
        arrived = system.at(State(final[:, :k], final[:, k : 2 * k]))
        work = (external * (arrived.y - point.y)).sum(-1)
        return Step(arrived, work, final[:, 2 * k], final.isfinite().all(-1))

    def _integrate(
        self,
        system: LagrangianSystem,
        q: Float[Tensor, " k"],
        qdot: Float[Tensor, " k"],
        force: Float[Tensor, " r"],
        duration: float,
    ) -> Float[Tensor, " n"]:
        """Final (q, qdot, dissipated energy) of one candidate; not-a-number where the method gave up."""
        k = len(q)
        evaluations = 0

        def rate(_: Tensor, joined: Tensor) -> Tensor:
            nonlocal evaluations
            evaluations += 1
            if evaluations > self.maximum_evaluations:
                raise _TooManyEvaluations
            stage: PhasePoint = system.at(State(joined[None, :k], joined[None, k : 2 * k]))
            acceleration = system.acceleration(stage, force[None])
            return torch.cat((stage.qdot[0], acceleration[0], dissipated_power(system, stage)))

        start = torch.cat((q, qdot, q.new_zeros(1)))
        try:
            path = odeint(
                rate,
                start,
                q.new_tensor((0.0, duration)),
                method="dopri5",
                rtol=self.relative_tolerance,
                atol=self.absolute_tolerance,
            )
        except (_TooManyEvaluations, AssertionError):  # torchdiffeq asserts when its step underflows
            return torch.full_like(start, torch.nan)
        return path[-1]
