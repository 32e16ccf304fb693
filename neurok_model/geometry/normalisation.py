"""Between the world's metres and the unit box in which the networks work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Normalisation:
    """The similarity x -> (x - centre) / scale that puts a scan into a box of longest side 1 about 0.

    Because it is computed from the scan itself, moving or uniformly scaling the scan changes nothing that the
    networks see.

    Args:
        centre: centre of the bounding box, metres.
        scale: longest side of the bounding box, metres.
    """

    centre: Float[np.ndarray, " 3"]
    scale: float

    @staticmethod
    def of(points: Float[np.ndarray, "n 3"]) -> Normalisation:
        """The normalisation of the bounding box of ``points`` (metres)."""
        lower, upper = points.min(axis=0), points.max(axis=0)
        return Normalisation(0.5 * (lower + upper), float((upper - lower).max()))

    def apply(self, points: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 3"]:
        """Metres to normalised coordinates."""
        return (points - self.centre) / self.scale
