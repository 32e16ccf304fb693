"""What families offer: kinds, degrees of freedom, sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurok_model.data.families import build_object, family_names
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
