"""How many directions of the latent move the surface: what training keeps small.

For finite steps e_i along every latent coordinate from one draw of the prior, the displacements u_i they cause and
S_ij = <u_i, u_j> averaged over the surface, with eigenvalues s_i,

    N = (sum_i sqrt(s_i))^2 / sum_i s_i

lies between 1 (one direction moves everything) and the latent's dimension (all move it alike). It does not change with
the size of the motion, so a decoder cannot make it small by standing still, and it feels directions that move the
surface only a little, which the divergence alone leaves as they are: it charges for what z tells about the
deformations, not for what z does that no deformation asks for. Alone it has a loophole: a direction that no
deformation uses may move the surface wildly and so outweigh all others. So draws of the prior must not move the
surface more than the object's own deformations do, D in root mean square:

    penalty = log N + max(0, log(sum_i s_i / (D + D_0)^2))

A direction can lower log N no faster than it raises the second term.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.networks.decoder import BoundDecoder

LEAST_MOTION = 0.02
"""D_0, in longest sides: what is allowed to objects that hardly moved in the batch."""

SOFTENING = 1e-4
"""Share of the mean square motion that is added to every eigenvalue, where the root has no slope."""


def effective_directions(products: Float[Tensor, "b k k"]) -> Float[Tensor, " b"]:
    """N for matrices S of inner products: 1 for one direction, k for k alike and orthogonal ones."""
    dimension = products.shape[-1]
    mean = products.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(1e-12)
    softening = SOFTENING * torch.eye(dimension, dtype=products.dtype, device=products.device)
    eigenvalues = torch.linalg.eigvalsh(products / mean[:, None, None] + softening).clamp_min(0.5 * SOFTENING)
    return eigenvalues.sqrt().sum(-1).square() / eigenvalues.sum(-1)


def latent_motions(
    bound: BoundDecoder, start: Float[Tensor, "b p k"], steps: Float[Tensor, "b p k"]
) -> Float[Tensor, "b p k n 3"]:
    """Displacements that a step along each latent coordinate causes, from p latents per object."""
    apart = torch.diag_embed(steps)
    latents = start[:, :, None] + torch.cat((torch.zeros_like(apart[:, :, :1]), apart), dim=2)
    moved = bound.displacement(latents.flatten(1, 2)).unflatten(1, latents.shape[1:3])
    return moved[:, :, 1:] - moved[:, :, :1]


def latent_products(
    bound: BoundDecoder, start: Float[Tensor, "b k"], signs: Float[Tensor, "b k"]
) -> Float[Tensor, "b k k"]:
    """S of every object, for steps of one standard deviation from ``start``, forwards or backwards by ``signs``."""
    caused = latent_motions(bound, start[:, None], signs[:, None])[:, 0].flatten(2)
    with torch.autocast(caused.device.type, enabled=False):
        return caused.float() @ caused.float().mT / bound.points.shape[1]


def spread_penalty(
    products: Float[Tensor, "b k k"], motion: Float[Tensor, " b"]
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """The penalty of every object, and N.

    Args:
        products: S, in squared longest sides.
        motion: D, root-mean-square displacement by the object's deformations, in longest sides.
    """
    directions = effective_directions(products)
    total = products.diagonal(dim1=-2, dim2=-1).sum(-1)
    excess = (total.clamp_min(1e-12) / (motion + LEAST_MOTION).square()).log().relu()
    return directions.log() + excess, directions
