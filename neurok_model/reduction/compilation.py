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

from neurok_model.reduction.active_subspace import Displacement, Method, active_subspace
from neurok_model.reduction.compiled_map import CompiledMap
from neurok_model.reduction.fitting import FitSamples, fit_smooth_map, initial_inner_weights
from neurok_model.reduction.region import PriorRegion
from neurok_model.reduction.smooth_map import SmoothMap
from neurok_model.reduction.snapshots import DecoderSnapshots, draw_configurations, principal_modes


@dataclass(frozen=True)
class CompilationSettings:
    """How much work to spend on compiling.

    Attributes:
        method: form of the active subspace.
        energy: share of its spectrum that the coordinates hold.
        maximum_dimension: cap on k_q.
        subspace_samples: latents at which the active subspace is differentiated.
        samples: configurations at which the decoder is evaluated.
        tangent_samples: configurations, rest first, at which it is differentiated.
        test_samples: configurations that measure the error, never fitted to.
        hidden: sizes of the map to try, smallest first, each with its steps of refinement.
        wanted_error: error, as a share of the motion, at which a size is good enough.
        missing_motion: share of the motion (root mean square) that the modes may leave out.
        maximum_modes: cap on r.
        snapshots: configurations kept for finding the modes of other points.
    """

    method: Method = "gauss_newton"
    energy: float = 0.95
    maximum_dimension: int = 5
    subspace_samples: int = 96
    samples: int = 768
    tangent_samples: int = 8
    test_samples: int = 96
    hidden: tuple[tuple[int, int], ...] = ((24, 20), (64, 40))
    wanted_error: float = 0.01
    missing_motion: float = 0.003
    maximum_modes: int = 32
    snapshots: int = 96


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
    subspace = active_subspace(
        displacement,
        _subspace_latents(rest_latent, prior_mean, settings.subspace_samples, generator),
        masses,
        settings.method,
        settings.energy,
        settings.maximum_dimension,
        generator,
    )
    basis = subspace.basis
    mean = (basis.mT @ (prior_mean - rest_latent)).double().cpu()
    region = PriorRegion.of_probability(mean, torch.eye(len(mean), dtype=torch.float64))

    q = draw_configurations(region, settings.samples, generator).to(basis)
    test = draw_configurations(region, settings.test_samples + 1, generator)[1:].to(basis)
    decoder = DecoderSnapshots(displacement, rest_latent, basis, masses)
    weighted, weighted_test = decoder.values(q), decoder.values(test)
    modes = principal_modes(weighted, settings.missing_motion, basis.shape[1], settings.maximum_modes)
    y = weighted @ modes.mT
    tangents = decoder.tangents(q[: settings.tangent_samples]) @ modes.mT
    samples = FitSamples(q.double().cpu(), y.double().cpu(), tangents.double().cpu())
    form = _fit(samples, test.double().cpu(), (weighted_test @ modes.mT).double().cpu(), settings, generator)
    form = form.to(basis.dtype, basis.device)

    missing = (weighted_test - form.value(test) @ modes).norm()
    fresh = decoder.tangents(test[:8]) @ modes.mT
    phi = (modes.mT / masses.sqrt().repeat_interleave(3)[:, None]).unflatten(0, (-1, 3))
    return CompiledMap(
        form,
        modes=phi,
        mass_moment=(masses[:, None, None] * phi).sum(0),
        region=region.to(basis),
        subspace=subspace,
        rest_latent=rest_latent,
        snapshot_q=q[: settings.snapshots],
        snapshot_y=y[: settings.snapshots],
        relative_error=float(missing / weighted_test.norm().clamp_min(1e-30)),
        value_error_metres=float(missing / (len(test) * masses.sum()).sqrt()),
        derivative_error=float((form.jacobian(test[:8]).mT - fresh).norm() / fresh.norm().clamp_min(1e-30)),
    )


def _subspace_latents(
    rest_latent: Float[Tensor, " k"], prior_mean: Float[Tensor, " k"], count: int, generator: torch.Generator
) -> Float[Tensor, "count k"]:
    """Draws at the prior's scale around points on the way from the rest latent to the prior's mean."""
    share = torch.rand(count, 1, generator=generator).to(rest_latent)
    noise = torch.randn(count, len(rest_latent), generator=generator).to(rest_latent)
    return rest_latent + share * (prior_mean - rest_latent) + noise


def _fit(
    samples: FitSamples,
    test: Float[Tensor, "e q"],
    y_test: Float[Tensor, "e r"],
    settings: CompilationSettings,
    generator: torch.Generator,
) -> SmoothMap:
    """Try sizes until the error on fresh configurations is small enough; the best one otherwise."""
    candidates: list[tuple[float, SmoothMap]] = []
    for hidden, iterations in settings.hidden:
        inner, bias = initial_inner_weights(samples.q, hidden, generator)
        fitted = fit_smooth_map(samples, inner, bias, iterations)
        error = float((fitted.value(test) - y_test).norm() / y_test.norm().clamp_min(1e-30))
        candidates.append((error, fitted))
        if error < settings.wanted_error:
            break
    return min(candidates, key=lambda candidate: candidate[0])[1]
