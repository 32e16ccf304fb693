"""Things one operates by hand: doors, levers, dials, switches, locks. Panels face +x."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import handle
from neurok_model.data.families.fronts import door_leaf
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import cylinder, ellipsoid, lathe, prism, rounded_rectangle, sweep
from neurok_model.data.shapes import Surface, axis_rotation, beveled_box, box

FORWARD, LEFTWARD, UPWARD = np.eye(3)


def _lie_down(draw: Draw, tree: KinematicTree, probability: float) -> None:
    """Lay a panel that faces +x on its back, so that it faces upwards."""
    if draw.chance(probability):
        tree.transform(axis_rotation(LEFTWARD, -np.pi / 2))


@articulated_family("room_door")
def room_door(draw: Draw, tree: KinematicTree) -> None:
    """A door in its frame, or a gate between posts, with a lever handle that may turn."""
    width, height = draw.uniform(0.6, 1.2), draw.uniform(0.9, 2.2)
    depth, post = draw.uniform(0.06, 0.16), draw.uniform(0.04, 0.12)
    leaf = draw.uniform(0.025, 0.05)
    for sign in (-1, 1):
        tree.base.add(box([0, sign * (width + post) / 2, height / 2], [depth, post, height]))
    if draw.chance(0.8):
        tree.base.add(box([0, 0, height + post / 2], [depth, width + 2 * post, post]))
    if draw.chance(0.3):
        wall = draw.uniform(0.2, 0.6)
        for sign in (-1, 1):
            tree.base.add(box([0, sign * (width / 2 + post + wall / 2), height / 2], [0.7 * depth, wall, height]))
    side, swing = draw.sign(), draw.sign()
    x = swing * (depth - leaf) / 2
    anchor = [x + swing * leaf / 2, side * width / 2, 0]
    door = tree.hinge(tree.base, anchor, side * swing * UPWARD, (0.0, draw.uniform(1.3, 2.6)))
    door.add(*door_leaf(draw, [x, 0, height / 2], [leaf, 0.985 * width, 0.985 * height], draw.chance(0.2)))
    y, z = -side * draw.uniform(0.38, 0.44) * width, draw.uniform(0.42, 0.55) * height
    lever_turns = draw.chance(0.6)
    lever = tree.hinge(door, [x, y, z], FORWARD * side, (0.0, draw.uniform(0.5, 1.1))) if lever_turns else door
    if lever_turns or draw.chance(0.5):
        length, bar = draw.uniform(0.09, 0.15), draw.uniform(0.007, 0.012)
        lever.add(cylinder([x - leaf / 2 - 0.055, y, z], [x + leaf / 2 + 0.055, y, z], bar, 8))
        for sign in (-1, 1):
            start = np.array([x + sign * (leaf / 2 + 0.05), y, z])
            lever.add(cylinder(start, start + [0, side * length, 0], bar, 8))
            rose = start - [sign * 0.045, 0, 0]
            door.add(cylinder(rose - [0.006, 0, 0], rose + [0.006, 0, 0], 0.026, 12))
    else:
        door.add(*handle(draw, [x + leaf / 2, y, z], FORWARD, UPWARD, draw.uniform(0.15, 0.4)))
        door.add(*handle(draw, [x - leaf / 2, y, z], -FORWARD, UPWARD, draw.uniform(0.15, 0.4)))


@articulated_family("lever")
def lever(draw: Draw, tree: KinematicTree) -> None:
    """One to three levers on a block, brake-like or joystick-like (two axes)."""
    length = draw.uniform(0.08, 0.5)
    count = draw.choice([1, 1, 1, 2, 3])
    width = length * draw.uniform(0.3, 0.6)
    depth, height = length * draw.uniform(0.35, 0.8), length * draw.uniform(0.15, 0.6)
    tree.base.add(beveled_box([0, 0, height / 2], [depth, width * count, height], 0.02 * length))
    if draw.chance(0.4):
        foot = [1.4 * depth, 1.2 * width * count, 0.08 * height]
        tree.base.add(box([0, 0, -foot[2] / 2], foot))
    radius = length * draw.uniform(0.02, 0.05)
    forward, backward = draw.uniform(0.3, 1.2), draw.uniform(0.0, 1.2)
    joystick = count == 1 and draw.chance(0.35)
    for index in range(count):
        y = (index - (count - 1) / 2) * width
        pivot = np.array([0.0, y, height])
        cheeks = draw.chance(0.5) and not joystick
        if cheeks:
            for sign in (-1, 1):
                tree.base.add(box(pivot + [0, sign * 2.2 * radius, radius], [4 * radius, 1.2 * radius, 4 * radius]))
        part: Part = tree.hinge(tree.base, pivot, LEFTWARD, (-backward, forward))
        if joystick:
            part.add(ellipsoid(pivot, [1.6 * radius] * 3, 10, 6))
            part = tree.hinge(part, pivot, FORWARD, (-forward, forward))
        part.add(*_lever_arm(draw, pivot, length, radius))
    _lie_down(draw, tree, 0.25)


def _lever_arm(draw: Draw, pivot: np.ndarray, length: float, radius: float) -> list[Surface]:
    top = pivot + [0, 0, length]
    if draw.chance(0.4):
        bend = draw.uniform(-0.3, 0.3) * length
        arm = sweep(np.stack([pivot, pivot + [0.0, 0, 0.5 * length], top + [bend, 0, 0]]), radius, 8)
        top = top + [bend, 0, 0]
    else:
        arm = cylinder(pivot - [0, 0, radius], top, radius, 10, radius * draw.uniform(0.6, 1.0))
    grip = radius * draw.uniform(1.4, 2.6)
    end = draw.choice(["ball", "bar", "flat"])
    if end == "ball":
        return [arm, ellipsoid(top, [grip, grip, grip * draw.uniform(0.8, 1.6)], 10, 7)]
    if end == "bar":
        return [arm, cylinder(top - [0, 3 * grip, 0], top + [0, 3 * grip, 0], 0.7 * grip, 8)]
    return [arm, beveled_box(top, [grip, 2.5 * grip, 4 * grip], 0.2 * grip)]


@articulated_family("dial")
def dial(draw: Draw, tree: KinematicTree) -> None:
    """A panel with one to four knobs that turn; pointers, wings or cranks show the angle."""
    count = draw.choice([1, 1, 2, 3, 4])
    radius = draw.uniform(0.012, 0.07)
    pitch = radius * draw.uniform(2.4, 3.5)
    panel = [draw.uniform(0.01, 0.12), pitch * count, radius * draw.uniform(2.4, 5.0)]
    tree.base.add(beveled_box([-panel[0] / 2, 0, 0], panel, 0.1 * radius))
    for index in range(count):
        place = np.array([0.0, (index - (count - 1) / 2) * pitch, 0.0])
        knob = tree.hinge(tree.base, place, FORWARD, (-draw.uniform(0.3, 2.4), draw.uniform(0.3, 2.4)))
        knob.add(*_knob(draw, place, radius, 2.2 * radius if count == 1 else 0.48 * pitch))
        for mark in range(draw.integer(0, 7)):
            tick = box(place + [0.001, 0, 1.2 * radius], [0.003, 0.05 * radius, 0.2 * radius])
            tree.base.add(tick.turned(FORWARD, (mark - 3) * 0.7, place))
    _lie_down(draw, tree, 0.4)
    tree.put_on_floor()


def _knob(draw: Draw, place: np.ndarray, radius: float, room: float) -> list[Surface]:
    """A knob whose pointer stays within ``room`` metres of its axis, so that neighbours never meet."""
    depth = radius * draw.uniform(0.4, 1.2)
    disc = lathe([(radius, 0), (radius * draw.uniform(0.75, 1.0), depth)], place, FORWARD, draw.choice([6, 12, 18]))
    style = draw.choice(["pointer", "wing", "crank", "bar"])
    if style == "pointer":
        return [
            disc,
            box(place + [depth, 0, 0.5 * radius], [0.15 * depth + 0.002, 0.15 * radius, 0.9 * radius]),
        ]
    if style == "wing":
        return [
            disc,
            beveled_box(place + [1.2 * depth, 0, 0], [0.8 * depth, 0.35 * radius, 1.9 * radius], 0.05 * radius),
        ]
    if style == "crank":
        peg = place + [depth, 0, 0.7 * radius]
        return [disc, cylinder(peg - [0.1 * depth, 0, 0], peg + [1.2 * depth, 0, 0], 0.18 * radius, 8)]
    reach = min(radius * draw.uniform(1.2, 2.2), room)
    return [
        disc,
        beveled_box(place + [depth, 0, 0.5 * reach], [0.5 * depth, 0.4 * radius, reach], 0.05 * radius),
    ]


@articulated_family("switch")
def switch(draw: Draw, tree: KinematicTree) -> None:
    """A wall plate with rockers, toggles, push buttons or faders."""
    count = draw.integer(1, 3)
    unit, height = draw.uniform(0.04, 0.1), draw.uniform(0.07, 0.14)
    plate = draw.uniform(0.005, 0.02)
    tree.base.add(
        prism(
            rounded_rectangle(unit * count, height, 0.1 * unit),
            plate,
            LEFTWARD,
            UPWARD,
            [-plate, 0, height / 2],
        )
    )
    style = draw.choice(["rocker", "toggle", "button", "fader"])
    for index in range(count):
        place = np.array([0.0, (index - (count - 1) / 2) * unit, height / 2])
        limit = draw.uniform(0.15, 0.35)
        if style == "rocker":
            thick = draw.uniform(0.008, 0.02)
            part = tree.hinge(tree.base, place, LEFTWARD, (-limit, limit))
            part.add(beveled_box(place + [0.3 * thick, 0, 0], [thick, 0.7 * unit, 0.65 * height], 0.002))
        elif style == "toggle":
            part = tree.hinge(tree.base, place, LEFTWARD, (-2 * limit, 2 * limit))
            reach, radius = draw.uniform(0.02, 0.05), draw.uniform(0.004, 0.009)
            root = place - [0.4 * plate, 0, 0]
            part.add(cylinder(root, place + [reach, 0, 0], radius, 8, radius * draw.uniform(0.7, 1.6)))
            tree.base.add(cylinder(place - [0.001, 0, 0], place + [0.004, 0, 0], 2 * radius, 12))
        elif style == "button":
            reach = draw.uniform(0.008, 0.03)
            part = tree.slide(tree.base, -FORWARD, (0.0, 0.8 * reach))
            part.add(cylinder(place - [0.5 * plate, 0, 0], place + [reach, 0, 0], 0.3 * unit, draw.choice([4, 14])))
        else:
            travel = 0.35 * height
            part = tree.slide(tree.base, UPWARD, (-travel, travel))
            part.add(beveled_box(place + [0.01, 0, 0], [0.03, 0.4 * unit, 0.12 * height], 0.002))
            tree.base.add(box(place, [0.004, 0.08 * unit, 2.2 * travel]))
    _lie_down(draw, tree, 0.3)


@articulated_family("door_lock")
def door_lock(draw: Draw, tree: KinematicTree) -> None:
    """A lock plate with a thumb turn or handle, and perhaps a bolt that the turn drives."""
    height, width = draw.uniform(0.12, 0.3), draw.uniform(0.05, 0.14)
    plate = draw.uniform(0.01, 0.05)
    tree.base.add(beveled_box([-plate / 2, 0, height / 2], [plate, width, height], 0.1 * plate))
    place = np.array([0.0, 0.0, draw.uniform(0.3, 0.7) * height])
    radius = draw.uniform(0.2, 0.35) * width
    tree.base.add(cylinder(place - [0.001, 0, 0], place + [0.012, 0, 0], 1.3 * radius, 16))
    limit = draw.uniform(0.8, 1.7)
    turn = tree.hinge(tree.base, place, draw.sign() * FORWARD, (0.0, limit))
    stem = draw.uniform(0.02, 0.05)
    turn.add(cylinder(place, place + [stem, 0, 0], 0.5 * radius, 10))
    reach = radius * draw.uniform(1.5, 4.0)
    shift = draw.choice([0.0, 0.4]) * reach
    turn.add(beveled_box(place + [stem, 0, shift], [0.012, 0.4 * radius, reach], 0.003))
    if draw.chance(0.5):
        travel = draw.uniform(0.012, 0.03)
        side = draw.sign()
        bolt = tree.slide_following(turn, tree.base, side * LEFTWARD, travel / limit)
        bolt.add(
            beveled_box(
                [-plate / 2, side * (0.5 * width - 0.004), place[2]],
                [0.5 * plate, 0.02, 0.12 * height],
                0.001,
            )
        )
    if draw.chance(0.4):
        tree.base.add(cylinder([-0.001, 0, 0.15 * height], [0.006, 0, 0.15 * height], 0.015, 12))
