"""Short-hands for drawing design parameters of a generated object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


class Draw:
    """Draws design parameters from a seeded generator, in the order in which they are asked for."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def uniform(self, low: float, high: float) -> float:
        """A number between ``low`` and ``high``."""
        return float(self.rng.uniform(low, high))

    def integer(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.rng.random() < probability)

    def choice(self, items: Sequence[Item]) -> Item:
        """One of the items, all equally likely."""
        return items[int(self.rng.integers(len(items)))]

    def sign(self) -> int:
        """+1 or -1."""
        return 1 if self.chance(0.5) else -1

    def shares(self, count: int, spread: float = 0.5) -> list[float]:
        """Positive shares that add up to one: 0 spread makes them equal."""
        weights = self.rng.uniform(1.0 - spread, 1.0 + spread, count)
        return [float(share) for share in weights / weights.sum()]
