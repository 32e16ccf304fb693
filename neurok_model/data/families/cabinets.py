"""Furniture and appliances with a box-shaped body whose front faces +x: chests, cabinets, fridges, ovens.

Bodies stand on z = 0; y runs along the front. Joints are zero when everything is closed.
"""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import handle, key_field, legs, slats
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import cylinder
from neurok_model.data.shapes import Surface, Vector, beveled_box, box, open_box, rectangular_frame

FORWARD, LEFTWARD, UPWARD = np.eye(3)


def swing_door(
    draw: Draw,
    tree: KinematicTree,
    parent: Part,
    opening: tuple[float, float, float, float, float],
    thickness: float,
    side: int,
    limit: float,
    window: bool = False,
    handle_share: float | None = None,
    locked: bool = False,
) -> Part:
    """A door in front of an opening, hinged on a vertical edge.

    Args:
        opening: (x of the body's front, y low, y high, z low, z high).
        side: -1 hinges at low y, +1 at high y.
        limit: largest opening angle in radians.
        window: make the door a frame with a pane.
        handle_share: height of the handle as a share of the door's height; drawn when not given.
        locked: the door cannot move.
    """
    x, y0, y1, z0, z1 = opening
    hinge_y = y1 if side > 0 else y0
    anchor = [x + draw.uniform(0.0, 1.0) * thickness, hinge_y, z0]
    # Opening swings the free edge towards +x: about +z when hinged at high y, about -z at low y.
    axis = side * UPWARD
    door = tree.locked(parent) if locked else tree.hinge(parent, anchor, axis, (0.0, limit))
    center, size = [x + thickness / 2, (y0 + y1) / 2, (z0 + z1) / 2], [thickness, y1 - y0, z1 - z0]
    door.add(*door_leaf(draw, center, size, window))
    reach = draw.uniform(0.06, 0.16) * (y1 - y0)
    share = draw.uniform(0.3, 0.7) if handle_share is None else handle_share
    place = [x + thickness, (y0 + reach) if side > 0 else (y1 - reach), z0 + share * (z1 - z0)]
    door.add(*handle(draw, place, FORWARD, UPWARD, draw.uniform(0.12, 0.5) * (z1 - z0)))
    return door


def door_leaf(draw: Draw, center: Vector, size: Vector, window: bool = False) -> list[Surface]:
    """A flat door, a framed one, or one with a pane; its thin axis is x."""
    extent = np.asarray(size, dtype=np.float64)
    middle = np.asarray(center, dtype=np.float64)
    if not window and draw.chance(0.6):
        return [beveled_box(center, size, draw.uniform(0.0, 0.4) * extent[0])]
    border = draw.uniform(0.08, 0.22) * float(min(extent[1], extent[2]))
    pane = extent - [0.6 * extent[0], 1.9 * border, 1.9 * border]
    return [rectangular_frame(center, size, border), box(middle - [0.1 * extent[0], 0, 0], pane)]


def drawer(
    draw: Draw,
    tree: KinematicTree,
    parent: Part,
    opening: tuple[float, float, float, float, float],
    depth: float,
    front: float,
    locked: bool = False,
) -> Part:
    """A drawer (front panel, open tray, handle) that slides along +x out of an opening."""
    x, y0, y1, z0, z1 = opening
    travel = draw.uniform(0.5, 0.95) * depth
    part = tree.locked(parent) if locked else tree.slide(parent, FORWARD, (0.0, travel))
    width, height = y1 - y0, z1 - z0
    middle = np.array([x, (y0 + y1) / 2, (z0 + z1) / 2])
    part.add(beveled_box(middle + [front / 2, 0, 0], [front, width, height], draw.uniform(0.0, 0.4) * front))
    tray_height = draw.uniform(0.5, 0.85) * height
    tray = [depth, 0.93 * width, tray_height]
    low = z0 + 0.06 * height + tray_height / 2
    part.add(open_box([x - depth / 2, middle[1], low], tray, draw.uniform(0.006, 0.014)))
    length = draw.uniform(0.15, 0.6) * width
    count = 2 if width > 0.7 and draw.chance(0.5) else 1
    for index in range(count):
        y = middle[1] + (index - (count - 1) / 2) * 0.5 * width
        place = [x + front, y, middle[2] + draw.uniform(-0.2, 0.2) * height]
        part.add(*handle(draw, place, FORWARD, LEFTWARD, length / count))
    return part


def rack_behind_flap(tree: KinematicTree, flap: Part, travel: float, clearance: float) -> Part:
    """A rack that slides along +x over a flap hinged below it, once the flap is down.

    Args:
        tree: the object.
        flap: its angle is zero when it is shut; it opens to 1.45 rad at least.
        travel: wanted, metres.
        clearance: height of the rack's underside over the flap's hinge, metres.
    """
    widest = 1.42
    reach = max(0.05, min(travel, clearance * np.tan(widest) - 0.05))
    rack = tree.slide(tree.base, FORWARD, (0.0, reach))
    # The flap, leaning by its angle, leaves the room clearance * tan(angle) in front of the hinge.
    opened = min(widest, float(np.arctan((reach + 0.05) / clearance)))
    tree.gate(rack, flap, opened - 0.12, opened)
    return rack


def _body(
    draw: Draw, tree: KinematicTree, size: tuple[float, float, float], lift: float, wall: float
) -> None:
    depth, width, height = size
    tree.base.add(open_box([0, 0, lift + height / 2], [depth, width, height], wall, opening=0))
    if lift > 0:
        tree.base.add(*legs(draw, (-depth / 2, -width / 2), (depth / 2, width / 2), lift))


@articulated_family("drawer_chest")
def drawer_chest(draw: Draw, tree: KinematicTree) -> None:
    """A chest with one to five rows and one or two columns of drawers."""
    depth, width, height = draw.uniform(0.25, 0.6), draw.uniform(0.3, 1.2), draw.uniform(0.25, 1.3)
    lift = draw.uniform(0.03, 0.25) if draw.chance(0.6) else 0.0
    wall, front = draw.uniform(0.012, 0.03), draw.uniform(0.01, 0.025)
    _body(draw, tree, (depth, width, height), lift, wall)
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
    """A cabinet with one or two doors, perhaps over or under a drawer, with shelves inside."""
    depth, width, height = draw.uniform(0.2, 0.6), draw.uniform(0.3, 1.1), draw.uniform(0.3, 1.8)
    lift = draw.uniform(0.03, 0.2) if draw.chance(0.6) else 0.0
    wall, front = draw.uniform(0.012, 0.03), draw.uniform(0.012, 0.025)
    _body(draw, tree, (depth, width, height), lift, wall)
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
    for y0, y1, side in spans:
        opening = (depth / 2, y0, y1, low, high)
        swing_door(
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
        )


@articulated_family("sliding_cabinet")
def sliding_cabinet(draw: Draw, tree: KinematicTree) -> None:
    """A cabinet or wardrobe whose doors slide sideways on two or three tracks."""
    depth, width, height = draw.uniform(0.3, 0.7), draw.uniform(0.6, 2.2), draw.uniform(0.4, 2.2)
    lift = draw.uniform(0.03, 0.2) if draw.chance(0.5) else 0.0
    wall, leaf = draw.uniform(0.015, 0.03), draw.uniform(0.012, 0.025)
    _body(draw, tree, (depth, width, height), lift, wall)
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
    _body(draw, tree, (depth, width, height), lift, wall)
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
        door = swing_door(
            draw, tree, tree.base, (x, y0, y1, z0, z1), front, hinge_side, limit, handle_share=share
        )
        for index in range(racks):
            z = z0 + (index + 0.6) / (racks + 0.5) * (z1 - z0)
            door.add(open_box([x - 0.05, (y0 + y1) / 2, z], [0.1, 0.7 * (y1 - y0), 0.07], 0.006))


@articulated_family("oven")
def oven(draw: Draw, tree: KinematicTree) -> None:
    """An oven or cooker: a flap door hinged at its lower edge, knobs, racks, perhaps hot plates."""
    depth, width, height = draw.uniform(0.4, 0.65), draw.uniform(0.4, 0.9), draw.uniform(0.4, 0.95)
    wall, front = draw.uniform(0.03, 0.06), draw.uniform(0.025, 0.05)
    lift = draw.uniform(0.02, 0.12)
    _body(draw, tree, (depth, width, height), lift, wall)
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
                tree.base.add(
                    cylinder(plate, [plate[0], plate[1], top + 0.008], draw.uniform(0.06, 0.11), 14)
                )


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
    _body(draw, tree, (depth, width, height), lift, wall)
    side = draw.sign()
    panel = draw.uniform(0.15, 0.3) * width
    x, low, high = depth / 2, lift, lift + height
    y0, y1 = (-width / 2 + panel, width / 2) if side > 0 else (-width / 2, width / 2 - panel)
    panel_y = (-width / 2 + panel / 2) if side > 0 else (width / 2 - panel / 2)
    tree.base.add(
        beveled_box([x + front / 2, panel_y, (low + high) / 2], [front, 0.97 * panel, height], 0.2 * front)
    )
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
            key_field(
                top + [-0.3 * depth, -0.3 * width, -0.001], top + [0.1 * depth, 0.1 * width, 0.003], 2, 8, 0.4
            )
        )
