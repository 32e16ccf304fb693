"""Toasters: bodies with levers that carry the bread, and dials."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree
from neurok_model.data.round_shapes import cylinder, perforated_prism, prism, rounded_rectangle
from neurok_model.data.shapes import Vector, axis_rotation, beveled_box, box

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@articulated_family("toaster")
def toaster(draw: Draw, tree: KinematicTree) -> None:
    """A toaster: one or two levers slide down its side and may carry the bread, and there may be a dial."""
    length, width, height = draw.uniform(0.18, 0.42), draw.uniform(0.1, 0.3), draw.uniform(0.13, 0.24)
    feet = draw.uniform(0.0, 0.02)
    top = feet + height
    slots = draw.choice([1, 2, 2]) if width < 0.2 else 2
    hollow = draw.chance(0.75)
    wall = width * draw.uniform(0.1, 0.2)
    gap = (width - (slots + 1) * wall) / slots
    if hollow:
        corner = draw.uniform(0.02, 0.45) * width
        shape = rounded_rectangle(length, width, corner, 5)
        hole = rounded_rectangle(length - 2.4 * wall, width - 2 * wall, 0.8 * corner, 5)
        tree.base.add(perforated_prism(shape, hole, height, origin=[0, 0, feet]))
        tree.base.add(prism(0.95 * shape, 0.08 * height, origin=[0, 0, feet]))
    else:
        shape = rounded_rectangle(width, height, draw.uniform(0.05, 0.35) * width, 6)
        tree.base.add(prism(shape, length, LEFTWARD, UPWARD, [-length / 2, 0, feet + height / 2]))
    for sign in (-1, 1) if feet > 0.004 else ():
        tree.base.add(box([sign * 0.35 * length, 0, feet / 2], [0.08 * length, 0.5 * width, feet + 0.002]))
    middles = [(index - (slots - 1) / 2) * (gap + wall) for index in range(slots)]
    for index, y in enumerate(middles):
        if not hollow:
            for side in (-1, 1):
                rim = [0.75 * length, 0.15 * gap, 0.05 * height]
                tree.base.add(box([0, y + side * 0.45 * gap, top], rim))
        elif index > 0:
            tree.base.add(box([0, 0, top - 0.2 * height], [length - 2 * wall, wall, 0.4 * height]))
    levers = 2 if slots == 2 and draw.chance(0.4) else 1
    _toaster_levers(draw, tree, (length, feet, height), middles, levers, gap if hollow and draw.chance(0.6) else 0.0)
    if draw.chance(0.5):
        _toaster_dial(draw, tree, [length / 2, 0, feet + 0.2 * height], 0.09 * min(width, height))
    tree.transform(axis_rotation(UPWARD, draw.choice([0.0, 0.0, np.pi / 2, -np.pi / 2])))


def _toaster_levers(
    draw: Draw,
    tree: KinematicTree,
    size: tuple[float, float, float],
    middles: list[float],
    count: int,
    bread: float,
) -> None:
    """Levers on the face at +x, and slices of bread that ride on them."""
    length, feet, height = size
    start, travel = draw.uniform(0.7, 0.85) * height, draw.uniform(0.25, 0.45) * height
    reach, tall = draw.uniform(0.015, 0.04), draw.uniform(0.03, 0.1) * height
    wide = draw.uniform(0.015, 0.05) if count == 1 else 0.7 * (middles[1] - middles[0]) * draw.uniform(0.4, 1.0)
    for index in range(count):
        y = middles[index] if count == 2 else 0.0
        jammed = index == 1 and draw.chance(0.2)
        lever = tree.locked(tree.base) if jammed else tree.slide(tree.base, -UPWARD, (0.0, travel))
        z = feet + start
        tree.base.add(box([length / 2, y, z - travel / 2], [0.003, 0.25 * wide, travel + 1.2 * tall]))
        lever.add(box([length / 2 + 0.2 * reach, y, z], [0.6 * reach, 0.2 * wide, 0.5 * tall]))
        lever.add(beveled_box([length / 2 + 0.7 * reach, y, z], [0.6 * reach, wide, tall], 0.2 * tall))
        for slot in [middles[index]] if count == 2 else middles:
            if bread > 0:
                tall_slice = height * draw.uniform(0.5, 0.6)
                shape = rounded_rectangle(draw.uniform(0.4, 0.65) * length, tall_slice, 0.2 * tall_slice)
                low = feet + 0.1 * height + travel
                thick = 0.6 * bread
                lever.add(prism(shape, thick, FORWARD, UPWARD, [0, slot + thick / 2, low + tall_slice / 2]))


def _toaster_dial(draw: Draw, tree: KinematicTree, place: Vector, radius: float) -> None:
    """A knob that turns, under the levers."""
    root = np.asarray(place, dtype=np.float64)
    out = radius * draw.uniform(0.6, 1.4)
    dial = tree.hinge(tree.base, root, FORWARD, (-draw.uniform(0.3, 2.4), draw.uniform(0.3, 2.4)))
    dial.add(cylinder(root - [0.002, 0, 0], root + [out, 0, 0], radius, draw.choice([8, 14, 20])))
    dial.add(box(root + [out, 0, 0.3 * radius], [0.3 * out, 0.25 * radius, 1.2 * radius]))
