"""Rotation vectors: the exponential map, how it turns velocities, and its other chart. Batch-first, no branches."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

_SMALL = 0.04
"""Squared angle below which series take over from quotients that lose their digits."""


def cross_matrix(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """The matrix of x -> vector x x."""
    x, y, z = vector.unbind(-1)
    nothing = torch.zeros_like(x)
    rows = ((nothing, -z, y), (z, nothing, -x), (-y, x, nothing))
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def exponential(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """R = I + a K + b K^2 with K = [vector]_x, a = sin(w) / w and b = (1 - cos(w)) / w^2, w = |vector|."""
    squared = vector.square().sum(-1)[..., None, None]
    cross = cross_matrix(vector)
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity + _sine(squared) * cross + _cosine(squared) * cross @ cross


def left_jacobian(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """J with angular velocity (in the world) = J d(vector)/dt: I + b K + c K^2, c = (w - sin(w)) / w^3."""
    squared = vector.square().sum(-1)[..., None, None]
    cross = cross_matrix(vector)
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity + _cosine(squared) * cross + _rest(squared) * cross @ cross


def shortest(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """The rotation vector of the same rotation whose angle is at most half a turn (for angles below 3 pi)."""
    angle = vector.norm(dim=-1, keepdim=True)
    wound = angle > math.pi
    return torch.where(wound, vector * (1.0 - 2.0 * math.pi / angle.clamp_min(1e-9)), vector)


def _series(squared: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    total = torch.full_like(squared, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * squared + coefficient
    return total


def _sine(squared: Tensor) -> Tensor:
    """sin(w) / w."""
    small = squared < _SMALL
    angle = torch.where(small, 1.0, squared).sqrt()
    return torch.where(small, _series(squared, (1.0, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880)), angle.sin() / angle)


def _cosine(squared: Tensor) -> Tensor:
    """(1 - cos(w)) / w^2."""
    small = squared < _SMALL
    safe = torch.where(small, 1.0, squared)
    quotient = (1.0 - safe.sqrt().cos()) / safe
    return torch.where(small, _series(squared, (0.5, -1 / 24, 1 / 720, -1 / 40320, 1 / 3628800)), quotient)


def _rest(squared: Tensor) -> Tensor:
    """(w - sin(w)) / w^3."""
    small = squared < _SMALL
    safe = torch.where(small, 1.0, squared)
    angle = safe.sqrt()
    quotient = (angle - angle.sin()) / (safe * angle)
    return torch.where(small, _series(squared, (1 / 6, -1 / 120, 1 / 5040, -1 / 362880, 1 / 39916800)), quotient)
