"""How far the coordinates of one object reach: a Gaussian over its latents, learned from the poses that it takes.

The divergence draws the latents of all objects together to N(mu_cond, I). Of one object that says little: the scan of a
shut door has its latent near the mean, everything that the door can do lies to one side of it, up to four standard
deviations far, and in directions that the door does not need its latents do not vary at all. So a second Gaussian is
read off the context and off the decoder's tokens, which know what a coordinate does to the object and in which sense,
and told the latents z of the object's deformations,

    p(z | M0) = N(m, (W^T W)^-1),    W lower triangular,    loss = |W (z - m)|^2 / 2 - sum_i log W_ii

It changes nothing in the latent, which does not hear of it. Whoever uses the decoder is given u = W (z - m) instead of
z: the prior of u is N(0, I), its ball ends about where the joints end, and directions that no pose needs are short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.networks.configuration import NetworkConfiguration
from neurok_model.networks.decoder_reader import DecoderReader
from neurok_model.networks.prior_encoder import KinematicPrior

if TYPE_CHECKING:
    from neurok_model.networks.decoder import BoundDecoder

LARGEST_LOGARITHM = 3.0
"""Of a diagonal entry of W: standard deviations lie between a twentieth and twenty."""


class Reach(NamedTuple):
    """N(mean, (W^T W)^-1) over z, with W = ``whitening``."""

    mean: Float[Tensor, "b k"]
    whitening: Float[Tensor, "b k k"]

    def units(self, latents: Float[Tensor, "b f k"]) -> Float[Tensor, "b f k"]:
        """Latents as u = W (z - m)."""
        return (latents - self.mean[:, None]) @ self.whitening.mT

    def latents(self, units: Float[Tensor, "b f k"]) -> Float[Tensor, "b f k"]:
        """The inverse, z = m + W^-1 u."""
        return self.mean[:, None] + units @ self.inverse().mT

    def mean_of_objects(self) -> Reach:
        """One reach out of several readings of one scan."""
        return Reach(*(part.mean(dim=0, keepdim=True) for part in self))

    def inverse(self) -> Float[Tensor, "b k k"]:
        """W^-1, whose columns say how far z reaches in the directions of u."""
        identity = torch.eye(self.mean.shape[-1], dtype=self.mean.dtype, device=self.mean.device)
        return torch.linalg.solve_triangular(self.whitening, identity.expand_as(self.whitening), upper=False)

    def surprise(self, latents: Float[Tensor, "b f k"]) -> Float[Tensor, "b f"]:
        """Negative log-density of latents, in nats, without the constant k log(2 pi) / 2."""
        logarithms = self.whitening.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        return 0.5 * self.units(latents).square().sum(dim=-1) - logarithms[:, None]


class ReachEncoder(DecoderReader):
    """Mean and whitening of the reach; at first it is the prior N(mu_cond, I) itself."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__(configuration, 1 + configuration.latent_dimension)

    def forward(self, prior: KinematicPrior, bound: BoundDecoder) -> Reach:
        """Read the reach of every object."""
        mean = prior.mean.detach()
        rows = self.rows(prior, bound)
        offset, entries = rows[..., 0], rows[..., 1:]
        logarithms = LARGEST_LOGARITHM * torch.tanh(entries.diagonal(dim1=-2, dim2=-1) / LARGEST_LOGARITHM)
        return Reach(mean + offset, torch.tril(entries, diagonal=-1) + torch.diag_embed(logarithms.exp()))
