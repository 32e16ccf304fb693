"""The implicit midpoint rule in configuration and momentum: symplectic, symmetric, of second order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.mechanics.durations import Duration, matrix, of_candidates, row
from neurok_model.mechanics.integrators.base import Integrator, Step
from neurok_model.mechanics.system import LagrangianSystem, PhasePoint, State, apply, solve


@dataclass(frozen=True)
class ImplicitMidpoint(Integrator):
    """Hamilton's equations at the middle of the step, with p = (G + epsilon I) v and u the mean velocity:

        q1 = q0 + h u,   p1 = p0 + h F,   (G(qm) + epsilon I) u = p0 + h/2 F,   qm = q0 + h/2 u
        F = d/dq (1/2 |dy/dq u|^2) - dV/dq - D u + (dy/dq)^T w,   all at qm

    It keeps quadratic invariants (the energy of a linear vibration, momenta) exactly. Solved for u by fixed-point
    iterations, which contract by about (omega h / 2)^2.

    Attributes:
        iterations: most fixed-point iterations.
        tolerance: largest accepted last change of u, relative to u, in the mass metric.
    """

    name: ClassVar[str] = "implicit_midpoint"
    iterations: int = 8
    tolerance: float = 1e-5

    def step(
        self, system: LagrangianSystem, point: PhasePoint, force: Float[Tensor, "K r"] | None, duration: Duration
    ) -> Step:
        """Advance all candidates by one symmetric step."""
        h = row(duration)
        start = apply(system.mass_matrix(point.jacobian), point.qdot)
        velocity, middle_mass = point.qdot, system.mass_matrix(point.jacobian)
        total, damping, moved = torch.zeros_like(start), None, torch.zeros_like(start)
        for _ in range(self.iterations):
            middle = system.at(State(point.q + 0.5 * h * velocity, velocity))
            middle_mass = system.mass_matrix(middle.jacobian)
            damping = system.damping_matrix(middle_mass, middle.q)
            total = system.conservative_force(middle) + system.embedding.kinetic_slope(middle.q, velocity)
            if force is not None:
                total = total + system.generalized(middle, force)
            inertia = middle_mass if damping is None else middle_mass + 0.5 * matrix(duration) * damping
            updated = solve(inertia, start + 0.5 * h * total)
            change = updated - velocity
            # A solved candidate is left alone, so that none depends on how long the others take.
            size = velocity.abs().amax(1) + torch.finfo(velocity.dtype).tiny
            open_ = ~(change.abs().amax(1) <= 4.0 * torch.finfo(velocity.dtype).eps * size)
            moved, velocity = change, torch.where(open_[:, None], updated, velocity)
            if not bool(open_.any()):
                break
        lost = torch.zeros_like(start[:, 0])
        if damping is not None:
            resistance = apply(damping, velocity)
            total = total - resistance
            lost = of_candidates(duration, lost) * (resistance * velocity).sum(-1)
        arrived = system.at(State(point.q + h * velocity, velocity))
        arrived_mass = system.mass_matrix(arrived.jacobian)
        arrived = arrived.with_velocity(solve(arrived_mass, start + h * total))
        error = (apply(middle_mass, moved) * moved).sum(-1)
        scale = (apply(middle_mass, velocity) * velocity).sum(-1)
        rounding = (100.0 * torch.finfo(error.dtype).eps) ** 2 * middle_mass.diagonal(dim1=-2, dim2=-1).sum(-1)
        work = lost.new_zeros(lost.shape) if force is None else (force * (arrived.y - point.y)).sum(-1)
        return Step(arrived, work, lost, error <= self.tolerance**2 * scale + rounding)
