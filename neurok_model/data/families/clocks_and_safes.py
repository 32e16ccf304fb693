"""Clocks and safes: faces with hands, doors with wheels. Fronts face +x."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import key_field
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import circle, cylinder, ellipsoid, lathe, perforated_prism, prism, ring
from neurok_model.data.shapes import Surface, Vector, axis_rotation, beveled_box, box, open_box

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@articulated_family("clock")
def clock(draw: Draw, tree: KinematicTree) -> None:
    """A wall, table, alarm or long-case clock: hands that turn, perhaps a pendulum or a hinged glass cover."""
    radius = draw.uniform(0.03, 0.22)
    depth, swinging = radius * draw.uniform(0.15, 0.8), draw.chance(0.35)
    below = radius * draw.uniform(1.2, 5.0) if swinging else 0.0
    standing = not swinging and draw.chance(0.5)
    lift = below + (radius * draw.uniform(0.08, 0.3) if standing else 0.0)
    face = np.array([0.0, 0.0, lift + 1.1 * radius])
    covered = draw.chance(0.35)
    layer = radius * draw.uniform(0.03, 0.06)
    count = draw.integer(2, 3)
    rim = (count + 1.3) * layer if covered else draw.uniform(0.0, 0.1) * radius
    square = draw.chance(0.4)
    sides = 4 if square else draw.choice([6, 8, 12, 24, 24])
    # An outline of flat sides, one of them at the bottom, is as wide as a round one.
    outline = circle(1.12 * radius / np.cos(np.pi / sides), sides)
    outline = outline @ axis_rotation(UPWARD, np.pi / 2 - np.pi / sides)[:2, :2]
    tree.base.add(prism(outline, depth, LEFTWARD, UPWARD, face - depth * FORWARD))
    if rim > 0:
        edge = perforated_prism(outline, 0.93 * outline, rim + 0.002, LEFTWARD, UPWARD, face - 0.002 * FORWARD)
        tree.base.add(edge)
    if standing:
        _clock_feet(draw, tree, face, radius, depth)
        if not covered and draw.chance(0.5):
            _clock_bells(tree, face - 0.5 * depth * FORWARD, radius, 1.4 if square else 1.15)
    tree.base.add(*_clock_marks(draw, face, radius))
    _clock_hands(draw, tree, face, radius, layer, count)
    if covered:
        side, shut = draw.sign(), face + rim * FORWARD
        anchor = shut + [0, side * outline[:, 0].max(), 0]
        cover = tree.hinge(tree.base, anchor, side * UPWARD, (0.0, draw.uniform(1.2, 2.4)))
        thin = draw.uniform(0.03, 0.08) * radius
        shift = shut + 0.0006 * FORWARD
        cover.add(perforated_prism(outline, 0.88 * outline, thin, LEFTWARD, UPWARD, shift))
        cover.add(prism(0.9 * outline, 0.3 * thin, LEFTWARD, UPWARD, shift + 0.2 * thin * FORWARD))
    if swinging:
        _pendulum(draw, tree, face, radius, depth, below)


def _clock_marks(draw: Draw, face: np.ndarray, radius: float) -> list[Surface]:
    count = draw.choice([0, 4, 12, 12])
    size = radius * np.array([0.03, draw.uniform(0.02, 0.07), draw.uniform(0.06, 0.16)])
    mark = box(face + [0, 0, 0.82 * radius], size)
    return [mark.turned(FORWARD, 2 * np.pi * index / count, face) for index in range(count)]


def _clock_hands(draw: Draw, tree: KinematicTree, face: np.ndarray, radius: float, layer: float, count: int) -> None:
    """Hands one above the other: hour, minute and perhaps second; the minute hand may drive the hour hand."""
    style, width = draw.choice(["bar", "lance", "spade"]), draw.uniform(0.05, 0.1)
    tree.base.add(cylinder(face - [0.001, 0, 0], face + [(count + 0.6) * layer, 0, 0], 0.02 * radius, 8))
    geared, jammed = draw.chance(0.25), draw.chance(0.1)
    hour: Part | None = None
    for index in range(count):
        place = face + [(index + 0.75) * layer, 0, 0]
        reach = radius * (draw.uniform(0.45, 0.6), draw.uniform(0.72, 0.85), draw.uniform(0.75, 0.88))[index]
        if index == 1 and geared and hour is not None:
            hand = tree.hinge_following(hour, tree.base, place, -FORWARD, 12.0)
        elif index == 0 and jammed and not geared:
            hand = tree.locked(tree.base)
        elif index == 0 and geared:
            hand = tree.hinge(tree.base, place, -FORWARD, (-draw.uniform(0.1, 0.25), draw.uniform(0.1, 0.25)))
        else:
            hand = tree.hinge(tree.base, place, -FORWARD, (-draw.uniform(1.5, 3.1), draw.uniform(1.5, 3.1)))
        hour = hour or hand
        wide = width * radius * (1.0, 0.75, 0.3)[index]
        tail = draw.uniform(0.05, 0.25) * radius
        thick = 0.45 * layer
        shapes = [cylinder(place - [0.35 * layer, 0, 0], place + [0.35 * layer, 0, 0], 0.07 * radius, 12)]
        if style == "lance":
            points = np.array([[0, -tail], [wide, 0.35 * reach], [0, reach], [-wide, 0.35 * reach]])
            shapes.append(prism(points, thick, LEFTWARD, UPWARD, place - 0.5 * thick * FORWARD))
        else:
            shapes.append(box(place + [0, 0, (reach - tail) / 2], [thick, wide, reach + tail]))
        if style == "spade" and index < 2:
            blob = place + [0, 0, 0.75 * reach]
            shapes.append(cylinder(blob - [0.5 * thick, 0, 0], blob + [0.5 * thick, 0, 0], 1.2 * wide, 12))
        start = draw.uniform(0, 2 * np.pi)
        hand.add(*[shape.turned(FORWARD, start, place) for shape in shapes])


def _clock_feet(draw: Draw, tree: KinematicTree, face: np.ndarray, radius: float, depth: float) -> None:
    """Two slanted feet or a plinth."""
    top, x = face[2] - 1.05 * radius, -depth / 2
    if draw.chance(0.5):
        tree.base.add(beveled_box([x, 0, top / 2], [0.96 * depth, 1.6 * radius, top], 0.05 * radius))
        return
    for side in (-1, 1):
        start = [x, side * 0.9 * radius, 0]
        tree.base.add(cylinder(start, [x, side * 0.4 * radius, top + 0.3 * radius], 0.07 * radius, 8))


def _clock_bells(tree: KinematicTree, middle: np.ndarray, radius: float, reach: float) -> None:
    """The two bells of an alarm clock, ``reach`` radii from its middle."""
    profile = [(0.06, -0.25), (0.06, 0.05), (0.4, 0.05), (0.32, 0.23), (0.1, 0.33)]
    for side in (-1, 1):
        out = np.array([0, side * 0.6, 0.8])
        root = middle + reach * radius * out
        tree.base.add(lathe([(radius * r, radius * z) for r, z in profile], root, out, 14))


def _pendulum(draw: Draw, tree: KinematicTree, face: np.ndarray, radius: float, depth: float, below: float) -> None:
    """A bob that swings below the face in front of a back board, or in a case with cheeks."""
    low, high = face[2] - 1.1 * radius - below, face[2] - 0.9 * radius
    board, half = 0.15 * depth, radius * draw.uniform(0.5, 1.0)
    tree.base.add(box([-depth + board / 2, 0, (low + high) / 2], [board, 2 * half, high - low]))
    if draw.chance(0.6):
        for side in (-1, 1):
            tree.base.add(box([-depth / 2, side * (half + 0.5 * board), (low + high) / 2], [depth, board, high - low]))
        tree.base.add(box([-depth / 2, 0, low], [1.1 * depth, 2.2 * half, 0.1 * radius]))
    length = below * draw.uniform(0.6, 0.85)
    bob = min(draw.uniform(0.12, 0.4) * half, 0.16 * below)
    pivot = np.array([-0.4 * depth, 0.0, high - 0.2 * radius])
    widest = float(np.arcsin(min(0.6, (half - 1.3 * bob) / length)))
    swing = tree.hinge(tree.base, pivot, FORWARD, (-widest * draw.uniform(0.5, 1.0), widest))
    end = pivot - [0, 0, length]
    thin = 0.12 * depth
    swing.add(cylinder(pivot, end, min(0.04 * radius, thin), 6))
    swing.add(cylinder(end - [thin, 0, 0], end + [thin, 0, 0], bob, 16))


@articulated_family("safe")
def safe(draw: Draw, tree: KinematicTree) -> None:
    """A strongbox with a thick door; a wheel, lever or dial on it turns and may have to turn before it opens."""
    width = draw.uniform(0.18, 0.8)
    depth, height = width * draw.uniform(0.6, 1.3), width * draw.uniform(0.6, 2.2)
    wall, thick = width * draw.uniform(0.05, 0.13), width * draw.uniform(0.04, 0.14)
    foot = draw.choice([0.0, 0.0, 0.03, 0.08]) * width
    middle = foot + height / 2
    tree.base.add(open_box([0, 0, middle], [depth, width, height], wall, opening=0))
    for x, y in [(sx, sy) for sx in (-1, 1) for sy in (-1, 1)] if foot else []:
        place = np.array([0.4 * x * depth, 0.4 * y * width, 0.0])
        tree.base.add(cylinder(place, place + [0, 0, foot], 0.06 * width, 10))
    side, front = draw.sign(), depth / 2 + 0.001
    anchor = [front + thick * draw.uniform(0.3, 1.0), side * width / 2, 0]
    turning, stuck = draw.chance(0.85), draw.chance(0.12)
    if stuck and turning:
        door = tree.locked(tree.base)
    else:
        door = tree.hinge(tree.base, anchor, side * UPWARD, (0.0, draw.uniform(1.3, 2.3)))
    border = draw.uniform(0.0, 0.03) * width
    leaf = [thick, width - border, height - 2 * border]
    door.add(beveled_box([front + thick / 2, side * border / 2, middle], leaf, draw.uniform(0.0, 0.3) * thick))
    door.add(*_bolt_block(draw, side, width, wall, thick, front, middle, height))
    for share in (0.2, 0.8) if draw.chance(0.7) else ():
        z, barrel = foot + share * height, draw.uniform(0.06, 0.12)
        pin = np.array([anchor[0], anchor[1], z])
        tree.base.add(cylinder(pin, pin + [0, 0, barrel * height], 0.25 * wall + 0.003, 8))
    for shelf in range(draw.integer(0, 2)):
        z = foot + (shelf + 1) / 3 * height
        tree.base.add(box([-0.15 * depth, 0, z], [0.6 * depth, width - 1.9 * wall, 0.2 * wall]))
    _safe_front(draw, tree, door, [front + thick, -side * 0.12 * width, middle], (width, height), turning, stuck)


def _bolt_block(
    draw: Draw, side: int, width: float, wall: float, thick: float, front: float, middle: float, height: float
) -> list[Surface]:
    """The inner slab of the door with its bolts, short enough to swing out past the frame."""
    inward = draw.uniform(0.2, 0.9) * wall
    hinged = width / 2 - wall - draw.uniform(0.06, 0.1) * width
    # Turning about the outer edge, the far end must pass the frame opposite.
    free = np.sqrt((width - wall - 0.004) ** 2 - (thick + inward) ** 2) - width / 2
    bolt = draw.uniform(0.02, 0.06) * width
    low, high = -hinged, free - bolt
    tall = height - 2 * wall - draw.uniform(0.02, 0.08) * height
    x = front - inward / 2
    found = [box([x, -side * (low + high) / 2, middle], [inward, high - low, tall])]
    count = draw.integer(0, 4)
    for index in range(count):
        start = np.array([x, -side * (high - 0.3 * bolt), middle + ((index + 0.5) / count - 0.5) * 0.8 * tall])
        found.append(cylinder(start, start - [0, side * bolt, 0], 0.3 * inward, 8))
    return found


def _safe_front(
    draw: Draw, tree: KinematicTree, door: Part, place: Vector, size: tuple[float, float], turning: bool, stuck: bool
) -> None:
    """One or two things on the door's face: the first is the handle, the second a dial or a field of keys."""
    center, room = np.asarray(place, dtype=np.float64), 0.2 * min(size)
    second = draw.choice(["none", "dial", "turning dial", "keys"])
    apart = np.array([0, 0, draw.uniform(0.18, 0.25) * size[1]]) if second != "none" else np.zeros(3)
    limit = draw.uniform(0.6, 2.6)
    handle = tree.hinge(door, center - apart, draw.sign() * FORWARD, (0.0, limit)) if turning else door
    handle.add(*_safe_handle(draw, center - apart, min(room, 0.7 * apart[2]) if second != "none" else room))
    if turning and not stuck and draw.chance(0.35):
        tree.gate(door, handle, 0.15 * limit, 0.35 * limit)
    spot = center + apart
    small = 0.35 * room
    if second == "keys":
        low, high = spot - [0.002, small, 1.2 * small], spot + [0.005, small, 1.2 * small]
        door.add(box((low + high) / 2 - [0.0035, 0, 0], [0.008, 2.4 * small, 2.8 * small]))
        # The field is made level and stands up on the door.
        keys = key_field(np.array([-small, -small, 0.0]), np.array([small, small, 0.006]), 4, 3, 0.3)
        door.add(keys.turned(LEFTWARD, np.pi / 2).moved(spot))
    elif second != "none":
        dial = tree.hinge(door, spot, FORWARD, (-2.8, 2.8)) if second == "turning dial" else door
        depth = draw.uniform(0.4, 1.0) * small
        door.add(cylinder(spot - [0.002, 0, 0], spot + [0.004, 0, 0], 1.25 * small, 18))
        dial.add(lathe([(small, 0.003), (0.9 * small, 0.4 * depth), (0.4 * small, 0.4 * depth),
                        (0.35 * small, depth)], spot, FORWARD, draw.choice([8, 12, 18])))  # fmt: skip
        dial.add(box(spot + [0.4 * depth, 0, 0.7 * small], [0.1 * depth, 0.08 * small, 0.3 * small]))


def _safe_handle(draw: Draw, place: np.ndarray, reach: float) -> list[Surface]:
    stem, bar = draw.uniform(0.25, 0.7) * reach, draw.uniform(0.06, 0.12) * reach
    tip = place + [stem, 0, 0]
    found = [cylinder(place - [0.002, 0, 0], tip + [bar, 0, 0], 2 * bar, 10)]
    style = draw.choice(["wheel", "star", "lever"])
    count = {"wheel": draw.integer(2, 5), "star": draw.integer(3, 6), "lever": draw.integer(1, 2)}[style]
    for index in range(count):
        angle = 2 * np.pi * index / count + (np.pi / 2 if style == "lever" else 0.0)
        found.append(cylinder(tip, tip + [0, 0, reach], bar, 8).turned(FORWARD, angle, tip))
        if style == "star":
            found.append(ellipsoid(tip + [0, 0, reach], [1.8 * bar] * 3, 8, 6).turned(FORWARD, angle, tip))
    if style == "wheel":
        found.append(ring(tip, FORWARD, reach, 1.3 * bar, 24, 6))
    return found
