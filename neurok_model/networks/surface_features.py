"""Features of surface points from where they lie and from the scan around them.

Which part a point belongs to is mostly written in its neighbourhood (edges, gaps, changes of the normal), which a
few context tokens cannot carry for every point. So every point looks at its nearest scan points itself, as
PointNet++ does (Qi et al., 2017), in two densities of the scan.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurok_model.networks.blocks import FourierFeatures, unit_gain
from neurok_model.networks.configuration import NetworkConfiguration
from neurok_model.networks.nearest import nearest

NEIGHBOUR_CHANNELS = 9
"""Offset, distance, the neighbour's normal, and two angles."""

WIDE_SCALE = 8.0
"""Brings offsets between neighbours among 512 points on a unit box to about 1."""

CLOSE_SCALE = 16.0
"""The same for the denser scan."""


class SurfaceFeatures(nn.Module):
    """Embeds points with their normals and their neighbourhoods in the scan, a wide one and a close one.

    The wide neighbourhood is that in the scan's first ``scan_points`` points, the close one that in all of them.
    """

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width, local = configuration.width, configuration.neighbour_width
        self.neighbours = configuration.neighbours
        self.dense_neighbours = configuration.dense_neighbours
        self.fourier = FourierFeatures(configuration.fourier_octaves)
        self.describe = unit_gain(NEIGHBOUR_CHANNELS, local, local)
        self.embed = unit_gain(self.fourier.channels + 3 + 2 * local, width, width)
        self.wide_points: int | None = None
        if configuration.dense_points:
            self.wide_points = configuration.scan_points
            self.describe_closely = unit_gain(NEIGHBOUR_CHANNELS, local, local)
            self.embed_closely = nn.Linear(2 * local, width, bias=False)
            # Nothing at first: the weights of networks without it can be trained on.
            nn.init.zeros_(self.embed_closely.weight)

    def forward(
        self,
        points: Float[Tensor, "b n 3"],
        normals: Float[Tensor, "b n 3"],
        scan_points: Float[Tensor, "b s 3"],
        scan_normals: Float[Tensor, "b s 3"],
    ) -> Float[Tensor, "b n w"]:
        """Embed points (normalised coordinates) in the light of the scan around them."""
        wide = slice(None, self.wide_points)
        seen = neighbourhood(points, normals, scan_points[:, wide], scan_normals[:, wide], self.neighbours, WIDE_SCALE)
        first, *others = self.embed
        hidden = first(torch.cat((self.fourier(points), normals, summary(self.describe(seen))), dim=-1))
        if self.wide_points is not None:
            seen = neighbourhood(points, normals, scan_points, scan_normals, self.dense_neighbours, CLOSE_SCALE)
            hidden = hidden + self.embed_closely(summary(self.describe_closely(seen)))
        for layer in others:
            hidden = layer(hidden)
        return hidden


def summary(described: Float[Tensor, "b n k c"]) -> Float[Tensor, "b n d"]:
    """Largest and mean values over the neighbours, whatever their order."""
    return torch.cat((described.amax(dim=-2), described.mean(dim=-2)), dim=-1)


@torch.no_grad()
def neighbourhood(
    points: Float[Tensor, "b n 3"],
    normals: Float[Tensor, "b n 3"],
    scan_points: Float[Tensor, "b s 3"],
    scan_normals: Float[Tensor, "b s 3"],
    neighbours: int,
    scale: float,
) -> Float[Tensor, "b n k c"]:
    """Where the nearest scan points lie and how their surface stands, as seen from the points; offsets times scale."""
    index = nearest(points, scan_points, min(neighbours, scan_points.shape[1]))
    batch = torch.arange(len(points), device=points.device)[:, None, None]
    offset = scale * (scan_points[batch, index] - points[:, :, None])
    beside = scan_normals[batch, index]
    own = normals[:, :, None]
    angles = torch.stack(((offset * own).sum(-1), (beside * own).sum(-1)), dim=-1)
    return torch.cat((offset, offset.norm(dim=-1, keepdim=True), beside, angles), dim=-1)
