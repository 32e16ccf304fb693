"""Things that are pressed, pulled at the side or lifted off: buttons, plungers, side levers, loose lids."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import handle
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import cylinder, ellipsoid, lathe, prism, ring, rounded_rectangle, sweep
from neurok_model.data.shapes import Surface, axis_rotation, beveled_box, box, open_box

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@articulated_family("push_button")
def push_button(draw: Draw, tree: KinematicTree) -> None:
    """Buttons, plungers, keys or pegs that are pressed straight into a box, a machine, a panel or a post."""
    size = draw.uniform(0.05, 0.4)
    count = draw.choice([1, 1, 1, 2, 3, 4])
    width = size * draw.uniform(0.4, 1.2) * (1.0 if count == 1 else 1.4)
    face, room = _button_housing(draw, tree, size, width)
    pitch = width / count
    radius = draw.uniform(0.2, 0.38) * min(pitch, room)
    alike = draw.choice(["cap", "mushroom", "key", "plunger"])
    depth = radius * draw.uniform(0.4, 2.5)
    for index in range(count):
        place = face + [0, (index - (count - 1) / 2) * pitch, 0]
        style = alike if draw.chance(0.8) else draw.choice(["cap", "mushroom", "key", "plunger"])
        button = tree.slide(tree.base, -FORWARD, (0.0, depth * draw.uniform(0.6, 0.85)))
        button.add(*_button(draw, place, radius, depth, style))
        if draw.chance(0.3) and style != "key":
            tree.base.add(ring(place + [0.02 * radius, 0, 0], FORWARD, 1.15 * radius, 0.08 * radius, 16))
    pose = draw.choice(["upright", "upright", "on its back", "on its side"])
    if pose == "on its back":
        tree.transform(axis_rotation(LEFTWARD, -np.pi / 2))
    elif pose == "on its side":
        tree.transform(axis_rotation(FORWARD, np.pi / 2))


def _button_housing(draw: Draw, tree: KinematicTree, size: float, width: float) -> tuple[np.ndarray, float]:
    """What buttons sit in. Returns the middle of their row on the front, and the height that there is for them."""
    style = draw.choice(["box", "machine", "panel", "post"])
    bevel = draw.uniform(0.005, 0.08) * size
    if style == "panel":
        thick = size * draw.uniform(0.05, 0.2)
        shape = rounded_rectangle(1.1 * width, size, 0.1 * min(size, width))
        tree.base.add(prism(shape, thick, LEFTWARD, UPWARD, [-thick, 0, size / 2]))
        return np.array([0.0, 0.0, size * draw.uniform(0.35, 0.65)]), 0.6 * size
    if style == "machine":
        # A body with an overhanging head, whose buttons and spouts look the same way.
        depth, head = size * draw.uniform(0.5, 0.9), size * draw.uniform(0.3, 0.5)
        overhang = depth * draw.uniform(0.15, 0.6)
        tree.base.add(beveled_box([-depth / 2, 0, size - head / 2], [depth, 1.1 * width, head], bevel))
        back = [depth - overhang, draw.uniform(0.8, 1.1) * width, size - head]
        tree.base.add(beveled_box([-overhang - back[0] / 2, 0, back[2] / 2], back, 0.5 * bevel))
        if draw.chance(0.6):
            tree.base.add(box([-depth / 2, 0, 0.03 * size], [depth, 1.05 * width, 0.06 * size]))
        if draw.chance(0.6):
            top = np.array([-0.6 * overhang, 0.0, size - head])
            tree.base.add(cylinder(top + [0, 0, 0.02 * size], top - [0, 0, 0.1 * size], 0.04 * size, 10))
        return np.array([0.0, 0.0, size - head / 2]), 0.85 * head
    if style == "post":
        thick, foot = size * draw.uniform(0.15, 0.4), size * draw.uniform(0.05, 0.12)
        high = size * draw.uniform(0.5, 1.2)
        tree.base.add(cylinder([-thick / 2, 0, 0], [-thick / 2, 0, high], 0.3 * thick, 12))
        tree.base.add(box([-thick / 2, 0, foot / 2], [2.5 * thick, 1.2 * width, foot]))
        tree.base.add(beveled_box([-thick / 2, 0, high], [thick, 1.1 * width, 0.5 * size], bevel))
        return np.array([0.0, 0.0, high]), 0.4 * size
    depth = size * draw.uniform(0.4, 1.3)
    tree.base.add(beveled_box([-depth / 2, 0, size / 2], [depth, 1.1 * width, size], bevel))
    _trimmings(draw, tree, size, width)
    return np.array([0.0, 0.0, size * draw.uniform(0.3, 0.7)]), 0.5 * size


def _trimmings(draw: Draw, tree: KinematicTree, size: float, width: float) -> None:
    """A lip, a screen or a foot that does not move."""
    if draw.chance(0.3):
        tree.base.add(box([0, 0, 0.92 * size], [0.06 * size, 0.8 * width, 0.06 * size]))
    if draw.chance(0.3):
        tree.base.add(box([-0.2 * size, 0, -0.02 * size], [0.8 * size, 1.3 * width, 0.06 * size]))


def _button(draw: Draw, place: np.ndarray, radius: float, depth: float, style: str) -> list[Surface]:
    """One button that stands ``depth`` metres proud of the face at ``place``, its stem a little inside."""
    root, tip = place - [0.2 * depth, 0, 0], place + [depth, 0, 0]
    if style == "cap":
        profile = [(radius, -0.2 * depth), (radius, 0.8 * depth), (0.85 * radius, depth)]
        return [lathe(profile, place, FORWARD, draw.choice([8, 16, 24]))]
    if style == "key":
        tall = radius * draw.uniform(1.0, 2.0)
        return [beveled_box((root + tip) / 2, [1.2 * depth, 1.8 * radius, tall], 0.1 * min(radius, depth))]
    stem = radius * draw.uniform(0.15, 0.6)
    thick = depth * draw.uniform(0.08, 0.15)
    if style == "mushroom":
        profile = [(radius, 0.0), (radius, thick), (0.6 * radius, 2 * thick)]
        head = lathe(profile, tip - [2 * thick, 0, 0], FORWARD, draw.choice([10, 16, 24]))
    elif draw.chance(0.5):
        head = ellipsoid(tip - [thick, 0, 0], [thick, radius, radius], 12, 8)
    else:
        head = cylinder(tip - [thick, 0, 0], tip, radius, draw.choice([6, 12, 20]))
    return [cylinder(root, tip - [thick, 0, 0], stem, 10), head]


@articulated_family("side_lever")
def side_lever(draw: Draw, tree: KinematicTree) -> None:
    """An arm on an axle that comes out of the side of a post or of a box: brakes, pumps, winders, press handles."""
    height = draw.uniform(0.1, 0.5)
    width, depth = height * draw.uniform(0.2, 0.8), height * draw.uniform(0.25, 0.9)
    if draw.chance(0.5):
        round_top = rounded_rectangle(depth, height, 0.45 * min(depth, height), 6)
        tree.base.add(prism(round_top, width, FORWARD, UPWARD, [0, width / 2, height / 2]))
        tree.base.add(box([0, 0, 0.06 * height], [depth, width, 0.12 * height]))
    else:
        tree.base.add(beveled_box([0, 0, height / 2], [depth, width, height], 0.03 * height))
    if draw.chance(0.6):
        foot = height * draw.uniform(0.04, 0.12)
        tree.base.add(box([0, 0, -foot / 2], [1.3 * depth, 1.4 * width, foot]))
    pivot = np.array([draw.uniform(-0.2, 0.2) * depth, width / 2, height * draw.uniform(0.45, 0.8)])
    radius = height * draw.uniform(0.02, 0.05)
    arm: Part = tree.hinge(tree.base, pivot, LEFTWARD, (-draw.uniform(0.2, 1.6), draw.uniform(0.2, 1.6)))
    out = width * draw.uniform(0.1, 0.6) + 2 * radius
    both = draw.chance(0.35)
    start = pivot - [0, 0.05 * width + both * (width + out), 0]
    arm.add(cylinder(start, pivot + [0, out, 0], radius, 10))
    reach = height * draw.uniform(0.4, 1.2)
    angle = draw.uniform(-np.pi, np.pi)
    tip = np.array([reach * np.cos(angle), 0.0, reach * np.sin(angle)])
    ends = [pivot + [0, out, 0]] + ([pivot - [0, width + out, 0]] if both else [])
    for end in ends:
        arm.add(sweep(np.stack([end - 0.05 * tip, end + tip]), radius * draw.uniform(0.8, 1.1), 8))
        if draw.chance(0.5):
            hub = radius * draw.uniform(1.6, 3.0)
            arm.add(cylinder(end - [0, 1.1 * radius, 0], end + [0, 1.1 * radius, 0], hub, 14))
    grip = radius * draw.uniform(1.5, 3.0)
    if both:
        beyond = np.array([0.0, 1.5 * radius, 0.0])
        arm.add(cylinder(ends[1] + 0.97 * tip - beyond, ends[0] + 0.97 * tip + beyond, 0.9 * radius, 10))
    elif draw.chance(0.6):
        arm.add(ellipsoid(ends[0] + tip, [grip, grip, grip], 12, 8))
    else:
        arm.add(cylinder(ends[0] + tip - [0, radius, 0], ends[0] + tip + [0, 4 * grip, 0], 0.6 * grip, 8))
    tree.transform(np.diag([1.0, float(draw.sign()), 1.0]))
    lowest = min(float(s.vertices[:, 2].min()) for s in tree.base.surfaces)
    tree.transform(np.eye(3), [0, 0, -lowest])


@articulated_family("loose_lid")
def loose_lid(draw: Draw, tree: KinematicTree) -> None:
    """A pot, a tub or a box whose lid overhangs on all sides and is lifted straight up by a knob or a handle."""
    width, height = draw.uniform(0.08, 0.4), draw.uniform(0.06, 0.3)
    depth = width * draw.uniform(0.6, 1.0)
    overhang = width * draw.uniform(0.02, 0.12)
    thick = height * draw.uniform(0.05, 0.2)
    lift = height * draw.uniform(0.4, 1.2)
    lid = tree.slide(tree.base, UPWARD, (0.0, lift))
    if draw.chance(0.5):
        wall = width * draw.uniform(0.02, 0.05)
        tree.base.add(open_box([0, 0, height / 2], [depth, width, height], wall))
        size = [depth + 2 * overhang, width + 2 * overhang, thick]
        lid.add(beveled_box([0, 0, height + thick / 2], size, 0.1 * thick))
    else:
        radius, sides = width / 2, draw.choice([12, 20, 28])
        wall = radius * draw.uniform(0.03, 0.08)
        belly = draw.uniform(0.8, 1.0)
        inside = [(0.9 * belly * radius, wall), (radius - wall, height)]
        outside = [(belly * radius, 0.0), (radius, 0.3 * height), (radius, height)]
        tree.base.add(lathe(outside + inside[::-1], [0, 0, 0], UPWARD, sides))
        dome = draw.uniform(0.3, 0.9) * thick
        rim = radius + overhang
        lid.add(lathe([(rim, 0), (rim, thick - dome), (0.4 * rim, thick)], [0, 0, height], UPWARD, sides))
        for side in (-1, 1) if draw.chance(0.4) else ():
            tree.base.add(*handle(draw, [0, side * radius, 0.7 * height], side * LEFTWARD, FORWARD, 0.5 * radius))
    top = np.array([0.0, 0.0, height + thick])
    if draw.chance(0.5):
        lid.add(*handle(draw, top, UPWARD, draw.choice([FORWARD, LEFTWARD]), draw.uniform(0.2, 0.6) * depth))
    else:
        knob = width * draw.uniform(0.04, 0.1)
        lid.add(cylinder(top - [0, 0, 0.1 * thick], top + [0, 0, knob], 0.5 * knob, 10))
        lid.add(ellipsoid(top + [0, 0, 1.5 * knob], [knob] * 3, 12, 8))
