"""What the walls at the edge of the prior's region take out of a motion that they turn back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics.damping import Damping
from neurok_model.mechanics.potentials import Potential, Walls


@dataclass(frozen=True)
class WallDamping(Damping):
    """D = sqrt(6) zeta sqrt(m k x) n n^T beyond the edge: what runs into a wall leaves it at ``restitution`` times its
    speed, whatever that speed, its inertia and the wall's stiffness.

    x = d(q) - radius is the depth, n = grad d, k = 3 E / width^3 the wall's stiffness (its force is k x^2), m the
    inertia that it feels, 1 / (n^T G^-1 n), and zeta = -ln e / sqrt(pi^2 + ln^2 e) for the restitution e. Motion along
    the wall is not damped.

    This is the contact of Tsuji, Tanaka and Ishida (1992) with the exponent 2 instead of 3/2: with y = x^(3/2) and
    dtau = sqrt(x) dt, the motion m x'' = -k x^2 - D x' becomes the damped linear spring y'' + 2 zeta omega y' + omega^2
    y = 0 with omega^2 = 3 k / 2 m, and dy/dtau is proportional to the speed dx/dt. Without restitution it is critically
    damped.

    Attributes:
        walls: the barrier.
        restitution: e, 0 to 1.

    Raises:
        NeurokError: INVALID_PARAMETER for a restitution that is not within 0 to 1.
    """

    name: ClassVar[str] = "wall_damping"
    walls: Walls
    restitution: float

    def __post_init__(self) -> None:
        require_restitution("restitution", self.restitution)

    @property
    def damping_ratio(self) -> float:
        """zeta, from 1 (no restitution) to 0."""
        if self.restitution == 0.0:
            return 1.0
        logarithm = math.log(self.restitution)
        return -logarithm / math.hypot(math.pi, logarithm)

    @property
    def coefficient(self) -> float:
        """sqrt(6 k) zeta, of which the damping along the normal is sqrt(m x) times as much."""
        return math.sqrt(6.0 * 3.0 * self.walls.energy / self.walls.width**3) * self.damping_ratio

    def matrix(self, mass_matrix: Float[Tensor, "*batch k k"], q: Float[Tensor, "*batch k"]) -> Float[Tensor, "..."]:
        """Return D, which is of rank one, and zero inside the region."""
        depth, normal = self.walls.depth_and_normal(q)
        mobility = (normal * torch.linalg.solve(mass_matrix, normal[..., None])[..., 0]).sum(-1)
        beyond = depth > 0.0
        # The root has no slope at zero, where gradients would not be finite.
        ratio = torch.where(beyond, depth, 1.0) / mobility.clamp_min(torch.finfo(depth.dtype).tiny)
        drag = torch.where(beyond, self.coefficient * ratio.sqrt(), 0.0)
        return drag[..., None, None] * normal[..., :, None] * normal[..., None, :]


def damping_of_walls(potentials: Iterable[Potential], restitution: float) -> list[WallDamping]:
    """What every wall among the potentials takes out of motion; nothing where all the speed is given back."""
    if restitution == 1.0:
        return []
    return [WallDamping(term.damped, restitution) for term in potentials if isinstance(term, Walls)]


def require_restitution(field: str, value: float) -> None:
    """Check a coefficient of restitution.

    Raises:
        NeurokError: INVALID_PARAMETER for a value that is not within 0 to 1.
    """
    if not (math.isfinite(value) and 0.0 <= value <= 1.0):
        raise NeurokError(ErrorCode.INVALID_PARAMETER, field, value, "a number from 0 to 1")
