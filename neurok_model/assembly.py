"""From what a scan gave (modes, map, prior) and physical parameters to a surface that moves and its mechanics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.framed_surface import FramedSurface
from neurok_model.mechanics import (
    Embedding,
    FramedEmbedding,
    FreeBody,
    LagrangianSystem,
    PinnedBody,
    SeenMotion,
    WatchedCoordinates,
    build_system,
    point_functions,
)
from neurok_model.mechanics.system import CPU
from neurok_model.physics import PhysicsParameters
from neurok_model.reduction import PriorRegion, SampledRegion, SmoothMap
from neurok_model.request_size import MEMORY_LIMIT
from neurok_model.scan import PreparedScan
from neurok_model.surface import ReducedSurface


@dataclass(frozen=True)
class ObjectParts:
    """Everything about an object that does not depend on its physical parameters, except for its mass.

    Attributes:
        scan: the prepared scan.
        embedding: y(q) for an object of that mass with a fixed base.
        mass_moment: [3, r], sum_i m_i Phi_i.
        point_modes: [N, 3, r], Phi at the surface points.
        vertex_modes: gives Phi at the vertices, [n, 3, r].
        region: the prior over q, as the networks say it, and at least as far as the object was seen to go.
        mass: kg.
        latent_mass: inertia that the networks lend to coordinates they are unsure of, for that mass [kg m^2].
        surface: makes the surface from the arguments of ``ReducedSurface``; another one where vertices do not follow
            from modes.
        memory_limit: bytes that one request may take.
        sampled: where the embedding was fitted; None where it holds everywhere.
        refit: makes the parts of the same object, fitted around one more state; None where there is nothing to fit.
        scanned_basis: directions of the latent that the scan alone suggested as coordinates, orthonormal columns; None
            for an object that was not made from a scan.
        watched: what the object was seen to do, for that mass; None where it was not watched.
        seen_moment: the mass moment as the object was seen to rise and sink, by which gravity acts on it where its base
            is fixed; None where it was not watched.
        batch_device: where large batches are rolled out; everything here but the modes of the vertices is on the CPU,
            where a single rollout is fastest.
    """

    scan: PreparedScan
    embedding: Embedding
    mass_moment: Float[Tensor, "3 r"]
    point_modes: Float[Tensor, "N 3 r"]
    vertex_modes: Callable[[], Tensor]
    region: PriorRegion
    mass: float
    latent_mass: Float[Tensor, "k k"] | None = None
    surface: Callable[..., ReducedSurface] = ReducedSurface
    memory_limit: int = MEMORY_LIMIT
    sampled: SampledRegion | None = None
    refit: Callable[[Float[Tensor, " k"]], ObjectParts] | None = None
    scanned_basis: Float[Tensor, "z q"] | None = None
    watched: WatchedCoordinates | None = None
    seen_moment: Float[Tensor, "3 r"] | None = None
    batch_device: torch.device = CPU

    def region_of(self, physics: PhysicsParameters) -> PriorRegion:
        """The prior over q, as far as the object is said to reach."""
        if self.watched is not None:
            return self.watched.reaching(self.region, physics.reach)
        if isinstance(physics.reach, tuple):
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "reach", physics.reach, "one number: it was not watched")
        return self.region if physics.reach == 1.0 else self.region.reaching(physics.reach)

    def trusted_region(self, physics: PhysicsParameters) -> PriorRegion:
        """Where the mechanics may go: what was watched and stops early is turned back there, but known beyond it."""
        if self.watched is None:
            return self.region_of(physics)
        factors = self.watched.factors(physics.reach)
        return self.watched.reaching(self.region, tuple(max(1.0, each) for ends in factors for each in ends))

    def of_mass(self, mass: float) -> ObjectParts:
        """The same object of another mass: y, in sqrt(kg) m, grows with the root of it, and Phi shrinks."""
        root = (mass / self.mass) ** 0.5
        if root == 1.0:
            return self
        vertex_modes = self.vertex_modes
        return replace(
            self,
            embedding=scaled_embedding(self.embedding, root),
            mass_moment=self.mass_moment * root,
            point_modes=self.point_modes / root,
            vertex_modes=cache(lambda: vertex_modes() / root),
            mass=mass,
            latent_mass=None if self.latent_mass is None else self.latent_mass * (mass / self.mass),
            watched=None if self.watched is None else self.watched.of_mass(mass / self.mass),
            seen_moment=None if self.seen_moment is None else self.seen_moment * root,
        )

    def assembled(
        self, physics: PhysicsParameters, dtype: torch.dtype | None = None
    ) -> tuple[ReducedSurface, LagrangianSystem]:
        """The surface and the mechanics of the object under these physical parameters.

        Args:
            physics: mass, terms and support.
            dtype: of the mechanics; see ``build_system``.

        Raises:
            NeurokError: INVALID_PARAMETER for a pinned region without an area, or for a base that is not fixed of an
                object with a surface of its own.
        """
        if physics.support != "anchored" and self.surface is not ReducedSurface:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "support", physics.support, "anchored, for an exact object")
        parts = self.of_mass(physics.mass)
        surface = parts.surface(
            parts.scan, parts.embedding, parts.point_modes, parts.vertex_modes, physics.contact_tolerance
        )
        surface.memory_limit = self.memory_limit
        inner = parts.embedding
        if isinstance(inner, SmoothMap) and inner.device.type == "cpu":
            inner = inner.to(dtype or torch.float64)
        frame = None if physics.support == "anchored" else parts.framed(inner, physics)
        # Around a base that moves gravity acts on the points themselves.
        moment = parts.seen_moment if frame is None and parts.seen_moment is not None else parts.mass_moment
        seen = None
        if parts.watched is not None:
            seen = SeenMotion.of_object(parts.watched, parts.region, physics.reach, inner)
        system = build_system(
            inner,
            moment,
            parts.trusted_region(physics),
            physics,
            mass=physics.mass,
            learned_latent_mass=parts.latent_mass,
            seen=seen,
            frame=frame,
            dtype=dtype,
            batch_device=parts.batch_device,
        )
        return (surface if frame is None else FramedSurface(surface, frame)), system

    def framed(self, inner: Embedding, physics: PhysicsParameters) -> FramedEmbedding:
        """The body whose base is free or moves around a pinned region."""
        samples = self.scan.samples
        points = torch.as_tensor(samples.points, dtype=torch.float64)
        masses = torch.as_tensor(samples.area_share, dtype=torch.float64) * self.mass
        modes = self.point_modes.double().cpu()
        centre = (masses[:, None] * points).sum(0) / masses.sum()
        functions = point_functions(points, modes, centre)
        gram = (functions * masses[:, None]).mT @ functions
        if physics.support == "free":
            return FreeBody(inner, gram, centre)
        held = np.linalg.norm(samples.points - np.asarray(physics.pinned_centre), axis=1) <= physics.pinned_radius
        if held.sum() < 3:
            value = f"{int(held.sum())} surface points within {physics.pinned_radius} m of {physics.pinned_centre}"
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "pinned_centre", value, "a region with at least 3")
        chosen = torch.as_tensor(np.flatnonzero(held))
        return PinnedBody(inner, gram, centre, points[chosen], modes[chosen])


class _Scaled(Embedding):
    """Another embedding times a constant."""

    def __init__(self, inner: Embedding, factor: float) -> None:
        self.inner, self.factor = inner, factor
        self.dimension, self.embedding_dimension = inner.dimension, inner.embedding_dimension
        self.dtype, self.device = inner.dtype, inner.device

    def value(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch r"]:
        return self.factor * self.inner.value(q)

    def jacobian(self, q: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch r k"]:
        return self.factor * self.inner.jacobian(q)

    def second_directional(
        self, q: Float[Tensor, "*batch k"], velocity: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch r"]:
        return self.factor * self.inner.second_directional(q, velocity)


def scaled_embedding(embedding: Embedding, factor: float) -> Embedding:
    """``factor`` times y(q); a smooth map stays one."""
    if isinstance(embedding, SmoothMap):
        return SmoothMap(embedding.inner, embedding.bias, factor * embedding.outer, factor * embedding.linear)
    return _Scaled(embedding, factor)
