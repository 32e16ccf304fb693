"""E_cond: what a static scan says about how its object can move."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from neurok_model.networks.blocks import CrossBlock, Normalise, SelfBlock, learned_tokens
from neurok_model.networks.configuration import NetworkConfiguration
from neurok_model.networks.surface_features import SurfaceFeatures


class KinematicPrior(NamedTuple):
    """The prior N(mean, I) over z, and what describes M0 to the other two networks: tokens and the scan itself."""

    mean: Float[Tensor, "b k"]
    context: Float[Tensor, "b c w"]
    scan_points: Float[Tensor, "b s 3"]
    scan_normals: Float[Tensor, "b s 3"]


class PriorEncoder(nn.Module):
    """Perceiver over the surface points of M0: E_cond(M0) -> N(mu_cond, I)."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width, heads = configuration.width, configuration.heads
        self.scan_points = configuration.scan_points
        self.embed_points = SurfaceFeatures(configuration)
        self.tokens = learned_tokens(configuration.context_tokens, width)
        self.read_first = CrossBlock(width, heads)
        self.read_again = CrossBlock(width, heads)
        half = configuration.context_layers // 2
        self.early = nn.ModuleList(SelfBlock(width, heads) for _ in range(half))
        self.late = nn.ModuleList(SelfBlock(width, heads) for _ in range(configuration.context_layers - half))
        self.normalise = Normalise(width)
        self.latent_tokens = learned_tokens(configuration.latent_tokens, width)
        self.read_latent = CrossBlock(width, heads)
        self.to_mean = nn.Linear(width, configuration.latent_channels)

    def forward(self, points: Float[Tensor, "b n 3"], normals: Float[Tensor, "b n 3"]) -> KinematicPrior:
        """Encode surface points (normalised coordinates) and their unit normals.

        The first ``scan_points`` of them become tokens; any others only show their neighbourhoods more closely.
        """
        few = slice(None, self.scan_points)
        features = self.embed_points(points[:, few], normals[:, few], points, normals)
        tokens = self.read_first(self.tokens.expand(len(points), -1, -1), features)
        for block in self.early:
            tokens = block(tokens)
        tokens = self.read_again(tokens, features)
        for block in self.late:
            tokens = block(tokens)
        context = self.normalise(tokens)
        latent = self.read_latent(self.latent_tokens.expand(len(points), -1, -1), context)
        return KinematicPrior(self.to_mean(latent).flatten(-2), context, points, normals)
