"""Unilateral contact: what the object cannot move through (obstacles) or beyond (stops of its coordinates)."""

from neurok_model.mechanics.collisions.constraint import Configuration, Directions, Gaps, UnilateralConstraint
from neurok_model.mechanics.collisions.limits import CoordinateLimits
from neurok_model.mechanics.collisions.obstacles import Box, Capsule, HalfSpace, Obstacle, Sphere
from neurok_model.mechanics.collisions.surface_contacts import SurfaceContacts

__all__ = [
    "Box",
    "Capsule",
    "Configuration",
    "CoordinateLimits",
    "Directions",
    "Gaps",
    "HalfSpace",
    "Obstacle",
    "Sphere",
    "SurfaceContacts",
    "UnilateralConstraint",
]
