"""Household machines: dishwashers and washing machines. Fronts face +x, bodies stand on z = 0."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import handle, slats
from neurok_model.data.families.fronts import door_leaf, drawer, rack_behind_flap
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import circle, cylinder, lathe, perforated_prism, rectangle_by_rays, tube
from neurok_model.data.shapes import beveled_box, box, open_box, rectangular_frame

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@articulated_family("dishwasher")
def dishwasher(draw: Draw, tree: KinematicTree) -> None:
    """A flap door hinged below and racks that roll out."""
    depth, width, height = draw.uniform(0.45, 0.65), draw.uniform(0.4, 0.65), draw.uniform(0.45, 0.9)
    wall, front = draw.uniform(0.02, 0.05), draw.uniform(0.025, 0.06)
    tree.base.add(open_box([0, 0, height / 2], [depth, width, height], wall, opening=0))
    plinth = draw.uniform(0.05, 0.14) * height
    tree.base.add(box([0.48 * depth, 0, plinth / 2], [0.03, width - 2 * wall, plinth]))
    strip = draw.uniform(0.08, 0.14) * height if draw.chance(0.5) else 0.0
    x, low, high = depth / 2, plinth, height - strip
    if strip > 0:
        tree.base.add(box([x + front / 2, 0, high + strip / 2 + 0.002], [front, width, strip - 0.004]))
    door = tree.hinge(tree.base, [x, 0, low], LEFTWARD, (0.0, draw.uniform(1.45, 1.62)))
    door.add(*door_leaf(draw, [x + front / 2, 0, (low + high) / 2], [front, width, high - low - 0.004]))
    if draw.chance(0.85):
        place = [x + front, 0, high - draw.uniform(0.06, 0.14) * (high - low)]
        door.add(*handle(draw, place, FORWARD, LEFTWARD, draw.uniform(0.3, 0.8) * width))
    if draw.chance(0.5):
        door.add(box([x - 0.01, 0.1 * width, (low + high) / 2], [0.03, 0.25 * width, 0.15 * height]))
    count = draw.integer(1, 3)
    for index in range(count):
        z = low + (0.18 + 0.75 * index / count) * (high - low)
        size = np.array([0.8 * depth, 0.88 * (width - 2 * wall), draw.uniform(0.05, 0.16) * height])
        # What hangs on the inside of the door reaches 0.025 m into the room above it.
        travel = draw.uniform(0.5, 0.9) * depth
        rack = rack_behind_flap(tree, door, travel, z - low - 0.03) if draw.chance(0.8) else tree.base
        _wire_rack(draw, rack, np.array([-0.02 * depth, 0.0, z + size[2] / 2]), size)


def _wire_rack(draw: Draw, part: Part, center: np.ndarray, size: np.ndarray) -> None:
    bottom = center - [0, 0, 0.5 * size[2]]
    part.add(slats(bottom, [size[0], size[1], 0.008], draw.integer(6, 11), across=1, fill=0.2))
    part.add(rectangular_frame(center + [0, 0, 0.5 * size[2]], [size[0], size[1], 0.01], 0.01, normal=2))
    for x in (-0.49, 0.49):
        row = [center[0] + x * size[0], center[1], center[2]]
        part.add(slats(row, [0.008, size[1], size[2]], draw.integer(4, 8), across=1, fill=0.1))
    if draw.chance(0.4):
        for index in range(draw.integer(2, 6)):
            y = center[1] + ((index + 1) / 7 - 0.5) * size[1]
            plate = [center[0], y, bottom[2] + 0.4 * size[2]]
            radius = draw.uniform(0.4, 0.7) * size[2]
            part.add(cylinder(plate, [plate[0], y + 0.008, plate[2]], radius, 12))


@articulated_family("washing_machine")
def washing_machine(draw: Draw, tree: KinematicTree) -> None:
    """A front loader with a round door, or a top loader with a lid; perhaps a turning drum."""
    depth, width, height = draw.uniform(0.4, 0.65), draw.uniform(0.45, 0.65), draw.uniform(0.6, 1.0)
    if draw.chance(0.7):
        _front_loader(draw, tree, depth, width, height)
    else:
        _top_loader(draw, tree, depth, width, height)


def _front_loader(draw: Draw, tree: KinematicTree, depth: float, width: float, height: float) -> None:
    wall, front = draw.uniform(0.015, 0.03), draw.uniform(0.015, 0.03)
    tree.base.add(open_box([0, 0, height / 2], [depth, width, height], wall, opening=0))
    strip = draw.uniform(0.12, 0.2) * height
    z = (height - strip) / 2 + draw.uniform(-0.04, 0.08) * height
    radius = draw.uniform(0.55, 0.75) * min(width / 2, z, height - strip - z)
    x = depth / 2
    sides = 20
    outline = rectangle_by_rays(width, 2 * z, sides) + np.array([0.0, 0.0])
    tree.base.add(perforated_prism(outline, circle(0.92 * radius, sides), front, LEFTWARD, UPWARD, [x, 0, z]))
    rest = height - 2 * z
    if rest > 0.02:
        if draw.chance(0.5):
            drawer(
                draw,
                tree,
                tree.base,
                (x, 0.1 * width, 0.48 * width, 2 * z + 0.1 * rest, height - 0.1 * rest),
                0.3 * depth,
                front + 0.005,
            )
            tree.base.add(box([x + front / 2, -0.2 * width, 2 * z + rest / 2], [front, 0.58 * width, rest]))
        else:
            tree.base.add(box([x + front / 2, 0, 2 * z + rest / 2], [front, width, rest]))
        knob = [x + front, -0.2 * width, 2 * z + rest / 2]
        tree.base.add(cylinder(knob, [x + front + 0.03, knob[1], knob[2]], min(0.3 * rest, 0.04), 12))
    side = draw.sign()
    anchor = [x + front + 0.01, side * 1.02 * radius, z]
    door = tree.hinge(tree.base, anchor, side * UPWARD, (0.0, draw.uniform(1.7, 2.8)))
    bulge = draw.uniform(0.2, 0.5) * radius
    start = [x + front + 0.002, 0, z]
    thick = draw.uniform(0.02, 0.045)
    door.add(tube(start, [start[0] + thick, 0, z], radius, 0.22 * radius, sides))
    door.add(lathe([(0.5 * radius, -bulge), (0.8 * radius, 0), (0.8 * radius, 0.6 * thick)], start, FORWARD, sides))
    door.add(beveled_box([start[0] + thick, -side * 0.86 * radius, z], [0.02, 0.06, 0.12 * radius + 0.04], 0.005))
    if draw.chance(0.5):
        center = [x - 0.03, 0, z]
        # Fins make the drum's turning visible.
        drum = tree.hinge(tree.base, center, FORWARD, (-1.0, 1.0)) if draw.chance(0.5) else tree.base
        back = [-0.42 * depth, 0, z]
        drum.add(tube(back, center, 1.0 * radius, 0.02 * radius, sides))
        for index in range(3):
            fin = box([0.02 * depth, 0, z - 0.85 * radius], [0.7 * depth, 0.02, 0.25 * radius])
            drum.add(fin.turned(FORWARD, 2 * np.pi * index / 3, [0, 0, z]))


def _top_loader(draw: Draw, tree: KinematicTree, depth: float, width: float, height: float) -> None:
    tree.base.add(open_box([0, 0, height / 2], [depth, width, height], draw.uniform(0.02, 0.04)))
    console = [draw.uniform(0.08, 0.14), width, draw.uniform(0.06, 0.18)]
    back = -depth / 2 + console[0]
    tree.base.add(beveled_box([back - console[0] / 2, 0, height + console[2] / 2], console, 0.02))
    for index in range(draw.integer(1, 4)):
        knob = [back, (index - 1.5) * 0.18 * width, height + 0.55 * console[2]]
        tree.base.add(cylinder(knob, [back + 0.025, knob[1], knob[2]], 0.022, 10))
    tree.base.add(tube([0.04, 0, 0.1 * height], [0.04, 0, 0.96 * height], 0.4 * min(depth, width), 0.01, 18))
    length, thick = depth - console[0] - 0.005, draw.uniform(0.01, 0.025)
    lid = tree.hinge(tree.base, [back, 0, height + thick / 2], -LEFTWARD, (0.0, draw.uniform(1.3, 1.75)))
    middle = [back + 0.005 + length / 2, 0, height + thick / 2 + 0.002]
    if draw.chance(0.5):
        lid.add(rectangular_frame(middle, [length, 0.97 * width, thick], 0.08, normal=2))
        lid.add(box(middle, [length - 0.15, 0.97 * width - 0.15, 0.4 * thick]))
    else:
        lid.add(beveled_box(middle, [length, 0.97 * width, thick], 0.4 * thick))
    lid.add(box([depth / 2 + 0.01, 0, height + thick], [0.03, 0.3 * width, 0.012]))
