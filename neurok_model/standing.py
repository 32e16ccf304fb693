"""What is remembered of a surface as it stands in one state: planners ask about many contacts there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

STATES = 8
"""States that are remembered."""

POINTS = 4096
"""Contact points that are remembered of each."""


class StandingSurface:
    """The surface points in one state, and the modes at the contact points that were asked for there.

    Args:
        points: where the surface points stand [m].
    """

    def __init__(self, points: Float[np.ndarray, "N 3"]) -> None:
        self.points = points
        self._rows: dict[bytes, Float[np.ndarray, "3 r"]] = {}

    @cached_property
    def tree(self) -> cKDTree:
        """Search tree of the points."""
        return cKDTree(self.points)

    @cached_property
    def padded_points(self) -> Float[np.ndarray, "M 3"]:
        """The points, and one that stands for none."""
        return np.concatenate((self.points, np.zeros((1, 3))))

    @cached_property
    def part_or_none(self) -> Int[np.ndarray, " M"]:
        """0 for every point, -1 for the one that stands for none."""
        return np.append(np.zeros(len(self.points), dtype=np.int64), -1)

    def rows(
        self,
        points: Float[np.ndarray, "p 3"],
        fresh: Callable[[Float[np.ndarray, "n 3"]], Float[np.ndarray, "n 3 r"]],
    ) -> Float[np.ndarray, "p 3 r"]:
        """The modes at contact points; ``fresh`` gives those that are not known yet."""
        names = [point.tobytes() for point in points]
        unknown = {name: place for place, name in enumerate(names) if name not in self._rows}
        if len(self._rows) + len(unknown) > POINTS:
            self._rows.clear()
            unknown = {name: place for place, name in enumerate(names)}
        if unknown:
            found = fresh(points[list(unknown.values())])
            self._rows |= dict(zip(unknown, found, strict=True))
        if len(names) == 1:
            return self._rows[names[0]][None]
        return np.stack([self._rows[name] for name in names])


class StandingSurfaces:
    """The surfaces of the states that were asked about last."""

    def __init__(self) -> None:
        self._surfaces: OrderedDict[bytes, StandingSurface] = OrderedDict()

    def of(self, state: bytes, make: Callable[[], StandingSurface]) -> StandingSurface:
        """The surface of a state, made if it is not known."""
        surface = self._surfaces.pop(state, None) or make()
        self._surfaces[state] = surface
        if len(self._surfaces) > STATES:
            self._surfaces.popitem(last=False)
        return surface
