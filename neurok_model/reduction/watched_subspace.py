"""Coordinates of an object that was watched: the way it went, and what does not move the same points otherwise."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.reduction.active_subspace import ActiveSubspace, Displacement, farthest_motion
from neurok_model.reduction.snapshots import DecoderSnapshots

SHARE = 0.99
"""Share of the squared length of watched latents that the directions of the watched way hold."""

ELSEWHERE = 0.1
"""Share of its inertia up to which a coordinate may lie in points that were watched moving, and be kept."""

CONFIGURATIONS = 8
"""Watched configurations at which the decoder is differentiated, besides rest."""


def principal_directions(taken: Float[Tensor, "f k"], share: float = SHARE) -> Float[Tensor, "k m"]:
    """The fewest orthonormal directions that hold ``share`` of the squared length of some vectors, longest first."""
    _, sizes, directions = torch.linalg.svd(taken, full_matrices=False)
    held = sizes.square().cumsum(0)
    return directions[: int((held < share * held[-1]).sum()) + 1].mT


@torch.no_grad()
def watched_subspace(
    subspace: ActiveSubspace,
    taken: Float[Tensor, "f k"],
    displacement: Displacement,
    rest_latent: Float[Tensor, " k"],
    masses: Float[Tensor, " n"],
    least_motion: float = 0.0,
) -> ActiveSubspace:
    """The watched way first, then the directions of ``subspace`` in which what was seen to move stays where it is.

    Of a shut lid a scan may suggest several motions. The lid was seen to turn, so it does nothing else: directions that
    would move it in another way are left out, while what another part does is not known better than before. With W the
    directions of the watched way and G_w the mean mass matrix of the points that were seen to move, each by how far it
    went as a share of the farthest, d - W (W^T G_w W)^-1 W^T G_w d is what a direction d does to them besides. Of these
    the combinations are kept of whose inertia little lies in G_w.

    Args:
        subspace: what the scan suggests.
        taken: latents that the object was seen to take, relative to that of the scanned pose.
        displacement: the decoder, in metres.
        rest_latent: latent of the scanned pose.
        masses: kg of each surface point.
        least_motion: see :func:`active_subspace`.
    """
    taken = taken.to(subspace.basis)
    along = principal_directions(taken)
    across, sizes, _ = torch.linalg.svd(subspace.basis - along @ (along.mT @ subspace.basis), full_matrices=False)
    basis = torch.cat((along, across[:, sizes > 1e-3]), dim=1)
    snapshots = DecoderSnapshots(displacement, rest_latent, basis, masses)
    count = along.shape[1]
    way = taken @ basis
    way = way[torch.linspace(0, len(way) - 1, min(CONFIGURATIONS, len(way))).round().long()]
    far = (snapshots.values(way).unflatten(1, (-1, 3)).square().sum(-1).mean(0) / masses).sqrt()
    tangents = snapshots.tangents(torch.cat((torch.zeros_like(way[:1]), way))).unflatten(-1, (-1, 3)).double()
    inertia = torch.einsum("sinx,sjnx->ij", tangents, tangents)
    watched = torch.einsum("n,sinx,sjnx->ij", (far / far.max()).double(), tangents, tangents)
    into = torch.linalg.pinv(watched[:count, :count], hermitian=True) @ watched[:count, count:]
    others = torch.cat((-into, torch.eye(basis.shape[1] - count).to(into)))
    elsewhere = others.mT @ inertia @ others
    root = torch.linalg.cholesky(elsewhere + 1e-9 * elsewhere.diagonal().amax() * torch.eye(len(elsewhere)).to(into))
    shares = torch.linalg.solve_triangular(root, others.mT @ watched @ others, upper=False)
    shares, directions = torch.linalg.eigh(torch.linalg.solve_triangular(root, shares.mT, upper=False))
    kept = others @ torch.linalg.solve_triangular(root.mT, directions[:, shares < ELSEWHERE], upper=True)
    kept = basis @ (kept / kept.norm(dim=0)).to(basis)
    if kept.shape[1] > 0 and least_motion > 0.0:
        kept = kept[:, farthest_motion(displacement, rest_latent, kept) >= least_motion]
    return replace(subspace, basis=torch.linalg.qr(torch.cat((along, kept), dim=1)).Q)
