"""What an object was seen to do, in its coordinates, and what its mechanics make of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.reduction.embedding import Embedding
from neurok_model.reduction.region import PriorRegion
from neurok_model.reduction.watched_subspace import principal_directions, shares_along

GONE_UNDER = 0.1
"""Share of a watched motion that goes below the scanned pose where nothing below carries it."""

LEVEL = 0.1
"""Sine of the slope below which a watched motion counts as level: it is not known better, and gravity hardly pulls."""

ROUNDS = 16
"""Configurations to which a region is stretched, at most."""

HARDLY = 0.05
"""Share of a way back or on that says nothing of where it ends."""

APART = 0.3
"""Sine of the angle to the ways before it from which a way is another one."""


@dataclass(frozen=True)
class WatchedCoordinates:
    """Configurations that an object was seen to take.

    Attributes:
        taken: [f, k], the configurations; the scanned pose is q = 0.
        frames: how many of them each observation has, one after the other.
        inertia: [k, k], G_w = sum_i w_i m_i J_i^T J_i in the scanned pose, over the points that were seen to move, each
            by w_i, how far it was seen to go as a share of the farthest [kg m^2].
    """

    taken: Float[Tensor, "f k"]
    frames: tuple[int, ...]
    inertia: Float[Tensor, "k k"]

    @classmethod
    def of_surface(
        cls,
        taken: Float[Tensor, "f k"],
        frames: Sequence[int],
        embedding: Embedding,
        modes: Float[Tensor, "n 3 r"],
        masses: Float[Tensor, " n"],
    ) -> WatchedCoordinates:
        """From configurations of an object.

        Args:
            taken: the configurations.
            frames: how many of them each observation has.
            embedding: y(q).
            modes: Phi at points of the surface.
            masses: of these points [kg].
        """
        like = torch.zeros(1, embedding.dimension, dtype=embedding.dtype, device=embedding.device)
        modes = modes.to(like)
        moved = torch.einsum("nxr,fr->fnx", modes, embedding.value(taken.to(like)))
        far = moved.square().sum(-1).mean(0).sqrt()
        weight = masses.to(like) * far / far.max().clamp_min(1e-30)
        rows = torch.einsum("nxr,rk->nxk", modes, embedding.jacobian(like)[0])
        inertia = torch.einsum("n,nxk,nxl->kl", weight, rows, rows)
        return cls(taken.double().cpu(), tuple(frames), inertia.double().cpu())

    def of_mass(self, factor: float) -> WatchedCoordinates:
        """The same of an object that is ``factor`` times as heavy."""
        return replace(self, inertia=factor * self.inertia)

    @cached_property
    def directions(self) -> Float[Tensor, "k m"]:
        """W, orthonormal columns: the fewest directions that hold nearly all that was watched, most important first."""
        return principal_directions(self.taken)

    @cached_property
    def ways(self) -> Float[Tensor, "k m"]:
        """Unit vectors in the span of W, one for each joint as far as observations tell them apart.

        An observation that goes straight away from rest shows one way; what such ways do not span is filled with
        principal directions. Each goes towards where it was seen to go farthest.
        """
        within = self.taken @ self.directions
        straight = [some for some in map(principal_directions, within.split(self.frames)) if some.shape[1] == 1]
        lengths = [float((within @ some).square().sum()) for some in straight]
        straight = [straight[index] for index in sorted(range(len(straight)), key=lambda i: -lengths[i])]
        candidates = [*straight, *torch.eye(within.shape[1]).to(within).split(1, dim=1)]
        chosen = within.new_zeros(within.shape[1], 0)
        while chosen.shape[1] < len(chosen):
            known = torch.linalg.qr(chosen).Q
            apart = [float((way - known @ (known.mT @ way)).norm()) for way in candidates]
            # The one that is most another one than those before; of observations first, as far as they go.
            seen = [index for index in range(len(straight)) if apart[index] > APART]
            among = seen or range(len(candidates))
            chosen = torch.cat((chosen, candidates[max(among, key=lambda index: round(apart[index], 6))]), dim=1)
        went = torch.linalg.solve(chosen, within.mT)
        farthest = went.gather(1, went.abs().argmax(dim=1, keepdim=True))
        return self.directions @ (chosen * torch.where(farthest < 0.0, -1.0, 1.0).mT)

    @cached_property
    def travel(self) -> Float[Tensor, "m k"]:
        """T, by which T q is how far q is along each of the ways; zero for what does not move the watched points."""
        return torch.linalg.solve(self.directions.mT @ self.ways, self._into)

    @cached_property
    def across(self) -> Float[Tensor, "k k"]:
        """A = 1 - W (W^T G_w W)^-1 W^T G_w, a projection: what is left of a velocity without what was watched.

        It leaves nothing of watched directions, and all of what does not move the points that were seen to move.
        """
        return torch.eye(len(self.inertia), dtype=self.inertia.dtype) - self.directions @ self._into

    @cached_property
    def _into(self) -> Float[Tensor, "m k"]:
        """(W^T G_w W)^-1 W^T G_w."""
        return shares_along(self.directions, self.inertia)

    def latent_mass(self, lent: Float[Tensor, "k k"]) -> Float[Tensor, "k k"]:
        """A^T lent A: of the inertia that coordinates are lent because they are not sure, nothing to what was seen."""
        across = self.across.to(lent)
        return across.mT @ lent @ across

    def falls(self, normal: Float[Tensor, " k"], slope: float) -> bool:
        """Whether what was seen contradicts that something under the scanned pose carries its weight.

        Args:
            normal: gradient of a height over q.
            slope: sine of the slope against gravity at which the object leaves the scanned pose.
        """
        height = self.taken.to(normal) @ normal
        return slope < LEVEL or bool(height.min() < -GONE_UNDER * height.abs().max())

    def within(self, region: PriorRegion) -> PriorRegion:
        """The region, stretched until it holds all that was watched."""
        for _ in range(ROUNDS):
            distance = region.distance(self.taken.to(region.mean))
            farthest = int(distance.argmax())
            if not float(distance[farthest]) > region.radius:
                break
            there = self.taken[farthest].to(region.mean)
            length = there.norm()
            ahead, _ = region.ends(there / length)
            if not float(ahead) > 0.0:
                break
            region = region.reaching(float(length / ahead), there / length)
        return region

    def reaching(self, region: PriorRegion, reach: float | tuple[float, ...]) -> PriorRegion:
        """The region that reaches as far along each way, and back, as it is said to.

        Args:
            region: one that holds what was watched.
            reach: factors, see ``PhysicsParameters.reach``.
        """
        for index, (ahead, back) in enumerate(self.factors(reach)):
            region = region.reaching(ahead, self.ways[:, index], back)
        return region

    def seen_reach(self, region: PriorRegion) -> tuple[float, ...]:
        """Factors of ``reach`` by which every way ends where the object was seen to go farthest; 1 where it did not go.

        Args:
            region: one that holds what was watched.
        """
        travel = self.taken @ self.travel.mT
        found = []
        for index, way in enumerate(self.ways.mT):
            for sign, end in zip((1.0, -1.0), region.ends(way), strict=True):
                share = float((sign * travel[:, index]).max() / end)
                found.append(share if share > HARDLY else 1.0)
        return tuple(found)

    def factors(self, reach: float | tuple[float, ...]) -> list[tuple[float, float]]:
        """Those of either end of each way.

        Raises:
            NeurokError: INVALID_PARAMETER for another number of them.
        """
        ends = 2 * self.ways.shape[1]
        reach = reach if isinstance(reach, tuple) else ends * (reach,)
        if len(reach) != ends:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "reach", reach, f"one number, or {ends}")
        return list(zip(reach[::2], reach[1::2], strict=True))
