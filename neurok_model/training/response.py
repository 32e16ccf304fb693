"""How far the answer to a push is from that of the true joints, for the latent mass that the network gives.

See :mod:`neurok_model.networks.latent_mass`.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neurok_model.training.tangents import TANGENT_SOFTENING, softly_solved, unit_tangents


def surface_inertia(jacobian: Float[Tensor, "b k n 3"]) -> Float[Tensor, "b k k"]:
    """G = J^T J of every object, in single precision and without gradients, up to a factor."""
    with torch.autocast(jacobian.device.type, enabled=False):
        rows = jacobian.detach().float().flatten(2)
        return rows @ rows.mT


def response_error(
    jacobian: Float[Tensor, "b k n 3"], tangents: Float[Tensor, "b j n 3"], answer: Float[Tensor, "b k k"]
) -> tuple[Float[Tensor, " b"], Bool[Tensor, " b"]]:
    """|P - J A J^T|^2 / rank P of every object, and of which objects any tangent is known.

    0 where every push at every point has the true effect, 1 where no push has any.

    Args:
        jacobian: displacements of the surface per unit of each latent coordinate, of any unit of length.
        tangents: how the surface moves with each true coordinate, of any scale; zero where there is none.
        answer: S.
    """
    with torch.autocast(jacobian.device.type, enabled=False):
        moves = jacobian.detach().float().flatten(2)
        moves = moves / moves.norm(dim=-1, keepdim=True).clamp_min(1e-9)
        answer = answer.float()

        truth, exists = unit_tangents(tangents)
        gram = truth @ truth.mT
        shared = truth @ moves.mT
        # P = T^T gram^-1 T, and R = J^T S J: |P - R|^2 = |P|^2 - 2 tr(P R) + |R|^2.
        projected = softly_solved(truth, TANGENT_SOFTENING, gram)
        met = (softly_solved(truth, TANGENT_SOFTENING, shared) * (shared @ answer)).sum(dim=(1, 2))
        answered = answer @ moves @ moves.mT
        size = (projected * projected.mT).sum(dim=(1, 2))
        error = size - 2.0 * met + (answered * answered.mT).sum(dim=(1, 2))
        return error / size.clamp_min(0.5), exists.any(dim=1)
