"""The terms of an object, when its base is free or moves: what belongs to the object itself stays what it was."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics.damping import Damping
from neurok_model.mechanics.framed import RIGID, FramedEmbedding
from neurok_model.mechanics.potentials import CoordinatePotential, EmbeddingPotential, Gravity, Potential
from neurok_model.mechanics.system import LagrangianSystem
from neurok_model.mechanics.wall_damping import WallDamping
from neurok_model.reduction.embedding import Embedding
from neurok_model.reduction.region import PriorRegion


class OnOwnCoordinates(CoordinatePotential):
    """A term of the object itself, as a function of all coordinates of a framed object.

    Args:
        potential: of the object's own y or q.
        inner: y(q).
        before: number of rigid coordinates that come before q.
    """

    def __init__(self, potential: Potential, inner: Embedding, before: int) -> None:
        self.potential, self.inner, self.before = potential, inner, before
        self.name = potential.name  # type: ignore[misc]

    def value(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch"]:
        """The term's own value."""
        own = q[..., self.before :]
        if isinstance(self.potential, EmbeddingPotential):
            return self.potential.value(self.inner.value(own))
        return self.potential.value(own)

    def gradient(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch k"]:
        """The term's own gradient; the rigid motion does not change it."""
        own = q[..., self.before :]
        if isinstance(self.potential, EmbeddingPotential):
            y, jacobian = self.inner.value_and_jacobian(own)
            slope = (jacobian.mT @ self.potential.gradient(y)[..., None])[..., 0]
        else:
            slope = self.potential.gradient(own)
        return torch.cat((torch.zeros_like(q[..., : self.before]), slope), dim=-1)


class DampingOfOwnCoordinates(Damping):
    """Damping of a free object's own motion; what moves as a whole is not damped.

    Args:
        term: of the object with a fixed base, whose mass matrix is the block of q.
    """

    def __init__(self, term: Damping) -> None:
        self.term = term
        self.name = term.name  # type: ignore[misc]

    def matrix(
        self, mass_matrix: Float[Tensor, "*batch k k"], q: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch k k"]:
        """Return the term's D in the block of q, and zeros."""
        matrix = torch.zeros_like(mass_matrix)
        matrix[..., RIGID:, RIGID:] = self.term.matrix(mass_matrix[..., RIGID:, RIGID:], q[..., RIGID:])
        return matrix


def framed_system(system: LagrangianSystem, frame: FramedEmbedding) -> LagrangianSystem:
    """The same object with a base that is free or moves.

    Terms of the object itself (stiffness, prior, walls, damping) stay what they are, gravity acts on everything, and
    the force that held the scanned pose in equilibrium goes on holding the object's own coordinates.

    Raises:
        NeurokError: INVALID_PARAMETER for dry friction, whose law needs a fixed base.
    """
    if system.friction is not None:
        allowed = "0 for an object whose base is free or pinned"
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "friction_deceleration", system.friction.strength, allowed)
    before = frame.dimension - frame.inner.dimension
    potentials: list[Potential] = []
    for potential in system.potentials:
        if isinstance(potential, Gravity):
            potentials.append(Gravity.from_acceleration(potential.acceleration, frame.mass_moment))
        else:
            potentials.append(OnOwnCoordinates(potential, frame.inner, before))
    damping = system.damping if before == 0 else tuple(_damping_of_own(term) for term in system.damping)
    region = system.region
    latent = torch.block_diag(system.latent.new_zeros(before, before), system.latent)
    return LagrangianSystem(
        frame,
        tuple(potentials),
        damping,
        latent,
        region if region is None or before == 0 else region_with_base(region),
        system.trust_factor,
    )


def _damping_of_own(term: Damping) -> Damping:
    """A damping term of an object with a fixed base, where that base is free.

    A wall acts between coordinates that feel each other's inertia, that of the base too.
    """
    if isinstance(term, WallDamping):
        return replace(term, walls=replace(term.walls, region=region_with_base(term.walls.region)))
    return DampingOfOwnCoordinates(term)


def region_with_base(region: PriorRegion, precision: float = 0.0) -> PriorRegion:
    """The same region over the coordinates of a free object.

    Args:
        region: over q.
        precision: of the base's coordinates; with none, where the base is does not matter.
    """

    def extended(tensor: Tensor | None) -> Tensor | None:
        if tensor is None:
            return None
        larger = tensor.new_zeros([RIGID + size for size in tensor.shape])
        if tensor.ndim == 2:
            larger[range(RIGID), range(RIGID)] = precision
        larger[(slice(RIGID, None),) * tensor.ndim] = tensor
        return larger

    mean, metric = extended(region.mean), extended(region.precision)
    assert mean is not None
    assert metric is not None
    return PriorRegion(mean, metric, region.radius, extended(region.prior_mean), extended(region.prior_precision))
