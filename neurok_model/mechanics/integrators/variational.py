"""The default: a variational (symplectic, time-symmetric) step that needs no second derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.mechanics.durations import Duration, row
from neurok_model.mechanics.integrators.base import Integrator, Step, damp
from neurok_model.mechanics.system import LagrangianSystem, PhasePoint, apply, solve

CLOSE_ENOUGH = 1e-24
"""Squared relative residual of the momentum equation below which further iterations change nothing."""


@dataclass(frozen=True)
class Variational(Integrator):
    """Discrete Euler-Lagrange equations of the action measured in embedding coordinates.

    The discrete Lagrangian L_d(q0, q1) = (|y(q1) - y(q0)|^2 + epsilon |q1 - q0|^2) / 2h - h (V(q0) + V(q1)) /
    2 is the Stoermer-Verlet rule of the free particles, restricted to the object's configurations. Its
    momenta are

        p0 = J0^T (y1 - y0) / h + epsilon (q1 - q0) / h + h/2 dV/dq(q0)
        p1 = J1^T (y1 - y0) / h + epsilon (q1 - q0) / h - h/2 dV/dq(q1)

    The first is solved for q1 by quasi-Newton iterations with the matrix G(q0), factorised once; the second
    gives the momentum. The method is symplectic and symmetric, of second order, and its energy oscillates
    without drifting. Damping acts for half a step at each end (``damp``), which keeps the step symmetric and
    its losses exactly known.

    Attributes:
        iterations: most quasi-Newton iterations.
        tolerance: largest accepted residual of the momentum equation, relative to the momentum.
    """

    name: ClassVar[str] = "variational"
    damps_first: ClassVar[bool] = True
    iterations: int = 6
    tolerance: float = 1e-6

    def step(
        self, system: LagrangianSystem, point: PhasePoint, force: Float[Tensor, "K r"] | None, duration: Duration
    ) -> Step:
        """Advance all candidates by one symmetric step."""
        mass_matrix = system.mass_matrix(point.jacobian)
        qdot, lost_before = damp(system, mass_matrix, point, 0.5 * duration)
        momentum = apply(mass_matrix, qdot) + self._kick(system, point, force, duration)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky_ex(mass_matrix)[0])

        wanted = row(duration) * momentum
        change = apply(inverse, wanted)
        scale = (wanted * change).sum(-1)
        enough = max(CLOSE_ENOUGH, (4.0 * torch.finfo(scale.dtype).eps) ** 2)
        for iteration in range(self.iterations + 1):
            moved = system.embedding.difference(point.q, change)
            residual = wanted - apply(point.jacobian.mT, moved) - apply(system.latent, change)
            correction = apply(inverse, residual)
            error = (residual * correction).sum(-1)
            # A solved candidate is left alone, so that none depends on how long the others take.
            open_ = ~(error <= enough * scale)
            if iteration == self.iterations or not bool(open_.any()):
                break
            change = torch.where(open_[:, None], change + correction, change)
        rounding = (100.0 * torch.finfo(scale.dtype).eps) ** 2 * mass_matrix.diagonal(dim1=-2, dim2=-1).sum(-1)
        converged = error <= self.tolerance**2 * scale + rounding

        y, jacobian = system.embedding.value_and_jacobian(point.q + change)
        arrived = PhasePoint(point.q + change, qdot, y, jacobian)
        momentum = (apply(jacobian.mT, moved) + apply(system.latent, change)) / row(duration)
        momentum = momentum + self._kick(system, arrived, force, duration)
        arrived_mass = system.mass_matrix(jacobian)
        arrived = arrived.with_velocity(solve(arrived_mass, momentum))
        qdot, lost_after = damp(system, arrived_mass, arrived, 0.5 * duration)
        work = torch.zeros_like(error) if force is None else (force * moved).sum(-1)
        return Step(arrived.with_velocity(qdot), work, lost_before + lost_after, converged)

    @staticmethod
    def _kick(
        system: LagrangianSystem, point: PhasePoint, force: Float[Tensor, "K r"] | None, duration: Duration
    ) -> Float[Tensor, "K k"]:
        """The impulse of potentials and external force over half a step."""
        total = system.conservative_force(point)
        if force is not None:
            total = total + system.generalized(point, force)
        return 0.5 * row(duration) * total
