"""What every generated or read object offers: a surface with fixed topology that can be posed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Float, Int

from neurok_model.geometry.sampling import lumped_areas

TANGENT_STEP = 1e-5
"""Step of the differences behind tangents, as a share of a coordinate's range."""


class ObjectKind(StrEnum):
    """How an object moves; known to the data, never shown to a network."""

    ARTICULATED = "articulated"
    ELASTIC = "elastic"
    CLOTH = "cloth"
    ROPE = "rope"
    MULTI_BODY = "multi_body"


@dataclass(frozen=True)
class Frames:
    """One surface in several poses.

    Attributes:
        vertices: positions in metres, world frame with z up.
        rotations: unit quaternions (w, x, y, z) that turn the material around each vertex from the
            object's reference pose (state 0) into this pose.
    """

    vertices: Float[np.ndarray, "frames vertices 3"]
    rotations: Float[np.ndarray, "frames vertices 4"]


class GeneratedObject(ABC):
    """A surface mesh and the map from a few state coordinates to its poses.

    Attributes:
        family: name of the generator, or of the file an object was read from.
        kind: how the object moves.
        triangles: vertex indices, counter-clockwise seen from outside.
        degrees_of_freedom: number of independent state coordinates.
        part_of_vertex: which part a vertex belongs to; parts share no vertices.
        state_range: lower and upper limit of each coordinate (radians, metres, or modal angles).
    """

    family: str
    kind: ObjectKind
    triangles: Int[np.ndarray, "triangles 3"]
    degrees_of_freedom: int
    part_of_vertex: Int[np.ndarray, " vertices"]
    state_range: Float[np.ndarray, "coordinates 2"]

    @abstractmethod
    def sample_states(self, rng: np.random.Generator, count: int) -> Float[np.ndarray, "count coordinates"]:
        """Draw plausible states, all within ``state_range``."""

    def uniform_states(self, rng: np.random.Generator, count: int) -> Float[np.ndarray, "count coordinates"]:
        """Draw states without any preferred pose; where that means nothing, as :meth:`sample_states`."""
        return self.sample_states(rng, count)

    def vertex_masses(self, surface_density: float = 10.0) -> Float[np.ndarray, " vertices"]:
        """Kilograms of a thin shell of ``surface_density`` (kg/m²), lumped at the vertices; zero for the fixed base."""
        rest = self.pose(np.clip(0.0, *self.state_range.T)[None]).vertices[0]
        masses = surface_density * lumped_areas(rest, self.triangles)
        return np.where(self.part_of_vertex > 0, masses, 0.0)

    def admissible(self, states: Float[np.ndarray, "count coordinates"]) -> Float[np.ndarray, "count coordinates"]:
        """The states as far as the object's own parts let them be; where nothing stands in the way, as they are."""
        return states

    def tangents(self, state: Float[np.ndarray, " coordinates"]) -> Float[np.ndarray, "coordinates vertices 3"]:
        """How the surface moves per unit of each coordinate at a state: metres per radian or metre.

        Forward differences; zero for a coordinate that something holds shut there.
        """
        steps = TANGENT_STEP * np.ptp(self.state_range, axis=1)
        states = np.concatenate((state[None], self.admissible(state + np.diag(steps))))
        vertices = self.pose(states).vertices
        return (vertices[1:] - vertices[0]) / steps[:, None, None]

    def body_of_vertex(self, states: Float[np.ndarray, "count coordinates"]) -> Int[np.ndarray, " vertices"] | None:
        """Which rigid body each vertex belongs to, as far as the states tell bodies apart; None if there are none."""
        return None

    @abstractmethod
    def pose(self, states: Float[np.ndarray, "count coordinates"]) -> Frames:
        """Place the surface for each state; the base part stays where it is."""
