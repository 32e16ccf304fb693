"""The active subspace: the few directions of the latent in which the object moves.

Constantine, "Active subspaces" (2015): the leading eigenvectors of E[grad g grad g^T] for a function g of z.
Two functions are offered. With "gauss_newton" the matrix is E[J^T M J], the mean mass matrix, defined
everywhere; it is E[grad g grad g^T] for g = w . M^1/2 displacement with random unit-variance w, so that one
reverse pass gives one sample of it, however many points and latent dimensions there are. With "scalar_norm" g
is the mass-weighted norm of the displacement, as in the NeuROK paper; its gradient does not exist where
nothing is displaced.

Energy alone is a poor judge of what belongs to an object: the knobs of an oven weigh next to nothing, so that a
share of 95 % drops them, while directions that nothing needs may hold some percent. So of the directions that hold
nearly all of the energy those are kept along which some part of the surface goes somewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Displacement = Callable[[Float[Tensor, "b k"]], Float[Tensor, "b n 3"]]
"""Displacement in metres of n surface points, for a batch of latents."""

Method = Literal["gauss_newton", "scalar_norm"]

FARTHEST = 0.98
"""Share of the points that move less than what counts as the farthest motion."""


@dataclass(frozen=True)
class ActiveSubspace:
    """Orthonormal directions of the latent, most important first.

    Attributes:
        basis: [k, k_q], so that z = z_rest + basis q; not always the first k_q directions of the spectrum.
        spectrum: [k], eigenvalues of the gradient's second moment, descending.
        captured: share of the spectrum that the basis holds.
    """

    basis: Float[Tensor, "k q"]
    spectrum: Float[Tensor, " k"]
    captured: float

    def directions_for(self, share: float) -> int:
        """Smallest number of directions that hold ``share`` of the spectrum."""
        return leading_count(self.spectrum, share)


def leading_count(spectrum: Float[Tensor, " k"], share: float) -> int:
    """Smallest number of leading values whose sum reaches ``share`` of the total; at least 1."""
    total = float(spectrum.sum())
    if total <= 0.0:
        return 1
    reached = spectrum.cumsum(0) / total >= share
    return int(reached.to(torch.int64).argmax()) + 1 if bool(reached.any()) else len(spectrum)


def active_subspace(
    displacement: Displacement,
    latents: Float[Tensor, "s k"],
    masses: Float[Tensor, " n"],
    method: Method = "gauss_newton",
    energy: float = 0.9999,
    maximum_dimension: int = 8,
    generator: torch.Generator | None = None,
    chunk: int = 32,
    least_motion: float = 0.0,
) -> ActiveSubspace:
    """Find the active subspace from gradients at sampled latents.

    Args:
        displacement: the decoder, in metres.
        latents: where to differentiate: draws from the prior and around the rest latent.
        masses: kg of each surface point.
        method: which function's gradient; see the module.
        energy: share of the spectrum to hold before anything is dropped.
        maximum_dimension: cap on k_q.
        generator: source of the random directions of "gauss_newton" (CPU); the default one is seeded with 0.
        chunk: latents differentiated together, which bounds the memory.
        least_motion: metres; directions that move fewer than a fiftieth of the points by so much per unit of the latent
            are dropped, except the first.
    """
    generator = generator or torch.Generator().manual_seed(0)
    moment = torch.zeros(latents.shape[1], latents.shape[1], dtype=torch.float64)
    for some in latents.split(chunk):
        gradient = _gradients(displacement, some, masses, method, generator).double().cpu()
        moment += gradient.mT @ gradient / len(latents)
    values, vectors = torch.linalg.eigh(moment)
    spectrum = values.flip(0).clamp_min(0.0)
    basis = vectors.flip(1)[:, : leading_count(spectrum, energy)].to(latents)
    kept = torch.ones(basis.shape[1], dtype=torch.bool)
    if least_motion > 0.0:
        kept = farthest_motion(displacement, latents.mean(dim=0), basis).cpu() >= least_motion
        kept[0] = True
    chosen = kept.nonzero()[:maximum_dimension, 0]
    captured = float(spectrum[chosen].sum() / spectrum.sum().clamp_min(1e-300))
    return ActiveSubspace(basis[:, chosen.to(basis.device)], spectrum, captured)


@torch.no_grad()
def farthest_motion(
    displacement: Displacement, centre: Float[Tensor, " k"], basis: Float[Tensor, "k q"]
) -> Float[Tensor, " q"]:
    """How far a step of one along each direction moves what it moves most, in metres.

    It is the distance that a fiftieth of the points exceed; single points may lie beside the surface.
    """
    still = displacement(centre[None])
    steps = torch.cat((centre + basis.mT, centre - basis.mT))
    motion = torch.quantile((displacement(steps) - still).norm(dim=-1), FARTHEST, dim=1)
    return torch.maximum(*motion.chunk(2))


def _gradients(
    displacement: Displacement,
    latents: Float[Tensor, "s k"],
    masses: Float[Tensor, " n"],
    method: Method,
    generator: torch.Generator,
) -> Float[Tensor, "s k"]:
    """One gradient of g per latent, in reverse mode."""
    with torch.enable_grad():
        z = latents.detach().clone().requires_grad_()
        moved = displacement(z)
        if method == "gauss_newton":
            noise = torch.randn(moved.shape, generator=generator, dtype=moved.dtype).to(moved.device)
            weight = masses.sqrt()[:, None] * noise
        else:
            still = moved.detach()
            length = (still.square() * masses[:, None]).sum((1, 2), keepdim=True).sqrt().clamp_min(1e-12)
            weight = masses[:, None] * still / length
        (gradient,) = torch.autograd.grad(moved, z, weight)
    return gradient
