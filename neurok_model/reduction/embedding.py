"""Mass-weighted embedding coordinates of an object's configuration space.

An object with reduced coordinates q moves its material points as x(q) = X0 + Phi y(q), where the modes Phi
are orthonormal in the mass inner product (Phi^T M Phi = I). In the coordinates y the metric is therefore the
identity: the kinetic energy is 1/2 |dy/dt|^2 and the mass matrix of *all* points is G = (dy/dq)^T (dy/dq),
whatever their number. Everything in ``neurok_model.mechanics`` is written on this interface.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


class Embedding(ABC):
    """A smooth map y(q) with y(0) = 0, whose metric is the mass metric.

    Every method takes any number of leading (batch) dimensions and treats their elements independently.
    Subclasses give ``value`` and the two dimensions; the derivatives default to forward-mode automatic
    differentiation and are overridden where a closed form is known.

    y has units of sqrt(kg) m; q is dimensionless (standard deviations of the latent prior).
    """

    dimension: int
    """Number of reduced coordinates, k."""

    embedding_dimension: int
    """Number of embedding coordinates, r."""

    dtype: torch.dtype
    device: torch.device

    @abstractmethod
    def value(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch r"]:
        """Return y(q)."""

    def jacobian(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch r k"]:
        """Return dy/dq."""
        directions = torch.eye(self.dimension, dtype=q.dtype, device=q.device)

        def along(direction: Tensor) -> Tensor:
            return torch.func.jvp(self.value, (q,), (direction.expand_as(q),))[1]

        return torch.func.vmap(along, out_dims=-1)(directions)

    def value_and_jacobian(
        self, q: Float[Tensor, "*batch k"]
    ) -> tuple[Float[Tensor, "*batch r"], Float[Tensor, "*batch r k"]]:
        """Return y(q) and dy/dq together, for maps where the two share work."""
        return self.value(q), self.jacobian(q)

    def difference(self, q: Float[Tensor, "*batch k"], change: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch r"]:
        """Return y(q + change) - y(q).

        Maps that know how override it without subtracting two nearly equal numbers: in single precision the
        velocity of a short step would otherwise be lost to rounding.
        """
        return self.value(q + change) - self.value(q)

    def second_directional(
        self, q: Float[Tensor, "*batch k"], velocity: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch r"]:
        """Return (d2y/dq2)[v, v], the acceleration of y at constant dq/dt = v (two nested forward
        derivatives).
        """

        def along(position: Tensor) -> Tensor:
            return torch.func.jvp(self.value, (position,), (velocity,))[1]

        return torch.func.jvp(along, (q,), (velocity,))[1]

    def kinetic_slope(
        self, q: Float[Tensor, "*batch k"], velocity: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch k"]:
        """Return d/dq (1/2 |(dy/dq) v|^2) at constant v: the Coriolis forces as momenta see them."""

        def kinetic(position: Tensor) -> Tensor:
            return 0.5 * torch.func.jvp(self.value, (position,), (velocity,))[1].square().sum()

        return torch.func.grad(kinetic)(q)

    def _slope_by_polarisation(
        self, q: Float[Tensor, "*batch k"], velocity: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch k"]:
        """The kinetic slope from ``second_directional``, for maps that have that in closed form.

        d2y[e, v] = (d2y[v + e, v + e] - d2y[v - e, v - e]) / 4.
        """
        size = velocity.norm(dim=-1)[..., None, None].clamp_min(torch.finfo(q.dtype).eps)
        unit = size * torch.eye(self.dimension, dtype=q.dtype, device=q.device)
        here = q[..., None, :].expand(*q.shape[:-1], self.dimension, self.dimension).contiguous()
        ahead = self.second_directional(here, velocity[..., None, :] + unit)
        behind = self.second_directional(here, velocity[..., None, :] - unit)
        rate = (self.jacobian(q) @ velocity[..., None])[..., 0]
        return ((ahead - behind) * rate[..., None, :]).sum(-1) / (4.0 * size[..., 0])


class FunctionEmbedding(Embedding):
    """An embedding given by a plain differentiable function of q, batch-first.

    Args:
        function: maps [..., k] to [..., r] with torch operations; shifted so that y(0) = 0.
        dimension: k.
        dtype: of q and y.
        device: of q and y.
    """

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        dimension: int,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        self._function = function
        self.dimension = dimension
        self.dtype = dtype
        self.device = torch.device(device)
        self._offset = function(torch.zeros(1, dimension, dtype=dtype, device=device))[0].detach()
        self.embedding_dimension = len(self._offset)

    def value(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch r"]:
        """Return f(q) - f(0)."""
        return self._function(q) - self._offset
