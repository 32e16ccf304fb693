"""Articulated objects: rigid parts joined by hinges and slides in a tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from jaxtyping import Float, Int

from neurok_model.data.generated_object import Frames, GeneratedObject, ObjectKind
from neurok_model.data.quaternions import quaternion_from_axis_angle, quaternion_product, rotation_matrix
from neurok_model.data.shapes import Surface, Vector, merged


class JointType(StrEnum):
    """How a part moves relative to its parent."""

    FIXED = "fixed"
    HINGE = "hinge"
    SLIDE = "slide"


@dataclass
class Part:
    """A rigid part with the joint to its parent, in the object's reference pose (all joints at zero).

    The joint's value is ``ratio`` times the state coordinate ``coordinate``, so several joints can
    follow one coordinate.
    """

    index: int
    parent: int
    joint: JointType
    anchor: Float[np.ndarray, " 3"]
    axis: Float[np.ndarray, " 3"]
    coordinate: int
    ratio: float
    surfaces: list[Surface] = field(default_factory=list)

    def add(self, *surfaces: Surface) -> Part:
        """Attach surfaces, given in the object's frame at the reference pose."""
        self.surfaces.extend(surfaces)
        return self

    def with_surfaces(self, surfaces: Sequence[Surface]) -> Part:
        """The same part with other surfaces instead of its own."""
        return replace(self, surfaces=list(surfaces))


@dataclass(frozen=True)
class Gate:
    """One coordinate stays shut until another has opened: a rack behind a door, a flap under a flap.

    Attributes:
        coordinate: the coordinate that is held back; shut at its lower limit.
        leader: the coordinate that has to open first.
        closed: value of the leader up to which the other stays shut.
        opened: value of the leader from which on the other is free.
    """

    coordinate: int
    leader: int
    closed: float
    opened: float


class KinematicTree:
    """Collects the parts of an articulated object; the first part is the fixed base."""

    def __init__(self) -> None:
        zero = np.zeros(3)
        self.base = Part(0, -1, JointType.FIXED, zero, zero, -1, 0.0)
        self.parts = [self.base]
        self.limits: list[tuple[float, float]] = []
        self.gates: list[Gate] = []

    def hinge(
        self, parent: Part, anchor: Vector, axis: Vector, limits: tuple[float, float], ratio: float = 1.0
    ) -> Part:
        """A new part that turns about the line through ``anchor`` along ``axis``; limits in radians."""
        return self._free(JointType.HINGE, parent, anchor, axis, limits, ratio)

    def slide(self, parent: Part, axis: Vector, limits: tuple[float, float], ratio: float = 1.0) -> Part:
        """A new part that moves along ``axis``; limits in metres."""
        return self._free(JointType.SLIDE, parent, (0.0, 0.0, 0.0), axis, limits, ratio)

    def hinge_following(self, leader: Part, parent: Part, anchor: Vector, axis: Vector, ratio: float) -> Part:
        """A hinged part whose angle is ``ratio`` times the coordinate of ``leader``."""
        return self._append(JointType.HINGE, parent, anchor, axis, leader.coordinate, ratio)

    def slide_following(self, leader: Part, parent: Part, axis: Vector, ratio: float) -> Part:
        """A sliding part whose travel is ``ratio`` times the coordinate of ``leader``."""
        return self._append(JointType.SLIDE, parent, (0.0, 0.0, 0.0), axis, leader.coordinate, ratio)

    def locked(self, parent: Part) -> Part:
        """A part of its own that does not move against its parent: a jammed door, a glued lid."""
        return self._append(JointType.FIXED, parent, (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), -1, 0.0)

    def gate(self, part: Part, leader: Part, closed: float, opened: float) -> None:
        """Hold a part back until the leader's coordinate is past ``closed``; free from ``opened`` on."""
        self.gates.append(Gate(part.coordinate, leader.coordinate, closed, opened))

    def transform(self, matrix: Float[np.ndarray, "3 3"], offset: Vector = (0.0, 0.0, 0.0)) -> None:
        """Turn or mirror and then move everything: surfaces, anchors and axes (for an orthogonal matrix)."""
        handedness = float(np.sign(np.linalg.det(matrix)))
        for part in self.parts:
            part.surfaces = [surface.transformed(matrix, offset) for surface in part.surfaces]
            part.anchor = matrix @ part.anchor + np.asarray(offset, dtype=np.float64)
            # A mirror turns a rotation axis around but not a direction of travel.
            part.axis = matrix @ part.axis * (handedness if part.joint is JointType.HINGE else 1.0)

    def put_on_floor(self) -> None:
        """Lift or lower everything until its lowest point is at height zero."""
        lowest = min(float(surface.vertices[:, 2].min()) for part in self.parts for surface in part.surfaces)
        self.transform(np.eye(3), (0.0, 0.0, -lowest))

    def _free(
        self,
        joint: JointType,
        parent: Part,
        anchor: Vector,
        axis: Vector,
        limits: tuple[float, float],
        ratio: float,
    ) -> Part:
        self.limits.append((float(limits[0]), float(limits[1])))
        return self._append(joint, parent, anchor, axis, len(self.limits) - 1, ratio)

    def _append(
        self, joint: JointType, parent: Part, anchor: Vector, axis: Vector, coordinate: int, ratio: float
    ) -> Part:
        direction = np.asarray(axis, dtype=np.float64)
        direction = direction / np.linalg.norm(direction)
        place = np.asarray(anchor, dtype=np.float64)
        part = Part(len(self.parts), parent.index, joint, place, direction, coordinate, ratio)
        self.parts.append(part)
        return part


class ArticulatedObject(GeneratedObject):
    """Rigid parts posed by products of exponentials along a kinematic tree.

    With every joint expressed in the reference pose, the placement of a part is
    T_part = T_parent · exp(joint), and a vertex goes from X to T_part X.
    """

    kind = ObjectKind.ARTICULATED

    def __init__(
        self,
        family: str,
        parts: Sequence[Part],
        limits: Sequence[tuple[float, float]],
        gates: Sequence[Gate] = (),
    ) -> None:
        self.family = family
        self.joints = tuple(parts)
        self.gates = tuple(gates)
        surfaces = [merged(part.surfaces) if part.surfaces else None for part in parts]
        present = [(index, surface) for index, surface in enumerate(surfaces) if surface is not None]
        whole = merged([surface for _, surface in present])
        counts = [len(surface.vertices) for _, surface in present]
        self._reference: Float[np.ndarray, "vertices 3"] = whole.vertices
        self.triangles: Int[np.ndarray, "triangles 3"] = whole.triangles.astype(np.int64)
        self.part_of_vertex = np.repeat([index for index, _ in present], counts).astype(np.int64)
        starts = np.cumsum([0, *counts])
        self._slices = [(i, slice(a, b)) for (i, _), a, b in zip(present, starts, starts[1:], strict=False)]
        self.state_range = np.asarray(limits, dtype=np.float64).reshape(-1, 2)
        self.degrees_of_freedom = len(self.state_range)

    @property
    def reference_vertices(self) -> Float[np.ndarray, "vertices 3"]:
        """The surface with every joint at zero."""
        return self._reference

    def rebuilt(self, parts: Sequence[Part]) -> ArticulatedObject:
        """The same coordinates, limits and gates with other parts."""
        return ArticulatedObject(self.family, parts, [(low, high) for low, high in self.state_range], self.gates)

    def part_surface(self, index: int) -> tuple[Float[np.ndarray, "vertices 3"], Int[np.ndarray, "triangles 3"]]:
        """Vertices (reference pose) and triangles of one part; both empty for a part without a surface."""
        rows = dict(self._slices).get(index, slice(0, 0))
        inside = self.part_of_vertex[self.triangles[:, 0]] == index
        return self._reference[rows], self.triangles[inside] - rows.start

    def sample_states(self, rng: np.random.Generator, count: int) -> Float[np.ndarray, "count coordinates"]:
        """Uniform within the limits, with some mass at each limit and some states with all joints at zero.

        Where one part is behind another, it is open only as far as the other lets it.
        """
        lower, upper = self.state_range.T
        shape = (count, self.degrees_of_freedom)
        states = rng.uniform(lower, upper, shape)
        choice = rng.random(shape)
        states = np.where(choice < 0.12, lower, np.where(choice > 0.94, upper, states))
        rest = np.clip(0.0, lower, upper)
        return self.admissible(np.where(rng.random((count, 1)) < 0.08, rest, states))

    def uniform_states(self, rng: np.random.Generator, count: int) -> Float[np.ndarray, "count coordinates"]:
        """Uniform within the limits, and then no further open than what stands in front lets it."""
        lower, upper = self.state_range.T
        return self.admissible(rng.uniform(lower, upper, (count, self.degrees_of_freedom)))

    def admissible(self, states: Float[np.ndarray, "count coordinates"]) -> Float[np.ndarray, "count coordinates"]:
        """The states with everything that is held back by something else shut as far as it has to be."""
        allowed = np.array(states, dtype=np.float64)
        for gate in self.gates:
            lower, upper = self.state_range[gate.coordinate]
            share = np.clip((allowed[:, gate.leader] - gate.closed) / (gate.opened - gate.closed), 0.0, 1.0)
            limit = lower + share * (upper - lower)
            allowed[:, gate.coordinate] = np.minimum(allowed[:, gate.coordinate], limit)
        return allowed

    def placements(
        self, states: Float[np.ndarray, "count coordinates"]
    ) -> tuple[Float[np.ndarray, "parts count 4"], Float[np.ndarray, "parts count 3"]]:
        """Rotation (quaternion) and translation of every part, from reference pose to each state."""
        count = len(states)
        rotations = np.zeros((len(self.joints), count, 4))
        translations = np.zeros((len(self.joints), count, 3))
        rotations[0, :, 0] = 1.0
        for part in self.joints[1:]:
            rotation, translation = rotations[part.parent], translations[part.parent]
            if part.joint is JointType.HINGE:
                value = part.ratio * states[:, part.coordinate]
                turn = quaternion_from_axis_angle(part.axis, value)
                shift = part.anchor - np.einsum("cij,j->ci", rotation_matrix(turn), part.anchor)
                translation = translation + np.einsum("cij,cj->ci", rotation_matrix(rotation), shift)
                rotation = quaternion_product(rotation, turn)
            elif part.joint is JointType.SLIDE:
                shift = part.ratio * states[:, part.coordinate, None] * part.axis
                translation = translation + np.einsum("cij,cj->ci", rotation_matrix(rotation), shift)
            rotations[part.index], translations[part.index] = rotation, translation
        return rotations, translations

    def body_of_vertex(self, states: Float[np.ndarray, "count coordinates"]) -> Int[np.ndarray, " vertices"]:
        """Numbers that vertices share whose parts keep their places relative to each other through all the states."""
        rotations, translations = self.placements(states)
        placed = np.concatenate((rotations, translations), axis=-1).reshape(len(self.joints), -1)
        bodies = np.unique(np.round(placed, 6), axis=0, return_inverse=True)[1]
        return bodies.reshape(-1)[self.part_of_vertex]

    def pose(self, states: Float[np.ndarray, "count coordinates"]) -> Frames:
        """Vertices and material rotations for each state."""
        states = np.asarray(states, dtype=np.float64)
        rotations, translations = self.placements(states)
        vertices = np.empty((len(states), len(self._reference), 3))
        turned = np.empty((len(states), len(self._reference), 4))
        for index, rows in self._slices:
            matrices = rotation_matrix(rotations[index])
            vertices[:, rows] = self._reference[rows] @ matrices.swapaxes(1, 2) + translations[index][:, None]
            turned[:, rows] = rotations[index][:, None]
        return Frames(vertices, turned)
