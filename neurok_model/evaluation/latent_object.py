"""An encoded object as two deformations: in the full latent z, and in the reduced coordinates q."""

from __future__ import annotations

import copy

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.evaluation.levenberg_marquardt import Deformation
from neurok_model.geometry import PointCloud, TriangleMesh, drive_weights
from neurok_model.networks import BoundDecoder
from neurok_model.object_model import ObjectModel
from neurok_model.predictor import Predictor
from neurok_model.reduction import CompiledMap
from neurok_model.results import ObjectState
from neurok_model.scan import PreparedScan

FITTED_POINTS = 512
"""Surface points at which poses are fitted: a few hundred equations settle a few dozen unknowns."""


class FullLatent(Deformation):
    """Points moved by the decoder itself, for latents z with the prior N(mu_cond, I).

    Args:
        bound: the decoder, bound to the points (normalised coordinates).
        mean: mu_cond.
        rest: latent of the scanned pose.
    """

    def __init__(self, bound: BoundDecoder, mean: Float[Tensor, " k"], rest: Float[Tensor, " k"]) -> None:
        self._bound, self.mean, self.rest = bound, mean, rest
        self.precision = torch.eye(len(mean), dtype=mean.dtype, device=mean.device)

    def positions(self, coordinates: Float[Tensor, "f k"]) -> Float[Tensor, "f n 3"]:
        """Positions for f latents, normalised coordinates."""
        return self._bound.points[0] + self._bound.displacement(coordinates[None])[0]

    def jacobian(self, coordinates: Float[Tensor, "f k"]) -> Float[Tensor, "f n 3 k"]:
        """Derivatives in forward mode, all directions together."""

        def along(direction: Tensor) -> Tensor:
            return torch.func.jvp(self.positions, (coordinates,), (direction.expand_as(coordinates),))[1]

        return torch.func.vmap(along, out_dims=-1)(self.precision)

    def draws(self, count: int, generator: torch.Generator) -> Float[Tensor, "count k"]:
        """Latents drawn from the prior."""
        noise = torch.randn(count, len(self.mean), generator=generator)
        return self.mean + noise.to(self.mean)


class ReducedLatent(Deformation):
    """Points moved by the compiled map, for reduced coordinates q; q = 0 is the scanned pose.

    Args:
        compiled: y(q) with its prior region.
        modes: Phi at the points, normalised coordinates.
        points: the points in the scanned pose, normalised coordinates.
    """

    def __init__(self, compiled: CompiledMap, modes: Float[Tensor, "n 3 r"], points: Float[Tensor, "n 3"]) -> None:
        self._compiled, self._modes, self._points = compiled, modes, points
        self.mean, self.precision = compiled.region.mean, compiled.region.precision
        self.rest = torch.zeros_like(self.mean)

    def positions(self, coordinates: Float[Tensor, "f k"]) -> Float[Tensor, "f n 3"]:
        """Positions for f sets of reduced coordinates, normalised coordinates."""
        return self._points + torch.einsum("ncr,fr->fnc", self._modes, self._compiled.value(coordinates))

    def jacobian(self, coordinates: Float[Tensor, "f k"]) -> Float[Tensor, "f n 3 k"]:
        """Derivatives in closed form."""
        return torch.einsum("ncr,frk->fnck", self._modes, self._compiled.jacobian(coordinates))

    def draws(self, count: int, generator: torch.Generator) -> Float[Tensor, "count k"]:
        """Coordinates drawn from the prior."""
        return self._compiled.region.sample(count, generator)


class LatentObject:
    """A scan of one object, encoded and compiled, that can be posed at the vertices of its true mesh.

    Args:
        predictor: with its checkpoint.
        scan: the mesh, or a cloud of it.
        vertices: vertices of the true mesh in the scanned pose, metres: those of the scan itself if it is a mesh.
            Around a cloud they follow the points next to them.

    Raises:
        NeurokError: when the scan does not describe an object.
    """

    def __init__(
        self, predictor: Predictor, scan: TriangleMesh | PointCloud, vertices: Float[np.ndarray, "v 3"]
    ) -> None:
        self.model: ObjectModel = predictor.encode(scan)
        self.compiled = _compiled_map(self.model)
        self.prepared: PreparedScan = self.model.surface.scan
        self._bound, self._mean, self._rest = predictor._encode(self.prepared)
        box = self.prepared.normalisation
        self._vertices = vertices
        # Displacements are row vectors: x = R^T x' scale, as a product from the right.
        self._to_metres = torch.as_tensor(box.scale * box.rotation).to(self._mean)
        if isinstance(scan, TriangleMesh):
            index, weight = self.prepared.drive_index, self.prepared.drive_weight
        else:
            one = np.zeros(len(vertices), dtype=np.int64)
            samples = self.prepared.samples
            index, weight = drive_weights(vertices, one, samples.points, samples.component)
        self._vertex_bound = self._bound.driven(
            self._tensor(box.apply(vertices))[None],
            torch.as_tensor(index, device=self._mean.device),
            self._tensor(weight),
        )
        self._vertex_modes: Tensor | None = None

    def outside(self, q: Float[Tensor, " k"]) -> float:
        """How far q is outside of what the compiled map was fitted to, in standard deviations; negative inside."""
        assert self.model.parts is not None
        assert self.model.parts.sampled is not None
        return float(self.model.parts.sampled.distance(q.double().cpu().numpy()))

    def refitted(self, q: Float[Tensor, " k"]) -> LatentObject:
        """The same with a compiled map that is fitted around q as well, in the same coordinates; takes seconds."""
        other = copy.copy(self)
        at = q.double().cpu().numpy()
        other.model = self.model.refitted(ObjectState(at, np.zeros_like(at)))
        other.compiled, other._vertex_modes = _compiled_map(other.model), None
        return other

    def fitted_points(self) -> Int[np.ndarray, " c"]:
        """Which of the scan's surface points poses are fitted at."""
        count = len(self.prepared.samples.points)
        return np.unique(np.linspace(0, count - 1, min(FITTED_POINTS, count)).round().astype(np.int64))

    def full(self, chosen: Int[np.ndarray, " c"]) -> FullLatent:
        """The decoder at some of the scan's surface points."""
        index = torch.as_tensor(chosen, device=self._mean.device)
        alone = torch.ones(len(chosen), 1).to(self._mean)
        bound = self._bound.driven(self._bound.points[:, index], index[:, None], alone)
        return FullLatent(bound, self._mean, self._rest)

    def reduced(self, chosen: Int[np.ndarray, " c"]) -> ReducedLatent:
        """The compiled map at some of the scan's surface points."""
        box, index = self.prepared.normalisation, torch.as_tensor(chosen, device=self._mean.device)
        turn = torch.as_tensor(box.rotation / box.scale).to(self._mean)
        modes = torch.einsum("dc,ncr->ndr", turn, self.compiled.modes[index])
        return ReducedLatent(self.compiled, modes, self._bound.points[0, index])

    @torch.no_grad()
    def full_vertices(self, latents: Float[Tensor, "f k"]) -> Float[np.ndarray, "f v 3"]:
        """Vertices of the true mesh for f latents, metres."""
        moved = self._displacement(latents.to(self._mean))
        return self._vertices + moved.double().cpu().numpy()

    @torch.no_grad()
    def reduced_vertices(self, q: Float[Tensor, "f k"]) -> Float[np.ndarray, "f v 3"]:
        """Vertices of the true mesh for f sets of reduced coordinates, metres."""
        y = self.compiled.value(q.to(self._mean))
        return self._vertices + torch.einsum("vcr,fr->fvc", self._modes_at_vertices(), y).double().cpu().numpy()

    @torch.no_grad()
    def full_tangents(self) -> Float[Tensor, "k v 3"]:
        """How the true mesh moves with each latent coordinate about the scan, metres per standard deviation."""
        jacobian = FullLatent(self._vertex_bound, self._mean, self._rest).jacobian(self._rest[None])[0]
        return jacobian.movedim(-1, 0) @ self._to_metres

    @torch.no_grad()
    def reduced_tangents(self) -> Float[Tensor, "k v 3"]:
        """The same with each reduced coordinate."""
        jacobian = self.compiled.jacobian(torch.zeros_like(self.compiled.region.mean)[None])[0]
        return torch.einsum("vcr,rk->kvc", self._modes_at_vertices(), jacobian)

    def _modes_at_vertices(self) -> Float[Tensor, "v 3 r"]:
        if self._vertex_modes is None:
            self._vertex_modes = self.compiled.modes_at(self._displacement)
        return self._vertex_modes

    def _displacement(self, latents: Float[Tensor, "f k"]) -> Float[Tensor, "f v 3"]:
        return self._vertex_bound.displacement(latents[None])[0] @ self._to_metres

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=self._mean.dtype, device=self._mean.device)


def _compiled_map(model: ObjectModel) -> CompiledMap:
    """The map of an object that was made from a scan."""
    compiled = model.surface.embedding
    assert isinstance(compiled, CompiledMap)
    return compiled
