"""Which connected part of a surface a contact touches, where several are near."""

from __future__ import annotations

import numpy as np
import torch
import trimesh
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from neurok_model.contact_weights import affine_weights
from neurok_model.scan import PreparedScan

REACH = 1.5
"""How far a part's nearest surface point may be, in the part's largest distance between surface and surface points."""

SAME_PLACE = 1e-4
"""Distances that differ by less than this share of the longest side are the same: the nearest surface point decides."""


class ContactCarrier:
    """Finds the part whose surface is nearest to a contact.

    Surface points alone do not tell: on a door they lie centimetres apart, and the wall behind is as near. So the
    contact is brought back to the scanned pose by the motion of the part's surface points around it, and the distance
    to the part's own triangles decides.

    Args:
        scan: a mesh, prepared.
        neighbours: surface points of a part by which it moves at a contact.
    """

    def __init__(self, scan: PreparedScan, neighbours: int) -> None:
        samples = scan.samples
        self._rest, self._neighbours = samples.points, neighbours
        self._tolerance = SAME_PLACE * float(scan.normalisation.scale)
        self._corners = scan.vertices[scan.triangles]
        self._members = [np.flatnonzero(samples.component == part) for part in range(int(samples.component.max()) + 1)]
        sizes = np.array([len(members) for members in self._members])
        self._present = np.flatnonzero(sizes)
        self._by_part = np.concatenate(self._members)
        self._first_of_part = (np.cumsum(sizes) - sizes)[self._present]
        self._covering = np.zeros(len(self._members))
        owner, triangle = [np.arange(len(samples.points))], [samples.triangle]
        component = scan.vertex_component[scan.triangles[:, 0]]
        for part, members in enumerate(self._members):
            own = np.flatnonzero(component == part)
            if len(members) == 0 or len(own) == 0:
                continue
            corners = self._corners[own]
            # A triangle belongs to the surface points that are nearest to its corners and to its middle.
            places = np.concatenate((corners, corners.mean(axis=1, keepdims=True)), axis=1).reshape(-1, 3)
            distance, index = cKDTree(self._rest[members]).query(places)
            self._covering[part] = distance.max()
            owner.append(members[index])
            triangle.append(np.repeat(own, 4))
        owners, triangles = np.concatenate(owner), np.concatenate(triangle)
        order = np.argsort(owners, kind="stable")
        self._triangles = triangles[order]
        self._begin = np.searchsorted(owners[order], np.arange(len(samples.points) + 1))

    def carriers(
        self, standing: Float[np.ndarray, "N 3"], places: Float[np.ndarray, "p 3"], nearest: Int[np.ndarray, " p"]
    ) -> Int[np.ndarray, " p"]:
        """The part that each contact touches.

        Args:
            standing: the surface points as they are where the contacts are made [m].
            places: the contacts [m].
            nearest: the part of the surface point nearest to each contact.
        """
        result = nearest.copy()
        contact, part = self._near(standing, places, nearest)
        if len(contact) == 0:
            return result
        gap = self._gaps(standing, places[contact], part)
        own = np.full(len(places), np.inf)
        own[contact[part == nearest[contact]]] = gap[part == nearest[contact]]
        # The smallest gap of every contact comes last, and stays.
        for pair in np.lexsort((-gap, contact)):
            closer = gap[pair] < own[contact[pair]] - self._tolerance
            result[contact[pair]] = part[pair] if closer else nearest[contact[pair]]
        return result

    def _near(
        self, standing: Float[np.ndarray, "N 3"], places: Float[np.ndarray, "p 3"], nearest: Int[np.ndarray, " p"]
    ) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        """Pairs of contacts and parts that are near them, for contacts with more than one."""
        near = np.zeros((len(places), len(self._members)), dtype=bool)
        ordered = standing[self._by_part]
        limit = np.square(REACH * self._covering[self._present])
        for row, place in enumerate(places):
            # Every distance at once is quicker than a search tree for each of the parts.
            squared = np.square(ordered - place).sum(axis=1)
            near[row, self._present] = np.minimum.reduceat(squared, self._first_of_part) <= limit
        near[np.arange(len(places)), nearest] = True
        near[near.sum(axis=1) == 1] = False
        contact, part = np.nonzero(near)
        return contact, part

    def around(
        self, standing: Float[np.ndarray, "N 3"], place: Float[np.ndarray, "3"], part: int
    ) -> Int[np.ndarray, " n"]:
        """The surface points of a part that are nearest to a place, nearest first."""
        members = self._members[part]
        order = np.argsort(np.square(standing[members] - place).sum(1), kind="stable")
        return np.asarray(members[order[: self._neighbours]])

    def _gaps(
        self, standing: Float[np.ndarray, "N 3"], places: Float[np.ndarray, "n 3"], part: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Distances of contacts from parts' surfaces [m]."""
        around = np.zeros((len(places), self._neighbours), dtype=np.int64)
        used = np.zeros(around.shape, dtype=bool)
        candidates = []
        for index, place in enumerate(places):
            own = self.around(standing, place, int(part[index]))
            around[index, : len(own)], used[index, : len(own)] = own, True
            cells = [self._triangles[self._begin[point] : self._begin[point + 1]] for point in own]
            candidates.append(np.unique(np.concatenate(cells)))
        there = torch.as_tensor(standing[around])
        weight = affine_weights(there, torch.as_tensor(used), torch.as_tensor(places)).numpy()
        back = places - np.einsum("pn,pnc->pc", weight, standing[around] - self._rest[around])
        counts = np.array([len(some) for some in candidates])
        repeated = np.repeat(back, counts, axis=0)
        closest = trimesh.triangles.closest_point(self._corners[np.concatenate(candidates)], repeated)
        squared = np.square(closest - repeated).sum(axis=1)
        return np.asarray(np.sqrt(np.minimum.reduceat(squared, np.cumsum(counts) - counts)))
