"""E_VAE: which latent describes an observed deformation of M0."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurok_model.networks.blocks import CrossBlock, FourierFeatures, Normalise, SelfBlock, learned_tokens, unit_gain
from neurok_model.networks.configuration import NetworkConfiguration
from neurok_model.networks.prior_encoder import KinematicPrior

INITIAL_LOG_DEVIATION = -3.0
"""Bias of log sigma: training must start with a posterior narrow enough to carry information."""


class Posterior(NamedTuple):
    """The Gaussian q(z | phi, M0) with diagonal covariance."""

    mean: Float[Tensor, "*b k"]
    log_deviation: Float[Tensor, "*b k"]


class DeformationEncoder(nn.Module):
    """Perceiver over deformed surface points: E_VAE(phi, M0) -> N(mu, diag sigma^2).

    The mean is predicted as an offset from the prior's mean.
    """

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width, heads = configuration.width, configuration.heads
        self.sees_rotations = configuration.head != "displacement"
        self.fourier = FourierFeatures(configuration.fourier_octaves)
        channels = 2 * self.fourier.channels + 3 + 3 + 8
        self.embed_points = unit_gain(channels, width, width)
        self.tokens = learned_tokens(configuration.latent_tokens, width)
        self.read_context = CrossBlock(width, heads)
        self.read_deformation = CrossBlock(width, heads)
        self.read_again = CrossBlock(width, heads)
        self.blocks = nn.ModuleList(SelfBlock(width, heads) for _ in range(configuration.deformation_layers))
        self.normalise = Normalise(width)
        self.to_posterior = nn.Linear(width, 2 * configuration.latent_channels)
        nn.init.zeros_(self.to_posterior.bias)
        with torch.no_grad():
            self.to_posterior.bias[configuration.latent_channels :] = INITIAL_LOG_DEVIATION
            self.to_posterior.weight *= 0.5

    def forward(
        self,
        prior: KinematicPrior,
        points: Float[Tensor, "b n 3"],
        normals: Float[Tensor, "b n 3"],
        displacement: Float[Tensor, "b f n 3"],
        dual_quaternions: Float[Tensor, "b f n 8"],
    ) -> Posterior:
        """Encode f deformations of each of b objects (normalised coordinates)."""
        if not self.sees_rotations:
            dual_quaternions = torch.zeros_like(dual_quaternions)
        still = torch.cat((self.fourier(points), normals), dim=-1)[:, None]
        moved = torch.cat((self.fourier(points[:, None] + displacement), displacement, dual_quaternions), dim=-1)
        features = self.embed_points(torch.cat((still.expand(*moved.shape[:3], -1), moved), dim=-1))
        tokens = self.read_context(self.tokens.expand(len(points), -1, -1), prior.context)[:, None]
        tokens = self.read_deformation(tokens, features)
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index == 0:
                tokens = self.read_again(tokens, features)
        offset, log_deviation = self.to_posterior(self.normalise(tokens)).chunk(2, dim=-1)
        mean = prior.mean[:, None] + offset.flatten(-2)
        return Posterior(mean, log_deviation.flatten(-2).clamp(-8.0, 2.0))
