"""Ovens and microwaves: boxes that heat, with a flap or a side-hinged door. Fronts face +x."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import handle, key_field, slats
from neurok_model.data.families.fronts import carcass, door_leaf, drawer, rack_behind_flap, swing_door
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree
from neurok_model.data.round_shapes import cylinder
from neurok_model.data.shapes import Vector, beveled_box, box, rectangular_frame

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@articulated_family("oven")
def oven(draw: Draw, tree: KinematicTree) -> None:
    """An oven or cooker: a flap door hinged at its lower edge, knobs, racks, perhaps hot plates."""
    depth, width, height = draw.uniform(0.4, 0.65), draw.uniform(0.4, 0.9), draw.uniform(0.4, 0.95)
    wall, front = draw.uniform(0.03, 0.06), draw.uniform(0.025, 0.05)
    lift = draw.uniform(0.02, 0.12)
    carcass(draw, tree, (depth, width, height), lift, wall)
    panel = draw.uniform(0.1, 0.2) * height
    below = draw.uniform(0.12, 0.25) * height if draw.chance(0.4) else 0.0
    x, low, high = depth / 2, lift + below, lift + height - panel
    if below > 0:
        drawer(
            draw,
            tree,
            tree.base,
            (x, -width / 2, width / 2, lift, low - 0.006),
            0.8 * depth,
            front,
            locked=draw.chance(0.3),
        )
        tree.base.add(box([0, 0, low], [0.95 * depth, width - 2 * wall, 0.5 * wall]))
    tree.base.add(box([x + front / 2, 0, high + panel / 2 + 0.002], [front, width, panel - 0.004]))
    # Hinged at its outer edge, the door stays above a drawer below it.
    door = tree.hinge(tree.base, [x + front, 0, low], LEFTWARD, (0.0, draw.uniform(1.45, 1.65)))
    middle = [x + front / 2, 0, (low + high) / 2]
    door.add(*door_leaf(draw, middle, [front, width, high - low - 0.006], window=draw.chance(0.7)))
    place = [x + front, 0, high - draw.uniform(0.08, 0.16) * (high - low)]
    door.add(*handle(draw, place, FORWARD, LEFTWARD, draw.uniform(0.5, 0.85) * width))
    _knobs(draw, tree, [x + front, 0, high + panel / 2], 0.8 * width, panel)
    for index in range(draw.integer(1, 3)):
        z = low + (index + 1) / 4.5 * (high - low)
        rack = [0.85 * depth, width - 2.2 * wall, 0.01]
        if draw.chance(0.35):
            sliding = rack_behind_flap(tree, door, draw.uniform(0.3, 0.7) * depth, z - low - front - 0.01)
            sliding.add(slats([0, 0, z], rack, draw.integer(5, 9), across=1, fill=0.25))
            sliding.add(rectangular_frame([0, 0, z], rack, 0.012, normal=2))
        else:
            tree.base.add(slats([0, 0, z], rack, draw.integer(5, 9), across=1, fill=0.25))
    if draw.chance(0.5):
        top = lift + height
        for px in (-0.22, 0.22):
            for py in (-0.25, 0.25):
                plate = [px * depth, py * width, top - 0.002]
                tree.base.add(cylinder(plate, [plate[0], plate[1], top + 0.008], draw.uniform(0.06, 0.11), 14))


def _knobs(draw: Draw, tree: KinematicTree, center: Vector, width: float, height: float) -> None:
    count = draw.integer(0, 6)
    radius = min(0.35 * height, draw.uniform(0.012, 0.025))
    turning = draw.chance(0.3)
    for index in range(count):
        y = ((index + 0.5) / count - 0.5) * width
        start = np.asarray(center, dtype=np.float64) + [-0.001, y, 0]
        # At most two knobs turn: their motion is small, and every free joint costs a coordinate.
        free = turning and index < 2
        part = tree.hinge(tree.base, start, FORWARD, (0.0, draw.uniform(1.5, 4.5))) if free else tree.base
        part.add(cylinder(start, start + [0.02, 0, 0], radius, 10))
        part.add(box(start + [0.024, 0, 0], [0.012, 0.35 * radius, 1.9 * radius]))


@articulated_family("microwave")
def microwave(draw: Draw, tree: KinematicTree) -> None:
    """A microwave oven: a side-hinged door beside a panel of buttons, a turning plate inside."""
    depth, width, height = draw.uniform(0.28, 0.45), draw.uniform(0.4, 0.65), draw.uniform(0.22, 0.4)
    wall, front = draw.uniform(0.015, 0.03), draw.uniform(0.015, 0.035)
    lift = draw.uniform(0.008, 0.02)
    carcass(draw, tree, (depth, width, height), lift, wall)
    side = draw.sign()
    panel = draw.uniform(0.15, 0.3) * width
    x, low, high = depth / 2, lift, lift + height
    y0, y1 = (-width / 2 + panel, width / 2) if side > 0 else (-width / 2, width / 2 - panel)
    panel_y = (-width / 2 + panel / 2) if side > 0 else (width / 2 - panel / 2)
    tree.base.add(beveled_box([x + front / 2, panel_y, (low + high) / 2], [front, 0.97 * panel, height], 0.2 * front))
    divider = y0 if side > 0 else y1
    tree.base.add(box([0, divider, (low + high) / 2], [0.95 * depth, wall, height - 2 * wall]))
    swing_door(
        draw,
        tree,
        tree.base,
        (x, y0, y1, low, high),
        front,
        side,
        draw.uniform(1.5, 2.2),
        window=draw.chance(0.8),
        handle_share=0.5,
    )
    for row in range(draw.integer(2, 5)):
        for column in range(draw.integer(1, 3)):
            place = [x + front, panel_y + (column - 1) * 0.25 * panel, low + (0.12 + 0.13 * row) * height]
            tree.base.add(box(place, [0.008, 0.18 * panel, 0.08 * height]))
    if draw.chance(0.6):
        middle = [0.0, (y0 + y1) / 2, low + wall + 0.01]
        radius = 0.38 * min(depth, y1 - y0)
        turning = draw.chance(0.3)
        plate = tree.hinge(tree.base, middle, UPWARD, (-3.1, 3.1)) if turning else tree.base
        plate.add(cylinder(middle, [middle[0], middle[1], middle[2] + 0.012], radius, 16))
        if draw.chance(0.5):
            cup = [middle[0] + 0.5 * radius, middle[1], middle[2] + 0.012]
            plate.add(cylinder(cup, [cup[0], cup[1], cup[2] + 0.08], 0.03, 10))
    if draw.chance(0.4):
        top = np.array([0.0, 0.0, lift + height])
        tree.base.add(
            key_field(top + [-0.3 * depth, -0.3 * width, -0.001], top + [0.1 * depth, 0.1 * width, 0.003], 2, 8, 0.4)
        )
