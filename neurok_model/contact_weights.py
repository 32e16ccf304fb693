"""How the surface points around a contact carry it: weights that are exact for every affine motion."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

RIDGE = 1e-5
"""Regularisation of the fitted gradient, relative to the spread of the points: decides only what they leave open."""


def affine_weights(
    neighbours: Float[Tensor, "p n 3"], used: Bool[Tensor, "p n"], point: Float[Tensor, "p 3"]
) -> Float[Tensor, "p n"]:
    """Weights w with sum_i w_i f(X_i) = f(point) for every affine f, as far as the points determine it.

    Moving least squares: the value at ``point`` of the affine function fitted to the neighbours, near ones counting
    more (1 / distance^2). Rigid parts are therefore touched exactly where they are touched, with the right lever arm,
    and not at the average of the points around. Differentiable in ``point``.

    Args:
        neighbours: X, the points around each contact [m].
        used: which of them may carry it; at least one of each contact's.
        point: the contacts [m].
    """
    offset = neighbours - point[:, None]
    squared = offset.square().sum(-1)
    reach = (squared * used).sum(1, keepdim=True) / used.sum(1, keepdim=True)
    weight = used / (squared + 1e-3 * reach + 1e-18)
    basis = torch.cat((torch.ones_like(offset[..., :1]), offset / reach.sqrt().clamp_min(1e-9)[..., None]), dim=-1)
    normal = basis.mT @ (weight[..., None] * basis)
    ridge = RIDGE * normal[:, :1, :1] * torch.diag(basis.new_tensor((0.0, 1.0, 1.0, 1.0)))
    first = torch.zeros_like(basis[:, :1]).mT.contiguous()
    first[:, 0] = 1.0
    return weight * (basis @ torch.linalg.solve(normal + ridge, first))[..., 0]
