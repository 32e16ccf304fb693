"""Whether the latent's directions are the ways in which the object can truly move.

Mechanics lives in tangents: a push becomes a velocity by the Jacobian of the surface, and a base that gives way a
little, or a drawer whose direction is slightly off, changes every prediction from the first instant, although poses,
compared one by one, look alike. Of the generated objects the true tangents t_j are known: how the surface moves with
each joint. With the displacements u_i that small steps along the latent coordinates cause, U and T the planes that
they span, and P the orthogonal projections (means over the surface),

    m = mean_j |t_j - P_U t_j|^2 / |t_j|^2        what the object can do and the latent cannot
    s = sum_i |u_i - P_T u_i|^2 / sum_i |u_i|^2   what the latent does and the object cannot

Both are shares between 0 and 1 and do not change with the sizes of t and u, so a drawer that moves a tenth of its chest
weighs as much as a door. Directions of the latent that move the surface little against the others hardly count for
P_U: the mechanics gives every coordinate a latent mass, and they are slow there.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

LATENT_SOFTENING = 5e-3
"""Added to the Gram matrix of the latent's directions, in shares of its mean eigenvalue: as the latent mass."""
TANGENT_SOFTENING = 1e-4
"""The same for true tangents, which may coincide."""


def subspace_errors(
    caused: Float[Tensor, "b k n 3"], tangents: Float[Tensor, "b j n 3"]
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"], Bool[Tensor, " b"]]:
    """Shares m and s, and of which objects any tangent is known.

    Args:
        caused: what steps along the latent coordinates do to the surface, of any scale.
        tangents: how the surface moves with each true coordinate, of any scale; zero where there is none.
    """
    with torch.autocast(caused.device.type, enabled=False):
        moves = _scaled(caused.float().flatten(2))
        truth, exists = unit_tangents(tangents)
        shared = moves @ truth.mT
        explained = (softly_solved(moves, LATENT_SOFTENING, shared) * shared).sum(dim=1)
        count = exists.sum(dim=1).clamp_min(1)
        missing = ((1.0 - explained) * exists).sum(dim=1) / count
        allowed = (softly_solved(truth, TANGENT_SOFTENING, shared.mT) * shared.mT).sum(dim=(1, 2))
        spurious = 1.0 - allowed / moves.square().sum(dim=(1, 2)).clamp_min(1e-12)
        return missing, spurious, exists.any(dim=1)


def unit_tangents(tangents: Float[Tensor, "b j n 3"]) -> tuple[Float[Tensor, "b j d"], Bool[Tensor, "b j"]]:
    """Rows of length one, zeros where there is no tangent, and where there is one."""
    rows = tangents.float().flatten(2)
    lengths = rows.norm(dim=-1, keepdim=True)
    return rows / torch.where(lengths > 0.0, lengths, 1.0), lengths[..., 0] > 0.0


def _scaled(moves: Float[Tensor, "b k d"]) -> Float[Tensor, "b k d"]:
    """The same with a mean squared length of one; nothing stays nothing."""
    mean = moves.square().sum(dim=-1).mean(dim=-1).clamp_min(1e-12)
    return moves / mean.sqrt()[:, None, None]


def softly_solved(
    rows: Float[Tensor, "b r d"], softening: float, right: Float[Tensor, "b r c"]
) -> Float[Tensor, "b r c"]:
    """Solve (R R^T + softening) x = right."""
    gram = rows @ rows.mT + softening * torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)
    return torch.linalg.solve(gram, right)
