"""Compiling an object: from the decoder to a small smooth map on a handful of coordinates.

F(q) = X0 + Phi y(q): the modes Phi come from a principal component analysis of sampled displacements in the
mass inner product, and y(q) is fitted to the decoder's values and first derivatives. Afterwards no rollout
ever runs the network, and its cost does not depend on the number of vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.reduction.active_subspace import (
    ActiveSubspace,
    Displacement,
    Method,
    active_subspace,
    directional_derivatives,
)
from neurok_model.reduction.region import PriorRegion
from neurok_model.reduction.smooth_map import SmoothMap, fit_smooth_map


@dataclass(frozen=True)
class CompilationSettings:
    """How much work to spend on compiling.

    Attributes:
        method: form of the active subspace.
        energy: share of its spectrum that the coordinates hold.
        maximum_dimension: cap on k_q.
        subspace_samples: latents at which the active subspace is differentiated.
        samples: configurations at which the decoder is evaluated.
        tangent_samples: configurations at which it is differentiated.
        test_samples: configurations that measure the error, never fitted to.
        hidden: sizes of the map to try, smallest first.
        wanted_error: error, as a share of the motion, at which a size is good enough.
        missing_motion: share of the motion (root mean square) that the modes may leave out.
        maximum_modes: cap on r.
    """

    method: Method = "gauss_newton"
    energy: float = 0.95
    maximum_dimension: int = 8
    subspace_samples: int = 12
    samples: int = 768
    tangent_samples: int = 64
    test_samples: int = 96
    hidden: tuple[int, ...] = (32, 64, 128, 256)
    wanted_error: float = 0.01
    missing_motion: float = 0.003
    maximum_modes: int = 32


class CompiledMap(SmoothMap):
    """y(q) of one object, with its modes, its prior and its measured error.

    Attributes:
        modes: [n, 3, r], Phi at the surface points, orthonormal in the mass inner product.
        mass_moment: [3, r], sum_i m_i Phi_i.
        region: the prior over q.
        subspace: directions of the latent that q moves along.
        rest_latent: [k], latent of the scanned pose.
        relative_error: root-mean-square error of F(q) against the decoder on fresh configurations of the
            region, as a share of the root-mean-square motion.
        value_error_metres: the same in metres.
        derivative_error: error of dF/dq, as a share of its own size.
    """

    modes: Float[Tensor, "n 3 r"]
    mass_moment: Float[Tensor, "3 r"]
    region: PriorRegion
    subspace: ActiveSubspace
    rest_latent: Float[Tensor, " k"]
    relative_error: float
    value_error_metres: float
    derivative_error: float

    def latents(self, q: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch k"]:
        """Z = z_rest + A q."""
        return self.rest_latent + q @ self.subspace.basis.T

    def modes_at(self, displacement: Displacement, count: int = 96, chunk: int = 16) -> Float[Tensor, "v 3 r"]:
        """Phi at other points, by least squares over sampled configurations.

        Args:
            displacement: the decoder at those points, in metres.
            count: number of configurations.
            chunk: latents decoded together, which bounds the memory.
        """
        generator = torch.Generator().manual_seed(0)
        q = _configurations(self.region, count, generator).to(self.inner)
        y = self.value(q)
        rest = displacement(self.rest_latent[None])
        projector = torch.linalg.pinv(y.double(), rtol=1e-6).to(y)
        total = torch.zeros(*rest.shape[1:], self.embedding_dimension, dtype=y.dtype, device=y.device)
        for some, columns in zip(q.split(chunk), projector.T.split(chunk), strict=True):
            total += torch.einsum("bnc,br->ncr", displacement(self.latents(some)) - rest, columns)
        return total


@torch.no_grad()
def compile_object(
    displacement: Displacement,
    rest_latent: Float[Tensor, " k"],
    prior_mean: Float[Tensor, " k"],
    masses: Float[Tensor, " n"],
    generator: torch.Generator,
    settings: CompilationSettings | None = None,
) -> CompiledMap:
    """Compile one object.

    Args:
        displacement: the decoder at the surface points, in metres; its value at the rest latent is
            subtracted.
        rest_latent: latent of the scanned pose.
        prior_mean: mu_cond, the mean of the prior N(mu_cond, I).
        masses: kg of each surface point.
        generator: source of the sampled configurations (CPU).
        settings: how much work to spend.
    """
    settings = settings or CompilationSettings()
    draws = torch.randn(settings.subspace_samples, len(prior_mean), generator=generator).to(prior_mean)
    latents = torch.cat((prior_mean + draws[::2], rest_latent + 0.5 * draws[1::2]))
    subspace = active_subspace(
        displacement, latents, masses, settings.method, settings.energy, settings.maximum_dimension
    )
    basis = subspace.basis
    identity = torch.eye(basis.shape[1], dtype=torch.float64)
    mean = (basis.T @ (prior_mean - rest_latent)).double().cpu()
    region = PriorRegion.of_probability(mean, identity)

    q = _configurations(region, settings.samples, generator).to(basis)
    test = _configurations(region, settings.test_samples, generator)[1:].to(basis)
    decode = _Decode(displacement, rest_latent, basis, masses.sqrt())
    weighted, weighted_test = decode.values(q), decode.values(test)
    modes = _principal_modes(weighted, settings, minimum=basis.shape[1])
    y, y_test = weighted @ modes.T, weighted_test @ modes.T
    tangents = decode.tangents(q[: settings.tangent_samples]) @ modes.T
    fitted = _fit(q, y, tangents, test, y_test, settings, generator)

    compiled = CompiledMap(fitted.inner, fitted.bias, fitted.outer, fitted.linear)
    compiled.modes = (modes.T / masses.sqrt().repeat_interleave(3)[:, None]).unflatten(0, (-1, 3))
    compiled.mass_moment = (masses[:, None, None] * compiled.modes).sum(0)
    compiled.region, compiled.subspace, compiled.rest_latent = region.to(basis), subspace, rest_latent
    missing = (weighted_test - compiled.value(test) @ modes).norm()
    compiled.relative_error = float(missing / weighted_test.norm())
    compiled.value_error_metres = float(missing / (len(test) * masses.sum()).sqrt())
    fresh = decode.tangents(test[:8]) @ modes.T
    compiled.derivative_error = float((compiled.jacobian(test[:8]).mT - fresh).norm() / fresh.norm())
    return compiled


class _Decode:
    """Mass-weighted displacements and their derivatives along the coordinates, flattened to [.., 3n]."""

    def __init__(
        self,
        displacement: Displacement,
        rest_latent: Float[Tensor, " k"],
        basis: Float[Tensor, "k q"],
        root_masses: Float[Tensor, " n"],
    ) -> None:
        self._displacement, self._rest_latent, self._basis = displacement, rest_latent, basis
        self._root = root_masses[:, None]
        self._rest = displacement(rest_latent[None])

    def values(self, q: Float[Tensor, "s q"], chunk: int = 64) -> Float[Tensor, "s m"]:
        latents = self._rest_latent + q @ self._basis.T
        moved = torch.cat([self._displacement(some) - self._rest for some in latents.split(chunk)])
        return (moved * self._root).flatten(1)

    def tangents(self, q: Float[Tensor, "s q"], chunk: int = 16) -> Float[Tensor, "s q m"]:
        latents = self._rest_latent + q @ self._basis.T
        parts = [directional_derivatives(self._displacement, some, self._basis) for some in latents.split(chunk)]
        return (torch.cat(parts) * self._root).flatten(2)


def _configurations(region: PriorRegion, count: int, generator: torch.Generator) -> Float[Tensor, "count q"]:
    """Rest itself, draws from the prior, draws at all distances up to its edge, and draws around rest."""
    third = count // 3
    near = 0.5 * torch.randn(third, region.dimension, generator=generator, dtype=torch.float64).to(region.mean)
    drawn, edge = region.sample(third, generator), region.sample_ball(count - 1 - 2 * third, generator)
    everything = torch.cat((drawn, edge, near))
    order = torch.randperm(len(everything), generator=generator)
    return torch.cat((torch.zeros_like(near[:1]), everything[order]))


def _principal_modes(
    weighted: Float[Tensor, "s m"], settings: CompilationSettings, minimum: int
) -> Float[Tensor, "r m"]:
    """Orthonormal directions that hold the motion, by the method of snapshots."""
    values, vectors = torch.linalg.eigh((weighted @ weighted.T).double())
    values, vectors = values.flip(0).clamp_min(0.0), vectors.flip(1)
    held = values.cumsum(0) / values.sum().clamp_min(1e-300)
    enough = int((held < 1.0 - settings.missing_motion**2).sum()) + 1
    count = min(max(enough, minimum), settings.maximum_modes, len(values))
    modes = vectors[:, :count].T.to(weighted) @ weighted
    return torch.linalg.qr(modes.T)[0].T.contiguous()


def _fit(
    q: Float[Tensor, "s q"],
    y: Float[Tensor, "s r"],
    tangents: Float[Tensor, "t q r"],
    test: Float[Tensor, "e q"],
    y_test: Float[Tensor, "e r"],
    settings: CompilationSettings,
    generator: torch.Generator,
) -> SmoothMap:
    """Try sizes and feature scales until the error on fresh configurations is small enough."""
    best: tuple[float, SmoothMap] | None = None
    for hidden in settings.hidden:
        for scale in (0.08, 0.15, 0.3, 0.6):
            inner = scale * torch.randn(hidden, q.shape[1], generator=generator).to(q)
            centre = q[torch.randint(len(q), (hidden,), generator=generator).to(q.device)]
            fitted = fit_smooth_map(q, y, tangents, inner, -(inner * centre).sum(1))
            error = float((fitted.value(test) - y_test).norm() / y_test.norm().clamp_min(1e-30))
            if best is None or error < best[0]:
                best = (error, fitted)
        if best is not None and best[0] < settings.wanted_error:
            break
    assert best is not None
    return best[1]
