"""Things fixed to the parts of an object that change nothing about how it moves: plates, blocks, knobs, ribs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import legs
from neurok_model.data.kinematic_tree import ArticulatedObject
from neurok_model.data.quaternions import rotation_matrix
from neurok_model.data.round_shapes import cylinder, ellipsoid, frame_along, lathe
from neurok_model.data.shapes import Surface, beveled_box, box
from neurok_model.geometry.sampling import draw_on_triangles, triangle_areas_and_normals

STATES, SAMPLES = 6, 300
"""Poses, and points of the surface, in which what is added has to be clear of the other parts."""
MARGIN = 0.01
"""How clear, as a share of the object's longest side."""


@dataclass(frozen=True)
class _Region:
    """A box in the frame of a part that something new would fill; columns of ``frame`` are its axes."""

    frame: Float[np.ndarray, "3 3"]
    low: Float[np.ndarray, " 3"]
    high: Float[np.ndarray, " 3"]

    def holds(self, points: Float[np.ndarray, "n 3"], margin: float) -> bool:
        local = points @ self.frame
        return bool(((local > self.low - margin) & (local < self.high + margin)).all(axis=1).any())


class _Samples:
    """Points of the surface in some states, as a part sees them."""

    def __init__(self, instance: ArticulatedObject, draw: Draw) -> None:
        self.instance, self.draw = instance, draw
        self.size = float(np.ptp(instance.reference_vertices, axis=0).max())
        states = instance.sample_states(draw.rng, STATES)
        areas, _ = triangle_areas_and_normals(instance.reference_vertices[instance.triangles])
        triangle, barycentric = draw_on_triangles(areas, SAMPLES, draw.rng)
        corners = instance.triangles[triangle]
        self.part = instance.part_of_vertex[corners[:, 0]]
        rotations, self.translations = instance.placements(states)
        self.matrices = rotation_matrix(rotations)
        reference = np.einsum("nc,ncd->nd", barycentric, instance.reference_vertices[corners])
        turned = np.einsum("nfij,nj->fni", self.matrices[self.part], reference)
        self.points = turned + self.translations[self.part].swapaxes(0, 1)

    def of_others(self, part: int) -> Float[np.ndarray, "n 3"]:
        """Those of all other parts, in the frame in which this part's surfaces are given."""
        seen = self.points[:, self.part != part] - self.translations[part][:, None]
        return np.einsum("fji,fnj->fni", self.matrices[part], seen).reshape(-1, 3)


def with_additions(instance: ArticulatedObject, draw: Draw) -> ArticulatedObject:
    """The object with one to three more things on its parts, none of which is in the way of what moves."""
    samples = _Samples(instance, draw)
    added: list[list[Surface]] = [[] for _ in instance.joints]
    with_surface = [part.index for part in instance.joints if part.surfaces]
    for _ in range(draw.integer(1, 3)):
        on_base = draw.chance(0.5) and 0 in with_surface
        part = 0 if on_base else draw.choice(with_surface)
        make: Callable[[_Samples, int], tuple[list[Surface], _Region]] = draw.choice(BESIDE) if on_base else _on_surface
        surfaces, region = make(samples, part)
        if not region.holds(samples.of_others(part), MARGIN * samples.size):
            added[part].extend(surfaces)
    return instance.rebuilt([part.with_surfaces([*part.surfaces, *added[part.index]]) for part in instance.joints])


def _extent(samples: _Samples, part: int) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    vertices, _ = samples.instance.part_surface(part)
    return vertices.min(axis=0), vertices.max(axis=0)


def _upright(low: Float[np.ndarray, " 3"], high: Float[np.ndarray, " 3"]) -> _Region:
    return _Region(np.eye(3), low, high)


def _slab(samples: _Samples, part: int) -> tuple[list[Surface], _Region]:
    """A board against one side or under the part: a wall, a table top, a housing's back."""
    draw, (low, high) = samples.draw, _extent(samples, part)
    axis = draw.choice([0, 1, 2, 2])
    below = axis == 2 or draw.chance(0.5)
    middle, size = 0.5 * (low + high), (high - low) * draw.rng.uniform(0.6, 1.5, 3)
    size[axis] = samples.size * draw.uniform(0.01, 0.12)
    middle[axis] = low[axis] - 0.5 * size[axis] if below else high[axis] + 0.5 * size[axis]
    return [beveled_box(middle, size, 0.1 * size[axis])], _upright(middle - 0.5 * size, middle + 0.5 * size)


def _block(samples: _Samples, part: int) -> tuple[list[Surface], _Region]:
    """A box or a drum that stands against a side of the part, or on it."""
    draw, (low, high) = samples.draw, _extent(samples, part)
    axis = draw.integer(0, 2)
    size = samples.size * draw.choice([0.3, 0.6, 1.5]) * draw.rng.uniform(0.15, 1.0, 3)
    middle = draw.rng.uniform(low, high)
    middle[axis] = high[axis] + 0.45 * size[axis] if draw.chance(0.5) else low[axis] - 0.45 * size[axis]
    region = _upright(middle - 0.5 * size, middle + 0.5 * size)
    if draw.chance(0.6):
        return [beveled_box(middle, size, 0.15 * float(size.min()))], region
    end = 0.5 * size[axis] * np.eye(3)[axis]
    radius = 0.5 * float(np.delete(size, axis).min())
    return [cylinder(middle - end, middle + end, radius, 14)], region


def _feet(samples: _Samples, part: int) -> tuple[list[Surface], _Region]:
    """Legs or a plinth below the part."""
    low, high = _extent(samples, part)
    height = samples.size * samples.draw.uniform(0.03, 0.5)
    drop = np.array([0.0, 0.0, low[2] - height])
    feet = legs(samples.draw, (low[0], low[1]), (high[0], high[1]), height)
    return [foot.moved(drop) for foot in feet], _upright(low - [0, 0, height], np.array([high[0], high[1], low[2]]))


BESIDE = (_slab, _block, _feet, _block)


def _on_surface(samples: _Samples, part: int) -> tuple[list[Surface], _Region]:
    """A knob, stud, rib or handle that grows out of a random place of the part's surface."""
    draw = samples.draw
    vertices, triangles = samples.instance.part_surface(part)
    areas, normals = triangle_areas_and_normals(vertices[triangles])
    triangle, barycentric = draw_on_triangles(areas, 1, draw.rng)
    place, normal = barycentric[0] @ vertices[triangles[triangle[0]]], normals[triangle[0]]
    frame = frame_along(normal)
    height = samples.size * draw.uniform(0.02, 0.15)
    width, breadth = samples.size * draw.rng.uniform(0.01, 0.1, 2)
    shapes = draw.choice([_stud, _rib, _ball, _bar])(draw, width, breadth, height)
    surfaces = [shape.transformed(frame, place) for shape in shapes]
    middle = place @ frame
    half = np.array([width, breadth, 0.0])
    # Its foot is in the part that it grows out of; only what stands out has to be clear.
    return surfaces, _Region(frame, middle - half + [0, 0, 0.1 * height], middle + half + [0, 0, height])


def _stud(draw: Draw, width: float, breadth: float, height: float) -> list[Surface]:
    radius = min(width, breadth)
    return [lathe([(radius, -0.1 * height), (radius * draw.uniform(0.5, 1.3), height)], sides=draw.choice([6, 10, 14]))]


def _rib(draw: Draw, width: float, breadth: float, height: float) -> list[Surface]:
    return [box([0, 0, 0.45 * height], [2 * width, 2 * breadth, 1.1 * height])]


def _ball(draw: Draw, width: float, breadth: float, height: float) -> list[Surface]:
    return [
        cylinder([0, 0, -0.1 * height], [0, 0, 0.7 * height], 0.4 * min(width, breadth), 8),
        ellipsoid([0, 0, 0.7 * height], [width, breadth, 0.3 * height], 10, 6),
    ]


def _bar(draw: Draw, width: float, breadth: float, height: float) -> list[Surface]:
    thick = 0.25 * min(height, width)
    posts = [box([side * (width - thick), 0, 0.4 * height], [thick, thick, height]) for side in (-1, 1)]
    return [*posts, box([0, 0, height - 0.5 * thick], [2 * width, 1.2 * thick, thick])]
