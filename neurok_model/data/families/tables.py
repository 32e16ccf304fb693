"""Tables and desks: drawers under the top, leaves on hinges, tops that tilt. Fronts face +x."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fronts import drawer
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import circle, cylinder, prism, rounded_rectangle
from neurok_model.data.shapes import axis_rotation, beveled_box, box, open_box, rectangular_frame

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@articulated_family("table")
def table(draw: Draw, tree: KinematicTree) -> None:
    """A table or desk with drawers under its top, with leaves on hinges, or with a top that tilts."""
    depth, width = draw.uniform(0.35, 0.9), draw.uniform(0.5, 1.8)
    height, thick = draw.uniform(0.4, 1.1), draw.uniform(0.015, 0.06)
    feature = draw.choice(["drawers", "drawers", "drawers", "leaves", "leaves", "card", "tilt"])
    shape = rounded_rectangle(depth, width, draw.choice([0.002, 0.08, 0.45 if feature == "tilt" else 0.15]) * depth, 5)
    disc = feature == "tilt" and draw.chance(0.4)
    if disc:
        shape, width = circle(depth / 2, 24), depth
    top = tree.base
    under = height - thick
    with_drawers = False
    if feature == "tilt":
        _tilting_top(draw, tree, (depth, width, height), thick, shape, disc)
    else:
        leg = draw.uniform(0.025, 0.09)
        overhang = draw.uniform(0.0, 0.06)
        # Leaves and cards lie against straight edges.
        outline = shape if feature == "drawers" else rounded_rectangle(depth, width, 0.004)
        top.add(prism(outline, thick, origin=[0, 0, under]))
        _table_legs(draw, top, (depth - 2 * overhang, width - 2 * overhang, under), leg)
        with_drawers = feature == "drawers" or draw.chance(0.3)
        if with_drawers:
            _table_drawers(draw, tree, (depth - 2 * overhang, width - 2 * overhang - 2 * leg, under))
    if feature == "leaves":
        # A leaf at the front would hang before the drawers.
        _leaves(draw, tree, (depth, width, height), thick, not with_drawers and draw.chance(0.6))
    elif feature == "card":
        leaf = tree.hinge(tree.base, [-depth / 2, 0, height + 0.001], -LEFTWARD, (0.0, draw.uniform(1.6, 3.1)))
        leaf.add(beveled_box([0, 0, height + 0.002 + thick / 2], [depth, width, thick], 0.1 * thick))
    tree.transform(axis_rotation(UPWARD, np.pi if feature != "drawers" and draw.chance(0.5) else 0.0))


def _table_legs(draw: Draw, part: Part, size: tuple[float, float, float], leg: float) -> None:
    """Posts, panels, trestles or loops under the two ends, within ``leg`` metres of the ends."""
    depth, width, height = size
    style = draw.choice(["posts", "round", "panels", "trestles", "loops"])
    for sign in (-1, 1):
        y = sign * (width - leg) / 2
        if style == "panels":
            part.add(box([0, y, height / 2], [0.96 * depth, leg, height]))
        elif style == "trestles":
            part.add(box([0, y, 0.03 * height], [0.9 * depth, leg, 0.06 * height]))
            part.add(box([0, y, 0.97 * height], [0.8 * depth, leg, 0.06 * height]))
            part.add(beveled_box([0, y, height / 2], [0.25 * depth, 0.7 * leg, height], 0.1 * leg))
        elif style == "loops":
            part.add(rectangular_frame([0, y, height / 2], [0.94 * depth, 0.5 * leg, height], 0.5 * leg, normal=1))
        else:
            taper = draw.uniform(0.5, 1.0)
            for x in (-(depth - leg) / 2, (depth - leg) / 2):
                sides = 12 if style == "round" else 4
                radius = 0.5 * leg * (1.0 if style == "round" else 1.4)
                part.add(cylinder([x, y, 0], [x, y, height], taper * radius, sides, radius))
    if style == "trestles" or draw.chance(0.3):
        z = draw.uniform(0.15, 0.35) * height
        bar = [0.1 * depth, width - 1.5 * leg, 0.05 * height]
        part.add(box([-0.03 * depth, 0, z], bar))


def _table_drawers(draw: Draw, tree: KinematicTree, space: tuple[float, float, float]) -> None:
    """One to four drawers in cases under the top: side by side, or on top of each other at one end."""
    depth, width, under = space
    stacked = draw.chance(0.4)
    count = draw.integer(1, 4) if stacked else draw.integer(1, min(4, 1 + int(width / 0.3)))
    side = draw.sign()
    wall, front = draw.uniform(0.008, 0.02), draw.uniform(0.01, 0.025)
    length = draw.uniform(0.7, 0.96) * depth
    x = depth / 2 - draw.uniform(0.0, 0.03) - front
    bank = draw.uniform(0.3, 0.45) * width if stacked else draw.choice([1.0, draw.uniform(0.5, 1.0)]) * width
    total = min(0.6 * under, count * draw.uniform(0.1, 0.2)) if stacked else draw.uniform(0.1, 0.25) * under
    y0 = side * (width - bank) / 2 - bank / 2 if stacked or draw.chance(0.3) else -bank / 2
    for index in range(count):
        if stacked:
            high, tall, left, wide = under - index * total / count, total / count, y0, bank
        else:
            high, tall, left, wide = under, total, y0 + index * bank / count, bank / count
        center = [x - length / 2, left + wide / 2, high - tall / 2]
        tree.base.add(open_box(center, [length, wide, tall], wall, opening=0))
        flush = draw.choice([0.002, wall + 0.002])
        opening = (x, left + flush, left + wide - flush, high - tall + flush, high - flush)
        inner = (x, left + wall, left + wide - wall, high - tall + wall, high - wall)
        jammed = index > 0 and draw.chance(0.12)
        drawer(draw, tree, tree.base, inner if flush > wall else opening, length - 2 * wall, front, locked=jammed)


def _leaves(draw: Draw, tree: KinematicTree, size: tuple[float, float, float], thick: float, along_front: bool) -> None:
    """One or two leaves on hinges at the underside's edge, which fold down from flat or up from hanging."""
    depth, width, height = size
    half, long = (depth / 2, width) if along_front else (width / 2, depth)
    reach = min(draw.uniform(0.25, 0.9) * 2 * half, 0.9 * (height - thick))
    hanging = draw.choice([0.0, 0.0, draw.uniform(1.3, 1.55)])
    single = draw.sign()
    for sign in (-1, 1) if draw.chance(0.4) else (single,):
        outward = sign * (FORWARD if along_front else LEFTWARD)
        axis = np.cross(UPWARD, outward)
        anchor = half * outward + [0, 0, height - thick]
        limits = (-hanging, draw.uniform(1.0, 1.5)) if hanging == 0.0 else (-hanging, 0.0)
        jammed = sign == 1 and single == -1 and draw.chance(0.15)
        leaf = tree.locked(tree.base) if jammed else tree.hinge(tree.base, anchor, axis, limits)
        center = (half + 0.001 + reach / 2) * outward + [0, 0, height - thick / 2]
        extent = np.abs(outward) * reach + np.abs(axis) * long + [0, 0, thick]
        leaf.add(beveled_box(center, extent, 0.15 * thick).turned(axis, hanging, anchor))


def _tilting_top(
    draw: Draw, tree: KinematicTree, size: tuple[float, float, float], thick: float, shape: np.ndarray, disc: bool
) -> None:
    """A top hinged at its front edge over a frame, or at the head of a column or of two trestles."""
    depth, width, height = size
    under = height - thick
    post = draw.uniform(0.03, 0.08)
    if not disc and draw.chance(0.5):
        limits = (0.0, draw.uniform(0.5, 1.3))
        anchor = [0.45 * depth, 0, under]
        _table_legs(draw, tree.base, (0.9 * depth, 0.9 * width, under - 0.002), post)
        for x in (-0.4 * depth, 0.4 * depth):
            tree.base.add(box([x, 0, under - 0.03], [0.04, 0.85 * width, 0.05]))
    else:
        limits = (0.0, draw.uniform(0.8, 1.45))
        anchor = [post, 0, under]
        for y in [0.0] if draw.chance(0.5) else [-0.35 * width, 0.35 * width]:
            tree.base.add(box([0, y, under - 0.021], [2 * post, 2 * post, 0.04]))
            tree.base.add(cylinder([0, y, 0], [0, y, under - 0.02], 0.7 * post, 12))
            wide = 0.8 * width if y == 0 else 2 * post
            foot = 0.06 * under
            tree.base.add(beveled_box([0, y, foot / 2], [0.8 * depth, min(wide, 0.12), foot], 0.01))
            tree.base.add(beveled_box([0, y, foot / 2], [min(wide, 0.12), wide, foot], 0.01))
    top = tree.hinge(tree.base, anchor, LEFTWARD, limits)
    top.add(prism(shape, thick, origin=[0, 0, under]))
    if draw.chance(0.4):
        top.add(box([0.42 * depth, 0, height], [0.015, 0.5 * width, 0.05]))
