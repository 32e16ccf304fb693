"""Objects whose base is not fixed: y(q) carried by a rigid motion, with the full inertial coupling of both.

x_i = R (X_i - c + Phi_i y) + c + t. Every coordinate of x_i is a linear function of fixed scalar functions of the
point (the components of X - c and of the modes, and 1), so a symmetric factorisation F F^T of their Gram matrix in the
mass inner product turns the coefficients into embedding coordinates Y = R B(y) + t f^T whose metric is the mass
metric: the six rigid coordinates, q and all that couples them (Coriolis forces, the base's recoil) come out of the
same G = (dY/dq)^T (dY/dq), at a cost that does not depend on the number of points.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics.rotations import cross_matrix, exponential, left_jacobian, shortest
from neurok_model.mechanics.system import PhasePoint
from neurok_model.reduction.embedding import Embedding

RANK_TOLERANCE = 1e-10
"""Eigenvalues of the Gram matrix below this share of the largest are rounding."""

RIGID = 6
"""Coordinates of a free base: a rotation vector and a translation, before q."""


def point_functions(
    points: Float[Tensor, "n 3"], modes: Float[Tensor, "n 3 r"], centre: Float[Tensor, "3"]
) -> Float[Tensor, "n f"]:
    """The scalar functions at points, f = 3 + 3 r + 1: X - c, the modes' components (mode by mode), and 1."""
    return torch.cat((points - centre, modes.mT.flatten(1), torch.ones_like(points[:, :1])), dim=1)


class FramedEmbedding(Embedding):
    """The part that a free and a pinned object share.

    Args:
        inner: y(q) in the frame of the base.
        gram: [f, f], sum_i m_i psi_i psi_i^T of the functions that ``point_functions`` gives.
        centre: c, about which the base turns [m].
    """

    def __init__(self, inner: Embedding, gram: Float[Tensor, "f f"], centre: Float[Tensor, "3"]) -> None:
        self.inner = inner
        self.dtype, self.device = inner.dtype, inner.device
        self.centre = centre.to(self.device, self.dtype)
        values, vectors = torch.linalg.eigh(gram.double())
        kept = values > RANK_TOLERANCE * values[-1]
        factor = (vectors[:, kept] * values[kept].sqrt()).to(self.device, self.dtype)
        self._inverse = (vectors[:, kept] / values[kept].sqrt()).mT.to(self.device, self.dtype)
        self._still, self._moved, self._shift = factor[:3], factor[3:-1].unflatten(0, (-1, 3)), factor[-1]
        self.embedding_dimension = 3 * factor.shape[1]

    @abstractmethod
    def frame(self, q: Float[Tensor, "*b k"]) -> tuple[Tensor, Tensor, Tensor]:
        """R [*b, 3, 3], t [*b, 3] and the object's own coordinates [*b, k_q]."""

    def value(self, q: Float[Tensor, "*b k"]) -> Float[Tensor, "*b r"]:
        """Return Y(q)."""
        turn, shift, own = self.frame(q)
        return self._joined(turn @ self._carried(self.inner.value(own)) - self._still, shift)

    def _carried(self, y: Float[Tensor, "*b r"]) -> Float[Tensor, "*b 3 m"]:
        """B(y)."""
        return self._still + (y @ self._moved.flatten(1)).unflatten(-1, self._moved.shape[1:])

    def _joined(self, turned: Float[Tensor, "*b 3 m"], shift: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b r"]:
        return (turned + shift[..., None] * self._shift).flatten(-2)

    @property
    def rest_coordinates(self) -> Float[Tensor, "3 m"]:
        """Embedding coordinates of the rest pose itself, measured from a body that is all at c."""
        return self._still

    @property
    def mass_moment(self) -> Float[Tensor, "3 r"]:
        """sum_i m_i Phi_i of the modes that belong to Y."""
        identity = torch.eye(3, dtype=self.dtype, device=self.device)
        return (identity[:, :, None] * self._shift).flatten(1)

    def point_modes(self, functions: Float[Tensor, "n f"]) -> Float[Tensor, "n 3 r"]:
        """Phi of the modes that belong to Y, at points given by their ``point_functions``."""
        weights = functions.to(self.device, self.dtype) @ self._inverse.mT
        identity = torch.eye(3, dtype=self.dtype, device=self.device)
        return (identity[None, :, :, None] * weights[:, None, None]).flatten(2)


class FreeBody(FramedEmbedding):
    """A base that nothing holds: coordinates are a rotation vector [rad], a translation [m], and then q."""

    def __init__(self, inner: Embedding, gram: Float[Tensor, "f f"], centre: Float[Tensor, "3"]) -> None:
        super().__init__(inner, gram, centre)
        self.dimension = RIGID + inner.dimension

    def frame(self, q: Float[Tensor, "*b k"]) -> tuple[Tensor, Tensor, Tensor]:
        """The coordinates as rotation, translation and q."""
        return exponential(q[..., :3]), q[..., 3:RIGID], q[..., RIGID:]

    def value_and_jacobian(self, q: Float[Tensor, "*b k"]) -> tuple[Float[Tensor, "*b r"], Float[Tensor, "*b r k"]]:
        """Return Y and dY/dq, whose first columns are the turning and the moving of the whole."""
        turn, shift, own = self.frame(q)
        y, inner = self.inner.value_and_jacobian(own)
        turned = turn @ self._carried(y)
        axes = cross_matrix(left_jacobian(q[..., :3]).mT)
        about = (axes @ turned[..., None, :, :]).flatten(-2)
        along = self.mass_moment.expand(*q.shape[:-1], -1, -1)
        own_rates = (inner.mT @ self._moved.flatten(1)).unflatten(-1, self._moved.shape[1:])
        within = (turn[..., None, :, :] @ own_rates).flatten(-2)
        jacobian = torch.cat((about, along, within), dim=-2).mT
        return self._joined(turned - self._still, shift), jacobian

    def jacobian(self, q: Float[Tensor, "*b k"]) -> Float[Tensor, "*b r k"]:
        """Return dY/dq."""
        return self.value_and_jacobian(q)[1]

    def second_directional(self, q: Float[Tensor, "*b k"], velocity: Float[Tensor, "*b k"]) -> Float[Tensor, "*b r"]:
        """Return (d2Y/dq2)[v, v] = R'' B + 2 R' B' + R B'' along the velocity."""
        spin = velocity[..., :3]

        def rate_of(vector: Tensor) -> Tensor:
            rate: Tensor = torch.func.jvp(exponential, (vector,), (spin,))[1]
            return rate

        turn, _, own = self.frame(q)
        turning, bending = torch.func.jvp(rate_of, (q[..., :3],), (spin,))[:2]
        y, inner = self.inner.value_and_jacobian(own)
        moved = self._moved.flatten(1)
        rate = ((inner @ velocity[..., RIGID:, None])[..., 0] @ moved).unflatten(-1, self._moved.shape[1:])
        bend = self.inner.second_directional(own, velocity[..., RIGID:]) @ moved
        total = bending @ self._carried(y) + 2.0 * turning @ rate
        return (total + turn @ bend.unflatten(-1, self._moved.shape[1:])).flatten(-2)

    def kinetic_slope(self, q: Float[Tensor, "*b k"], velocity: Float[Tensor, "*b k"]) -> Float[Tensor, "*b k"]:
        """Return d/dq (1/2 |(dy/dq) v|^2) at constant v."""
        return self._slope_by_polarisation(q, velocity)

    def in_near_chart(self, point: PhasePoint) -> PhasePoint:
        """The same configuration and velocity with rotation angles of at most half a turn.

        The exponential map is singular at a whole turn; a tumbling body changes charts long before.
        """
        vector = point.q[:, :3]
        if not bool((vector.norm(dim=-1) > torch.pi).any()):
            return point
        near = shortest(vector)
        angular = left_jacobian(vector) @ point.qdot[:, :3, None]
        spin = torch.linalg.solve(left_jacobian(near), angular)[..., 0]
        q = torch.cat((near, point.q[:, 3:]), dim=1)
        return PhasePoint(q, torch.cat((spin, point.qdot[:, 3:]), dim=1), point.y, self.jacobian(q))


class PinnedBody(FramedEmbedding):
    """An object held by a region of its own surface, whose base moves instead: coordinates are q alone.

    R and t are the rigid motion that brings the held points back to where they were, in the least-squares sense; a
    region that is rigid stays exactly where it is.

    Args:
        inner: y(q) in the frame of the base.
        gram: see :class:`FramedEmbedding`.
        centre: c.
        points: [p, 3], the held points at rest [m].
        modes: [p, 3, r], their modes.

    Raises:
        NeurokError: INVALID_PARAMETER for held points that lie on one line: they hold no rotation.
    """

    def __init__(
        self,
        inner: Embedding,
        gram: Float[Tensor, "f f"],
        centre: Float[Tensor, "3"],
        points: Float[Tensor, "p 3"],
        modes: Float[Tensor, "p 3 r"],
    ) -> None:
        super().__init__(inner, gram, centre)
        self.dimension = inner.dimension
        held, rows = points.to(self.centre) - self.centre, modes.to(self.centre)
        self._middle, self._middle_modes = held.mean(0), rows.mean(0)
        offset = held - self._middle
        spread = torch.linalg.svdvals(offset) if len(offset) > 1 else offset.new_zeros(3)
        if len(spread) < 2 or spread[1] < 1e-3 * float(held.abs().max().clamp_min(1e-9)):
            raise NeurokError(
                ErrorCode.INVALID_PARAMETER, "pinned", f"{len(points)} points on one line", "a region with an area"
            )
        # Moments sum_i (X_i - mean) (x_i - mean)^T at rest and per unit of y: the fit sees nothing else.
        self._rest_moment = offset.mT @ offset
        self._mode_moments = torch.einsum("pi,pjr->rij", offset, rows - self._middle_modes)

    def frame(self, q: Float[Tensor, "*b k"]) -> tuple[Tensor, Tensor, Tensor]:
        """The rigid motion that holds the region, and q itself."""
        y = self.inner.value(q)
        moment = self._rest_moment + (y @ self._mode_moments.flatten(1)).unflatten(-1, (3, 3))
        turn = _nearest_rotation(moment)
        middle = self._middle + y @ self._middle_modes.mT
        return turn, self._middle - (turn @ middle[..., None])[..., 0], q


def _nearest_rotation(moment: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3 3"]:
    """The rotation R that maximises trace(R^T H), by Newton's method from the identity.

    Differentiable any number of times, also for the flat regions whose H is singular. The first steps are half ones,
    because Newton's method overshoots by the tangent of the angle.
    """
    identity = torch.eye(3, dtype=moment.dtype, device=moment.device)
    turn = identity.expand(moment.shape)
    for share in (0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0):
        product = moment @ turn.mT
        skew = product - product.mT
        axis = torch.stack((skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]), -1)
        trace = product.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
        curvature = trace * identity - 0.5 * (product + product.mT)
        turn = exponential(share * torch.linalg.solve(curvature, axis[..., None])[..., 0]) @ turn
    return turn
