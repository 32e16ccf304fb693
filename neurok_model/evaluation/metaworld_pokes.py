"""Pokes of the real objects of metaworld, simulated with their true joints; nothing is trained on them."""

from __future__ import annotations

from collections.abc import Iterator

from neurok_model.data.metaworld import metaworld_object
from neurok_model.data.sequences import MotionSequence
from neurok_model.data.simulation.articulated_pokes import poke_articulated

FRAMES = 62
"""A second at 60 Hz, and a little more."""

ATTEMPTS = 12
"""Simulations per wanted record, of which those that strain joints beyond what they can do are thrown away."""


def metaworld_pokes(name: str, count: int, seed: int) -> Iterator[MotionSequence]:
    """Records of one object: poses, masses, gravity and pokes are drawn as for generated objects.

    Args:
        name: of ``metaworld_names``.
        count: records; fewer where simulations are thrown away too often.
        seed: of the draws.

    Raises:
        NeurokError: when the assets are not there.
    """
    articulated = metaworld_object(name)
    first = seed * ATTEMPTS * max(count, 1)
    for attempt in range(first, first + ATTEMPTS * count):
        if count == 0:
            return
        record = poke_articulated(articulated, attempt, FRAMES)
        if isinstance(record, MotionSequence):
            count -= 1
            yield record
