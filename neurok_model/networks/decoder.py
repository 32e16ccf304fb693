"""D: the rigid motion of every surface point of M0, for a latent z.

The decoder works in two stages. ``bind`` does once per object what does not depend on z; ``BoundDecoder`` then
maps latents to dual quaternions and is what the mechanics differentiates. Two heads share this interface.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neurok_model.geometry import dual_quaternions as dq
from neurok_model.networks.blocks import CrossBlock, FourierFeatures, SelfBlock, learned_tokens
from neurok_model.networks.configuration import NetworkConfiguration


class PointQueries(nn.Module):
    """Features of surface points in the light of the whole object; they do not depend on z."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width, heads = configuration.width, configuration.heads
        self.fourier = FourierFeatures(configuration.fourier_octaves)
        self.embed_points = nn.Sequential(
            nn.Linear(self.fourier.channels + 3, width), nn.GELU(), nn.Linear(width, width)
        )
        self.read = nn.ModuleList(CrossBlock(width, heads) for _ in range(2))
        self.normalise = nn.RMSNorm(width)

    def forward(
        self, points: Float[Tensor, "b n 3"], normals: Float[Tensor, "b n 3"], context: Float[Tensor, "b c w"]
    ) -> Float[Tensor, "b n w"]:
        """Embed points (normalised coordinates) and let them read the context."""
        features = self.embed_points(torch.cat((self.fourier(points), normals), dim=-1))
        for block in self.read:
            features = block(features, context)
        return self.normalise(features)


class Head(nn.Module, ABC):
    """From latent tokens to the motion of points."""

    tokens: nn.Parameter
    """Tokens that join the latent ones in the decoder's trunk."""

    @abstractmethod
    def bind(
        self, features: Float[Tensor, "b n w"], points: Float[Tensor, "b n 3"]
    ) -> tuple[Tensor, ...]:
        """Whatever per-point quantities do not depend on z; the second dimension is the point's."""

    @abstractmethod
    def forward(
        self, bound: tuple[Tensor, ...], own: Float[Tensor, "b f h w"], latent: Float[Tensor, "b f l w"]
    ) -> Float[Tensor, "b f n 8"]:
        """Dual quaternions of the bound points, from the trunk's output tokens."""

    def drive(
        self, bound: tuple[Tensor, ...], index: Int[Tensor, "v k"], weight: Float[Tensor, "v k"]
    ) -> tuple[Tensor, ...] | None:
        """Bound quantities of vertices driven by points, where averaging them averages the motion; else None."""
        return None


class BlendSkinningHead(Head):
    """Fixed blend weights per point and a few moving handles: dual-quaternion blend skinning.

    The cost per latent does not grow with the number of points, until displacements are asked for.
    """

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.tokens = learned_tokens(configuration.handles, configuration.width)
        self.to_weights = nn.Linear(configuration.width, configuration.handles)
        self.to_motion = nn.Linear(configuration.width, 7)
        nn.init.zeros_(self.to_motion.bias)
        with torch.no_grad():
            self.to_motion.weight *= 0.2

    def bind(
        self, features: Float[Tensor, "b n w"], points: Float[Tensor, "b n 3"]
    ) -> tuple[Tensor, ...]:
        """Blend weights [b, n, h] of every point, and the centre [b, h, 3] of every handle's region."""
        weights = torch.softmax(self.to_weights(features), dim=-1)
        mass = weights.sum(dim=1).clamp_min(1e-6)
        centres = weights.transpose(1, 2) @ points / mass[..., None]
        return weights, centres

    def drive(
        self, bound: tuple[Tensor, ...], index: Int[Tensor, "v k"], weight: Float[Tensor, "v k"]
    ) -> tuple[Tensor, ...]:
        """Average the blend weights: the blended dual quaternion is linear in them."""
        weights, centres = bound
        return (weights[:, index] * weight[..., None]).sum(dim=-2), centres

    def forward(
        self, bound: tuple[Tensor, ...], own: Float[Tensor, "b f h w"], latent: Float[Tensor, "b f l w"]
    ) -> Float[Tensor, "b f n 8"]:
        """Blend the handles' dual quaternions."""
        weights, centres = bound
        motion = self.to_motion(own)
        rotation = motion[..., :4] + motion.new_tensor((1.0, 0.0, 0.0, 0.0))
        rotation = rotation * (rotation * rotation).sum(-1, keepdim=True).clamp_min(1e-8).rsqrt()
        handles = dq.from_centred_motion(rotation, motion[..., 4:], centres[:, None])
        return weights[:, None] @ handles


class PointwiseHead(Head):
    """The paper's head: every point reads the latent tokens and predicts its own dual quaternion."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.tokens = learned_tokens(1, configuration.width)
        self.read = CrossBlock(configuration.width, configuration.heads)
        self.normalise = nn.RMSNorm(configuration.width)
        self.to_motion = nn.Linear(configuration.width, 7)
        nn.init.zeros_(self.to_motion.bias)
        with torch.no_grad():
            self.to_motion.weight *= 0.2

    def bind(
        self, features: Float[Tensor, "b n w"], points: Float[Tensor, "b n 3"]
    ) -> tuple[Tensor, ...]:
        """The point features [b, n, w] themselves, and the points [b, n, 3]."""
        return features, points

    def forward(
        self, bound: tuple[Tensor, ...], own: Float[Tensor, "b f h w"], latent: Float[Tensor, "b f l w"]
    ) -> Float[Tensor, "b f n 8"]:
        """Predict a rotation about the point and a displacement of it."""
        features, points = bound
        read = self.read(features[:, None], torch.cat((own, latent), dim=-2))
        motion = self.to_motion(self.normalise(read))
        rotation = motion[..., :4] + motion.new_tensor((1.0, 0.0, 0.0, 0.0))
        rotation = rotation * (rotation * rotation).sum(-1, keepdim=True).clamp_min(1e-8).rsqrt()
        return dq.from_centred_motion(rotation, motion[..., 4:], points[:, None])


HEADS: dict[str, type[Head]] = {"blend_skinning": BlendSkinningHead, "pointwise": PointwiseHead}


class Decoder(nn.Module):
    """D(z, M0): latent tokens and the head's tokens exchange, read the context, and move the points."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width, heads = configuration.width, configuration.heads
        self.latent_tokens = configuration.latent_tokens
        self.queries = PointQueries(configuration)
        self.embed_latent = nn.Linear(configuration.latent_channels, width)
        self.position = learned_tokens(configuration.latent_tokens, width)
        self.head: Head = HEADS[configuration.head](configuration)
        self.read_context = CrossBlock(width, heads)
        self.blocks = nn.ModuleList(SelfBlock(width, heads) for _ in range(configuration.decoder_layers))
        self.normalise = nn.RMSNorm(width)

    def bind(
        self, points: Float[Tensor, "b n 3"], normals: Float[Tensor, "b n 3"], context: Float[Tensor, "b c w"]
    ) -> BoundDecoder:
        """Do once per object what does not depend on z."""
        features = self.queries(points, normals, context)
        own = self.read_context(self.head.tokens.expand(len(points), -1, -1), context)
        latent = self.read_context(self.position.expand(len(points), -1, -1), context)
        return BoundDecoder(self, self.head.bind(features, points), own, latent, points)


class BoundDecoder:
    """A decoder bound to objects M0 and to points on them: F(z; M0)."""

    def __init__(
        self,
        decoder: Decoder,
        bound: tuple[Tensor, ...],
        own_tokens: Float[Tensor, "b h w"],
        latent_tokens: Float[Tensor, "b l w"],
        points: Float[Tensor, "b n 3"],
        driving: tuple[Int[Tensor, "v k"], Float[Tensor, "v k"]] | None = None,
    ) -> None:
        self.decoder = decoder
        self.bound = bound
        self.own_tokens = own_tokens
        self.latent_tokens = latent_tokens
        self.points = points
        self._driving = driving

    def driven(
        self, vertices: Float[Tensor, "b v 3"], index: Int[Tensor, "v k"], weight: Float[Tensor, "v k"]
    ) -> BoundDecoder:
        """The same decoder for vertices that follow the bound points ``index`` with ``weight`` (K_drive)."""
        averaged = self.decoder.head.drive(self.bound, index, weight)
        if averaged is None:
            return BoundDecoder(
                self.decoder, self.bound, self.own_tokens, self.latent_tokens, vertices, (index, weight)
            )
        return BoundDecoder(self.decoder, averaged, self.own_tokens, self.latent_tokens, vertices)

    def dual_quaternions(self, latents: Float[Tensor, "b f k"]) -> Float[Tensor, "b f n 8"]:
        """Motion of every bound point for f latents per object, as dual quaternions (not normalised)."""
        decoder = self.decoder
        latent = decoder.embed_latent(latents.unflatten(-1, (decoder.latent_tokens, -1)))
        latent = latent + self.latent_tokens[:, None]
        own = self.own_tokens[:, None].expand(-1, latents.shape[1], -1, -1)
        tokens = torch.cat((own, latent), dim=-2)
        for block in decoder.blocks:
            tokens = block(tokens)
        tokens = decoder.normalise(tokens)
        count = own.shape[-2]
        motion = decoder.head(self.bound, tokens[..., :count, :], tokens[..., count:, :])
        if self._driving is None:
            return motion
        index, weight = self._driving
        return (motion[..., index, :] * weight[..., None]).sum(dim=-2)

    def displacement(self, latents: Float[Tensor, "b f k"]) -> Float[Tensor, "b f n 3"]:
        """Displacement of every bound point, in normalised coordinates."""
        points = self.points[:, None]
        return dq.transform_points(self.dual_quaternions(latents), points) - points
