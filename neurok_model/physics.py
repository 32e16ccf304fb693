"""What a scan cannot tell: mass, gravity, stiffness, damping, and how strict contacts are."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import MechanicsConfiguration

SUPPORTS = ("anchored", "free", "pinned")


@dataclass(frozen=True)
class PhysicsParameters(MechanicsConfiguration):
    """Physical parameters of one object, in SI units; see also :class:`MechanicsConfiguration`.

    Attributes:
        mass: total mass of the scanned surface in kg, spread evenly over it.
        contact_tolerance: largest distance between a contact point and the surface, as a share of the object's
            longest side.
        support: "anchored" where the object's base is fixed to the world, "free" where nothing holds it (its six
            rigid coordinates then come before q), "pinned" where a region of its surface is held instead of the base.
        pinned_centre: middle of the held region, in the scan's frame [m].
        pinned_radius: how far the held region reaches from there [m].
        reach: how far the object can go from the scanned pose, as a multiple of what the networks say. Where it was
            watched (``Predictor.refine``) one number or, for each way in which it was seen to move, two: how far it
            goes on, and how far back.

    Raises:
        NeurokError: INVALID_PARAMETER for a value that makes no sense.
    """

    mass: float = 1.0
    contact_tolerance: float = 0.05
    support: str = "anchored"
    pinned_centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pinned_radius: float = 0.05
    reach: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        reaches = self.reach if isinstance(self.reach, tuple) else (self.reach,)
        for name, value in (
            ("mass", self.mass),
            ("contact_tolerance", self.contact_tolerance),
            *(("reach", factor) for factor in reaches),
        ):
            if not (math.isfinite(value) and value > 0.0):
                raise NeurokError(ErrorCode.INVALID_PARAMETER, name, value, "a finite number above 0")
        if self.support not in SUPPORTS:
            allowed = "one of " + ", ".join(SUPPORTS)
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "support", self.support, allowed)
        if self.support == "pinned" and not (math.isfinite(self.pinned_radius) and self.pinned_radius > 0.0):
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "pinned_radius", self.pinned_radius, "a length above 0 m")
