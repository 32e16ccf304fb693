"""What families offer: kinds, degrees of freedom, sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from jaxtyping import Float

from neurok_model.data.families import build_object, family_names
from neurok_model.data.generated_object import GeneratedObject
from neurok_model.data.sequences import MotionSequence
from neurok_model.data.simulation import build_scene, simulated_family_names


@dataclass(frozen=True)
class FamilyDescription:
    """One family, measured on its first instances; spans are smallest and largest.

    Attributes:
        name: of the family.
        kind: how its objects move.
        source: ``on_the_fly`` or ``simulated``.
        degrees_of_freedom: state coordinates, or degrees of freedom of the simulation.
        vertices: of the surface.
        longest_side: metres.
    """

    name: str
    kind: str
    source: str
    degrees_of_freedom: tuple[int, int]
    vertices: tuple[int, int]
    longest_side: tuple[float, float]


def describe_families(instances: int = 6) -> list[FamilyDescription]:
    """One entry per family, in the order of their names, first those on the fly."""
    entries = []
    for name in family_names():
        built = [build_object(name, seed) for seed in range(instances)]
        rests = [item.pose(np.zeros((1, item.degrees_of_freedom))).vertices[0] for item in built]
        freedoms = [item.degrees_of_freedom for item in built]
        entries.append(_entry(name, built[0].kind.value, "on_the_fly", freedoms, rests))
    for name in simulated_family_names():
        scenes = [build_scene(name, seed) for seed in range(instances)]
        freedoms = [scene.degrees_of_freedom for scene in scenes]
        rests = [scene.rest_vertices for scene in scenes]
        entries.append(_entry(name, scenes[0].kind.value, "simulated", freedoms, rests))
    return entries


def _entry(name: str, kind: str, source: str, freedoms: list[int], rests: list[np.ndarray]) -> FamilyDescription:
    sides = [round(float(np.ptp(rest, axis=0).max()), 4) for rest in rests]
    vertices = [len(rest) for rest in rests]
    return FamilyDescription(
        name,
        kind,
        source,
        (min(freedoms), max(freedoms)),
        (min(vertices), max(vertices)),
        (min(sides), max(sides)),
    )


@dataclass(frozen=True)
class MotionStatistics:
    """What the motions of one family are like; spans are smallest, median and largest.

    Attributes:
        family: name.
        kind: how its objects move.
        sequences: how many were looked at.
        frames: in all of them together.
        vertices: of the surface.
        longest_side: of the first frame, metres.
        motion: farthest that any vertex gets from where it is in the first frame, as a share of the longest side.
        parts: connected to one joint each, the fixed base included.
        mass: of what moves, kilograms; empty where it is unknown.
        contacts: forces per sequence.
        free_share: share of the sequences in which nothing holds the object.
        rejected_share: share of all simulations that were thrown away; empty where nothing was simulated.
    """

    family: str
    kind: str
    sequences: int
    frames: int
    vertices: tuple[float, ...]
    longest_side: tuple[float, ...]
    motion: tuple[float, ...]
    parts: tuple[float, ...]
    mass: tuple[float, ...]
    contacts: tuple[float, ...]
    free_share: float
    rejected_share: float | None


def posed_statistics(family: str, objects: Sequence[GeneratedObject], poses: Sequence[np.ndarray]) -> MotionStatistics:
    """Statistics of objects that are posed on the fly, from some poses of each ([frames, vertices, 3], metres)."""
    return MotionStatistics(
        family,
        objects[0].kind.value,
        len(objects),
        sum(len(frames) for frames in poses),
        _span([built.part_of_vertex.size for built in objects]),
        _span([_longest_side(frames) for frames in poses]),
        _span([_motion(frames) for frames in poses]),
        _span([len(np.unique(built.part_of_vertex)) for built in objects]),
        _span([float(built.vertex_masses().sum()) for built in objects]),
        (),
        0.0,
        None,
    )


def stored_statistics(family: str, sequences: Iterable[MotionSequence], rejected: int) -> MotionStatistics:
    """Statistics of stored motions; ``rejected`` is how many were thrown away in making them."""
    seen = [
        (
            sequence.kind.value,
            len(sequence.vertices),
            sequence.vertices.shape[1],
            _longest_side(sequence.vertices),
            _motion(sequence.vertices),
            len(np.unique(sequence.part_of_vertex)),
            float(sequence.vertex_masses.sum()),
            len(sequence.contacts),
            sequence.physics.get("anchored", 1.0),
        )
        for sequence in sequences
    ]
    kinds, frames, vertices, sides, motions, parts, masses, contacts, anchored = zip(*seen, strict=True)
    return MotionStatistics(
        family,
        kinds[0],
        len(seen),
        sum(frames),
        _span(vertices),
        _span(sides),
        _span(motions),
        _span(parts),
        _span([mass for mass in masses if mass > 0.0]),
        _span(contacts),
        1.0 - sum(anchored) / len(seen),
        rejected / (rejected + len(seen)),
    )


def _span(values: Sequence[float]) -> tuple[float, ...]:
    if not len(values):
        return ()
    return tuple(round(float(value), 4) for value in (min(values), median(values), max(values)))


def _longest_side(frames: Float[np.ndarray, "f n 3"]) -> float:
    return float(np.ptp(frames[0], axis=0).max())


def _motion(frames: Float[np.ndarray, "f n 3"]) -> float:
    return float(np.linalg.norm(frames - frames[0], axis=-1).max()) / _longest_side(frames)
