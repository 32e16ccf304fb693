"""Furniture with a box-shaped body whose front faces +x: chests, cabinets, wardrobes, fridges.

Bodies stand on z = 0; y runs along the front. Joints are zero when everything is closed.
"""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fronts import carcass, door_leaf, drawer, swing_door
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.shapes import beveled_box, box, open_box

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@articulated_family("drawer_chest")
def drawer_chest(draw: Draw, tree: KinematicTree) -> None:
    """A chest with one to five rows and one or two columns of drawers."""
    depth, width, height = draw.uniform(0.25, 0.6), draw.uniform(0.3, 1.2), draw.uniform(0.25, 1.3)
    lift = draw.uniform(0.03, 0.25) if draw.chance(0.6) else 0.0
    wall, front = draw.uniform(0.012, 0.03), draw.uniform(0.01, 0.025)
    carcass(draw, tree, (depth, width, height), lift, wall)
    if draw.chance(0.5):
        over = draw.uniform(0.0, 0.03)
        top = [depth + 2 * over, width + 2 * over, wall]
        tree.base.add(beveled_box([0, 0, lift + height + wall / 2], top, 0.3 * wall))
    rows = draw.integer(1, 5)
    columns = 2 if rows <= 3 and draw.chance(0.3) else 1
    top_z = lift + height - wall
    gap = draw.uniform(0.002, 0.006)
    for share in draw.shares(rows):
        row_height = share * (height - 2 * wall)
        for column in range(columns):
            cell = (width - 2 * wall) / columns
            y0 = -width / 2 + wall + column * cell
            opening = (depth / 2, y0 + gap, y0 + cell - gap, top_z - row_height + gap, top_z - gap)
            drawer(
                draw,
                tree,
                tree.base,
                opening,
                draw.uniform(0.7, 0.95) * (depth - wall),
                front,
                locked=draw.chance(0.1) and rows > 1,
            )
        if rows > 1:
            tree.base.add(box([0, 0, top_z], [0.96 * depth, width - 2 * wall, 0.5 * wall]))
        top_z -= row_height


@articulated_family("door_cabinet")
def door_cabinet(draw: Draw, tree: KinematicTree) -> None:
    """A cabinet with one or two doors (perhaps coupled), perhaps over or under a drawer, with shelves inside."""
    depth, width, height = draw.uniform(0.2, 0.6), draw.uniform(0.3, 1.1), draw.uniform(0.3, 1.8)
    lift = draw.uniform(0.03, 0.2) if draw.chance(0.6) else 0.0
    wall, front = draw.uniform(0.012, 0.03), draw.uniform(0.012, 0.025)
    carcass(draw, tree, (depth, width, height), lift, wall)
    low, high = lift, lift + height
    if draw.chance(0.35):
        band = draw.uniform(0.12, 0.25) * height
        at_top = draw.chance(0.5)
        zone = (high - band, high - 0.003) if at_top else (low, low + band - 0.003)
        low, high = (low, high - band) if at_top else (low + band, high)
        drawer(draw, tree, tree.base, (depth / 2, -width / 2, width / 2, *zone), 0.85 * depth, front)
        divider = high if at_top else low
        tree.base.add(box([0, 0, divider], [0.96 * depth, width - 2 * wall, wall]))
    for index in range(draw.integer(0, 3)):
        z = low + (index + 1) / 4 * (high - low)
        tree.base.add(box([-0.05 * depth, 0, z], [0.8 * depth, width - 2 * wall, 0.7 * wall]))
    limit = draw.uniform(1.4, 2.9)
    window = draw.chance(0.25)
    share = draw.uniform(0.25, 0.75)
    double = width > 0.45 and draw.chance(0.6)
    if double:
        split = draw.uniform(-0.1, 0.1) * width if draw.chance(0.3) else 0.0
        spans = [(-width / 2, split - 0.002, -1), (split + 0.002, width / 2, 1)]
    else:
        spans = [(-width / 2, width / 2, draw.sign())]
    coupled = double and draw.chance(0.25)
    first: Part | None = None
    for y0, y1, side in spans:
        opening = (depth / 2, y0, y1, low, high)
        door = swing_door(
            draw,
            tree,
            tree.base,
            opening,
            front,
            side,
            limit,
            window,
            share,
            locked=double and side > 0 and draw.chance(0.15),
            leader=first if coupled else None,
        )
        first = first or door


@articulated_family("sliding_cabinet")
def sliding_cabinet(draw: Draw, tree: KinematicTree) -> None:
    """A cabinet or wardrobe whose doors slide sideways on two or three tracks."""
    depth, width, height = draw.uniform(0.3, 0.7), draw.uniform(0.6, 2.2), draw.uniform(0.4, 2.2)
    lift = draw.uniform(0.03, 0.2) if draw.chance(0.5) else 0.0
    wall, leaf = draw.uniform(0.015, 0.03), draw.uniform(0.012, 0.025)
    carcass(draw, tree, (depth, width, height), lift, wall)
    for index in range(draw.integer(0, 3)):
        z = lift + (index + 1) / 4 * height
        tree.base.add(box([-0.1 * depth, 0, z], [0.7 * depth, width - 2 * wall, 0.7 * wall]))
    count = draw.integer(2, 3) if width > 1.2 else 2
    span = width - 2 * wall
    overlap = draw.uniform(0.0, 0.05) * span
    leaf_width = span / count + overlap
    outside = draw.chance(0.3)
    for index in range(count):
        y = -span / 2 + leaf_width / 2 + index * (span - leaf_width) / (count - 1)
        # Every door has a track of its own, so that none passes through another.
        x = depth / 2 + (1 if outside else -1) * (0.6 + 1.3 * index) * leaf
        free = not (index == 1 and draw.chance(0.25))
        room = (-span / 2 + leaf_width / 2 - y, span / 2 - leaf_width / 2 - y)
        door = tree.slide(tree.base, LEFTWARD, room) if free else tree.locked(tree.base)
        middle = np.array([x, y, lift + height / 2])
        door.add(*door_leaf(draw, middle, [leaf, leaf_width, height - 2.2 * wall], draw.chance(0.2)))
        edge = 0.42 * leaf_width * (1 if index == 0 else -1)
        grip = middle + [leaf / 2, edge, 0]
        door.add(box(grip, [0.3 * leaf, draw.uniform(0.015, 0.04), draw.uniform(0.08, 0.3) * height]))


@articulated_family("fridge")
def fridge(draw: Draw, tree: KinematicTree) -> None:
    """A refrigerator: one door, freezer above or below, side by side, or a drawer below."""
    depth, width, height = draw.uniform(0.45, 0.75), draw.uniform(0.45, 0.95), draw.uniform(0.7, 1.95)
    wall, front = draw.uniform(0.03, 0.07), draw.uniform(0.04, 0.08)
    lift = draw.uniform(0.02, 0.06)
    carcass(draw, tree, (depth, width, height), lift, wall)
    for index in range(draw.integer(1, 4)):
        z = lift + (index + 1) / 6 * height
        # The racks in the doors reach 0.1 m inwards, and further when they swing.
        tree.base.add(box([-0.07, 0, z], [depth - 2 * wall - 0.14, width - 2 * wall, 0.012]))
    limit = draw.uniform(1.5, 2.4)
    side = draw.sign()
    layout = draw.choice(["single", "stacked", "beside", "drawer"])
    x, low, high = depth / 2, lift, lift + height
    split = low + draw.choice([draw.uniform(0.25, 0.4), draw.uniform(0.6, 0.75)]) * height
    if layout == "single":
        zones = [(x, -width / 2, width / 2, low, high, side)]
    elif layout == "stacked":
        zones = [
            (x, -width / 2, width / 2, low, split - 0.004, side),
            (x, -width / 2, width / 2, split + 0.004, high, side),
        ]
    else:
        middle = draw.uniform(-0.12, 0.12) * width if layout == "beside" else 0.0
        bottom = low if layout == "beside" else low + draw.uniform(0.25, 0.4) * height
        zones = [
            (x, -width / 2, middle - 0.003, bottom, high, -1),
            (x, middle + 0.003, width / 2, bottom, high, 1),
        ]
        if layout == "drawer":
            below = (x, -width / 2, width / 2, low, bottom - 0.006)
            drawer(draw, tree, tree.base, below, 0.75 * depth, front)
            tree.base.add(box([0, 0, bottom], [0.95 * depth, width - 2 * wall, wall]))
    if layout == "stacked":
        tree.base.add(box([0, 0, split], [0.95 * depth, width - 2 * wall, wall]))
    share = draw.uniform(0.35, 0.65)
    racks = draw.integer(0, 3)
    for x, y0, y1, z0, z1, hinge_side in zones:
        door = swing_door(draw, tree, tree.base, (x, y0, y1, z0, z1), front, hinge_side, limit, handle_share=share)
        for index in range(racks):
            z = z0 + (index + 0.6) / (racks + 0.5) * (z1 - z0)
            door.add(open_box([x - 0.05, (y0 + y1) / 2, z], [0.1, 0.7 * (y1 - y0), 0.07], 0.006))
