"""What furniture and appliances share: bodies open to the front, doors, drawers and racks. Fronts face +x.

Bodies stand on z = 0; y runs along the front. Joints are zero when everything is closed.
"""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import handle, legs
from neurok_model.data.kinematic_tree import KinematicTree, Part
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
    leader: Part | None = None,
) -> Part:
    """A door in front of an opening, hinged on a vertical edge.

    Args:
        opening: (x of the body's front, y low, y high, z low, z high).
        side: -1 hinges at low y, +1 at high y.
        limit: largest opening angle in radians.
        window: make the door a frame with a pane.
        handle_share: height of the handle as a share of the door's height; drawn when not given.
        locked: the door cannot move.
        leader: another door that this one opens together with.
    """
    x, y0, y1, z0, z1 = opening
    hinge_y = y1 if side > 0 else y0
    anchor = [x + draw.uniform(0.0, 1.0) * thickness, hinge_y, z0]
    # Opening swings the free edge towards +x: about +z when hinged at high y, about -z at low y.
    axis = side * UPWARD
    if leader is not None:
        door = tree.hinge_following(leader, parent, anchor, axis, 1.0)
    else:
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


def carcass(draw: Draw, tree: KinematicTree, size: tuple[float, float, float], lift: float, wall: float) -> None:
    """A body that is open to the front, ``lift`` metres above the floor on legs or a plinth.

    Args:
        size: depth, width and height, metres.
        lift: metres; 0 puts it on the floor.
        wall: thickness, metres.
    """
    depth, width, height = size
    tree.base.add(open_box([0, 0, lift + height / 2], [depth, width, height], wall, opening=0))
    if lift > 0:
        tree.base.add(*legs(draw, (-depth / 2, -width / 2), (depth / 2, width / 2), lift))
