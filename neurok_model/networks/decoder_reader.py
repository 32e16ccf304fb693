"""What the encoders have in common that read numbers about a decoder's coordinates: off the context and its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurok_model.networks.blocks import CrossBlock, Normalise, SelfBlock, learned_tokens
from neurok_model.networks.configuration import NetworkConfiguration
from neurok_model.networks.prior_encoder import KinematicPrior

if TYPE_CHECKING:
    from neurok_model.networks.decoder import BoundDecoder


class DecoderReader(nn.Module):
    """Rows of numbers, one row for each latent coordinate; zeros before training.

    Args:
        configuration: of the networks.
        numbers: how many in each row.
    """

    def __init__(self, configuration: NetworkConfiguration, numbers: int) -> None:
        super().__init__()
        width, heads = configuration.width, configuration.heads
        self.tokens = learned_tokens(configuration.latent_tokens, width)
        self.read_context = CrossBlock(width, heads)
        self.exchange = SelfBlock(width, heads)
        self.read_again = CrossBlock(width, heads)
        self.embed_decoder = nn.Sequential(Normalise(width), nn.Linear(width, width))
        self.embed_coordinate = nn.Sequential(Normalise(width), nn.Linear(width, width))
        self.normalise = Normalise(width)
        self.to_rows = nn.Linear(width, configuration.latent_channels * numbers)
        nn.init.zeros_(self.to_rows.weight)
        nn.init.zeros_(self.to_rows.bias)
        self.channels = configuration.latent_channels

    def rows(
        self, prior: KinematicPrior, bound: BoundDecoder, told: Float[Tensor, "b l w"] | None = None
    ) -> Float[Tensor, "b k numbers"]:
        """Read them, in the precision of the prior; gradients end here, so that only this encoder learns from them.

        Args:
            prior: of the objects.
            bound: the decoder, bound to them.
            told: what the tokens are told besides; None for nothing.
        """
        context = prior.context.detach()
        handles, coordinates = bound.own_tokens.detach(), bound.latent_tokens.detach()
        decoder_tokens = self.embed_decoder(torch.cat((handles, coordinates), dim=1).to(context.dtype))
        memory = torch.cat((context, decoder_tokens), dim=1)
        tokens = self.tokens + self.embed_coordinate(coordinates.to(context.dtype))
        if told is not None:
            tokens = tokens + told
        tokens = self.read_context(tokens, memory)
        tokens = self.read_again(self.exchange(tokens), memory)
        # Single precision: a rounded whitening would shift the scanned pose.
        rows = self.to_rows(self.normalise(tokens)).to(prior.mean.dtype)
        return rows.unflatten(-1, (self.channels, -1)).flatten(1, 2)
