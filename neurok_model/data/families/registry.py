"""The list of object families and how an instance is built from a seed."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.generated_object import GeneratedObject
from neurok_model.data.kinematic_tree import ArticulatedObject, KinematicTree
from neurok_model.errors import ErrorCode, NeurokError

Builder = Callable[[Draw], GeneratedObject]
_BUILDERS: dict[str, Builder] = {}


def soft_family(name: str) -> Callable[[Builder], Builder]:
    """Register a function that builds a whole object."""

    def register(builder: Builder) -> Builder:
        _BUILDERS[name] = builder
        return builder

    return register


def articulated_family(
    name: str,
) -> Callable[[Callable[[Draw, KinematicTree], None]], Callable[[Draw, KinematicTree], None]]:
    """Register a function that fills a kinematic tree with parts and joints."""

    def register(fill: Callable[[Draw, KinematicTree], None]) -> Callable[[Draw, KinematicTree], None]:
        def build(draw: Draw) -> GeneratedObject:
            tree = KinematicTree()
            fill(draw, tree)
            return ArticulatedObject(name, tree.parts, tree.limits, tree.gates)

        _BUILDERS[name] = build
        return fill

    return register


def family_names() -> list[str]:
    """Names of all families, in alphabetical order."""
    return sorted(_BUILDERS)


def build_object(family: str, seed: int) -> GeneratedObject:
    """Build one instance; the same family and seed give the same bytes on every machine.

    Args:
        family: one of :func:`family_names`.
        seed: any non-negative integer.

    Raises:
        NeurokError: for an unknown family or a negative seed.
    """
    if family not in _BUILDERS:
        allowed = "one of " + ", ".join(family_names())
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "family", family, allowed)
    if seed < 0:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "seed", seed, "an integer of at least 0")
    # The name enters the seed, so that instance 5 of two families does not share its proportions.
    rng = np.random.default_rng([zlib.crc32(family.encode()), seed])
    return _BUILDERS[family](Draw(rng))
