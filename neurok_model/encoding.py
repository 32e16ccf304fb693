"""One scan as the networks see it; they run when what they say is first asked for."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.networks import BoundDecoder, KinematicPrior, NeurokNetworks
from neurok_model.networks.latent_mass import PushResponse
from neurok_model.networks.reach import Reach
from neurok_model.reduction.snapshots import DecoderSnapshots
from neurok_model.scan import PreparedScan

READINGS = 4
"""How often a scan is read, other points each time: of two instances of 39 families .173 instead of .183 of the true
motion is missing then, and .247 instead of .255 of the latent's is spurious; eight readings do no better.
"""


class Readings(NamedTuple):
    """What r readings of one scan give."""

    prior: KinematicPrior
    bound: BoundDecoder
    """Bound to the surface points."""
    rest: Float[Tensor, "1 1 k"]
    """Mean latent of the scanned pose."""


class EncodedScan:
    """The networks, bound to one scan.

    Args:
        networks: in evaluation mode, on the device to compute on.
        prepared: the scan.
        seed: of the choice of points that the prior encoder reads.
    """

    def __init__(self, networks: NeurokNetworks, prepared: PreparedScan, seed: int) -> None:
        self.networks, self.prepared, self._seed = networks, prepared, seed
        self._correction: Float[Tensor, "c w"] | None = None

    def corrected(self, correction: Float[Tensor, "c w"] | None) -> EncodedScan:
        """The same scan, read no second time, with something added to the context tokens of every reading.

        Args:
            correction: what is known of the object besides the scan; None for nothing.
        """
        other = EncodedScan(self.networks, self.prepared, self._seed)
        other._correction = correction
        other.surface, other.scanned, other.reach = self.surface, self.scanned, self.reach
        return other

    @cached_property
    def surface(self) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
        """Surface points and their normals, in the networks' coordinates."""
        box, samples = self.prepared.normalisation, self.prepared.samples
        return self._tensor(box.apply(samples.points)), self._tensor(box.direction(samples.normals))

    @cached_property
    @torch.no_grad()
    def scanned(self) -> Readings:
        """What every reading of the scan gives, as it was scanned."""
        networks, (points, normals) = self.networks, self.surface
        prior = networks.prior_encoder(*self._read(points, normals))
        points, normals = points.expand(READINGS, -1, -1), normals.expand(READINGS, -1, -1)
        rest = networks.rest_posterior(prior, points, normals).mean.mean(dim=0, keepdim=True)
        return Readings(prior, networks.decoder.bind(points, normals, prior), rest)

    @cached_property
    @torch.no_grad()
    def readings(self) -> Readings:
        """The same with the correction."""
        if self._correction is None:
            return self.scanned
        prior, _, rest = self.scanned
        prior = prior._replace(context=prior.context + self._correction)
        points, normals = (part.expand(READINGS, -1, -1) for part in self.surface)
        return Readings(prior, self.networks.decoder.bind(points, normals, prior), rest)

    @cached_property
    @torch.no_grad()
    def reach(self) -> Reach | None:
        """How far the coordinates go, as the scan says; None where the networks do not know."""
        if not self.networks.configuration.reach:
            return None
        return self.networks.reach(*self.scanned[:2]).mean_of_objects()

    @cached_property
    @torch.no_grad()
    def parts(self) -> tuple[BoundDecoder, Float[Tensor, " k"], Float[Tensor, " k"]]:
        """The decoder bound to the surface points, the mean of the prior, and the latent of the scanned pose.

        All three speak of latents in units of how far the object's coordinates reach, so the prior is N(0, I) where the
        networks know the reach. They are means of several readings of the scan.
        """
        prior, readings, rest = self.readings
        bound = readings.mean_of_objects()
        if self.reach is None:
            return bound, prior.mean.mean(dim=0), rest[0, 0]
        return bound.in_units(self.reach), torch.zeros_like(prior.mean[0]), self.reach.units(rest)[0, 0]

    @cached_property
    @torch.no_grad()
    def push_response(self) -> PushResponse | None:
        """How the scanned pose answers pushes in the coordinates that ``parts`` speaks of, for one kilogram [kg m^2].

        None where the networks do not say.
        """
        encoder = self.networks.latent_mass_encoder
        if encoder is None:
            return None
        bound, _, rest = self.parts
        identity = torch.eye(len(rest), dtype=rest.dtype, device=rest.device)
        share = self._tensor(self.prepared.samples.area_share)
        moves = DecoderSnapshots(self.surface_decoder, rest, identity, share).tangents(torch.zeros_like(rest[None]))[0]
        # The encoder speaks of z, the decoder of u = W (z - m).
        whitening = identity if bound.reach is None else bound.reach.whitening[0]
        unwhitening = identity if bound.reach is None else bound.reach.inverse()[0]
        inertia = whitening.mT @ (moves @ moves.mT) @ whitening
        symmetric = encoder(*self.readings[:2], inertia.expand(READINGS, -1, -1)).mean(dim=0)
        return PushResponse.of_encoder(symmetric, inertia).in_coordinates(unwhitening)

    @property
    def correction_bytes(self) -> bytes:
        """The correction, to tell one object from another; nothing where there is none."""
        return b"" if self._correction is None else self._correction.cpu().numpy().tobytes()

    @property
    def surface_decoder(self) -> MetricDecoder:
        """Displacements of the surface points."""
        return MetricDecoder(self.parts[0], self.prepared.normalisation.scale)

    @cached_property
    @torch.no_grad()
    def vertex_decoder(self) -> MetricDecoder:
        """Displacements of the scan's vertices, which surface points drive."""
        prepared = self.prepared
        vertices = self._tensor(prepared.normalisation.apply(prepared.vertices))[None]
        index = torch.as_tensor(prepared.drive_index, device=vertices.device)
        driven = self.parts[0].driven(vertices, index, self._tensor(prepared.drive_weight))
        return MetricDecoder(driven, prepared.normalisation.scale)

    def in_double_precision(self) -> EncodedScan:
        """The same with networks of double precision, for derivatives that are compared with something."""
        other = EncodedScan(copy.deepcopy(self.networks).double(), self.prepared, self._seed)
        return other if self._correction is None else other.corrected(self._correction.double())

    def _tensor(self, array: Float[np.ndarray, "..."]) -> Tensor:
        like = next(self.networks.parameters())
        return torch.as_tensor(array, dtype=like.dtype, device=like.device)

    def _read(self, *columns: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "r s 3"], ...]:
        """For every reading as many surface points as the networks were trained with: some of the samples, others each
        time, and then those close to them.
        """
        configuration, prepared = self.networks.configuration, self.prepared
        generator = np.random.default_rng(self._seed)
        count = len(columns[0])
        orders = [generator.permutation(count)[: configuration.scan_points] for _ in range(READINGS)]
        chosen = torch.as_tensor(np.stack(orders), device=columns[0].device)
        box = prepared.normalisation
        closer = (self._tensor(box.apply(prepared.close_points)), self._tensor(box.direction(prepared.close_normals)))
        more = configuration.read_points - configuration.scan_points
        return tuple(
            torch.cat((column[chosen], close[:more].expand(READINGS, -1, -1)), dim=1)
            for column, close in zip(columns, closer, strict=True)
        )


class MetricDecoder:
    """Displacement in metres of one object's points, in the frame of its upright box, for latents [b, k]."""

    def __init__(self, bound: BoundDecoder, scale: float) -> None:
        self._bound = bound
        self._scale = scale

    def __call__(self, latents: Float[Tensor, "b k"]) -> Float[Tensor, "b n 3"]:
        return self._bound.displacement(latents[None])[0] * self._scale
