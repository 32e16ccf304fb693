"""Inverse kinematics: the latent whose pose agrees with the evidence."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.evaluation.evidence import Evidence, Matcher
from neurok_model.evaluation.latent_object import FullLatent, LatentObject, ReducedLatent
from neurok_model.evaluation.levenberg_marquardt import Found, SearchSettings, search

DRAWS = 64
"""Draws from the prior that are tried; the most promising of them become starts."""

STARTS = 6
"""Starts of each search: the scanned pose, the prior's mean, and the best draws."""

KNOWN_PRIOR_WEIGHT = 1e-6
"""Weight of the prior against the mean squared distance (longest side = 1) with known correspondences."""

CLOUD_PRIOR_WEIGHT = 1e-5
"""The same towards a cloud, where wrong matches can be had at the price of an implausible latent. Ten times as much
and a tenth of it were worse on ten families."""


def fit_full(shape: LatentObject, evidence: Evidence, seed: int) -> Found:
    """Search the full latent, through the decoder.

    Args:
        shape: the encoded object.
        evidence: what is known of the pose, metres.
        seed: of the draws.
    """
    chosen = shape.fitted_points()
    return _fit(shape.full(chosen), evidence.some(chosen).normalised(shape.prepared.normalisation), seed)


def fit_reduced(shape: LatentObject, evidence: Evidence, seed: int) -> Found:
    """Search the reduced coordinates, through the compiled map; arguments as of :func:`fit_full`."""
    chosen = shape.fitted_points()
    return _fit(shape.reduced(chosen), evidence.some(chosen).normalised(shape.prepared.normalisation), seed)


def _fit(deformation: FullLatent | ReducedLatent, evidence: Evidence, seed: int) -> Found:
    matcher = evidence.matcher()
    weight = KNOWN_PRIOR_WEIGHT if evidence.targets is not None else CLOUD_PRIOR_WEIGHT
    return search(deformation, matcher, _starts(deformation, matcher, seed), SearchSettings(prior_weight=weight))


@torch.no_grad()
def _starts(deformation: FullLatent | ReducedLatent, matcher: Matcher, seed: int) -> Float[Tensor, "f k"]:
    draws = deformation.draws(DRAWS, torch.Generator().manual_seed(seed))
    standing = deformation.positions(draws).double().cpu().numpy()
    costs = torch.tensor([matcher(each).cost for each in standing])
    best = draws[costs.argsort()[: STARTS - 2].to(draws.device)]
    return torch.cat((deformation.rest[None], deformation.mean[None], best))
