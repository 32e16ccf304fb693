"""Samples of the decoder in reduced coordinates: mass-weighted displacements and their derivatives."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.reduction.active_subspace import Displacement
from neurok_model.reduction.region import PriorRegion
from neurok_model.reduction.sampled import NEARBY

DIFFERENCE = 0.02
"""Half the distance, in standard deviations, of the central differences that give derivatives: at it the
errors of truncation and of single precision are both below a thousandth, and a difference costs less than a
forward-mode pass.
"""


class DecoderSnapshots:
    """The decoder on z = z_rest + A q, as mass-weighted displacements from rest, flattened to [.., 3n].

    Args:
        displacement: the decoder at n points, in metres.
        rest_latent: z_rest.
        basis: A.
        masses: kg of each point.
        chunk: latents decoded together.
    """

    def __init__(
        self,
        displacement: Displacement,
        rest_latent: Float[Tensor, " k"],
        basis: Float[Tensor, "k q"],
        masses: Float[Tensor, " n"],
        chunk: int = 64,
    ) -> None:
        self._displacement, self._rest_latent, self._basis = displacement, rest_latent, basis
        self._root = masses.sqrt()[:, None]
        self._chunk = chunk
        self._rest = displacement(rest_latent[None])

    def values(self, q: Float[Tensor, "s q"]) -> Float[Tensor, "s m"]:
        """Mass-weighted displacements from rest."""
        latents = self._rest_latent + q @ self._basis.mT
        moved = torch.cat([self._displacement(some) - self._rest for some in latents.split(self._chunk)])
        return (moved * self._root).flatten(1)

    def tangents(self, q: Float[Tensor, "s q"]) -> Float[Tensor, "s q m"]:
        """Derivatives of the mass-weighted displacements, by central differences."""
        offsets = DIFFERENCE * torch.eye(q.shape[1], dtype=q.dtype, device=q.device)
        both = torch.stack((q[:, None] + offsets, q[:, None] - offsets))
        ahead, behind = self.values(both.flatten(0, 2)).unflatten(0, both.shape[:3])
        return (ahead - behind) / (2.0 * DIFFERENCE)


def draw_configurations(
    region: PriorRegion, count: int, generator: torch.Generator, reach: float | None = None
) -> Float[Tensor, "count q"]:
    """Rest itself, then in random order draws from the prior, at all distances up to ``reach`` (the region's edge when
    left out), and around rest.
    """
    third = count // 3
    near = 0.5 * torch.randn(third, region.dimension, generator=generator, dtype=torch.float64).to(region.mean)
    edge = region.sample_ball(count - 1 - 2 * third, generator, reach)
    everything = torch.cat((region.sample(third, generator), edge, near))
    order = torch.randperm(len(everything), generator=generator)
    return torch.cat((torch.zeros_like(near[:1]), everything[order]))


def draws_near(centres: Float[Tensor, "c q"], count: int, generator: torch.Generator) -> Float[Tensor, "count q"]:
    """The centres themselves, then draws at all distances up to ``NEARBY`` from them."""
    direction = torch.randn(count - len(centres), centres.shape[1], generator=generator).to(centres)
    distance = NEARBY * torch.rand(len(direction), 1, generator=generator).to(centres)
    offsets = distance * direction / direction.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    chosen = centres[torch.randint(len(centres), (len(direction),), generator=generator)]
    return torch.cat((centres, chosen + offsets))


def principal_modes(
    weighted: Float[Tensor, "s m"], missing_motion: float, minimum: int, maximum: int
) -> Float[Tensor, "r m"]:
    """Orthonormal directions that hold the motion of the snapshots, by the method of snapshots.

    Args:
        weighted: mass-weighted displacements.
        missing_motion: share of the motion (root mean square) that may be left out.
        minimum: least number of modes.
        maximum: largest number of modes.
    """
    values, vectors = torch.linalg.eigh((weighted @ weighted.mT).double())
    values, vectors = values.flip(0).clamp_min(0.0), vectors.flip(1)
    held = values.cumsum(0) / values.sum().clamp_min(1e-300)
    enough = int((held < 1.0 - missing_motion**2).sum()) + 1
    count = min(max(enough, minimum), maximum, len(values))
    modes = vectors[:, :count].mT.to(weighted) @ weighted
    return torch.linalg.qr(modes.mT)[0].mT.contiguous()
