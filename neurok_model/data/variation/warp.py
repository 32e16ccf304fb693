"""Smooth changes of a whole shape: stretched, tapered, sheared and bent, with its axes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from neurok_model.data.families.draw import Draw
from neurok_model.data.kinematic_tree import ArticulatedObject, JointType, Part

STRETCH, TAPER, SHEAR, BEND = 0.2, 0.45, 0.2, 0.25
"""Standard deviation of the logarithm of a stretch, and the largest taper, shear and bend of an object of side 1."""
STEP = 1e-6
"""Of the differences behind derivatives, as a share of the object's longest side."""


@dataclass(frozen=True)
class Warp:
    """With u = (x - centre) / size and v = u along one axis, the others go to s (u (1 + t v) + h v + b v²).

    Attributes:
        centre: what stays where it is, metres.
        size: longest side, metres.
        axis: along which taper, shear and bend change.
        stretch: s; positive.
        taper: t; zero along the axis.
        shear: h; zero along the axis.
        bend: b; zero along the axis.
    """

    centre: Float[np.ndarray, " 3"]
    size: float
    axis: int
    stretch: Float[np.ndarray, " 3"]
    taper: Float[np.ndarray, " 3"]
    shear: Float[np.ndarray, " 3"]
    bend: Float[np.ndarray, " 3"]

    @classmethod
    def drawn(cls, draw: Draw, vertices: Float[np.ndarray, "n 3"]) -> Warp:
        """Some change of an object with these vertices; upright things change along their height most often."""
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        axis = draw.choice([0, 1, 2, 2])
        others = np.arange(3) != axis
        tapers, sheared, bent = draw.chance(0.7), draw.chance(0.4), draw.chance(0.4)
        return cls(
            0.5 * (low + high),
            float((high - low).max()),
            axis,
            np.exp(STRETCH * draw.rng.normal(size=3)),
            tapers * others * draw.rng.uniform(-TAPER, TAPER, 3),
            sheared * others * draw.rng.uniform(-SHEAR, SHEAR, 3),
            bent * others * draw.rng.uniform(-BEND, BEND, 3),
        )

    def apply(self, points: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
        """Where points go, metres."""
        local = (points - self.centre) / self.size
        along = local[..., self.axis, None]
        moved = local * (1.0 + self.taper * along) + self.shear * along + self.bend * along**2
        return self.centre + self.size * self.stretch * moved

    def derivative(self, point: Float[np.ndarray, " 3"], direction: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
        """How the image of a point moves where the point moves along a direction."""
        step = STEP * self.size * direction
        return (self.apply(point + step) - self.apply(point - step)) / (2.0 * STEP * self.size)


def warped(instance: ArticulatedObject, warp: Warp) -> ArticulatedObject:
    """The object with another shape; its axes go along, and rigid parts stay rigid.

    Coordinates keep their limits: what slides along a stretched axis goes as much further per unit.
    """
    return instance.rebuilt([_warped_part(part, warp) for part in instance.joints])


def _warped_part(part: Part, warp: Warp) -> Part:
    surfaces = [surface._replace(vertices=warp.apply(surface.vertices)) for surface in part.surfaces]
    if part.joint is JointType.FIXED:
        return part.with_surfaces(surfaces)
    # A slide has no place of its own: its direction is that in the middle of what slides.
    place = part.anchor
    if part.joint is JointType.SLIDE and part.surfaces:
        place = np.concatenate([surface.vertices for surface in part.surfaces]).mean(axis=0)
    direction = warp.derivative(place, part.axis)
    length = float(np.linalg.norm(direction))
    ratio = part.ratio * (length if part.joint is JointType.SLIDE else 1.0)
    return replace(part, surfaces=surfaces, anchor=warp.apply(part.anchor), axis=direction / length, ratio=ratio)
