"""Coordinates of an object that was watched: the way it went, and what does not move the same points otherwise."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.networks.latent_mass import PushResponse
from neurok_model.reduction.active_subspace import ActiveSubspace, Displacement, farthest_motion
from neurok_model.reduction.snapshots import DecoderSnapshots

SHARE = 0.99
"""Share of the squared length of watched latents that the directions of the watched way hold."""

ELSEWHERE = 0.1
"""Share of its inertia up to which a coordinate may lie in points that were watched moving, and be kept."""

SURE = 0.5
"""Share by which a direction answers pushes, as the networks say, from which it is kept wherever its inertia lies: of
two joints that are equally likely each answers by half."""

CONFIGURATIONS = 8
"""Watched configurations at which the decoder is differentiated, besides rest."""


def principal_directions(taken: Float[Tensor, "f k"], share: float = SHARE) -> Float[Tensor, "k m"]:
    """The fewest orthonormal directions that hold ``share`` of the squared length of some vectors, longest first."""
    _, sizes, directions = torch.linalg.svd(taken, full_matrices=False)
    held = sizes.square().cumsum(0)
    return directions[: int((held < share * held[-1]).sum()) + 1].mT


def shares_along(directions: Float[Tensor, "k m"], inertia: Float[Tensor, "k k"]) -> Float[Tensor, "m k"]:
    """(W^T G W)^-1 W^T G: what velocities have along directions W, by least squares over what has the inertia G."""
    within = directions.mT @ inertia @ directions
    return torch.linalg.pinv(within, hermitian=True) @ directions.mT @ inertia


@torch.no_grad()
def watched_subspace(
    subspace: ActiveSubspace,
    taken: Float[Tensor, "f k"],
    displacement: Displacement,
    rest_latent: Float[Tensor, " k"],
    masses: Float[Tensor, " n"],
    least_motion: float = 0.0,
    response: PushResponse | None = None,
) -> ActiveSubspace:
    """The watched way first, then those directions of ``subspace`` that do not put it in doubt.

    Of a shut lid a scan may suggest several motions. The lid was seen to turn, so it does nothing else, as a rule:
    directions that would move it in another way are left out, while what another part does is not known better than
    before. With W the directions of the watched way and G_w the mean mass matrix of the points that were seen to move,
    each by how far it went as a share of the farthest, d - W (W^T G_w W)^-1 W^T G_w d is what d does to them besides.
    Of these the combinations are kept of whose inertia little lies in G_w. Of the others those are kept that the
    networks are sure of: the seat of an office chair turns, and goes up and down as well.

    Args:
        subspace: what the scan suggests.
        taken: latents that the object was seen to take, relative to that of the scanned pose.
        displacement: the decoder, in metres.
        rest_latent: latent of the scanned pose.
        masses: kg of each surface point.
        least_motion: see :func:`active_subspace`.
        response: how the scanned pose answers pushes, in the latent's coordinates; None where the networks are not
            believed: an object that was pushed from several sides, and went this way alone, has no other.
    """
    taken = taken.to(subspace.basis)
    along = principal_directions(taken)
    across, sizes, _ = torch.linalg.svd(subspace.basis - along @ (along.mT @ subspace.basis), full_matrices=False)
    basis = torch.cat((along, across[:, sizes > 1e-3]), dim=1)
    inertia, watched = _mean_inertia(DecoderSnapshots(displacement, rest_latent, basis, masses), taken @ basis, masses)
    identity = torch.eye(len(inertia)).to(inertia)
    way, others = identity.split((along.shape[1], len(inertia) - along.shape[1]), dim=1)
    others = others - way @ (shares_along(way, watched) @ others)
    shares, others = _principal_within(others, watched, inertia)
    kept, doubted = others[:, shares < ELSEWHERE], others[:, shares >= ELSEWHERE]
    if response is not None:
        here = response.in_coordinates(basis)
        heavier, doubted = _principal_within(doubted, here.latent_mass().to(inertia), here.inertia.to(inertia))
        kept = torch.cat((kept, doubted[:, 1.0 / (1.0 + heavier) > SURE]), dim=1)
    kept = basis @ (kept / kept.norm(dim=0)).to(basis)
    if kept.shape[1] > 0 and least_motion > 0.0:
        kept = kept[:, farthest_motion(displacement, rest_latent, kept) >= least_motion]
    return replace(subspace, basis=torch.linalg.qr(torch.cat((along, kept), dim=1)).Q)


def _mean_inertia(
    snapshots: DecoderSnapshots, way: Float[Tensor, "f q"], masses: Float[Tensor, " n"]
) -> tuple[Float[Tensor, "q q"], Float[Tensor, "q q"]]:
    """Mean mass matrices along a way: of all points, and of those that go along it (G_w)."""
    way = way[torch.linspace(0, len(way) - 1, min(CONFIGURATIONS, len(way))).round().long()]
    far = (snapshots.values(way).unflatten(1, (-1, 3)).square().sum(-1).mean(0) / masses).sqrt()
    tangents = snapshots.tangents(torch.cat((torch.zeros_like(way[:1]), way))).unflatten(-1, (-1, 3)).double()
    inertia = torch.einsum("sinx,sjnx->ij", tangents, tangents)
    watched = torch.einsum("n,sinx,sjnx->ij", (far / far.max()).double(), tangents, tangents)
    return inertia, watched


def _principal_within(
    columns: Float[Tensor, "k m"], form: Float[Tensor, "k k"], metric: Float[Tensor, "k k"]
) -> tuple[Float[Tensor, " m"], Float[Tensor, "k m"]]:
    """Stationary values of v^T F v, ascending, over combinations v of columns of length 1 by a metric, and these v."""
    if columns.shape[1] == 0:
        return columns.new_zeros(0), columns
    within = columns.mT @ metric @ columns
    root = torch.linalg.cholesky(within + 1e-9 * within.diagonal().amax() * torch.eye(len(within)).to(within))
    half = torch.linalg.solve_triangular(root, columns.mT @ form @ columns, upper=False)
    values, vectors = torch.linalg.eigh(torch.linalg.solve_triangular(root, half.mT, upper=False))
    return values, columns @ torch.linalg.solve_triangular(root.mT, vectors, upper=True)
