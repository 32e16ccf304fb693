"""Transformer blocks that can be differentiated twice in forward mode.

Attention is written as matrix products, because fused kernels have no forward-mode derivative, and
normalisation is RMSNorm, because the second forward derivative of layer normalisation is silently wrong in
current PyTorch.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class Normalise(nn.RMSNorm):
    """RMSNorm in the precision of its input, so that mixed precision keeps the fused kernel."""

    def forward(self, tokens: Float[Tensor, "*b w"]) -> Float[Tensor, "*b w"]:
        """Return the tokens with unit root-mean-square channels, scaled by the learned gains."""
        return functional.rms_norm(tokens, self.normalized_shape, self.weight.to(tokens.dtype), self.eps)


class Attention(nn.Module):
    """Multi-head attention of ``queries`` to ``memory``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_query = nn.Linear(width, width, bias=False)
        self.to_key_value = nn.Linear(width, 2 * width, bias=False)
        self.to_output = nn.Linear(width, width)

    def forward(self, queries: Float[Tensor, "*#b q w"], memory: Float[Tensor, "*#b m w"]) -> Float[Tensor, "*b q w"]:
        """Return what each query gathered from the memory; leading dimensions broadcast."""
        query = self._split(self.to_query(queries))
        key, value = (self._split(part) for part in self.to_key_value(memory).chunk(2, dim=-1))
        scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(-1, -2)
        gathered = torch.softmax(scores, dim=-1) @ value
        return self.to_output(gathered.transpose(-2, -3).flatten(-2))

    def _split(self, tokens: Float[Tensor, "*b n w"]) -> Float[Tensor, "*b h n c"]:
        return tokens.unflatten(-1, (self.heads, -1)).transpose(-2, -3)


class FeedForward(nn.Sequential):
    """Two linear layers around a GELU."""

    def __init__(self, width: int, expansion: int = 4) -> None:
        super().__init__(nn.Linear(width, expansion * width), nn.GELU(), nn.Linear(expansion * width, width))


class CrossBlock(nn.Module):
    """Tokens read from a memory: pre-normalised cross-attention, then a feed-forward layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.normalise_queries = Normalise(width)
        self.normalise_memory = Normalise(width)
        self.attention = Attention(width, heads)
        self.normalise_hidden = Normalise(width)
        self.feed_forward = FeedForward(width)

    def forward(self, tokens: Float[Tensor, "*#b q w"], memory: Float[Tensor, "*#b m w"]) -> Float[Tensor, "*b q w"]:
        """Return the updated tokens."""
        tokens = tokens + self.attention(self.normalise_queries(tokens), self.normalise_memory(memory))
        return tokens + self.feed_forward(self.normalise_hidden(tokens))


class SelfBlock(nn.Module):
    """Tokens exchange among themselves: pre-normalised self-attention, then a feed-forward layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.normalise_tokens = Normalise(width)
        self.attention = Attention(width, heads)
        self.normalise_hidden = Normalise(width)
        self.feed_forward = FeedForward(width)

    def forward(self, tokens: Float[Tensor, "*b n w"]) -> Float[Tensor, "*b n w"]:
        """Return the updated tokens."""
        normalised = self.normalise_tokens(tokens)
        tokens = tokens + self.attention(normalised, normalised)
        return tokens + self.feed_forward(self.normalise_hidden(tokens))


class FourierFeatures(nn.Module):
    """Sines and cosines of positions at octave frequencies, beside the positions themselves (3DShape2VecSet)."""

    frequencies: Tensor

    def __init__(self, octaves: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", math.pi * 2.0 ** torch.arange(octaves), persistent=False)

    @property
    def channels(self) -> int:
        """Number of features per position."""
        return 3 + 6 * len(self.frequencies)

    def forward(self, positions: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b c"]:
        """Embed positions in normalised coordinates."""
        angles = (positions[..., None] * self.frequencies).flatten(-2)
        return torch.cat((positions, angles.sin(), angles.cos()), dim=-1)


def unit_gain(*sizes: int) -> nn.Sequential:
    """Linear layers with GELUs between them, whose outputs vary as much as their inputs from the start.

    PyTorch's usual initialisation shrinks variation by the root of three per layer and adds biases beside which the
    differences between points or latents all but disappear.
    """
    layers: list[nn.Module] = []
    for size, following in pairwise(sizes):
        layer = nn.Linear(size, following)
        nn.init.normal_(layer.weight, std=(2.0 if layers else 1.0) ** 0.5 * size**-0.5)
        nn.init.zeros_(layer.bias)
        layers += [nn.GELU(), layer] if layers else [layer]
    return nn.Sequential(*layers)


def learned_tokens(count: int, width: int) -> nn.Parameter:
    """Tokens that a Perceiver learns instead of reading them from its input."""
    return nn.Parameter(torch.randn(count, width) * 0.5)
