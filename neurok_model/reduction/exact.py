"""The decoder itself as an embedding: what the compiled map is checked against."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.reduction.active_subspace import Displacement
from neurok_model.reduction.embedding import Embedding


class ExactEmbedding(Embedding):
    """y_i(q) = sqrt(m_i) (displacement_i(z_rest + A q) - displacement_i(z_rest)), with the decoder in the
    loop.

    Some thousand times slower than a compiled map; derivatives are automatic, in forward mode.

    Args:
        displacement: the decoder at n points, in metres, batch-first.
        rest_latent: z_rest.
        basis: A.
        masses: kg of each point.
    """

    def __init__(
        self,
        displacement: Displacement,
        rest_latent: Float[Tensor, " k"],
        basis: Float[Tensor, "k q"],
        masses: Float[Tensor, " n"],
    ) -> None:
        self._displacement, self._rest_latent, self._basis = displacement, rest_latent, basis
        self._root = masses.sqrt()[:, None]
        self.dimension = basis.shape[1]
        self.embedding_dimension = 3 * len(masses)
        self.dtype, self.device = rest_latent.dtype, rest_latent.device
        self._rest = displacement(rest_latent[None])[0].detach()

    def value(self, q: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch r"]:
        """Mass-weighted displacements from rest."""
        latents = self._rest_latent + q @ self._basis.mT
        moved = self._displacement(latents.reshape(-1, latents.shape[-1])) - self._rest
        return (moved * self._root).reshape(*q.shape[:-1], -1)

    @property
    def mass_moment(self) -> Float[Tensor, "3 r"]:
        """sum_i m_i Phi_i, where Phi_i is the identity divided by sqrt(m_i)."""
        identity = torch.eye(3, dtype=self.dtype, device=self.device)
        return (self._root[:, :, None] * identity).permute(1, 0, 2).flatten(1)

    def all_rows(self) -> Float[Tensor, "n 3 r"]:
        """Phi at all of the points."""
        count = len(self._root)
        rows = torch.zeros(count, 3, count, 3, dtype=self.dtype, device=self.device)
        each, axis = torch.arange(count)[:, None], torch.arange(3)
        rows[each, axis, each, axis] = 1.0 / self._root.expand(-1, 3)
        return rows.flatten(2)
