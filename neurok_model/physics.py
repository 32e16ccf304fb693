"""What a scan cannot tell: mass, gravity, stiffness, damping, and how strict contacts are."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import MechanicsConfiguration


@dataclass(frozen=True)
class PhysicsParameters(MechanicsConfiguration):
    """Physical parameters of one object, in SI units; see also :class:`MechanicsConfiguration`.

    Attributes:
        mass: total mass of the scanned surface in kg, spread evenly over it.
        contact_tolerance: largest distance between a contact point and the surface, as a share of the object's
            longest side.

    Raises:
        NeurokError: INVALID_PARAMETER for a value that makes no sense.
    """

    mass: float = 1.0
    contact_tolerance: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("mass", "contact_tolerance"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise NeurokError(ErrorCode.INVALID_PARAMETER, name, value, "a finite number above 0")
