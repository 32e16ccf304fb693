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

REFITS = 2
"""How often the compiled map is fitted anew to where a search went, at most."""

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


def fit_reduced(shape: LatentObject, evidence: Evidence, seed: int) -> tuple[LatentObject, Found]:
    """Search the reduced coordinates, through the compiled map.

    Where the search leaves what the map was fitted to, the map is fitted there as well, and the search goes on.

    Args:
        shape: the encoded object.
        evidence: what is known of the pose, metres.
        seed: of the draws.

    Returns:
        The object with the map that was searched last, and what was found.
    """
    chosen = shape.fitted_points()
    known = evidence.some(chosen).normalised(shape.prepared.normalisation)
    found = _fit(shape.reduced(chosen), known, seed)
    for _ in range(REFITS):
        if not shape.outside(found.coordinates) > 0.0:
            break
        shape = shape.refitted(found.coordinates)
        found = search(shape.reduced(chosen), known.matcher(), found.coordinates[None], _settings(known))
    return shape, found


def _fit(deformation: FullLatent | ReducedLatent, evidence: Evidence, seed: int) -> Found:
    matcher = evidence.matcher()
    return search(deformation, matcher, _starts(deformation, matcher, seed), _settings(evidence))


def _settings(evidence: Evidence) -> SearchSettings:
    return SearchSettings(prior_weight=CLOUD_PRIOR_WEIGHT if evidence.targets is None else KNOWN_PRIOR_WEIGHT)


@torch.no_grad()
def _starts(deformation: FullLatent | ReducedLatent, matcher: Matcher, seed: int) -> Float[Tensor, "f k"]:
    draws = deformation.draws(DRAWS, torch.Generator().manual_seed(seed))
    standing = deformation.positions(draws).double().cpu().numpy()
    costs = torch.tensor([matcher(each).cost for each in standing])
    best = draws[costs.argsort()[: STARTS - 2].to(draws.device)]
    return torch.cat((deformation.rest[None], deformation.mean[None], best))
