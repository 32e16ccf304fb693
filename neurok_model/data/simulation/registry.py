"""The list of simulated families, and how an instance is built from a seed."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.simulation.scene import SimulatedScene
from neurok_model.errors import ErrorCode, NeurokError

SceneBuilder = Callable[[Draw], SimulatedScene]
_BUILDERS: dict[str, SceneBuilder] = {}


def simulated_family(name: str) -> Callable[[SceneBuilder], SceneBuilder]:
    """Register a function that draws a scene."""

    def register(builder: SceneBuilder) -> SceneBuilder:
        _BUILDERS[name] = builder
        return builder

    return register


def simulated_family_names() -> list[str]:
    """Names of all simulated families, in alphabetical order."""
    return sorted(_BUILDERS)


def build_scene(family: str, seed: int) -> SimulatedScene:
    """Build one instance; the same family and seed give the same scene.

    Args:
        family: one of :func:`simulated_family_names`.
        seed: any non-negative integer.

    Raises:
        NeurokError: for an unknown family or a negative seed.
    """
    if family not in _BUILDERS:
        allowed = "one of " + ", ".join(simulated_family_names())
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "family", family, allowed)
    if seed < 0:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "seed", seed, "an integer of at least 0")
    return _BUILDERS[family](Draw(np.random.default_rng([zlib.crc32(family.encode()), seed])))
