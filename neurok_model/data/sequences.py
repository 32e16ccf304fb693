"""Recorded motions of one object: what shards hold and what training and evaluation read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float32, Int32

from neurok_model.data.generated_object import Frames, ObjectKind
from neurok_model.geometry.local_rotations import local_rotations

CONTACT_COLUMNS = ("x", "y", "z", "force_x", "force_y", "force_z", "start", "duration")

OPTIONAL_ARRAYS = ("states", "base_pose")
ARRAYS = ("vertices", "triangles", "part_of_vertex", "vertex_masses", "contacts", "energy", "work", *OPTIONAL_ARRAYS)


@dataclass(frozen=True)
class MotionSequence:
    """One object in motion, with all that made it move.

    Attributes:
        family: generator or folder that it comes from.
        kind: how it moves.
        seed: seed of the instance.
        vertices: positions in metres, frame 0 at time 0.
        triangles: vertex indices, the same in every frame.
        part_of_vertex: part of each vertex; 0 never moves.
        vertex_masses: kilograms; zero for a fixed part and where masses are unknown.
        rate: frames per second.
        degrees_of_freedom: of the simulation.
        contacts: one row per contact force: point on the surface at time 0 (metres), force (newtons), start
            and duration (seconds).
        physics: named values in SI units: mass, gravity along z, material, damping, anchored (1 or 0).
        energy: kinetic energy and gravity's potential energy, joules, against where the simulation began;
            empty when unknown.
        work: energy put in so far, joules; empty when unknown.
        at_rest: whether nothing moved before time 0.
        states: of an articulated object whose family and seed build it: its state coordinates in every frame
            (radians and metres); else empty. Never an input of a network.
        base_pose: of one whose base is free: where its base is in every frame, from the reference pose
            (x, y, z in metres and a unit quaternion w, x, y, z); else empty.
    """

    family: str
    kind: ObjectKind
    seed: int
    vertices: Float32[np.ndarray, "f n 3"]
    triangles: Int32[np.ndarray, "t 3"]
    part_of_vertex: Int32[np.ndarray, " n"]
    vertex_masses: Float32[np.ndarray, " n"]
    rate: float
    degrees_of_freedom: int
    contacts: Float[np.ndarray, "p 8"]
    physics: dict[str, float]
    energy: Float[np.ndarray, " e"]
    work: Float[np.ndarray, " e"]
    at_rest: bool
    states: Float[np.ndarray, "s d"] = field(default_factory=lambda: np.zeros((0, 0)))
    base_pose: Float[np.ndarray, "b 7"] = field(default_factory=lambda: np.zeros((0, 7)))

    def frames(self, chosen: list[int]) -> Frames:
        """Some frames, with rotations from the first of them, fitted around each vertex."""
        vertices = self.vertices[chosen].astype(np.float64)
        return Frames(vertices, local_rotations(vertices[0], self.triangles.astype(np.int64), vertices))

    def checksum(self) -> str:
        """SHA-256 over everything that the sequence holds."""
        digest = hashlib.sha256(json.dumps(self.description(), sort_keys=True).encode())
        for array in self.arrays().values():
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def description(self) -> dict[str, object]:
        """Everything but the arrays, ready for JSON."""
        return {
            "family": self.family,
            "kind": self.kind.value,
            "seed": self.seed,
            "rate": self.rate,
            "degrees_of_freedom": self.degrees_of_freedom,
            "at_rest": self.at_rest,
            "physics": self.physics,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name; of the optional ones those that hold something."""
        found = {name: getattr(self, name) for name in ARRAYS}
        return {name: array for name, array in found.items() if array.size or name not in OPTIONAL_ARRAYS}


MICROMETRE_STEPS = 2.0**20
"""Vertices are kept to 2^-20 m, just under a micrometre: the bits below are noise that does not compress."""


def rounded(vertices: Float[np.ndarray, "f n 3"]) -> Float32[np.ndarray, "f n 3"]:
    """Positions in float32, rounded to what is worth keeping."""
    return (np.round(vertices * MICROMETRE_STEPS) / MICROMETRE_STEPS).astype(np.float32)
