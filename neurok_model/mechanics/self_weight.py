"""Stiffness from what a scan shows: something soft that stands in gravity is stiff enough to carry its own weight."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.mechanics.potentials import Gravity
from neurok_model.reduction.embedding import Embedding

MARGIN = 2.0
"""How many times the stiffness that just keeps an upright pose from falling over."""


def carrying_energy(
    embedding: Embedding, gravity: Gravity, precision: Float[Tensor, "k k"], sag: float
) -> Float[Tensor, ""]:
    """Joules per unit of the prior's negative log-density with which the prior's pull carries the scanned pose.

    Of the potential E * 1/2 q^T P q, weight f = -dV_g/dq at rest bends the object by P^-1 f / E, which is

        s = sqrt(f^T P^-1 f) / E

    standard deviations of the prior, so that E = sqrt(f^T P^-1 f) / s: the rule of static deflection, omega^2 = g / x
    for a mass that bends its spring by x. A rope that hangs needs no stiffness by it. What stands upright has no weight
    to bend it either, but would fall: there E is ``MARGIN`` times the steepest fall of V_g, in units of P.

    Args:
        embedding: y(q), the rest pose at q = 0.
        gravity: the weight.
        precision: P of the prior, positive definite.
        sag: s, above 0.
    """
    still = torch.zeros(embedding.dimension, dtype=embedding.dtype, device=embedding.device)
    y, jacobian = embedding.value_and_jacobian(still)
    slope = gravity.gradient(y)
    # Row by row, steps of one standard deviation: the rows of L^-1, for P = L L^T.
    deviations = torch.linalg.inv(torch.linalg.cholesky(precision.to(still)))
    weight = deviations @ (slope @ jacobian)
    # Second derivatives along all pairs of directions follow from those along their sums.
    sums = deviations[:, None] + deviations
    along = embedding.second_directional(torch.zeros_like(sums), sums) @ slope
    alone = along.diagonal() / 4.0
    steepest = torch.linalg.eigvalsh(0.5 * (along - alone[:, None] - alone))[0]
    return weight.norm() / sag + MARGIN * (-steepest).clamp_min(0.0)
