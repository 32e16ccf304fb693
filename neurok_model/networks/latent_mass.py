"""What the network is unsure of is heavy: latent mass, learned from how objects answer pushes.

Of a shut lid the decoder offers several motions, turning about either edge, sliding, lifting, because the scan does not
say which of them the lid can do. A mechanics that takes them all for joints lets a push cause each of them at once. So
the network says how readily the scanned object moves along its coordinates. A unit impulse f at a surface point p gives
the point x the velocity J(x) A J(p)^T f, where J are the displacements per unit of z. With the object's true tangents T
it would be T(x) (T^T T)^-1 T(p)^T f (products are means over the surface). A is trained to bring the two together over
all points and impulses (:mod:`neurok_model.training.response`),

    loss = |P - J A J^T|^2 / rank P,    P = T (T^T T)^-1 T^T

It is least for the mean of what can be: of two joints that are equally likely each answers by half, and a coordinate
that no object has does not answer. Mechanics asks for an inertia, so A becomes (G + E)^-1 with the surface's own
inertia G = J^T J and the latent mass E: in the directions v_i in which G^1/2 A G^1/2 is diagonal, with entries c_i in
(0, 1],

    E = G^1/2 (sum_i (1 / c_i - 1) v_i v_i^T) G^1/2

A joint that is beyond doubt (c = 1) keeps its inertia, and nothing becomes lighter than the surface that it moves.
Nothing else in the networks hears of A.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurok_model.networks.configuration import NetworkConfiguration
from neurok_model.networks.decoder_reader import DecoderReader
from neurok_model.networks.prior_encoder import KinematicPrior

if TYPE_CHECKING:
    from neurok_model.networks.decoder import BoundDecoder

LEAST_ANSWER = 0.01
"""Smallest c: a coordinate becomes at most a hundred times as heavy as its surface."""


class LatentMassEncoder(DecoderReader):
    """S of A = D^-1 S D^-1, with D = diag(G)^1/2; zero, no answer to anything, before training."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        dimension = configuration.latent_dimension
        super().__init__(configuration, dimension)
        self.embed_likeness = nn.Linear(configuration.latent_channels * dimension, configuration.width)
        nn.init.zeros_(self.embed_likeness.weight)
        nn.init.zeros_(self.embed_likeness.bias)

    def forward(
        self, prior: KinematicPrior, bound: BoundDecoder, inertia: Float[Tensor, "b k k"]
    ) -> Float[Tensor, "b k k"]:
        """S, symmetric.

        Args:
            prior: of the objects.
            bound: the decoder, bound to them.
            inertia: G in the scanned pose, of any unit: which coordinates move the surface alike.
        """
        size = _sizes(inertia)
        likeness = (inertia / (size[..., :, None] * size[..., None, :])).unflatten(1, (-1, self.channels)).flatten(2)
        weight = self.embed_likeness.weight
        rows = self.rows(prior, bound, self.embed_likeness(likeness.to(weight.dtype)))
        return 0.5 * (rows + rows.mT)


class PushResponse(NamedTuple):
    """How a standing object answers pushes, in some coordinates.

    Attributes:
        answer: A, [k, k]: J A J^T f is the velocity that an impulse f causes.
        inertia: G = J^T J, [k, k], of the surface alone.
    """

    answer: Float[Tensor, "k k"]
    inertia: Float[Tensor, "k k"]

    @classmethod
    def of_encoder(cls, symmetric: Float[Tensor, "k k"], inertia: Float[Tensor, "k k"]) -> PushResponse:
        """A = D^-1 S D^-1, for S as the encoder gives it."""
        size = _sizes(inertia)
        return cls(symmetric / (size[:, None] * size), inertia)

    def in_coordinates(self, basis: Float[Tensor, "k q"]) -> PushResponse:
        """The same in coordinates q with z = z_0 + basis q, fewer of them or other ones.

        What q cannot follow is left out by least squares over the surface: G_q A_q G_q = B^T G A G B.
        """
        inertia = basis.mT @ self.inertia @ basis
        inverse = torch.linalg.pinv(inertia, hermitian=True)
        into = inverse @ basis.mT @ self.inertia
        return PushResponse(into @ self.answer @ into.mT, inertia)

    def latent_mass(self) -> Float[Tensor, "k k"]:
        """E, symmetric and positive semi-definite, in the unit of the inertia."""
        size = _sizes(self.inertia)
        outer = size[:, None] * size
        values, vectors = torch.linalg.eigh(self.inertia / outer)
        root = (vectors * values.clamp_min(0.0).sqrt()) @ vectors.mT
        share, directions = torch.linalg.eigh(root @ (outer * self.answer) @ root)
        heavier = root @ (directions * (1.0 / share.clamp(LEAST_ANSWER, 1.0) - 1.0)) @ directions.mT @ root
        return outer * heavier


def _sizes(inertia: Float[Tensor, "*b k k"]) -> Float[Tensor, "*b k"]:
    """D, never zero."""
    diagonal = inertia.diagonal(dim1=-2, dim2=-1)
    return torch.maximum(diagonal, 1e-12 * diagonal.amax(dim=-1, keepdim=True).clamp_min(1e-30)).sqrt()
