"""Features of surface points from where they lie and from the scan around them.

Which part a point belongs to is mostly written in its neighbourhood (edges, gaps, changes of the normal), which a
few context tokens cannot carry for every point. So every point looks at its nearest scan points itself, as
PointNet++ does (Qi et al., 2017), in the one scale that the scan's density gives.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurok_model.networks.blocks import FourierFeatures, unit_gain
from neurok_model.networks.configuration import NetworkConfiguration

NEIGHBOUR_CHANNELS = 9
"""Offset, distance, the neighbour's normal, and two angles."""

OFFSET_SCALE = 8.0
"""Brings offsets between neighbours of a unit box to about 1."""


class SurfaceFeatures(nn.Module):
    """Embeds points with their normals and their neighbourhood in the scan."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width, local = configuration.width, configuration.neighbour_width
        self.neighbours = configuration.neighbours
        self.fourier = FourierFeatures(configuration.fourier_octaves)
        self.describe = unit_gain(NEIGHBOUR_CHANNELS, local, local)
        self.embed = unit_gain(self.fourier.channels + 3 + 2 * local, width, width)

    def forward(
        self,
        points: Float[Tensor, "b n 3"],
        normals: Float[Tensor, "b n 3"],
        scan_points: Float[Tensor, "b s 3"],
        scan_normals: Float[Tensor, "b s 3"],
    ) -> Float[Tensor, "b n w"]:
        """Embed points (normalised coordinates) in the light of the scan around them."""
        described = self.describe(self._neighbourhood(points, normals, scan_points, scan_normals))
        local = torch.cat((described.amax(dim=-2), described.mean(dim=-2)), dim=-1)
        return self.embed(torch.cat((self.fourier(points), normals, local), dim=-1))

    def _neighbourhood(
        self,
        points: Float[Tensor, "b n 3"],
        normals: Float[Tensor, "b n 3"],
        scan_points: Float[Tensor, "b s 3"],
        scan_normals: Float[Tensor, "b s 3"],
    ) -> Float[Tensor, "b n k c"]:
        with torch.no_grad():
            count = min(self.neighbours, scan_points.shape[1])
            index = torch.cdist(points, scan_points).topk(count, dim=-1, largest=False, sorted=False).indices
            batch = torch.arange(len(points), device=points.device)[:, None, None]
            offset = OFFSET_SCALE * (scan_points[batch, index] - points[:, :, None])
            beside = scan_normals[batch, index]
            own = normals[:, :, None]
            angles = torch.stack(((offset * own).sum(-1), (beside * own).sum(-1)), dim=-1)
            return torch.cat((offset, offset.norm(dim=-1, keepdim=True), beside, angles), dim=-1)
