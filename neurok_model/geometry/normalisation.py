"""Between the world's metres and the upright unit box in which the networks work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial import ConvexHull, QhullError


@dataclass(frozen=True)
class Normalisation:
    """The similarity x -> R (x - centre) / scale that puts a scan into an upright box of longest side 1 about 0.

    R turns about gravity (z) so that the smallest rectangle around the scan's footprint lies along the axes, with the
    heavier side of the footprint towards +x. Because all of this is computed from the scan itself, moving, turning
    or uniformly scaling the scan changes nothing that the networks see. Only where the surface is spread evenly
    about the rectangle's middle, or along its diagonal, is the choice among the four quarter turns one of rounding.

    Args:
        centre: centre of the upright box, metres.
        scale: longest side of the upright box, metres.
        rotation: R.
    """

    centre: Float[np.ndarray, " 3"]
    scale: float
    rotation: Float[np.ndarray, "3 3"]

    @staticmethod
    def of(points: Float[np.ndarray, "n 3"], surface: Float[np.ndarray, "m 3"] | None = None) -> Normalisation:
        """The normalisation of the smallest upright box around ``points`` (metres, z up).

        Args:
            points: what the box must hold: a scan's vertices, or a cloud.
            surface: points spread evenly over the surface, which tell its heavier side; ``points`` when left out.
        """
        angle = footprint_angle(points[:, :2])
        rotation = about_gravity(angle)
        lower, upper = _extent(points @ rotation.T)
        heavy = (rotation @ (points if surface is None else surface).mean(axis=0) - 0.5 * (lower + upper))[:2]
        quarters = np.round(np.arctan2(heavy[1], heavy[0]) / (0.5 * np.pi))
        rotation = about_gravity(angle + quarters * 0.5 * np.pi)
        lower, upper = _extent(points @ rotation.T)
        return Normalisation(rotation.T @ (0.5 * (lower + upper)), float((upper - lower).max()), rotation)

    def apply(self, points: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 3"]:
        """Metres to normalised coordinates."""
        return self.direction(points - self.centre) / self.scale

    def direction(self, vectors: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 3"]:
        """Turn directions, without scaling them."""
        return vectors @ self.rotation.T


def about_gravity(angle: float) -> Float[np.ndarray, "3 3"]:
    """The matrix that brings a direction at ``angle`` (radians from x, about z) to the x axis."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array(((cosine, sine, 0.0), (-sine, cosine, 0.0), (0.0, 0.0, 1.0)))


def _extent(points: Float[np.ndarray, "n 3"]) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    return points.min(axis=0), points.max(axis=0)


def footprint_angle(footprint: Float[np.ndarray, "n 2"]) -> float:
    """Angle in [0, pi/2) of the smallest rectangle around points of a plane.

    One of its sides lies along an edge of the convex hull, so only the hull's edges need trying.
    """
    try:
        hull = footprint[ConvexHull(footprint).vertices]
        edges = np.roll(hull, -1, axis=0) - hull
        angles = np.unique(np.mod(np.arctan2(edges[:, 1], edges[:, 0]), 0.5 * np.pi))
    except QhullError:
        # The footprint is a line (or a point): the rectangle lies along it.
        hull = footprint
        along = hull[np.argmax(np.linalg.norm(hull - hull[0], axis=1))] - hull[0]
        return float(np.mod(np.arctan2(along[1], along[0]), 0.5 * np.pi))
    cosine, sine = np.cos(angles), np.sin(angles)
    across = np.ptp(cosine[:, None] * hull[:, 0] + sine[:, None] * hull[:, 1], axis=1)
    along_side = np.ptp(cosine[:, None] * hull[:, 1] - sine[:, None] * hull[:, 0], axis=1)
    return float(angles[np.argmin(across * along_side)])
