"""The active subspace: the few directions of the latent in which the object moves.

Constantine, "Active subspaces" (2015): the leading eigenvectors of E[grad g grad g^T] for a function g of z.
Two functions are offered. With "gauss_newton" the matrix is E[J^T M J], the mean mass matrix, defined
everywhere. With "scalar_norm" g is the norm of the displacement, as in the NeuROK paper; its gradient does
not exist where nothing is displaced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Displacement = Callable[[Float[Tensor, "b k"]], Float[Tensor, "b n 3"]]
"""Displacement in metres of n surface points, for a batch of latents."""

Method = Literal["gauss_newton", "scalar_norm"]


@dataclass(frozen=True)
class ActiveSubspace:
    """Orthonormal directions of the latent, most important first.

    Attributes:
        basis: [k, k_q], so that z = z_rest + basis q.
        spectrum: [k], eigenvalues of the gradient's second moment, descending.
        captured: share of the spectrum that the basis holds.
    """

    basis: Float[Tensor, "k q"]
    spectrum: Float[Tensor, " k"]
    captured: float

    def directions_for(self, share: float) -> int:
        """Smallest number of directions that hold ``share`` of the spectrum."""
        return leading_count(self.spectrum, share)


def leading_count(spectrum: Float[Tensor, " k"], share: float) -> int:
    """Smallest number of leading values whose sum reaches ``share`` of the total; at least 1."""
    total = float(spectrum.sum())
    if total <= 0.0:
        return 1
    reached = spectrum.cumsum(0) / total >= share
    return int(reached.to(torch.int64).argmax()) + 1 if bool(reached.any()) else len(spectrum)


def directional_derivatives(
    displacement: Displacement, latents: Float[Tensor, "s k"], directions: Float[Tensor, "k d"]
) -> Float[Tensor, "s d n 3"]:
    """Derivatives of the displacement along d directions at every latent, in forward mode."""

    def along(direction: Tensor) -> Tensor:
        return torch.func.jvp(displacement, (latents,), (direction.expand_as(latents),))[1]

    return torch.func.vmap(along, out_dims=1, chunk_size=16)(directions.T)


def active_subspace(
    displacement: Displacement,
    latents: Float[Tensor, "s k"],
    masses: Float[Tensor, " n"],
    method: Method = "gauss_newton",
    energy: float = 0.95,
    maximum_dimension: int = 8,
) -> ActiveSubspace:
    """Find the active subspace from derivatives at sampled latents.

    Args:
        displacement: the decoder, in metres.
        latents: where to differentiate: draws from the prior and around the rest latent.
        masses: kg of each surface point.
        method: which function's gradient; see the module.
        energy: share of the spectrum to hold.
        maximum_dimension: cap on k_q.
    """
    identity = torch.eye(latents.shape[1], dtype=latents.dtype, device=latents.device)
    tangents = directional_derivatives(displacement, latents, identity)
    weighted = tangents * masses[:, None]
    if method == "gauss_newton":
        moment = torch.einsum("sanc,sbnc->ab", weighted, tangents) / len(latents)
    else:
        moved = displacement(latents)
        length = (moved.square() * masses[:, None]).sum((1, 2)).sqrt().clamp_min(1e-9)
        gradient = torch.einsum("sanc,snc->sa", weighted, moved) / length[:, None]
        moment = gradient.T @ gradient / len(latents)
    values, vectors = torch.linalg.eigh(moment.double())
    spectrum = values.flip(0).clamp_min(0.0)
    count = min(leading_count(spectrum, energy), maximum_dimension)
    captured = float(spectrum[:count].sum() / spectrum.sum().clamp_min(1e-300))
    return ActiveSubspace(vectors.flip(1)[:, :count].to(latents), spectrum, captured)
