"""An object that the network itself moves in every time step: what a compiled object is checked against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.assembly import ObjectParts
from neurok_model.encoding import EncodedScan
from neurok_model.reduction import CompiledMap, Displacement, ExactEmbedding
from neurok_model.scan import PreparedScan
from neurok_model.surface import ReducedSurface

CHUNK = 16
"""States whose vertices are decoded together."""


def exact_parts(prepared: PreparedScan, encoded: EncodedScan, compiled: CompiledMap) -> ObjectParts:
    """The parts of an object of one kilogram in the coordinates of ``compiled``, with the decoder in the loop.

    Args:
        prepared: the scan.
        encoded: the networks bound to it, in double precision.
        compiled: what the same object was compiled to, in the frame of its upright box.
    """
    box, samples = prepared.normalisation, prepared.samples
    rest, basis = compiled.rest_latent.double(), compiled.subspace.basis.double()
    masses = torch.as_tensor(samples.area_share, dtype=torch.float64, device=rest.device)
    to_world = torch.as_tensor(box.rotation, dtype=torch.float64, device=rest.device)

    def in_world(decoder: Displacement) -> Displacement:
        return lambda latents: decoder(latents) @ to_world

    embedding = ExactEmbedding(in_world(encoded.surface_decoder), rest, basis, masses)

    @torch.no_grad()
    def displacements(q: Float[Tensor, "s k"]) -> Float[Tensor, "s n 3"]:
        decoder = in_world(encoded.vertex_decoder)
        still = decoder(rest[None])
        return torch.cat([decoder(rest + some @ basis.mT) - still for some in q.split(CHUNK)])

    return ObjectParts(
        prepared,
        embedding,
        embedding.mass_moment,
        embedding.all_rows(),
        _no_vertex_modes,
        compiled.region.to(rest),
        mass=1.0,
        latent_mass=compiled.latent_mass.double(),
        surface=lambda *arguments: ExactSurface(displacements, *arguments),
        scanned_basis=compiled.subspace.basis,
    )


class ExactSurface(ReducedSurface):
    """The surface of an exact object: its vertices are decoded for every state.

    Args:
        displacements: of all vertices [m] for states q.
        arguments: of :class:`ReducedSurface`.
    """

    def __init__(self, displacements: Callable[[Tensor], Tensor], *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._displacements = displacements

    def vertices(
        self, q: Float[np.ndarray, "*b k"], indices: Int[np.ndarray, " p"] | None = None
    ) -> Float[np.ndarray, "*b p 3"]:
        """Positions of all vertices, or of the chosen ones, in metres as float32.

        Raises:
            NeurokError: INVALID_PARAMETER for vertex indices out of range, REQUEST_TOO_LARGE.
        """
        self.check_positions(q, len(self.rest_vertices))
        chosen = np.arange(len(self.rest_vertices)) if indices is None else self.checked_indices(indices)
        states = torch.as_tensor(np.asarray(q).reshape(-1, np.shape(q)[-1])).to(self.embedding.device)
        moved = self._displacements(states.double()).cpu().numpy()[:, chosen] + self.rest_vertices[chosen]
        return moved.reshape(*np.shape(q)[:-1], len(chosen), 3).astype(np.float32)


def _no_vertex_modes() -> Tensor:
    raise NotImplementedError("the vertices of an exact object are no linear function of its surface points")
