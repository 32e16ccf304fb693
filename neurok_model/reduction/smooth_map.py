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
        self._offset = outer @ torch.tanh(bias)

    def value(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch r"]:
        """Return y(q)."""
        return torch.tanh(q @ self.inner.T + self.bias) @ self.outer.T - self._offset + q @ self.linear.T

    def value_and_jacobian(
        self, q: Float[Tensor, "*batch k"]
    ) -> tuple[Float[Tensor, "*batch r"], Float[Tensor, "*batch r k"]]:
        """Return y(q) and dy/dq = W2 diag(1 - tanh^2) W1 + W0."""
        hidden = torch.tanh(q @ self.inner.T + self.bias)
        slope = 1.0 - hidden.square()
        y = hidden @ self.outer.T - self._offset + q @ self.linear.T
        return y, self.outer @ (slope[..., None] * self.inner) + self.linear

    def jacobian(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch r k"]:
        """Return dy/dq."""
        return self.value_and_jacobian(q)[1]

    def second_directional(
        self, q: Float[Tensor, "*batch k"], velocity: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch r"]:
        """Return (d2y/dq2)[v, v] = W2 (-2 tanh (1 - tanh^2) (W1 v)^2)."""
        hidden = torch.tanh(q @ self.inner.T + self.bias)
        bend = -2.0 * hidden * (1.0 - hidden.square())
        return (bend * (velocity @ self.inner.T).square()) @ self.outer.T


def fit_smooth_map(
    q: Float[Tensor, "s k"],
    y: Float[Tensor, "s r"],
    tangents: Float[Tensor, "t k r"],
    inner: Float[Tensor, "h k"],
    bias: Float[Tensor, " h"],
    derivative_weight: float = 0.3,
    ridge: float = 1e-7,
) -> SmoothMap:
    """Fit W2 and W0 in closed form to values and first derivatives, for given W1 and b.

    Args:
        q: sampled coordinates.
        y: values there.
        tangents: derivatives dy/dq_d at the first t of them.
        inner: W1.
        bias: b.
        derivative_weight: weight of a derivative's error against a value's, per unit of q.
        ridge: regularisation relative to the mean squared feature.
    """
    features = torch.cat((torch.tanh(q @ inner.T + bias) - torch.tanh(bias), q), dim=1).double()
    slope = 1.0 - torch.tanh(q[: len(tangents)] @ inner.T + bias).square()
    identity = torch.eye(q.shape[1], dtype=q.dtype, device=q.device).expand(len(tangents), -1, -1)
    sloped = torch.cat((slope[:, None, :] * inner.T, identity), dim=2).flatten(0, 1).double()
    design = torch.cat((features, derivative_weight * sloped))
    wanted = torch.cat((y.double(), derivative_weight * tangents.flatten(0, 1).double()))
    normal = design.T @ design
    normal.diagonal().add_(ridge * normal.diagonal().mean())
    weights = torch.linalg.solve(normal, design.T @ wanted).to(q.dtype)
    hidden = len(bias)
    return SmoothMap(inner, bias, weights[:hidden].T.contiguous(), weights[hidden:].T.contiguous())
