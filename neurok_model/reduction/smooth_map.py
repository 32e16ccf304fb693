"""A small smooth function with closed-form derivatives: the form that an object is compiled to."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.reduction.embedding import Embedding


class SmoothMap(Embedding):
    """y(q) = W2 (tanh(W1 q + b) - tanh(b)) + W0 q, so that y(0) = 0 exactly.

    Args:
        inner: W1.
        bias: b.
        outer: W2.
        linear: W0.
    """

    def __init__(
        self,
        inner: Float[Tensor, "h k"],
        bias: Float[Tensor, " h"],
        outer: Float[Tensor, "r h"],
        linear: Float[Tensor, "r k"],
    ) -> None:
        self.inner, self.bias, self.outer, self.linear = inner, bias, outer, linear
        self.dimension = inner.shape[1]
        self.embedding_dimension = outer.shape[0]
        self.dtype, self.device = inner.dtype, inner.device
        self._rest = torch.tanh(bias)

    def to(self, dtype: torch.dtype, device: torch.device | str | None = None) -> SmoothMap:
        """The plain map in another precision or on another device."""
        tensors = (self.inner, self.bias, self.outer, self.linear)
        return SmoothMap(*(tensor.to(device=device or self.device, dtype=dtype) for tensor in tensors))

    def value(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch r"]:
        """Return y(q)."""
        return (torch.tanh(q @ self.inner.mT + self.bias) - self._rest) @ self.outer.mT + q @ self.linear.mT

    def value_and_jacobian(
        self, q: Float[Tensor, "*batch k"]
    ) -> tuple[Float[Tensor, "*batch r"], Float[Tensor, "*batch r k"]]:
        """Return y(q) and dy/dq = W2 diag(1 - tanh^2) W1 + W0."""
        hidden = torch.tanh(q @ self.inner.mT + self.bias)
        slope = 1.0 - hidden.square()
        y = (hidden - self._rest) @ self.outer.mT + q @ self.linear.mT
        return y, self.outer @ (slope[..., None] * self.inner) + self.linear

    def jacobian(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch r k"]:
        """Return dy/dq."""
        return self.value_and_jacobian(q)[1]

    def difference(self, q: Float[Tensor, "*batch k"], change: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch r"]:
        """Return y(q + d) - y(q), from tanh(a + c) - tanh(a) = tanh(c) (1 - tanh(a)^2) / (1 + tanh(a) tanh(c))."""
        here, added = torch.tanh(q @ self.inner.mT + self.bias), torch.tanh(change @ self.inner.mT)
        grown = added * (1.0 - here.square()) / (1.0 + here * added)
        return grown @ self.outer.mT + change @ self.linear.mT

    def second_directional(
        self, q: Float[Tensor, "*batch k"], velocity: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch r"]:
        """Return (d2y/dq2)[v, v] = W2 (-2 tanh (1 - tanh^2) (W1 v)^2)."""
        hidden = torch.tanh(q @ self.inner.mT + self.bias)
        bend = -2.0 * hidden * (1.0 - hidden.square())
        return (bend * (velocity @ self.inner.mT).square()) @ self.outer.mT

    def kinetic_slope(
        self, q: Float[Tensor, "*batch k"], velocity: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch k"]:
        """Return W1^T (-2 tanh (1 - tanh^2) (W1 v) W2^T (dy/dq) v), the slope of 1/2 |(dy/dq) v|^2."""
        hidden, turned = torch.tanh(q @ self.inner.mT + self.bias), velocity @ self.inner.mT
        slope = 1.0 - hidden.square()
        rate = (slope * turned) @ self.outer.mT + velocity @ self.linear.mT
        return (-2.0 * hidden * slope * turned * (rate @ self.outer)) @ self.inner
