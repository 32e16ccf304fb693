"""The Lagrangian system: embedding, potentials and damping put together into forces and energies.

L(q, v) = 1/2 v^T (G(q) + E) v - V(q), with G = (dy/dq)^T (dy/dq), and the equation of motion

    (G + E) dv/dt + (dy/dq)^T (d2y/dq2)[v, v] + dV/dq + D v + R(v) = (dy/dq)^T w(t) + N^T lambda

where w = sum over contacts of Phi_c^T f_c is the external force in embedding coordinates, R dry friction, and
lambda the reactions of what stands in the way (``collisions``). E is the latent mass, an inertia of the coordinates
themselves: it belongs to the momentum and the energy too. It is constant, so it adds nothing to the
Coriolis term.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics.collisions.constraint import UnilateralConstraint
from neurok_model.mechanics.damping import Damping
from neurok_model.mechanics.friction import DryFriction
from neurok_model.mechanics.potentials import EmbeddingPotential, Potential
from neurok_model.mechanics.support import Support
from neurok_model.reduction.embedding import Embedding
from neurok_model.reduction.region import PriorRegion

CPU = torch.device("cpu")


@dataclass(frozen=True)
class State:
    """Reduced coordinates and velocities; leading dimensions are candidates."""

    q: Float[Tensor, "*batch k"]
    qdot: Float[Tensor, "*batch k"]


@dataclass(frozen=True)
class PhasePoint:
    """A state with what the mechanics computed there, so that no step evaluates the embedding twice at a
    point.

    Attributes:
        q: [K, k].
        qdot: [K, k], per second.
        y: [K, r], embedding coordinates.
        jacobian: [K, r, k], dy/dq.
    """

    q: Float[Tensor, "K k"]
    qdot: Float[Tensor, "K k"]
    y: Float[Tensor, "K r"]
    jacobian: Float[Tensor, "K r k"]

    def with_velocity(self, qdot: Float[Tensor, "K k"]) -> PhasePoint:
        """The same configuration with another velocity."""
        return replace(self, qdot=qdot)

    def select(self, index: Int[Tensor, " n"]) -> PhasePoint:
        """Some of the candidates."""
        return PhasePoint(self.q[index], self.qdot[index], self.y[index], self.jacobian[index])

    def with_rows(self, index: Int[Tensor, " n"], other: PhasePoint) -> PhasePoint:
        """The point with the candidates ``index`` taken from ``other``, in its order."""
        return PhasePoint(
            self.q.index_copy(0, index, other.q),
            self.qdot.index_copy(0, index, other.qdot),
            self.y.index_copy(0, index, other.y),
            self.jacobian.index_copy(0, index, other.jacobian),
        )

    def where(self, keep: Tensor, other: PhasePoint) -> PhasePoint:
        """The point for the candidates in the mask ``keep`` [K], ``other`` for the rest."""
        row, matrix = keep[:, None], keep[:, None, None]
        return PhasePoint(
            torch.where(row, self.q, other.q),
            torch.where(row, self.qdot, other.qdot),
            torch.where(row, self.y, other.y),
            torch.where(matrix, self.jacobian, other.jacobian),
        )


@dataclass(frozen=True, eq=False)
class LagrangianSystem:
    """One object's mechanics in reduced coordinates; two systems are equal only where they are the same.

    Attributes:
        embedding: y(q).
        potentials: named energy terms.
        damping: named dissipative terms.
        latent_mass: E, in kg m^2 per squared unit of q: one number for all coordinates, one for each, or a symmetric
            positive semi-definite matrix.
        region: where the embedding may be trusted; None where it is exact everywhere.
        trust_factor: a candidate farther from the prior's mean than this many radii counts as diverged.
        friction: dry friction of the object's own joints; None for none.
        constraints: what the object cannot move through or beyond.
        batch_device: where large batches are rolled out; everything else is computed where the embedding is.
    """

    embedding: Embedding
    potentials: tuple[Potential, ...] = ()
    damping: tuple[Damping, ...] = ()
    latent_mass: float | Float[Tensor, " k"] | Float[Tensor, "k k"] = 0.0
    region: PriorRegion | None = None
    trust_factor: float = 2.5
    friction: DryFriction | None = None
    constraints: tuple[UnilateralConstraint, ...] = ()
    batch_device: torch.device = CPU
    latent: Float[Tensor, "k k"] = field(init=False, repr=False)
    """E as a matrix."""

    def __post_init__(self) -> None:
        embedding = self.embedding
        unit = torch.eye(embedding.dimension, dtype=embedding.dtype, device=embedding.device)
        given = torch.as_tensor(self.latent_mass).to(unit)
        object.__setattr__(self, "latent", given if given.ndim == 2 else unit * given)

    def at(self, state: State) -> PhasePoint:
        """Evaluate the embedding at a batch of states [K, k]."""
        return PhasePoint(state.q, state.qdot, *self.embedding.value_and_jacobian(state.q))

    def mass_matrix(self, jacobian: Float[Tensor, "*batch r k"]) -> Float[Tensor, "*batch k k"]:
        """Return G + E, symmetric positive definite where E is."""
        return jacobian.mT @ jacobian + self.latent

    def kinetic_energy(self, point: PhasePoint) -> Float[Tensor, " K"]:
        """Return 1/2 |dy/dt|^2 + 1/2 qdot^T E qdot in joules."""
        ydot = apply(point.jacobian, point.qdot)
        return 0.5 * (ydot.square().sum(-1) + (apply(self.latent, point.qdot) * point.qdot).sum(-1))

    def potential_energy(self, point: PhasePoint) -> Float[Tensor, " K"]:
        """Return V in joules, the sum of all potentials."""
        total = torch.zeros_like(point.q[..., 0])
        for potential in self.potentials:
            total = total + potential.value(point.y if isinstance(potential, EmbeddingPotential) else point.q)
        return total

    def conservative_force(self, point: PhasePoint) -> Float[Tensor, "K k"]:
        """Return -dV/dq."""
        on_q, on_y = torch.zeros_like(point.q), torch.zeros_like(point.y)
        for potential in self.potentials:
            if isinstance(potential, EmbeddingPotential):
                on_y = on_y - potential.gradient(point.y)
            else:
                on_q = on_q - potential.gradient(point.q)
        return on_q + self.generalized(point, on_y)

    def generalized(self, point: PhasePoint, force: Float[Tensor, "K r"]) -> Float[Tensor, "K k"]:
        """Return the generalized force (dy/dq)^T w of a force w in embedding coordinates."""
        return apply(point.jacobian.mT, force)

    def damping_matrix(
        self, mass_matrix: Float[Tensor, "*batch k k"], q: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch k k"] | None:
        """Return D, the sum of all damping terms, at q with its mass matrix, or None where there is none."""
        matrices = [term.matrix(mass_matrix, q) for term in self.damping]
        return torch.stack(matrices).sum(0) if matrices else None

    def coriolis(self, point: PhasePoint) -> Float[Tensor, "K k"]:
        """Return C with C_i = sum_jk Gamma_ijk v_j v_k = (dy/dq)^T (d2y/dq2)[v, v]."""
        return self.generalized(point, self.embedding.second_directional(point.q, point.qdot))

    def acceleration(self, point: PhasePoint, force: Float[Tensor, "K r"]) -> Float[Tensor, "K k"]:
        """Return dv/dt under the external force w in embedding coordinates."""
        mass_matrix = self.mass_matrix(point.jacobian)
        total = self.conservative_force(point) + self.generalized(point, force) - self.coriolis(point)
        damping = self.damping_matrix(mass_matrix, point.q)
        if damping is not None:
            total = total - apply(damping, point.qdot)
        return solve(mass_matrix, total)

    @cached_property
    def highest_rate(self) -> float:
        """Fastest rate of the motion about the rest pose [1/s], by which a step's length is judged.

        The larger of the highest angular frequency of small vibrations (from finite differences of the
        potential's gradient) and the highest decay rate of the damping. A support that can be left does not count:
        only the frames in which it is met need short steps.

        Raises:
            NeurokError: INVALID_PARAMETER for an object with a coordinate that has no inertia at rest.
        """
        k = self.embedding.dimension
        reach = torch.finfo(self.embedding.dtype).eps ** 0.25
        identity = torch.eye(k, dtype=self.embedding.dtype, device=self.embedding.device)
        offsets = reach * torch.cat((identity, -identity))
        lasting = replace(
            self,
            potentials=tuple(term for term in self.potentials if not _can_be_left(term)),
            damping=tuple(term for term in self.damping if not _can_be_left(term)),
        )
        forces = lasting.conservative_force(self.at(State(offsets, torch.zeros_like(offsets)))).double()
        stiffness = (forces[k:] - forces[:k]) / (2.0 * reach)
        mass_matrix = self.mass_matrix(self.embedding.jacobian(torch.zeros_like(identity[:1])))[0]
        inverse = torch.linalg.inv(inertia_factor(mass_matrix.double()))
        squared = torch.linalg.eigvalsh(inverse @ (0.5 * (stiffness + stiffness.mT)) @ inverse.mT).abs().max()
        damping = lasting.damping_matrix(mass_matrix, torch.zeros_like(identity[0]))
        if damping is None:
            return float(squared.sqrt())
        decay = torch.linalg.eigvalsh(inverse @ damping.double() @ inverse.mT).max()
        return max(float(squared.sqrt()), float(decay))


def inertia_factor(mass_matrix: Float[Tensor, "*batch k k"]) -> Float[Tensor, "*batch k k"]:
    """Cholesky factor of the inertia G + E at rest.

    Raises:
        NeurokError: INVALID_PARAMETER where a coordinate, or a mixture of some, has no inertia, so that any force
            would accelerate it without bound, or where the inertia is not finite.
    """
    factor, failed = torch.linalg.cholesky_ex(mass_matrix)
    if bool((failed != 0).any()) or not bool(torch.isfinite(factor).all()):
        finite = bool(torch.isfinite(mass_matrix).all())
        least = float(torch.linalg.eigvalsh(mass_matrix.double()).min()) if finite else math.nan
        raise NeurokError(
            ErrorCode.INVALID_PARAMETER,
            "smallest inertia of a coordinate at rest",
            f"{least:.3g} kg m^2",
            "a positive one: the surface, which carries the mass, has to move with every coordinate; latent_mass_ratio "
            "and smallest_inertia lend inertia to the coordinates that move less than others",
        )
    return factor


def _can_be_left(term: Potential | Damping) -> bool:
    """Whether a term, or the one inside of it, is a support, or what it damps."""
    inner = getattr(term, "potential", getattr(term, "walls", term))
    return isinstance(inner, Support)


def apply(matrix: Float[Tensor, "*#batch m n"], vector: Float[Tensor, "*#batch n"]) -> Float[Tensor, "*batch m"]:
    """Matrix times vector over leading dimensions, each element independent of its neighbours."""
    return (matrix * vector[..., None, :]).sum(-1)


def solve(matrix: Float[Tensor, "*batch k k"], vector: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch k"]:
    """Solve symmetric positive definite systems; a matrix that is not gives non-finite numbers, not an
    error.
    """
    factor, failed = torch.linalg.cholesky_ex(matrix)
    solution = torch.cholesky_solve(vector[..., None], factor)[..., 0]
    return torch.where((failed > 0)[..., None], torch.full_like(solution, torch.nan), solution)
