"""The conditional variational objective: reconstruction plus a weighted Kullback-Leibler divergence.

In normalised coordinates (longest side of M0 = 1), with means over points and deformations, the divergence summed
over latent dimensions, r the unit quaternion of each point's true rotation, and D the object's root-mean-square motion
in the batch:

    loss = E[c(D) (10 |d - d'|^2 + w_r (1 - (r . r')^2))] + lambda KL(q || p) + beta E[log N + ...]
           + gamma (m + s + e) + delta b + epsilon p + 0.01 r
    c(D) = (0.1 / (0.03 + D))^1.5

The third term counts the directions in which the latent moves the surface, see :mod:`neurok_model.training.spread`;
the fourth compares them with the ways in which the object can truly move, :mod:`neurok_model.training.tangents`, and
the points that the decoder moves with those that can move at all, :mod:`neurok_model.training.mobility`; delta b says
which points move as one body, :mod:`neurok_model.training.bodies`; epsilon p keeps the way between poses free of
ripples, :mod:`neurok_model.training.smoothness`; and r, which only the encoder of the reach hears of,
is how little it expected the latents of the deformations, :mod:`neurok_model.networks.reach`. One more term, which only
the encoder of the latent mass hears of, is the error of what pushes do, :mod:`neurok_model.training.response`.

The factor c lets a drawer that opens by a twentieth of its chest count beside a door that swings across the room;
rotations tell the parts of a mechanism apart where displacements, near a hinge, do not. An absolute error is only
measured: where the network is unsure what moves, it is least for no motion at all, and a decoder trained on it stands
still about the scanned pose. With c = 1 a motion of root-mean-square size D is worth encoding in a dimension of its
own only if 10 D^2 > lambda / 2: lambda = 1e-3 keeps motions over 0.7 % of the object's size, lambda = 5e-3 only those
over 1.6 %.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.data.pairs import PairBatch
from neurok_model.geometry import dual_quaternions as dq
from neurok_model.networks import KinematicPrior, NeurokNetworks, Posterior
from neurok_model.networks.decoder import BoundDecoder
from neurok_model.networks.reach import Reach
from neurok_model.training.bodies import body_error
from neurok_model.training.mobility import mobility_error, movable
from neurok_model.training.response import response_error, surface_inertia
from neurok_model.training.smoothness import roughness
from neurok_model.training.spread import latent_motions, latent_products, spread_penalty
from neurok_model.training.tangents import subspace_errors

SQUARED_WEIGHT = 10.0
ROTATION_WEIGHT = 1.0
SPREAD_SHARE = 0.25
"""Share of the objects of a batch whose directions are counted: as many decodings as the deformations need."""
SMOOTH_SHARE = 0.25
"""Share of the objects of a batch whose ripples are measured."""
SMOOTH_LINES = 2
"""Lines through the latent of each of them."""
SMOOTH_EDGE = 2.0
"""Units of the reach up to which latents of the lines are drawn: about as far as an object is compiled."""
TANGENT_SHARE = 0.25
"""Share of the objects of a batch whose tangents are compared, in two poses each."""
TANGENT_STEP = 0.25
"""Standard deviations: chords turn from tangents by half the angle that they span, squared in the shares."""
REACH_WEIGHT = 0.01
"""For the optimisers no matter; small, so that sums of terms speak of the others."""
RESPONSE_WEIGHT = 0.01
"""The same for the latent mass."""
REACH_BLUR = 0.1
"""Standard deviation of noise on the latents that the reach is told: directions that no deformation needs keep some."""
USUAL_MOTION = 0.1
"""Root-mean-square motion at which an object's error counts about as it is."""
BALANCE = 1.5
"""2 would count every object's error as a share of its motion, 0 as it is."""
LEAST_MOTION = 0.03
"""Keeps objects that hardly move from outweighing all others."""


class LossTerms(NamedTuple):
    """Scalars of one batch; ``total`` is what is minimised."""

    total: Float[Tensor, ""]
    squared_error: Float[Tensor, ""]
    absolute_error: Float[Tensor, ""]
    rotation_error: Float[Tensor, ""]
    mean_distance: Float[Tensor, ""]
    divergence: Float[Tensor, ""]
    active_dimensions: Float[Tensor, ""]
    effective_directions: Float[Tensor, ""]
    missing_motion: Float[Tensor, ""]
    spurious_motion: Float[Tensor, ""]
    mobility_error: Float[Tensor, ""]
    body_error: Float[Tensor, ""]
    response_error: Float[Tensor, ""]
    roughness: Float[Tensor, ""]
    reach_surprise: Float[Tensor, ""]


class ObjectiveWeights(NamedTuple):
    """Weights at one step of training; see :mod:`neurok_model.training.schedule`."""

    divergence: float
    nested_dropout: float
    spread: float = 0.0
    tangents: float = 0.0
    bodies: float = 0.0
    smoothness: float = 0.0
    tangent_share: float = TANGENT_SHARE


def divergence_per_dimension(posterior: Posterior, prior: KinematicPrior) -> Float[Tensor, "b f k"]:
    """KL(N(mu, diag sigma^2) || N(mu_cond, I)) of each latent dimension, in nats."""
    offset = posterior.mean - prior.mean[:, None].to(posterior.mean.dtype)
    variance = (2.0 * posterior.log_deviation).exp()
    return 0.5 * (offset.square() + variance - 1.0) - posterior.log_deviation


def keep_leading_dimensions(
    latents: Float[Tensor, "b f k"],
    prior: KinematicPrior,
    divergence: Float[Tensor, "b f k"],
    share: float,
    generator: torch.Generator,
    largest: int = 8,
) -> Float[Tensor, "b f k"]:
    """Nested dropout: for a share of the objects keep only the m most informative dimensions.

    Dimensions are ranked per object by their mean divergence, m is log-uniform in 1..largest, and the others
    fall back to the prior's mean, so that information gathers in as few dimensions as possible.
    """
    if share <= 0.0:
        return latents
    objects, _, dimensions = latents.shape
    rank = divergence.detach().mean(dim=1).argsort(dim=-1, descending=True).argsort(dim=-1)
    top = torch.log(torch.tensor(float(largest + 1)))
    kept = torch.exp(torch.rand(objects, generator=generator) * top).floor().long()
    untouched = torch.rand(objects, generator=generator) >= share
    kept = torch.where(untouched, dimensions, kept).to(latents.device)
    return torch.where((rank < kept[:, None])[:, None], latents, prior.mean[:, None].to(latents.dtype))


def _draws_of_prior(
    bound: BoundDecoder, prior: KinematicPrior, share: float, generator: torch.Generator
) -> Float[Tensor, "few k"]:
    """A latent for each of the first objects, as many as a share of them."""
    mean = prior.mean[: math.ceil(share * len(prior.mean))].to(bound.points.dtype)
    return mean + torch.randn(mean.shape, generator=generator).to(mean)


def prior_products(bound: BoundDecoder, prior: KinematicPrior, generator: torch.Generator) -> Float[Tensor, "few k k"]:
    """How alike the latent's directions move the surface, about one draw of the prior for some of the objects."""
    draws = _draws_of_prior(bound, prior, SPREAD_SHARE, generator)
    signs = (2.0 * torch.randint(2, draws.shape, generator=generator) - 1.0).to(draws)
    return latent_products(bound.of_first(len(draws)), draws, signs)


def prior_roughness(
    networks: NeurokNetworks, bound: BoundDecoder, prior: KinematicPrior, generator: torch.Generator
) -> Float[Tensor, " few"]:
    """How rippled the motion is on lines through latents that some of the objects take.

    Where the networks know the reach of an object, latents and lines are drawn in its units, as far as an object is
    compiled: N(mu_cond, I) leaves out joints that end beyond it, and is wide of those that end early in it.
    """
    draws = _draws_of_prior(bound, prior, SMOOTH_SHARE, generator)
    few = bound.of_first(len(draws))
    lines = torch.randn((len(draws), SMOOTH_LINES, draws.shape[1]), generator=generator).to(draws)
    lines = lines / lines.norm(dim=-1, keepdim=True)
    if not networks.configuration.reach:
        return roughness(few, draws, lines)
    with torch.no_grad():  # how far an object reaches is not what makes ripples
        found = networks.reach(KinematicPrior(*(part[: len(draws)] for part in prior)), few)
        reach = Reach(*(part.float() for part in found))
        edges = 2.0 * torch.rand((len(draws), 1, draws.shape[1]), generator=generator).to(reach.mean) - 1.0
        draws = reach.latents(SMOOTH_EDGE * edges)[:, 0].to(draws)
        lines = (lines.float() @ reach.inverse().mT).to(draws)
    return roughness(few, draws, lines)


def tangent_errors(
    networks: NeurokNetworks,
    batch: PairBatch,
    prior: KinematicPrior,
    bound: BoundDecoder,
    posterior: Posterior,
    split: int,
    share: float,
    generator: torch.Generator,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""], Float[Tensor, ""]]:
    """Missing and spurious shares at the latents of the scanned pose and of the first deformation, and the error of
    what pushes at the scanned pose do, for some objects.

    The latents are those that the encoder gives, as in the mechanics; what is judged is the decoder about them.
    """
    count = math.ceil(share * len(batch.points))
    few = KinematicPrior(*(part[:count] for part in prior))
    with torch.no_grad():
        rest = networks.rest_posterior(few, batch.points[:count, :split], batch.normals[:count, :split]).mean
        start = torch.cat((rest.to(posterior.mean.dtype), posterior.mean[:count, :1].detach()), dim=1)
    signs = (2.0 * torch.randint(2, start.shape, generator=generator) - 1.0).to(start)
    few_bound = bound.of_first(count)
    caused = latent_motions(few_bound, start, TANGENT_STEP * signs)
    missing, spurious, known = subspace_errors(caused.flatten(0, 1), batch.tangents[:count, :, :, split:].flatten(0, 1))
    weight = known.to(missing.dtype) / known.sum().clamp_min(1)
    unlike = torch.zeros_like(missing[0])
    if networks.latent_mass_encoder is not None:
        jacobian = caused[:, 0] / (TANGENT_STEP * signs[:, 0, :, None, None])
        answer = networks.latent_mass_encoder(few, few_bound, surface_inertia(jacobian))
        errors, exists = response_error(jacobian, batch.tangents[:count, 0, :, split:], answer)
        unlike = (errors * exists).sum() / exists.sum().clamp_min(1)
    return (weight * missing).sum(), (weight * spurious).sum(), unlike


class Reconstruction(NamedTuple):
    """How far decoded deformations are from the true ones; scalars, but for ``motion``."""

    loss: Float[Tensor, ""]
    squared_error: Float[Tensor, ""]
    absolute_error: Float[Tensor, ""]
    rotation_error: Float[Tensor, ""]
    mean_distance: Float[Tensor, ""]
    motion: Float[Tensor, " b"]
    """D, the root-mean-square motion of every object."""


def reconstruction(
    bound: BoundDecoder,
    latents: Float[Tensor, "b f k"],
    truth: Float[Tensor, "b f n 3"],
    turns: Float[Tensor, "b f n 4"],
) -> Reconstruction:
    """Decode latents and compare displacements (``truth``) and rotations (``turns``, unit quaternions)."""
    moved = bound.dual_quaternions(latents)
    points = bound.points[:, None]
    error = dq.transform_points(moved, points) - points - truth
    motion = truth.square().sum(-1).mean((1, 2)).sqrt()
    factor = (USUAL_MOTION / (LEAST_MOTION + motion)) ** BALANCE
    per_object = error.square().sum(-1).mean((1, 2))
    turned = dq.to_rotation_translation(moved)[0]
    misturned = (1.0 - (turned * turns).sum(-1).square()).mean((1, 2))
    return Reconstruction(
        (factor * (SQUARED_WEIGHT * per_object + ROTATION_WEIGHT * misturned)).mean(),
        per_object.mean(),
        error.abs().sum(-1).mean(),
        misturned.mean(),
        error.norm(dim=-1).mean(),
        motion,
    )


def encode_deformations(
    networks: NeurokNetworks, batch: PairBatch, prior: KinematicPrior, deformation_points: int
) -> Posterior:
    """Posteriors of the latents of all deformations, from the encoder's own points."""
    points, normals = batch.points[:, :deformation_points], batch.normals[:, :deformation_points]
    displacement = batch.displacement[:, :, :deformation_points]
    start = points[:, None]
    motion = dq.from_motion(batch.rotation[:, :, :deformation_points], start, start + displacement)
    posterior = networks.deformation_encoder(prior, points, normals, displacement, motion)
    return Posterior(*(part.to(batch.points.dtype) for part in posterior))


def objective(
    networks: NeurokNetworks,
    batch: PairBatch,
    deformation_points: int,
    weights: ObjectiveWeights,
    generator: torch.Generator,
) -> LossTerms:
    """Evaluate the objective on one batch.

    Args:
        networks: the three networks.
        batch: one batch; its first ``deformation_points`` points feed the deformation encoder, and the others
            are where the decoder is judged.
        deformation_points: where the points are split.
        weights: the schedule's weights at this step.
        generator: source of the posterior's noise and of nested dropout (CPU).
    """
    asked = slice(deformation_points, None)
    prior = networks.prior_encoder(batch.scan_points, batch.scan_normals)
    posterior = encode_deformations(networks, batch, prior, deformation_points)
    noise = torch.randn(posterior.mean.shape, generator=generator).to(posterior.mean)
    latents = posterior.mean + posterior.log_deviation.exp() * noise
    divergence = divergence_per_dimension(posterior, prior)
    latents = keep_leading_dimensions(latents, prior, divergence, weights.nested_dropout, generator)
    bound = networks.decoder.bind(batch.points[:, asked], batch.normals[:, asked], prior)
    truth = batch.displacement[:, :, asked]
    found = reconstruction(bound, latents, truth, batch.rotation[:, :, asked])
    total_divergence = divergence.sum(-1).mean()
    total = found.loss + weights.divergence * total_divergence
    directions = torch.ones_like(found.motion)
    if weights.spread > 0.0:
        products = prior_products(bound, prior, generator)
        penalty, directions = spread_penalty(products, found.motion[: len(products)])
        total = total + weights.spread * penalty.mean()
    missing = spurious = unlike = mistaken = torch.zeros_like(total)
    if weights.tangents > 0.0:
        missing, spurious, unlike = tangent_errors(
            networks, batch, prior, bound, posterior, deformation_points, weights.tangent_share, generator
        )
        mobility = bound.mobility()
        if mobility is not None:
            mistaken = mobility_error(mobility, truth, batch.tangents[:, :, :, asked])
        total = total + weights.tangents * (missing + spurious + mistaken) + RESPONSE_WEIGHT * unlike
    mixed = torch.zeros_like(total)
    regions = bound.regions() if weights.bodies > 0.0 else None
    if regions is not None:
        mixed = body_error(regions, batch.body[:, asked], movable(truth, batch.tangents[:, :, :, asked]))
        total = total + weights.bodies * mixed
    rippled = torch.zeros_like(total)
    if weights.smoothness > 0.0:
        rippled = prior_roughness(networks, bound, prior, generator).mean()
        total = total + weights.smoothness * rippled
    surprise = torch.zeros_like(total)
    if networks.configuration.reach:
        blur = REACH_BLUR * torch.randn(noise.shape, generator=generator).to(noise)
        surprise = networks.reach(prior, bound).surprise(posterior.mean.detach() + blur).mean()
        total = total + REACH_WEIGHT * surprise
    return LossTerms(
        total,
        found.squared_error.detach(),
        found.absolute_error.detach(),
        found.rotation_error.detach(),
        found.mean_distance.detach(),
        total_divergence.detach(),
        (divergence.detach().mean(dim=(0, 1)) > 0.1).sum().float(),
        directions.detach().mean(),
        missing.detach(),
        spurious.detach(),
        mistaken.detach(),
        mixed.detach(),
        unlike.detach(),
        rippled.detach(),
        surprise.detach(),
    )
