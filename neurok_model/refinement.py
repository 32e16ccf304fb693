"""How an object moves, learned from watching it: what the networks read off the scan is corrected until it can follow.

One scan does not tell whether a lid turns or lifts off; seeing it move does. Everything that the networks say of an
object rests on the context tokens c of its scan. They get a correction e, with which the decoder can follow the watched
displacements d_f by some latents u_f, in units of the object's reach and near u_r of the scanned pose, while it goes on
moving the surface as before for other latents u that the object may take:

    min over e, u_f    E |D(u_f; c + e) - D(u_r; c + e) - d_f|^2 / E |d_f|^2
                       + w E |D(u; c + e) - D(u; c)|^2 / E |D(u; c)|^2 + a |e|^2 + E (u_f - u_r)^T P (u_f - u_r)

P is small along the coordinates that the object has, and larger across them: these are changed to do what was seen
where that is possible, and another one is taken where it is not. The networks themselves stay as they are, so that a
part still moves as one body, and as far as such parts go. Where the base of an object is not fixed, d_f is what is left
of the displacements without the rigid motion that brings them nearest to those of the decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.encoding import READINGS, EncodedScan
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry.sampling import lumped_areas
from neurok_model.identification import MotionObservation
from neurok_model.networks import BoundDecoder, KinematicPrior
from neurok_model.scan import PreparedScan

POINTS = 256
"""Watched vertices that are followed, at most."""

FRAMES = 9
"""Frames of an observation that are followed, besides its first one, at most."""

SMALLEST_MOTION = 5e-3
"""Root-mean-square displacement, in longest sides, below which it is play, or noise, and nothing is learned from it."""

LATENT_STEPS, STEPS = 80, 80
"""Steps of Adam on the latents alone, and then on everything."""

FIRST_LATENT_RATE, LATENT_RATE, CONTEXT_RATE = 0.15, 0.05, 0.02

KEEPING = 0.03
"""w, the weight of what was not watched; 0.3 keeps mistakes too."""

KEPT_DRAWS, KEPT_EACH_STEP = 200, 6
"""Latents at which motion is kept, and how many of them each step looks at."""

KEPT_WIDTH = 1.2
"""Their standard deviation, in units of the reach."""

CONTEXT_PENALTY = 1e-4

ALONG, ACROSS = 3e-3, 0.1
"""Penalties of latents along the object's coordinates and across them."""

BENDING = 0.003
"""Penalty of ways that bend, or go more than one way: mechanics have one coordinate then for what a joint does."""


@dataclass(frozen=True)
class Refinement:
    """What watching an object told.

    Attributes:
        correction: e, to be added to the context tokens of every reading of the scan; None where nothing was learned,
            because nothing was seen to move.
        latents: u_f - u_r of all frames that were followed, those of each observation together; None as above.
        frames: how many of them each observation has.
        basis: the object's coordinates before it was watched, orthonormal directions of u.
        misfit_before: root-mean-square distance between watched vertices and where the latents can bring them, as a
            share of the watched motion, without the correction.
        misfit: the same with it.
        watched: what was followed.
        pushed: whether it was told what the object was pushed by.
        displacements: where the watched vertices were seen to go, as seen from the base; None as above.
    """

    correction: Float[Tensor, "c w"] | None
    latents: Float[Tensor, "f k"] | None
    frames: tuple[int, ...]
    basis: Float[Tensor, "k q"]
    misfit_before: float
    misfit: float
    watched: WatchedVertices
    pushed: bool
    displacements: Float[Tensor, "f p 3"] | None = None


@dataclass(frozen=True)
class WatchedVertices:
    """Watched vertices in the networks' coordinates, and their displacements."""

    vertices: Float[Tensor, "1 p 3"]
    drive_index: Int[Tensor, "p d"]
    drive_weight: Float[Tensor, "p d"]
    displacements: Float[Tensor, "1 f p 3"]
    seen: Float[Tensor, "1 f p 1"]
    """One where a frame shows a vertex, else zero."""
    frames: tuple[int, ...]
    """How many frames each observation has, one after the other."""
    base_fixed: bool
    """Whether what the base does is a motion of the object's own."""

    @property
    def motion(self) -> float:
        """Root-mean-square displacement of what was seen."""
        return float((self._own.square().sum() / self.seen.sum().clamp_min(1.0)).sqrt())

    def missed(self, moved: Float[Tensor, "1 f_and_rest p 3"]) -> Float[Tensor, ""]:
        """Squared error of displacements, the first of which is that of the scanned pose, as a share of the motion."""
        found = moved[:, 1:] - moved[:, :1]
        error = self.seen * (found - self.without_base(found))
        return error.square().sum() / self._own.square().sum().clamp_min(1e-12)

    @cached_property
    def _own(self) -> Float[Tensor, "1 f p 3"]:
        """Displacements without what a rigid motion explains of them."""
        return self.seen * self.without_base(torch.zeros_like(self.displacements))

    @torch.no_grad()
    def without_base(self, found: Float[Tensor, "1 f p 3"]) -> Float[Tensor, "1 f p 3"]:
        """The watched displacements as they look from the base, if its parts are where they were found to be.

        At the best rigid motion the error does not change with it to first order, so that it needs no gradient.
        """
        if self.base_fixed:
            return self.displacements
        still = self.vertices[:, None]
        rotation, translation = rigid_motion(still + found, still + self.displacements, self.seen)
        return (still + self.displacements - translation) @ rotation - still


def refine(
    encoded: EncodedScan,
    basis: Float[Tensor, "k q"],
    observations: Sequence[MotionObservation],
    seed: int,
    base_fixed: bool = True,
) -> Refinement:
    """Find the correction, and how well the object can be followed with it; takes a few seconds of one CPU core.

    What was done to the object does not matter, and need not be known: only where its vertices went.

    Args:
        encoded: the scan, as networks in evaluation mode and without gradients read it.
        basis: orthonormal directions of u that were the object's coordinates.
        observations: motions of the scanned object. One that says where it began is taken to be seen from the scanned
            pose; any other began there.
        seed: of the vertices that are followed, and of the latents at which motion is kept.
        base_fixed: whether the object stood on a fixed base; otherwise a rigid motion of all of it teaches nothing.

    Raises:
        NeurokError: INVALID_PARAMETER for no observation, or one of other vertices.
    """
    networks = encoded.networks
    prior, rest = encoded.readings.prior, encoded.parts[2][None, None]
    watched = _watch(encoded.prepared, observations, rest, seed, base_fixed)

    def decoder(reading: KinematicPrior) -> BoundDecoder:
        # All surface points are bound, as when it is predicted: where handles turn depends on them.
        points, normals = (part.expand(len(reading.context), -1, -1) for part in encoded.surface)
        bound = networks.decoder.bind(points, normals, reading).mean_of_objects()
        bound = bound.driven(watched.vertices, watched.drive_index, watched.drive_weight)
        return bound if encoded.reach is None else bound.in_units(encoded.reach)

    with torch.no_grad():
        before = decoder(prior)
    latents = _follow(before, rest, watched, basis)
    misfit_before = _misfit(before, rest, latents, watched)
    if watched.motion < SMALLEST_MOTION:
        return Refinement(None, None, (), basis, misfit_before, misfit_before, watched, pushed=False)
    generator = torch.Generator().manual_seed(seed)
    draws = encoded.parts[1] + KEPT_WIDTH * torch.randn(1, KEPT_DRAWS, rest.shape[-1], generator=generator).to(rest)
    correction = torch.zeros_like(prior.context[:1])

    def corrected(step: int) -> BoundDecoder:
        reading = KinematicPrior(*(part[step % READINGS :][:1] for part in prior))
        return decoder(reading._replace(context=reading.context + correction))

    with torch.enable_grad():
        correction, latents = correction.requires_grad_(), latents.requires_grad_()
        optimiser = torch.optim.Adam(
            [{"params": [correction], "lr": CONTEXT_RATE}, {"params": [latents], "lr": LATENT_RATE}]
        )
        for step in range(STEPS):
            some = draws[:, torch.randint(KEPT_DRAWS, (KEPT_EACH_STEP,), generator=generator)]
            loss = _loss(corrected(step), before, rest, latents, some, watched) + _length(latents - rest, basis)
            loss = loss + CONTEXT_PENALTY * correction.square().sum() + BENDING * _bending(latents - rest)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    correction, latents = correction.detach(), latents.detach()
    with torch.no_grad():
        after = decoder(prior._replace(context=prior.context + correction))
        moved = after.displacement(torch.cat((rest, latents), dim=1))
    misfit = float(watched.missed(moved).sqrt())
    followed = watched.without_base(moved[:, 1:] - moved[:, :1])[0]
    taken, pushed = (latents - rest)[0], any(len(each.contacts) > 0 for each in observations)
    return Refinement(
        correction[0], taken, watched.frames, basis, misfit_before, misfit, watched, pushed, displacements=followed
    )


def _loss(
    bound: BoundDecoder,
    before: BoundDecoder,
    rest: Float[Tensor, "1 1 k"],
    latents: Float[Tensor, "1 f k"],
    others: Float[Tensor, "1 s k"],
    watched: WatchedVertices,
) -> Float[Tensor, ""]:
    """What is missed of the watched motion, and what is changed of the rest."""
    with torch.no_grad():
        kept = before.displacement(torch.cat((rest, others), dim=1))
    moved = bound.displacement(torch.cat((rest, others, latents), dim=1))
    still, elsewhere, there = moved.split((1, others.shape[1], latents.shape[1]), dim=1)
    unchanged = _share(torch.cat((still, elsewhere), dim=1), kept)
    return watched.missed(torch.cat((still, there), dim=1)) + KEEPING * unchanged


def _follow(
    bound: BoundDecoder, rest: Float[Tensor, "1 1 k"], watched: WatchedVertices, basis: Float[Tensor, "k q"]
) -> Float[Tensor, "1 f k"]:
    """Latents that bring the watched vertices nearest to where they went."""
    frames = watched.displacements.shape[1]
    with torch.enable_grad():
        latents = rest.repeat(1, frames, 1).requires_grad_()
        optimiser = torch.optim.Adam([latents], lr=FIRST_LATENT_RATE)
        slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, LATENT_STEPS)
        for _ in range(LATENT_STEPS):
            moved = bound.displacement(torch.cat((rest, latents), dim=1))
            loss = watched.missed(moved) + _length(latents - rest, basis)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            slower.step()
    return latents.detach()


def _length(latents: Float[Tensor, "1 f k"], basis: Float[Tensor, "k q"]) -> Float[Tensor, ""]:
    """Squared length of latents from rest, by P."""
    along = latents @ basis
    across = latents - along @ basis.mT
    return (ALONG * along.square().sum(-1) + ACROSS * across.square().sum(-1)).mean() / basis.shape[0]


def _bending(latents: Float[Tensor, "1 f k"]) -> Float[Tensor, ""]:
    """(sum_i s_i)^2 / sum_i s_i^2 - 1, of the singular values s of the latents: 0 for a straight way through rest."""
    sizes = torch.linalg.svdvals(latents[0])
    return sizes.sum().square() / sizes.square().sum().clamp_min(1e-12) - 1.0


@torch.no_grad()
def _misfit(bound: BoundDecoder, rest: Tensor, latents: Tensor, watched: WatchedVertices) -> float:
    moved = bound.displacement(torch.cat((rest, latents), dim=1))
    return float(watched.missed(moved).sqrt())


def _share(found: Float[Tensor, "1 f p 3"], wanted: Float[Tensor, "1 f p 3"]) -> Float[Tensor, ""]:
    """Squared difference, as a share of what is wanted."""
    return (found - wanted).square().sum() / wanted.square().sum().clamp_min(1e-12)


def _watch(
    prepared: PreparedScan, observations: Sequence[MotionObservation], like: Tensor, seed: int, base_fixed: bool
) -> WatchedVertices:
    """Vertices to follow, and where they went; every observation has its own."""
    if len(observations) == 0:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "observations", "none", "at least one")
    generator = np.random.default_rng(seed)
    areas, box = _vertex_areas(prepared), prepared.normalisation
    chosen, moved = [], []
    for observation in observations:
        indices = observation.vertices(len(prepared.vertices))
        # Half by area, half by number: what is finely meshed is often what moves.
        share = 0.5 * areas[indices] / areas[indices].sum() + 0.5 / len(indices)
        count = min(max(POINTS // len(observations), 1), len(indices))
        some = generator.choice(len(indices), count, replace=False, p=share)
        frames = np.unique(np.linspace(0, len(observation.times) - 1, 1 + FRAMES).round().astype(int))[1:]
        start = observation.points[0] if observation.initial_state is None else prepared.vertices[indices]
        chosen.append(indices[some])
        moved.append(box.direction(observation.points[np.ix_(frames, some)] - start[some]) / box.scale)
    displacements = np.zeros((sum(map(len, moved)), sum(map(len, chosen)), 3))
    seen = np.zeros((*displacements.shape[:2], 1))
    frame = point = 0
    for rows in moved:
        block = np.s_[frame : frame + rows.shape[0], point : point + rows.shape[1]]
        displacements[block], seen[block] = rows, 1.0
        frame, point = frame + rows.shape[0], point + rows.shape[1]
    vertices = np.concatenate(chosen)

    def tensor(array: np.ndarray) -> Tensor:
        return torch.as_tensor(array).to(like)

    return WatchedVertices(
        tensor(box.apply(prepared.vertices[vertices]))[None],
        torch.as_tensor(prepared.drive_index[vertices], device=like.device),
        tensor(prepared.drive_weight[vertices]),
        tensor(displacements)[None],
        tensor(seen)[None],
        tuple(map(len, moved)),
        base_fixed,
    )


def rigid_motion(
    points: Float[Tensor, "*b p 3"], targets: Float[Tensor, "*b p 3"], weights: Float[Tensor, "*b p 1"]
) -> tuple[Float[Tensor, "*b 3 3"], Float[Tensor, "*b 1 3"]]:
    """Rotation R and translation t that minimise sum_p w_p |R x_p + t - y_p|^2 (Kabsch 1976).

    Args:
        points: x.
        targets: y.
        weights: w, not negative.
    """
    share = weights / weights.sum(dim=-2, keepdim=True).clamp_min(1e-12)
    middle, target_middle = ((share * each).sum(dim=-2, keepdim=True) for each in (points, targets))
    moment = (targets - target_middle).mT @ (share * (points - middle))
    left, _, right = torch.linalg.svd(moment)
    proper = torch.ones_like(left[..., 0, :])
    proper[..., 2] = torch.linalg.det(left @ right)
    rotation = (left * proper[..., None, :]) @ right
    return rotation, target_middle - middle @ rotation.mT


def _vertex_areas(prepared: PreparedScan) -> Float[np.ndarray, " v"]:
    """Area around every vertex; of a cloud, the same for all."""
    if len(prepared.triangles) == 0:
        return np.ones(len(prepared.vertices))
    return lumped_areas(prepared.vertices, prepared.triangles)
