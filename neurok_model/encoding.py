"""One scan as the networks see it; they run when what they say is first asked for."""

from __future__ import annotations

import copy
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.networks import BoundDecoder, KinematicPrior, NeurokNetworks
from neurok_model.scan import PreparedScan


class EncodedScan:
    """The networks, bound to one scan.

    Args:
        networks: in evaluation mode, on the device to compute on.
        prepared: the scan.
        seed: of the choice of points that the prior encoder reads.
    """

    def __init__(self, networks: NeurokNetworks, prepared: PreparedScan, seed: int) -> None:
        self._networks, self._prepared, self._seed = networks, prepared, seed

    @cached_property
    @torch.no_grad()
    def parts(self) -> tuple[BoundDecoder, KinematicPrior, Float[Tensor, " k"]]:
        """The decoder bound to the surface points, the prior, and the latent of the scanned pose.

        All three speak of latents in units of how far the object's coordinates reach, so the prior is N(0, I) where the
        networks know the reach.
        """
        box, samples = self._prepared.normalisation, self._prepared.samples
        points = self._tensor(box.apply(samples.points))[None]
        normals = self._tensor(box.direction(samples.normals))[None]
        prior = self._networks.prior_encoder(*self._as_trained(points, normals))
        posterior = self._networks.rest_posterior(prior, points, normals)
        bound = self._networks.decoder.bind(points, normals, prior)
        if not self._networks.configuration.reach:
            return bound, prior, posterior.mean[0, 0]
        reach = self._networks.reach(prior, bound)
        rest = reach.units(posterior.mean)[0, 0]
        return bound.in_units(reach), prior._replace(mean=torch.zeros_like(prior.mean)), rest

    @property
    def surface_decoder(self) -> MetricDecoder:
        """Displacements of the surface points."""
        return MetricDecoder(self.parts[0], self._prepared.normalisation.scale)

    @cached_property
    @torch.no_grad()
    def vertex_decoder(self) -> MetricDecoder:
        """Displacements of the scan's vertices, which surface points drive."""
        prepared = self._prepared
        vertices = self._tensor(prepared.normalisation.apply(prepared.vertices))[None]
        index = torch.as_tensor(prepared.drive_index, device=vertices.device)
        driven = self.parts[0].driven(vertices, index, self._tensor(prepared.drive_weight))
        return MetricDecoder(driven, prepared.normalisation.scale)

    def in_double_precision(self) -> EncodedScan:
        """The same with networks of double precision, for derivatives that are compared with something."""
        return EncodedScan(copy.deepcopy(self._networks).double(), self._prepared, self._seed)

    def _tensor(self, array: Float[np.ndarray, "..."]) -> Tensor:
        like = next(self._networks.parameters())
        return torch.as_tensor(array, dtype=like.dtype, device=like.device)

    def _as_trained(self, *columns: Float[Tensor, "b n 3"]) -> tuple[Float[Tensor, "b s 3"], ...]:
        """As many surface points as the networks were trained with: some of the samples, then those close to them."""
        configuration, prepared = self._networks.configuration, self._prepared
        chosen = np.random.default_rng(self._seed).permutation(columns[0].shape[1])[: configuration.scan_points]
        box = prepared.normalisation
        closer = (self._tensor(box.apply(prepared.close_points)), self._tensor(box.direction(prepared.close_normals)))
        more = configuration.read_points - configuration.scan_points
        pairs = zip(columns, closer, strict=True)
        return tuple(
            torch.cat((column[:, torch.as_tensor(chosen, device=column.device)], close[None, :more]), dim=1)
            for column, close in pairs
        )


class MetricDecoder:
    """Displacement in metres of one object's points, in the frame of its upright box, for latents [b, k]."""

    def __init__(self, bound: BoundDecoder, scale: float) -> None:
        self._bound = bound
        self._scale = scale

    def __call__(self, latents: Float[Tensor, "b k"]) -> Float[Tensor, "b n 3"]:
        return self._bound.displacement(latents[None])[0] * self._scale
