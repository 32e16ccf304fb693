"""Compiling an object: from the decoder to a small smooth map on a handful of coordinates.

F(q) = X0 + Phi y(q): the modes Phi come from a principal component analysis of sampled displacements in the
mass inner product, and y(q) is fitted to the decoder's values and first derivatives. Its size, and how many samples
it is fitted to, follow from the error on configurations that it was not fitted to. Afterwards no rollout ever runs
the network, and its cost does not depend on the number of vertices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.networks.latent_mass import PushResponse
from neurok_model.reduction.active_subspace import ActiveSubspace, Displacement, Method, active_subspace
from neurok_model.reduction.compiled_map import CompiledMap
from neurok_model.reduction.fitting import FitSamples, added_units, fit_smooth_map, initial_inner_weights
from neurok_model.reduction.region import PriorRegion
from neurok_model.reduction.smooth_map import SmoothMap
from neurok_model.reduction.snapshots import DecoderSnapshots, draw_configurations, draws_near, principal_modes
from neurok_model.reduction.watched_subspace import watched_subspace

MODE_SAMPLES = 512
"""Samples that the principal component analysis looks at: more of them change the modes no more."""

DIFFERENTIATED = 32
"""Fresh configurations from which the error of derivatives is stated: those of few scatter by several times."""

WORTHWHILE = 0.9
"""Ratio of the error to a smaller map's above which a larger one is hardly worth its cost in every step."""

NEARLY = 1.5
"""Ratio of the error to the wanted one below which more than the usual samples and units are tried."""

OVERFITTED = 1.2
"""Ratio of the error on fresh samples to the fitted ones' above which more samples help more than a larger map."""


@dataclass(frozen=True)
class CompilationSettings:
    """How much work to spend on compiling.

    Attributes:
        method: form of the active subspace.
        energy: share of its spectrum among whose directions coordinates are looked for.
        least_motion: share of the object's longest side by which a coordinate must move some of the surface per
            standard deviation; others are left out.
        maximum_dimension: cap on k_q.
        subspace_samples: latents at which the active subspace is differentiated.
        samples: configurations at which the decoder is evaluated at first.
        usual_samples: samples are doubled up to so many while a map of any size would only learn them by heart.
        maximum_samples: the same where the error is nearly small enough then.
        tangent_samples: configurations, rest first, at which it is differentiated.
        test_samples: configurations that measure the error, never fitted to.
        hidden: sizes of the map to try, smallest first; each begins with what the one before has learnt.
        usual_hidden: larger ones are only tried where the error is nearly small enough.
        iterations: steps of refinement of each size, at most.
        wanted_error: error, as a share of the motion, at which a size is good enough.
        missing_motion: share of the motion (root mean square) that the modes may leave out.
        maximum_modes: cap on r.
        beyond_edge: how far beyond the region's edge the decoder is sampled, in standard deviations: a rollout
            that the walls turn back goes that far.
    """

    method: Method = "gauss_newton"
    energy: float = 0.9999
    least_motion: float = 0.01
    maximum_dimension: int = 8
    subspace_samples: int = 96
    samples: int = 640
    usual_samples: int = 1280
    maximum_samples: int = 2560
    tangent_samples: int = 8
    test_samples: int = 128
    hidden: tuple[int, ...] = (8, 16, 24, 32, 48, 64, 96, 128)
    usual_hidden: int = 96
    iterations: int = 30
    wanted_error: float = 0.01
    missing_motion: float = 0.004
    maximum_modes: int = 48
    beyond_edge: float = 0.5


@torch.no_grad()
def compile_object(
    displacement: Displacement,
    rest_latent: Float[Tensor, " k"],
    prior_mean: Float[Tensor, " k"],
    masses: Float[Tensor, " n"],
    generator: torch.Generator,
    settings: CompilationSettings | None = None,
    subspace: ActiveSubspace | None = None,
    around: Float[Tensor, "c q"] | None = None,
    taken: Float[Tensor, "f k"] | None = None,
    pushed: bool = False,
    limit: float | None = None,
    size: float = 0.0,
    response: PushResponse | None = None,
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
        subspace: directions of the coordinates; the active subspace when left out.
        around: more configurations around which the decoder is sampled, whatever the prior says of them.
        taken: latents that the object was seen to take, relative to that of the scanned pose: the coordinates are
            those of :func:`watched_subspace`, and the decoder is sampled around them too.
        pushed: whether it was pushed then by known forces, so that it would have done whatever else it can.
        limit: standard deviations of the prior at which each latent coordinate ends, where the prior is the object's
            own; None for a prior of which only a ball that holds 95 % is known.
        size: longest side of the object, metres; 0 where it does not matter how far a coordinate moves the surface.
        response: how the scanned pose answers pushes, in the latent's coordinates; None where only the inertia of the
            surface is known.
    """
    settings = settings or CompilationSettings()
    if subspace is None:
        latents = subspace_latents(rest_latent, prior_mean, settings.subspace_samples, generator)
        least_motion = settings.least_motion * size
        subspace = active_subspace(
            displacement,
            latents,
            masses,
            settings.method,
            settings.energy,
            settings.maximum_dimension,
            generator,
            least_motion=least_motion,
        )
        if taken is not None:
            sure = None if pushed else response
            subspace = watched_subspace(subspace, taken, displacement, rest_latent, masses, least_motion, sure)
    basis = subspace.basis
    if taken is not None:
        known = taken.to(basis) @ basis
        around = known if around is None else torch.cat((around.to(known), known))
    region = _region(rest_latent, prior_mean, basis, limit)
    snapshots = DecoderSnapshots(displacement, rest_latent, basis, masses)
    search = _Search(snapshots, region, basis, generator, settings, around)
    form = search.run().to(basis.dtype, basis.device)
    error, metres, derivatives = search.stated_errors(form, masses)
    phi = (search.modes.mT / masses.sqrt().repeat_interleave(3)[:, None]).unflatten(0, (-1, 3))
    unsure = torch.zeros_like(basis.mT @ basis)
    return CompiledMap(
        form,
        modes=phi,
        mass_moment=(masses[:, None, None] * phi).sum(0),
        region=region.to(basis),
        latent_mass=unsure if response is None else response.in_coordinates(basis).latent_mass(),
        sampled_radius=region.radius + settings.beyond_edge,
        subspace=subspace,
        rest_latent=rest_latent,
        snapshot_q=search.q,
        snapshot_y=search.weighted @ search.modes.mT,
        relative_error=error,
        value_error_metres=metres,
        derivative_error=derivatives,
    )


def _region(
    rest_latent: Float[Tensor, " k"], prior_mean: Float[Tensor, " k"], basis: Float[Tensor, "k q"], limit: float | None
) -> PriorRegion:
    """The prior over q; arguments as of :func:`compile_object`."""
    if limit is not None:
        return PriorRegion.within_limits(rest_latent - prior_mean, basis, limit)
    mean = (basis.mT @ (prior_mean - rest_latent)).double().cpu()
    return PriorRegion.of_probability(mean, torch.eye(len(mean), dtype=torch.float64))


def subspace_latents(
    rest_latent: Float[Tensor, " k"], prior_mean: Float[Tensor, " k"], count: int, generator: torch.Generator
) -> Float[Tensor, "count k"]:
    """Draws at the prior's scale around points on the way from the rest latent to the prior's mean."""
    share = torch.rand(count, 1, generator=generator).to(rest_latent)
    noise = torch.randn(count, len(rest_latent), generator=generator).to(rest_latent)
    return rest_latent + share * (prior_mean - rest_latent) + noise


class _Search:
    """Samples the decoder, and looks for the smallest map that is good enough on samples it has not seen."""

    def __init__(
        self,
        decoder: DecoderSnapshots,
        region: PriorRegion,
        reference: Tensor,
        generator: torch.Generator,
        settings: CompilationSettings,
        around: Float[Tensor, "c q"] | None,
    ) -> None:
        self.decoder, self._region, self._generator, self._settings = decoder, region, generator, settings
        reach = region.radius + settings.beyond_edge
        self.q = draw_configurations(region, settings.samples, generator, reach).to(reference)
        self.test = draw_configurations(region, settings.test_samples + 1, generator)[1:].to(reference)
        if around is not None:
            near = [draws_near(around.to(reference), count, generator) for count in (settings.samples // 2, 64)]
            self.q = torch.cat((self.q[:1], near[0], self.q[1:]))
            self.test = torch.cat((self.test, near[1]))
        self.weighted, self.weighted_test = decoder.values(self.q), decoder.values(self.test)
        self.modes = principal_modes(
            self.weighted[:MODE_SAMPLES], settings.missing_motion, reference.shape[1], settings.maximum_modes
        )
        self._tangents = decoder.tangents(self.q[: settings.tangent_samples])

    def run(self) -> SmoothMap:
        """The best map found, in double precision on the CPU."""
        sizes = self._settings.hidden
        form, error, seen = self._grown(None, sizes)
        while error > self._settings.wanted_error and error > OVERFITTED * seen:
            if 2 * len(self.q) > self._most(error, self._settings.usual_samples, self._settings.maximum_samples):
                break
            self._double()
            again = (len(form.bias), *(size for size in sizes if size > len(form.bias)))
            form, error, seen = self._grown(form, again)
        return form

    def stated_errors(self, form: SmoothMap, masses: Float[Tensor, " n"]) -> tuple[float, float, float]:
        """Error of the map's values as a share of the motion and in metres, and of its derivatives as a share of them,
        on samples that it was not fitted to, with what the modes leave out.
        """
        missing = (self.weighted_test - form.value(self.test) @ self.modes).norm()
        some = self.test[:DIFFERENTIATED]
        tangents = self.decoder.tangents(some)
        missing_tangents = (tangents - form.jacobian(some).mT @ self.modes).norm()
        return (
            float(missing / self.weighted_test.norm().clamp_min(1e-30)),
            float(missing / (len(self.test) * masses.sum()).sqrt()),
            float(missing_tangents / tangents.norm().clamp_min(1e-30)),
        )

    def _most(self, error: float, usual: int, maximum: int) -> int:
        """How far to go in samples or units: what is far off is not worth the time of the last steps."""
        return maximum if error < NEARLY * self._settings.wanted_error else min(usual, maximum)

    def _double(self) -> None:
        """Draw as many samples again."""
        reach = self._region.radius + self._settings.beyond_edge
        more = draw_configurations(self._region, len(self.q), self._generator, reach).to(self.q)
        self.q = torch.cat((self.q, more))
        self.weighted = torch.cat((self.weighted, self.decoder.values(more)))

    def _grown(self, form: SmoothMap | None, sizes: tuple[int, ...]) -> tuple[SmoothMap, float, float]:
        """Fit one size after another until the error is small enough; the best map, its error, and its error on the
        fitted samples.
        """
        y, tangents = self.weighted @ self.modes.mT, self._tangents @ self.modes.mT
        samples = FitSamples(self.q.double().cpu(), y.double().cpu(), tangents.double().cpu())
        candidates: list[tuple[float, int, SmoothMap]] = []
        error = math.inf
        for size in sizes:
            if candidates and size > self._most(error, self._settings.usual_hidden, sizes[-1]):
                break
            if form is None:
                inner, bias = initial_inner_weights(samples.q, size, self._generator)
            else:
                inner, bias = added_units(form, samples.q, size, self._generator)
            form = fit_smooth_map(samples, inner, bias, self._settings.iterations)
            error = self._error(form, self.test, self.weighted_test)
            candidates.append((error, size, form))
            if error < self._settings.wanted_error or self._learns_by_heart(candidates):
                break
        error, _, best = min(candidates, key=lambda candidate: candidate[:2])
        return best, error, self._error(best, self.q, self.weighted)

    def _learns_by_heart(self, candidates: list[tuple[float, int, SmoothMap]]) -> bool:
        """Whether the last of the sizes tried is hardly better than those before, but on samples it has seen."""
        error, _, form = candidates[-1]
        before = min((candidate[0] for candidate in candidates[:-1]), default=math.inf)
        return error > WORTHWHILE * before and error > OVERFITTED * self._error(form, self.q, self.weighted)

    def _error(self, form: SmoothMap, q: Float[Tensor, "s q"], weighted: Float[Tensor, "s m"]) -> float:
        """Root-mean-square error as a share of the motion, with what the modes leave out."""
        y = form.value(q.double().cpu()).to(weighted) @ self.modes
        return float((y - weighted).norm() / weighted.norm().clamp_min(1e-30))
