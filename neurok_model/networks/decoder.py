"""D: the rigid motion of every surface point of M0, for a latent z.

The decoder works in two stages. ``bind`` does once per object what does not depend on z; ``BoundDecoder`` then
maps latents to dual quaternions and is what the mechanics differentiates. Two heads share this interface.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neurok_model.geometry import dual_quaternions as dq
from neurok_model.networks.blocks import CrossBlock, Normalise, SelfBlock, learned_tokens, unit_gain
from neurok_model.networks.configuration import NetworkConfiguration
from neurok_model.networks.prior_encoder import KinematicPrior
from neurok_model.networks.reach import Reach
from neurok_model.networks.surface_features import SurfaceFeatures

INITIAL_OPENING = 2.0
"""Logit of the gates before training: nearly open."""

INITIAL_MOBILITY = 3.0
"""Logit of the points' mobility before training: almost everything moves."""

LEAST_MOBILITY = 1e-6
"""Keeps the shares of the handles finite at points that stand still."""

INITIAL_MOTION = 0.3
"""Size of the handles' motions (radians, longest sides) for latents at the prior's scale, before training."""


class PointQueries(nn.Module):
    """Features of surface points in the light of the whole object; they do not depend on z."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width, heads = configuration.width, configuration.heads
        self.embed_points = SurfaceFeatures(configuration)
        self.read = nn.ModuleList(CrossBlock(width, heads) for _ in range(2))
        self.normalise = Normalise(width)

    def forward(
        self, points: Float[Tensor, "b n 3"], normals: Float[Tensor, "b n 3"], prior: KinematicPrior
    ) -> Float[Tensor, "b n w"]:
        """Embed points (normalised coordinates) and let them read the context."""
        features = self.embed_points(points, normals, prior.scan_points, prior.scan_normals)
        for block in self.read:
            features = block(features, prior.context)
        return self.normalise(features)


class Head(nn.Module, ABC):
    """From latent tokens to the motion of points."""

    tokens: nn.Parameter
    """Tokens that join the latent ones in the decoder's trunk."""

    @abstractmethod
    def bind(
        self, features: Float[Tensor, "b n w"], points: Float[Tensor, "b n 3"], own: Float[Tensor, "b h w"]
    ) -> tuple[Tensor, ...]:
        """Whatever per-point quantities do not depend on z; the second dimension is the point's."""

    @abstractmethod
    def forward(
        self,
        bound: tuple[Tensor, ...],
        own: Float[Tensor, "b f h w"],
        latent: Float[Tensor, "b f l w"],
        latents: Float[Tensor, "b f k"],
    ) -> Float[Tensor, "b f n 8"]:
        """Dual quaternions of the bound points, from the trunk's output tokens and the latents themselves."""

    def drive(
        self, bound: tuple[Tensor, ...], index: Int[Tensor, "v k"], weight: Float[Tensor, "v k"]
    ) -> tuple[Tensor, ...] | None:
        """Bound quantities of vertices driven by points, where averaging them averages the motion; else None."""
        return None

    def mobility(self, bound: tuple[Tensor, ...]) -> Float[Tensor, "b n"] | None:
        """How far every bound point follows what moves, between 0 and 1, where the head says so; else None."""
        return None

    def regions(self, bound: tuple[Tensor, ...]) -> Float[Tensor, "b n h"] | None:
        """Shares of the handles in every bound point's motion, which sum to one, where the head has any; else None."""
        return None


class BlendSkinningHead(Head):
    """Fixed blend weights per point and a few moving handles: dual-quaternion blend skinning.

    A handle chooses its region by comparing its own token with the features of points, and turns about a pivot that
    belongs to the object, not to the latent: a hinge is then one angle. How far a point follows its handles at all, its
    mobility, is one more number between 0 and 1, so that a base stands still whatever the handles do. A handle's motion
    (rotation vector and translation) is linear in z, with coefficients that belong to the object, plus what the trunk
    corrects: so the surface moves with z everywhere, also about the scanned pose, where a trunk alone learns to stand
    still, and the directions in which it does not move at all are the same everywhere. The cost per latent does not
    grow with the number of points, until displacements are asked for.
    """

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width = configuration.width
        self.tokens = learned_tokens(configuration.handles, width)
        self.to_query = nn.Sequential(unit_gain(width, width), Normalise(width))
        self.to_key = nn.Sequential(unit_gain(width, width), Normalise(width))
        self.to_pivot = nn.Linear(width, 3)
        modes = nn.Linear(width, 6 * configuration.latent_dimension)
        nn.init.normal_(modes.weight, std=INITIAL_MOTION * (configuration.latent_dimension * width) ** -0.5)
        nn.init.zeros_(modes.bias)
        self.to_modes = nn.Sequential(Normalise(width), modes)
        self.to_motion = nn.Linear(width, 6)
        nn.init.zeros_(self.to_motion.weight)
        nn.init.zeros_(self.to_motion.bias)
        self.to_mobility = nn.Linear(width, 1) if configuration.mobility else None
        if self.to_mobility is not None:
            nn.init.zeros_(self.to_mobility.weight)
            nn.init.constant_(self.to_mobility.bias, INITIAL_MOBILITY)
        nn.init.zeros_(self.to_pivot.bias)
        with torch.no_grad():
            self.to_pivot.weight *= 0.2

    def bind(
        self, features: Float[Tensor, "b n w"], points: Float[Tensor, "b n 3"], own: Float[Tensor, "b h w"]
    ) -> tuple[Tensor, ...]:
        """Blend weights [b, n, h] of every point, which sum to its mobility; pivots [b, h, 3] and linear motions
        [b, h, 6, k] of the handles.
        """
        agreement = self.to_query(features) @ self.to_key(own).mT / features.shape[-1] ** 0.5
        # Weights and motions stay in single precision: half of it would show as noise on the surface.
        weights = torch.softmax(agreement.to(points.dtype), dim=-1)
        mass = weights.sum(dim=1).clamp_min(1e-6)
        centres = weights.mT @ points / mass[..., None]
        modes = self.to_modes(own).to(points.dtype).unflatten(-1, (6, -1))
        if self.to_mobility is not None:
            weights = weights * torch.sigmoid(self.to_mobility(features).to(points.dtype))
        return weights, centres + self.to_pivot(own).to(points.dtype), modes

    def drive(
        self, bound: tuple[Tensor, ...], index: Int[Tensor, "v k"], weight: Float[Tensor, "v k"]
    ) -> tuple[Tensor, ...]:
        """Average the blend weights: the blended dual quaternion is linear in them."""
        weights, pivots, modes = bound
        return (weights[:, index] * weight[..., None]).sum(dim=-2), pivots, modes

    def mobility(self, bound: tuple[Tensor, ...]) -> Float[Tensor, "b n"] | None:
        """Sums of the blend weights."""
        return None if self.to_mobility is None else bound[0].sum(dim=-1)

    def regions(self, bound: tuple[Tensor, ...]) -> Float[Tensor, "b n h"] | None:
        """Blend weights, however far the points follow."""
        return bound[0] / bound[0].sum(dim=-1, keepdim=True).clamp_min(LEAST_MOBILITY)

    def forward(
        self,
        bound: tuple[Tensor, ...],
        own: Float[Tensor, "b f h w"],
        latent: Float[Tensor, "b f l w"],
        latents: Float[Tensor, "b f k"],
    ) -> Float[Tensor, "b f n 8"]:
        """Blend the handles' dual quaternions with that of standing still, which has what is left of the weights."""
        weights, pivots, modes = bound
        correction = self.to_motion(own).to(weights.dtype)
        with torch.autocast(weights.device.type, enabled=False):
            motion = torch.einsum("bhok,bfk->bfho", modes, latents) + correction
            turn, translation = motion.split(3, dim=-1)
            handles = dq.from_centred_motion(dq.exponential(turn), translation, pivots[:, None])
            blended = weights[:, None] @ handles
            still = torch.zeros_like(blended)
            still[..., 0] = 1.0 - weights.sum(dim=-1)[:, None]
            return blended + still


class PointwiseHead(Head):
    """The paper's head: every point reads the latent tokens and predicts its own dual quaternion."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.tokens = learned_tokens(1, configuration.width)
        self.read = CrossBlock(configuration.width, configuration.heads)
        self.normalise = Normalise(configuration.width)
        self.to_motion = nn.Linear(configuration.width, 6)
        nn.init.zeros_(self.to_motion.bias)
        with torch.no_grad():
            self.to_motion.weight *= 0.2

    def bind(
        self, features: Float[Tensor, "b n w"], points: Float[Tensor, "b n 3"], own: Float[Tensor, "b h w"]
    ) -> tuple[Tensor, ...]:
        """The point features [b, n, w] themselves, and the points [b, n, 3]."""
        return features, points

    def forward(
        self,
        bound: tuple[Tensor, ...],
        own: Float[Tensor, "b f h w"],
        latent: Float[Tensor, "b f l w"],
        latents: Float[Tensor, "b f k"],
    ) -> Float[Tensor, "b f n 8"]:
        """Predict a rotation about the point and a displacement of it."""
        features, points = bound
        read = self.read(features[:, None], torch.cat((own, latent), dim=-2))
        turn, translation = self.to_motion(self.normalise(read)).to(points.dtype).split(3, dim=-1)
        with torch.autocast(points.device.type, enabled=False):
            return dq.from_centred_motion(dq.exponential(turn), translation, points[:, None])


class DisplacementHead(Head):
    """Every point reads the latent tokens and predicts how far it moves, without turning: no dual quaternions."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.tokens = learned_tokens(1, configuration.width)
        self.read = CrossBlock(configuration.width, configuration.heads)
        self.normalise = Normalise(configuration.width)
        self.to_displacement = nn.Linear(configuration.width, 3)

    def bind(
        self, features: Float[Tensor, "b n w"], points: Float[Tensor, "b n 3"], own: Float[Tensor, "b h w"]
    ) -> tuple[Tensor, ...]:
        """The point features [b, n, w] themselves, and the points [b, n, 3]."""
        return features, points

    def forward(
        self,
        bound: tuple[Tensor, ...],
        own: Float[Tensor, "b f h w"],
        latent: Float[Tensor, "b f l w"],
        latents: Float[Tensor, "b f k"],
    ) -> Float[Tensor, "b f n 8"]:
        """Predict translations."""
        features, points = bound
        read = self.read(features[:, None], torch.cat((own, latent), dim=-2))
        translation = self.to_displacement(self.normalise(read)).to(points.dtype)
        still = translation.new_tensor((1.0, 0.0, 0.0, 0.0)).expand(*translation.shape[:-1], 4)
        return dq.from_rotation_translation(still, translation)


HEADS: dict[str, type[Head]] = {
    "blend_skinning": BlendSkinningHead,
    "pointwise": PointwiseHead,
    "displacement": DisplacementHead,
}


class LatentGates(nn.Module):
    """Which latent coordinates an object's decoder listens to, each between 0 and 1; they do not depend on z.

    A laptop has one way to move and a desk lamp five: a closed gate takes a coordinate out of everything at once.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        opening = nn.Linear(width, channels)
        nn.init.constant_(opening.bias, INITIAL_OPENING)
        self.to_opening = nn.Sequential(Normalise(width), opening)

    def forward(self, tokens: Float[Tensor, "b l w"]) -> Float[Tensor, "b k"]:
        """Read the gates of z from its tokens, as they stand after reading the object."""
        return torch.sigmoid(self.to_opening(tokens)).flatten(-2)


class Decoder(nn.Module):
    """D(z, M0): latent tokens and the head's tokens exchange, read the context, and move the points."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width, heads = configuration.width, configuration.heads
        self.latent_tokens = configuration.latent_tokens
        self.queries = PointQueries(configuration)
        self.embed_latent = unit_gain(configuration.latent_channels, width)
        self.inform = unit_gain(configuration.latent_dimension, width)
        self.position = learned_tokens(configuration.latent_tokens, width)
        self.to_gates = LatentGates(width, configuration.latent_channels) if configuration.gates else None
        self.head: Head = HEADS[configuration.head](configuration)
        self.read_context = CrossBlock(width, heads)
        self.exchange = SelfBlock(width, heads)
        self.read_again = CrossBlock(width, heads)
        self.blocks = nn.ModuleList(SelfBlock(width, heads) for _ in range(configuration.decoder_layers))
        self.normalise = Normalise(width)

    def bind(
        self, points: Float[Tensor, "b n 3"], normals: Float[Tensor, "b n 3"], prior: KinematicPrior
    ) -> BoundDecoder:
        """Do once per object what does not depend on z."""
        features = self.queries(points, normals, prior)
        tokens = torch.cat((self.head.tokens, self.position)).expand(len(points), -1, -1)
        tokens = self.read_again(self.exchange(self.read_context(tokens, prior.context)), prior.context)
        own, latent = tokens.split((len(self.head.tokens), self.latent_tokens), dim=1)
        gates = None if self.to_gates is None else self.to_gates(latent).to(points.dtype)
        return BoundDecoder(self, self.head.bind(features, points, own), own, latent, points, gates=gates)


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
        gates: Float[Tensor, "b d"] | None = None,
        reach: Reach | None = None,
    ) -> None:
        self.decoder = decoder
        self.bound = bound
        self.own_tokens = own_tokens
        self.latent_tokens = latent_tokens
        self.points = points
        self.gates = gates
        self.reach = reach
        self._driving = driving

    def in_units(self, reach: Reach) -> BoundDecoder:
        """The same decoder for u = W (z - m) in place of z."""
        return BoundDecoder(
            self.decoder, self.bound, self.own_tokens, self.latent_tokens, self.points, self._driving, self.gates, reach
        )

    def driven(
        self, vertices: Float[Tensor, "b v 3"], index: Int[Tensor, "v k"], weight: Float[Tensor, "v k"]
    ) -> BoundDecoder:
        """The same decoder for vertices that follow the bound points ``index`` with ``weight`` (K_drive)."""
        averaged = self.decoder.head.drive(self.bound, index, weight)
        if averaged is None:
            averaged, driving = self.bound, (index, weight)
        else:
            driving = None
        return BoundDecoder(
            self.decoder, averaged, self.own_tokens, self.latent_tokens, vertices, driving, self.gates, self.reach
        )

    def mobility(self) -> Float[Tensor, "b n"] | None:
        """How far every bound point follows what moves, where the head says so."""
        return self.decoder.head.mobility(self.bound)

    def regions(self) -> Float[Tensor, "b n h"] | None:
        """Shares of the handles in the motion of every bound point, where the head has handles."""
        return self.decoder.head.regions(self.bound)

    def of_first(self, count: int) -> BoundDecoder:
        """The decoder of the first ``count`` objects alone."""
        return self._with_objects(lambda part: part[:count])

    def mean_of_objects(self) -> BoundDecoder:
        """One decoder out of several readings of one scan, which are the objects of this one.

        Tokens are learned queries and stand for the same handles and coordinates whichever points were read, so what
        they found can be averaged.
        """
        return self._with_objects(lambda part: part.mean(dim=0, keepdim=True))

    def _with_objects(self, change: Callable[[Tensor], Tensor]) -> BoundDecoder:
        """The same decoder with everything that has a row per object changed."""
        return BoundDecoder(
            self.decoder,
            tuple(change(part) for part in self.bound),
            change(self.own_tokens),
            change(self.latent_tokens),
            change(self.points),
            self._driving,
            None if self.gates is None else change(self.gates),
            None if self.reach is None else Reach(*(change(part) for part in self.reach)),
        )

    def dual_quaternions(self, latents: Float[Tensor, "b f k"]) -> Float[Tensor, "b f n 8"]:
        """Motion of every bound point for f latents per object, as dual quaternions (not normalised)."""
        decoder = self.decoder
        if self.reach is not None:
            latents = self.reach.latents(latents)
        if self.gates is not None:
            latents = latents * self.gates[:, None]
        latent = decoder.embed_latent(latents.unflatten(-1, (decoder.latent_tokens, -1)))
        latent = latent + self.latent_tokens[:, None]
        # The head's tokens know z from the start; by attention alone they would learn of it only slowly.
        own = self.own_tokens[:, None] + decoder.inform(latents)[:, :, None]
        tokens = torch.cat((own, latent), dim=-2)
        for block in decoder.blocks:
            tokens = block(tokens)
        tokens = decoder.normalise(tokens)
        count = own.shape[-2]
        motion = decoder.head(self.bound, tokens[..., :count, :], tokens[..., count:, :], latents)
        if self._driving is None:
            return motion
        index, weight = self._driving
        return (motion[..., index, :] * weight[..., None]).sum(dim=-2)

    def displacement(self, latents: Float[Tensor, "b f k"]) -> Float[Tensor, "b f n 3"]:
        """Displacement of every bound point, in normalised coordinates."""
        points = self.points[:, None]
        return dq.transform_points(self.dual_quaternions(latents), points) - points
