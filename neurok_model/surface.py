"""The object's surface as a function of its reduced coordinates: x(q) = X0 + Phi y(q)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

from neurok_model.contact_carrier import ContactCarrier
from neurok_model.contact_weights import affine_weights
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import Embedding, fast_path
from neurok_model.request_size import MEMORY_LIMIT, RequestSize
from neurok_model.scan import PreparedScan
from neurok_model.standing import StandingSurface, StandingSurfaces

CONTACT_NEIGHBOURS = 12
"""Surface points that share a contact."""


class ReducedSurface:
    """Vertices, surface points and contact rows of one object.

    Args:
        scan: the prepared scan.
        embedding: y(q).
        point_modes: Phi at the surface points, [N, 3, r].
        vertex_modes: called once, when vertices are first asked for; returns Phi at the vertices, [n, 3, r].
        contact_tolerance: largest distance of a contact from the surface, as a share of the longest side.
    """

    memory_limit = MEMORY_LIMIT
    """Bytes that one request for motion or positions may take."""

    def __init__(
        self,
        scan: PreparedScan,
        embedding: Embedding,
        point_modes: Float[Tensor, "N 3 r"],
        vertex_modes: Callable[[], Float[Tensor, "n 3 r"]],
        contact_tolerance: float,
    ) -> None:
        self.scan = scan
        self.embedding = embedding
        self.rest_vertices = np.ascontiguousarray(scan.vertices, dtype=np.float32)
        self.triangles = np.ascontiguousarray(scan.triangles, dtype=np.int32)
        self._point_modes = point_modes
        self._make_vertex_modes = vertex_modes
        self._vertex_modes: Tensor | None = None
        self._known = StandingSurfaces()
        # Distances are taken to the surface points, so what lies between them must count as surface too.
        used = scan.vertices[np.unique(scan.triangles)] if len(scan.triangles) else scan.vertices
        covering = float(cKDTree(scan.samples.points).query(used)[0].max())
        self.contact_reach = contact_tolerance * scan.normalisation.scale + covering

    def embedding_coordinates(self, q: Float[np.ndarray, "*b k"]) -> Float[Tensor, "*b r"]:
        """y(q) for reduced coordinates given as NumPy arrays."""
        return self.embedding.value(torch.as_tensor(q, dtype=self.embedding.dtype, device=self.embedding.device))

    def vertices(
        self, q: Float[np.ndarray, "*b k"], indices: Int[np.ndarray, " p"] | None = None
    ) -> Float[np.ndarray, "*b p 3"]:
        """Positions of all vertices, or of the chosen ones, in metres as float32.

        One matrix product serves all states together.

        Raises:
            NeurokError: INVALID_PARAMETER for vertex indices out of range, REQUEST_TOO_LARGE.
        """
        self.check_positions(q, len(self.rest_vertices) if indices is None else len(indices))
        modes, rest = self.vertex_modes(), self.rest_vertices
        if indices is not None:
            indices = self.checked_indices(indices)
            modes, rest = modes[torch.as_tensor(indices, device=modes.device)], rest[indices]
        y = self.embedding_coordinates(q).to(modes.device)
        displacement = y.reshape(-1, y.shape[-1]) @ modes.flatten(0, 1).T
        moved = displacement.float().cpu().numpy().reshape(*y.shape[:-1], len(rest), 3)
        moved += rest
        return moved

    def check_positions(self, q: Float[np.ndarray, "*b k"], count: int) -> None:
        """Refuse the positions of ``count`` vertices in these states where they take too much memory.

        Raises:
            NeurokError: REQUEST_TOO_LARGE.
        """
        states = int(np.prod(np.shape(q)[:-1]))
        size = RequestSize.of(
            candidates=states,
            frames=0,
            dimension=0,
            embedding_dimension=self.embedding.embedding_dimension,
            contacts=0,
            vertices=count,
        )
        size.check(self.memory_limit, f"{count} vertices in {states} states")

    def points(self, q: Float[np.ndarray, " k"]) -> Float[np.ndarray, "N 3"]:
        """Positions of the surface points in one state, metres."""
        y = self.embedding_coordinates(q)
        return self.scan.samples.points + (self._point_modes @ y).double().cpu().numpy()

    def point_modes(self) -> Float[Tensor, "N 3 r"]:
        """Phi at the surface points."""
        return self._point_modes

    def vertex_modes(self) -> Float[Tensor, "n 3 r"]:
        """Phi at the vertices, computed when first asked for."""
        if self._vertex_modes is None:
            self._vertex_modes = self._make_vertex_modes()
        return self._vertex_modes

    def checked_indices(self, indices: Int[np.ndarray, " p"]) -> Int[np.ndarray, " p"]:
        """Vertex indices as int64, after checking their range.

        Raises:
            NeurokError: INVALID_PARAMETER for an index that no vertex has.
        """
        indices = np.asarray(indices, dtype=np.int64).reshape(-1)
        outside = (indices < 0) | (indices >= len(self.rest_vertices))
        if outside.any():
            raise NeurokError(
                ErrorCode.INVALID_PARAMETER,
                f"tracked_vertices[{int(np.argmax(outside))}]",
                int(indices[outside][0]),
                f"vertex indices from 0 to {len(self.rest_vertices) - 1}",
            )
        return indices

    def contact_modes(self, q: Float[np.ndarray, " k"]) -> Callable[[Float[np.ndarray, "p 3"]], Float[Tensor, "p 3 r"]]:
        """A function that gives Phi at contact points on the surface as it stands in state q.

        A contact is carried by the surface points around it, never by points of another connected part.

        Raises:
            NeurokError: (the returned function) CONTACT_OFF_SURFACE for a point too far from the surface.
        """
        arrays = self.contact_arrays(q)

        def modes(points: Float[np.ndarray, "p 3"]) -> Float[Tensor, "p 3 r"]:
            return torch.from_numpy(arrays(points)).to(self._point_modes)

        return modes

    def contact_arrays(
        self, q: Float[np.ndarray, " k"]
    ) -> Callable[[Float[np.ndarray, "p 3"]], Float[np.ndarray, "p 3 r"]]:
        """As ``contact_modes``, in arrays of double precision, whatever the modes' own.

        Raises:
            NeurokError: (the returned function) CONTACT_OFF_SURFACE for a point too far from the surface.
        """
        q = np.asarray(q, dtype=np.float64)

        def standing() -> StandingSurface:
            return StandingSurface(self._standing(self.embedding_coordinates(q).double()).cpu().numpy())

        known = self._known.of(q.tobytes(), standing)

        def arrays(points: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "p 3 r"]:
            return known.rows(np.asarray(points, dtype=np.float64), fresh)

        def fresh(points: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "p 3 r"]:
            if self._point_modes.device.type == "cpu" and fast_path.available():
                rows = self._rows_in_machine_code(known, points)
            else:
                y = self.embedding_coordinates(q).double()
                rows = self.contact_rows(y, torch.as_tensor(points, device=y.device))
            return rows.detach().double().cpu().numpy()

        return arrays

    def _standing(self, y: Float[Tensor, " r"]) -> Float[Tensor, "N 3"]:
        """The surface points at y, differentiable [m]."""
        return torch.as_tensor(self.scan.samples.points).to(y) + self._point_modes.to(y) @ y

    def _rows_in_machine_code(self, known: StandingSurface, points: Float[np.ndarray, "p 3"]) -> Float[Tensor, "p 3 r"]:
        """As ``contact_rows``, to rounding, where nothing is to be differentiated."""
        index, among = self._around(known.points, points, known.tree)
        carriers = min(CONTACT_NEIGHBOURS, index.shape[1])
        # Those that carry come first, in their order; what fills up the rows belongs to no part.
        order = np.argsort(~among, axis=1, kind="stable")[:, :carriers]
        count = len(known.points)
        chosen = np.where(np.take_along_axis(among, order, 1), np.take_along_axis(index, order, 1), count)
        return fast_path.contact_modes(
            points, chosen, known.padded_points, known.part_or_none, self._padded_modes, carriers
        ).to(self._point_modes.dtype)

    @cached_property
    def _padded_modes(self) -> Float[np.ndarray, "M 3 r"]:
        """Phi at the surface points, and zeros, in double precision."""
        modes = self._point_modes.double().numpy()
        return np.concatenate((modes, np.zeros_like(modes[:1])))

    def contact_rows(self, y: Float[Tensor, " r"], points: Float[Tensor, "p 3"]) -> Float[Tensor, "p 3 r"]:
        """Phi at contact points on the surface as it stands at y; differentiable by both.

        Args:
            y: embedding coordinates where the contacts are made.
            points: on the surface as it then stands [m].

        Raises:
            NeurokError: CONTACT_OFF_SURFACE for a point too far from the surface.
        """
        standing = self._standing(y)
        index, among = self._around(standing.detach().cpu().numpy(), points.detach().cpu().numpy())
        used = torch.as_tensor(among, device=y.device)
        chosen = torch.as_tensor(index, device=y.device)
        weight = affine_weights(standing[chosen], used, points.to(y))
        rows = self._point_modes[chosen]
        # Where nothing is to be differentiated, rows stay in the modes' own precision.
        kind = y if weight.requires_grad else rows
        return torch.einsum("pn,pncr->pcr", weight.to(kind), rows.to(kind))

    def _around(
        self, standing: Float[np.ndarray, "N 3"], places: Float[np.ndarray, "p 3"], tree: cKDTree | None = None
    ) -> tuple[Int[np.ndarray, "p n"], Bool[np.ndarray, "p n"]]:
        """Surface points near contacts, nearest first, and which of them carry it: those of the part it touches."""
        neighbours = min(4 * CONTACT_NEIGHBOURS, len(standing))
        distance, index = (tree or cKDTree(standing)).query(places, k=neighbours)
        distance, index = distance.reshape(len(places), -1), index.reshape(len(places), -1)
        self._check_reach(places, distance[:, 0])
        component = self.scan.samples.component
        same = component[index] == component[index[:, :1]]
        used = same & (np.cumsum(same, axis=1) <= CONTACT_NEIGHBOURS)
        unclear = np.flatnonzero(~same.all(axis=1)) if len(self.triangles) else ()
        if len(unclear):
            nearest = component[index[unclear, 0]]
            carriers = self._carrier.carriers(standing, places[unclear], nearest)
            for row, part in zip(unclear[carriers != nearest], carriers[carriers != nearest], strict=True):
                own = self._carrier.around(standing, places[row], int(part))
                index[row, : len(own)], used[row] = own, np.arange(neighbours) < len(own)
        return index, used

    @cached_property
    def _carrier(self) -> ContactCarrier:
        return ContactCarrier(self.scan, CONTACT_NEIGHBOURS)

    def _check_reach(self, points: Float[np.ndarray, "p 3"], distance: Float[np.ndarray, " p"]) -> None:
        far = distance > self.contact_reach
        if far.any():
            index = int(np.argmax(far))
            raise NeurokError(
                ErrorCode.CONTACT_OFF_SURFACE,
                f"contacts[{index}].point",
                f"{np.round(points[index], 4).tolist()} m, {distance[index]:.4g} m from the surface",
                f"a point within {self.contact_reach:.3g} m of the object, in the object's frame",
            )
