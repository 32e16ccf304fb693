"""The list of simulated families, and how an instance is built from a seed."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.simulation.scene import SimulatedScene
from neurok_model.errors import ErrorCode, NeurokError

SceneBuilder = Callable[[Draw], SimulatedScene]
FloatingBuilder = Callable[[Draw, bool], SimulatedScene]
_BUILDERS: dict[str, SceneBuilder] = {}
_FLOATING: dict[str, FloatingBuilder] = {}


def floating_family(name: str) -> Callable[[FloatingBuilder], FloatingBuilder]:
    """Register a function that draws a scene which is anchored to the world or, if asked, held by nothing."""

    def register(builder: FloatingBuilder) -> FloatingBuilder:
        _FLOATING[name] = builder
        _BUILDERS[name] = lambda draw: builder(draw, True)
        return builder

    return register


def floating_family_names() -> list[str]:
    """Names of the families whose bodies can also be free."""
    return sorted(_FLOATING)


def simulated_family(name: str) -> Callable[[SceneBuilder], SceneBuilder]:
    """Register a function that draws a scene."""

    def register(builder: SceneBuilder) -> SceneBuilder:
        _BUILDERS[name] = builder
        return builder

    return register


def simulated_family_names() -> list[str]:
    """Names of all simulated families, in alphabetical order."""
    return sorted(_BUILDERS)


def build_scene(family: str, seed: int, *, anchored: bool = True) -> SimulatedScene:
    """Build one instance; the same family and seed give the same scene.

    Args:
        family: one of :func:`simulated_family_names`.
        seed: any non-negative integer.
        anchored: hold the object where its family does, or nowhere.

    Raises:
        NeurokError: for an unknown family, a negative seed, or a free object of a family that has to be held.
    """
    if family not in _BUILDERS:
        allowed = "one of " + ", ".join(simulated_family_names())
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "family", family, allowed)
    if seed < 0:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "seed", seed, "an integer of at least 0")
    draw = Draw(np.random.default_rng([zlib.crc32(family.encode()), seed]))
    if anchored:
        return _BUILDERS[family](draw)
    if family not in _FLOATING:
        allowed = "for a free object one of " + ", ".join(floating_family_names())
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "family", family, allowed)
    return _FLOATING[family](draw, False)
