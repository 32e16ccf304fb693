"""Soft bodies made of cross sections that stay rigid while the centreline bends and twists.

The shape is exact rod kinematics: the section frames R(s) obey R' = R [kappa]x and the centreline
p' = R e, with kappa(s) a sum of bending and torsion modes. One end is clamped, so lengths along the
centreline never change and large rotations stay free of distortion.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from neurok_model.data.generated_object import Frames, GeneratedObject, ObjectKind
from neurok_model.data.quaternions import (
    quaternion_conjugate,
    quaternion_from_rotation_vector,
    quaternion_product,
    rotation_matrix,
)
from neurok_model.data.shapes import Surface, merged


@dataclass
class RodBody:
    """Surfaces bound to the stations of a straight centreline.

    Attributes:
        stations: arc lengths of the cross sections in metres, increasing from 0.
        root: position of station 0.
        frame: columns are the two section directions and the direction of the centreline.
        surfaces: surfaces in section coordinates (first, second, along from the root).
        bindings: for each surface the station of every vertex.
    """

    stations: Float[np.ndarray, " stations"]
    root: Float[np.ndarray, " 3"]
    frame: Float[np.ndarray, "3 3"]
    surfaces: list[Surface] = field(default_factory=list)
    bindings: list[Int[np.ndarray, " vertices"]] = field(default_factory=list)

    def add_skin(self, surface: Surface) -> None:
        """Add a surface that deforms: every vertex follows the station nearest along the centreline."""
        along = surface.vertices[:, 2]
        middles = 0.5 * (self.stations[1:] + self.stations[:-1])
        self.surfaces.append(surface)
        self.bindings.append(np.searchsorted(middles, along))

    def add_rigid(self, surface: Surface, station: int) -> None:
        """Add a surface that moves with one cross section."""
        self.surfaces.append(surface)
        self.bindings.append(np.full(len(surface.vertices), station))


def clamped_bending_modes(stations: Float[np.ndarray, " stations"], count: int) -> Float[np.ndarray, "modes segments"]:
    """Curvature of the Euler-Bernoulli clamped-free beam modes at the middle of each segment.

    Each mode is scaled so that its absolute curvature integrates to one: its coordinate is the total
    angle it turns, in radians.
    """
    roots = np.array([1.8751040687, 4.6940911330, 7.8547574382, 10.9955407349])[:count, None]
    length = stations[-1]
    s = (0.5 * (stations[1:] + stations[:-1]) / length)[None]
    ratio = (np.sinh(roots) - np.sin(roots)) / (np.cosh(roots) + np.cos(roots))
    x = roots * s
    curvature = np.cosh(x) + np.cos(x) - ratio * (np.sinh(x) + np.sin(x))
    return curvature / (np.abs(curvature) * np.diff(stations)).sum(axis=1, keepdims=True)


def cosine_modes(
    stations: Float[np.ndarray, " stations"], count: int, clamped: bool = True
) -> Float[np.ndarray, "modes segments"]:
    """Cosines along the centreline: torsion of a clamped bar, or curvature of a rope (from mode 0)."""
    length = stations[-1]
    s = 0.5 * (stations[1:] + stations[:-1]) / length
    order = np.arange(count)[:, None] + (0.5 if clamped else 0.0)
    shape = np.cos(order * np.pi * s)
    return shape / (np.abs(shape) * np.diff(stations)).sum(axis=1, keepdims=True)


class RodObject(GeneratedObject):
    """A soft body whose state coordinates are amplitudes of curvature modes, in radians.

    Args:
        family: name of the family.
        kind: elastic, cloth or rope.
        body: the surfaces and how they are bound to the centreline.
        modes: curvature (about first, about second, about the centreline) per coordinate and segment.
        amplitude: largest amplitude of each coordinate in radians.
        fixed: surfaces that do not move, in the world frame.
        rest_curvature: curvature of the reference pose, same frame as ``modes``.
        root_axes: axis about which each coordinate also turns the whole body around its root (a hanging
            rope), in the body frame; zero for a clamped body.
    """

    def __init__(
        self,
        family: str,
        kind: ObjectKind,
        body: RodBody,
        modes: Float[np.ndarray, "coordinates segments 3"],
        amplitude: Float[np.ndarray, " coordinates"],
        fixed: list[Surface],
        rest_curvature: Float[np.ndarray, "segments 3"] | None = None,
        root_axes: Float[np.ndarray, "coordinates 3"] | None = None,
    ) -> None:
        self.family, self.kind, self._body, self._modes = family, kind, body, modes
        self._rest = np.zeros(modes.shape[1:]) if rest_curvature is None else rest_curvature
        self._root_axes = np.zeros((len(modes), 3)) if root_axes is None else root_axes
        self.degrees_of_freedom = len(modes)
        self.state_range = np.stack([-amplitude, amplitude], axis=1)
        self._skin = merged(body.surfaces)
        self._binding = np.concatenate(body.bindings)
        self._offset = self._skin.vertices - body.stations[self._binding][:, None] * [0.0, 0.0, 1.0]
        self._fixed = merged(fixed) if fixed else Surface(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
        self.triangles = merged([self._fixed, self._skin]).triangles.astype(np.int64)
        self.part_of_vertex = np.repeat([0, 1], [len(self._fixed.vertices), len(self._offset)]).astype(np.int64)
        reference = self._section_frames(np.zeros((1, len(modes))))[0]
        self._reference_inverse = quaternion_conjugate(reference)

    def rows_of_station(self, station: int) -> Int[np.ndarray, " vertices"]:
        """Indices of the vertices that move with one cross section."""
        return len(self._fixed.vertices) + np.flatnonzero(self._binding == station)

    def sample_states(self, rng: np.random.Generator, count: int) -> Float[np.ndarray, "count coordinates"]:
        """Random amplitudes with a common strength, so that small and large deformations both occur."""
        strength = rng.random((count, 1)) ** 0.7
        states = strength * rng.uniform(-1.0, 1.0, (count, self.degrees_of_freedom)) * self.state_range[:, 1]
        return np.where(rng.random((count, 1)) < 0.06, 0.0, states)

    def _section_frames(
        self, states: Float[np.ndarray, "count coordinates"]
    ) -> tuple[Float[np.ndarray, "count stations 4"], Float[np.ndarray, "count segments 4"]]:
        """Frames at the stations and in the middle of the segments, relative to the body frame."""
        length = np.diff(self._body.stations)[:, None]
        turn = (np.tensordot(states, self._modes, axes=1) + self._rest) * length
        root = quaternion_from_rotation_vector(states @ self._root_axes)
        steps = np.concatenate([root[:, None], quaternion_from_rotation_vector(turn)], axis=1)
        # Inclusive scan of the products by doubling: log2(stations) vectorised steps.
        shift = 1
        while shift < steps.shape[1]:
            steps[:, shift:] = quaternion_product(steps[:, :-shift], steps[:, shift:])
            shift *= 2
        steps /= np.linalg.norm(steps, axis=-1, keepdims=True)
        half = quaternion_from_rotation_vector(0.5 * turn)
        return steps, quaternion_product(steps[:, :-1], half)

    def pose(self, states: Float[np.ndarray, "count coordinates"]) -> Frames:
        """Vertices and section rotations for each state."""
        states = np.asarray(states, dtype=np.float64)
        stations, middles = self._section_frames(states)
        frame = self._body.frame
        length = np.diff(self._body.stations)
        turn = (np.tensordot(states, self._modes, axes=1) + self._rest) * length[:, None]
        angle = np.linalg.norm(turn, axis=-1, keepdims=True)
        # Seen from the middle of a segment of constant curvature, the centreline is a symmetric arc of
        # a helix: its chord keeps the part of the tangent along the axis and shortens the rest.
        shortening = np.sinc(angle / (2 * np.pi))
        along_axis = turn * turn[..., 2:] / np.maximum(angle, 1e-12) ** 2
        chord = (shortening * [0.0, 0.0, 1.0] + (1.0 - shortening) * along_axis) * length[:, None]
        tangents = np.einsum("csij,csj->csi", rotation_matrix(middles), chord)
        center = np.zeros((len(states), stations.shape[1], 3))
        np.cumsum(tangents, axis=1, out=center[:, 1:])
        matrices = rotation_matrix(stations)
        local = np.einsum("cvij,vj->cvi", matrices[:, self._binding], self._offset) + center[:, self._binding]
        moving = local @ frame.T + self._body.root
        resting = np.broadcast_to(self._fixed.vertices, (len(states), *self._fixed.vertices.shape))
        relative = quaternion_product(stations, self._reference_inverse)
        # Change of basis from the body frame to the world: conjugate the vector part.
        world = np.concatenate([relative[..., :1], relative[..., 1:] @ frame.T], axis=-1)
        still = np.zeros((*resting.shape[:2], 4))
        still[..., 0] = 1.0
        return Frames(
            np.concatenate([resting, moving], axis=1),
            np.concatenate([still, world[:, self._binding]], axis=1),
        )
