"""The weight of what was watched, as it was seen to rise and sink.

Corrected networks follow a watched drawer to some percent of its way, and a few millimetres up and down on the way
are a slope of a fifth, down which it rolls back. The heights themselves were seen: so the first moment sum_i m_i x_i(q)
of the mass, whose product with gravity is the potential, is taken from them along the watched ways, as a smooth
function of how far the object is along each. It stays linear in the embedding coordinates, M(q) = (M_0 + D) y(q), with

    min over D    mean_s |D y(W s) - d(s)|^2 + w mean_q |D y(q)|^2,    d(s) = M_seen(s) - M_0 y(W s)

over points s of each way as far as it was watched, and configurations q of the whole region: elsewhere it hardly
changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.mechanics import Embedding, WatchedCoordinates
from neurok_model.reduction import PriorRegion

DEGREE = 3
"""Of the polynomials of how far the object is along each way."""

POINTS_OF_A_WAY = 33
"""Where the moment is compared along each way, as far as it was seen."""

SAMPLES, KEEPING = 200, 1e-3
"""Configurations of the region, and the weight w of what is changed there."""


@dataclass(frozen=True)
class SeenPoints:
    """Points of a surface that were watched.

    Attributes:
        positions: in the scanned pose [m].
        modes: Phi at these points.
        displacements: where they were seen to go from there, in each frame [m]; zero where they were not seen.
        seen: which points each frame shows.
    """

    positions: Float[Tensor, "p 3"]
    modes: Float[Tensor, "p 3 r"]
    displacements: Float[Tensor, "f p 3"]
    seen: Float[Tensor, "f p"]


@torch.no_grad()
def seen_mass_moment(
    watched: WatchedCoordinates,
    embedding: Embedding,
    points: Float[Tensor, "n 3"],
    modes: Float[Tensor, "n 3 r"],
    masses: Float[Tensor, " n"],
    region: PriorRegion,
    seen: SeenPoints,
) -> Float[Tensor, "3 r"]:
    """M_0 + D, with M_0 = sum_i m_i Phi_i.

    Args:
        watched: the configurations in the frames of ``seen``.
        embedding: y(q).
        points: of the surface, in the scanned pose [m].
        modes: Phi at these points.
        masses: of these points [kg].
        region: where the object can be.
        seen: what was watched.
    """
    like = torch.zeros(0, dtype=torch.float64)
    modes, masses = modes.to(like), masses.to(like)
    moment = torch.einsum("n,nxr->xr", masses, modes)

    def moved(q: Float[Tensor, "s k"]) -> Float[Tensor, "s r"]:
        return embedding.value(q.to(embedding.device, embedding.dtype)).to(like)

    travel = watched.taken @ watched.travel.mT
    at_frames = moved(travel @ watched.ways.mT)
    true = at_frames @ moment.mT + _missed(at_frames, points.to(like), modes, masses, seen)
    size = travel.abs().amax(dim=0).clamp_min(1e-12)
    smooth = torch.linalg.lstsq(_powers(travel / size), true, driver="gelsd").solution
    ways, wanted = [], []
    for index, way in enumerate(watched.ways.mT):
        ends = float(travel[:, index].min().clamp_max(0.0)), float(travel[:, index].max().clamp_min(0.0))
        alone = torch.zeros(POINTS_OF_A_WAY, len(size)).to(like)
        alone[:, index] = torch.linspace(*ends, POINTS_OF_A_WAY)
        ways.append(moved(alone[:, index : index + 1] * way))
        wanted.append(_powers(alone / size) @ smooth - ways[-1] @ moment.mT)
    along, elsewhere = torch.cat(ways), moved(region.sample(SAMPLES, torch.Generator().manual_seed(0)))
    curvature = along.mT @ along / len(along) + KEEPING * elsewhere.mT @ elsewhere / len(elsewhere)
    slope = along.mT @ torch.cat(wanted) / len(along)
    return moment + (torch.linalg.pinv(curvature, hermitian=True) @ slope).mT


def _powers(share: Float[Tensor, "s m"]) -> Float[Tensor, "s powers"]:
    """t, t^2, ... of every way; nothing is displaced where all are zero."""
    return torch.cat([share**power for power in range(1, DEGREE + 1)], dim=1)


def _missed(
    moved: Float[Tensor, "f r"],
    points: Float[Tensor, "n 3"],
    modes: Float[Tensor, "n 3 r"],
    masses: Float[Tensor, " n"],
    seen: SeenPoints,
) -> Float[Tensor, "f 3"]:
    """How far the first moment is from what was seen [kg m].

    Every point of the surface is as far off as the nearest that was watched, but less where it moves less.
    """
    found = torch.einsum("pxr,fr->fpx", seen.modes.to(moved), moved)
    error = seen.displacements.to(moved) - found
    far = torch.einsum("nxr,fr->fnx", modes, moved).norm(dim=-1)
    missed = moved.new_zeros(len(moved), 3)
    for frames, shown in _frames_that_show_the_same(seen.seen):
        nearest = shown[torch.cdist(points, seen.positions.to(moved)[shown]).argmin(dim=1)]
        its_own = found[frames][:, nearest].norm(dim=-1)
        less = (far[frames] / its_own.clamp_min(1e-12)).clamp_max(1.0)
        missed[frames] = torch.einsum("n,fn,fnx->fx", masses, less, error[frames][:, nearest])
    return missed


def _frames_that_show_the_same(seen: Float[Tensor, "f p"]) -> list[tuple[Int[Tensor, " g"], Int[Tensor, " s"]]]:
    """Groups of frames, and which points they show."""
    patterns, group = torch.unique(seen > 0.0, dim=0, return_inverse=True)
    return [((group == index).nonzero()[:, 0], pattern.nonzero()[:, 0]) for index, pattern in enumerate(patterns)]
