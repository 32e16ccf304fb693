"""Other shapes with the same joints, so that networks learn what moves from how things are built, not from families.

Public: :func:`varied`.
"""

from __future__ import annotations

from neurok_model.data.families.draw import Draw
from neurok_model.data.kinematic_tree import ArticulatedObject
from neurok_model.data.variation.additions import with_additions
from neurok_model.data.variation.warp import Warp, warped

WARPED, ADDED_TO, ALONE = 0.6, 0.6, 0.05
"""How often a shape is warped, gets something fixed to its parts, or is scanned without its base."""


def varied(instance: ArticulatedObject, draw: Draw) -> ArticulatedObject:
    """The object in another shape, with joints that mean the same.

    Args:
        instance: what a family built.
        draw: source of randomness.
    """
    if draw.chance(WARPED):
        instance = warped(instance, Warp.drawn(draw, instance.reference_vertices))
    if draw.chance(ADDED_TO):
        instance = with_additions(instance, draw)
    if draw.chance(ALONE):
        instance = without_base(instance)
    return instance


def without_base(instance: ArticulatedObject) -> ArticulatedObject:
    """Only what moves: a knob, a leaf, a lid by itself, whose base is elsewhere or was cut off."""
    parts = [part.with_surfaces([] if part.index == 0 else part.surfaces) for part in instance.joints]
    return instance.rebuilt(parts)
