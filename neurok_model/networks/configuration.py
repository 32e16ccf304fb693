"""Size and form of the networks: everything that a checkpoint's JSON file must say to rebuild them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class NetworkConfiguration:
    """Architecture of the networks.

    Args:
        width: channels of every token.
        heads: attention heads.
        context_tokens: learned tokens that summarise M0.
        context_layers: self-attention blocks over them.
        deformation_layers: self-attention blocks of the deformation encoder.
        decoder_layers: self-attention blocks of the decoder.
        latent_tokens: tokens that make up z.
        latent_channels: numbers per latent token; z has latent_tokens * latent_channels dimensions.
        gates: whether every object opens and closes the latent coordinates that its decoder listens to.
        fourier_octaves: octaves of the positional embedding.
        head: "blend_skinning" (fixed weights, moving handles), "pointwise" (the paper's free output), or "displacement"
            (free output without dual quaternions, neither into the deformation encoder nor out of the decoder).
        handles: moving frames of the blend-skinning head.
        mobility: whether its points may follow the handles in part only, or not at all.
        scan_points: surface points that the prior encoder reads; the features of neighbourhoods are learned at this
            density.
        neighbours: scan points around a point that describe its neighbourhood.
        neighbour_width: channels of that description.
        dense_points: surface points of a denser scan, whose first ``scan_points`` are the others, in which
            neighbourhoods are described once more, closely: the gap around a door is narrower than the distance of
            512 points. 0 for networks without.
        dense_neighbours: points of the denser scan that describe a neighbourhood closely.
        reach: whether the networks say how far the coordinates of an object reach, see
            :mod:`neurok_model.networks.reach`.
        latent_mass: whether the networks say which coordinates they are unsure of, see
            :mod:`neurok_model.networks.latent_mass`.
    """

    width: int = 128
    heads: int = 4
    context_tokens: int = 32
    context_layers: int = 4
    deformation_layers: int = 2
    decoder_layers: int = 3
    latent_tokens: int = 8
    latent_channels: int = 1
    gates: bool = True
    fourier_octaves: int = 7
    head: str = "blend_skinning"
    handles: int = 16
    mobility: bool = True
    scan_points: int = 512
    neighbours: int = 12
    neighbour_width: int = 32
    dense_points: int = 2048
    dense_neighbours: int = 16
    reach: bool = True
    latent_mass: bool = True

    @property
    def read_points(self) -> int:
        """Surface points of a scan that the networks read at all."""
        return max(self.scan_points, self.dense_points)

    @property
    def latent_dimension(self) -> int:
        """Dimension k of the latent z."""
        return self.latent_tokens * self.latent_channels

    def to_dictionary(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)
