"""The classical fourth-order Runge-Kutta method, as a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.mechanics.durations import Duration, of_candidates, row
from neurok_model.mechanics.integrators.base import Integrator, Step
from neurok_model.mechanics.system import LagrangianSystem, PhasePoint, State, apply


@dataclass(frozen=True)
class RungeKutta4(Integrator):
    """Four evaluations of the acceleration per step, with the Coriolis term; accurate but not symplectic."""

    name: ClassVar[str] = "rk4"

    def step(
        self, system: LagrangianSystem, point: PhasePoint, force: Float[Tensor, "K r"] | None, duration: Duration
    ) -> Step:
        """Advance all candidates by one step."""
        external = torch.zeros_like(point.y) if force is None else force
        h = row(duration)
        a1 = system.acceleration(point, external)
        p2 = system.at(State(point.q + 0.5 * h * point.qdot, point.qdot + 0.5 * h * a1))
        a2 = system.acceleration(p2, external)
        p3 = system.at(State(point.q + 0.5 * h * p2.qdot, point.qdot + 0.5 * h * a2))
        a3 = system.acceleration(p3, external)
        p4 = system.at(State(point.q + h * p3.qdot, point.qdot + h * a3))
        a4 = system.acceleration(p4, external)
        arrived = system.at(
            State(
                point.q + h / 6.0 * (point.qdot + 2.0 * p2.qdot + 2.0 * p3.qdot + p4.qdot),
                point.qdot + h / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4),
            )
        )
        powers = [dissipated_power(system, stage) for stage in (point, p2, p3, p4)]
        lost = (
            of_candidates(duration, external[:, 0]) / 6.0 * (powers[0] + 2.0 * powers[1] + 2.0 * powers[2] + powers[3])
        )
        work = (external * (arrived.y - point.y)).sum(-1)
        return Step(arrived, work, lost, arrived.qdot.isfinite().all(-1))


def dissipated_power(system: LagrangianSystem, point: PhasePoint) -> Float[Tensor, " K"]:
    """Return v^T D v in watts."""
    matrix = system.damping_matrix(system.mass_matrix(point.jacobian), point.q)
    if matrix is None:
        return torch.zeros_like(point.q[:, 0])
    return (apply(matrix, point.qdot) * point.qdot).sum(-1)
