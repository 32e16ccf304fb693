"""Devices of a household: fans and monitors. Fronts face +x."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import slats
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import cylinder, lathe, prism, ring, sweep
from neurok_model.data.shapes import Surface, Vector, beveled_box, box, boxes, rectangular_frame

FORWARD, LEFTWARD, UPWARD = np.eye(3)


def _turned_about(draw: Draw, tree: KinematicTree, parent: Part, anchor: Vector, axis: Vector, limit: float) -> Part:
    return tree.hinge(parent, anchor, axis, (-limit * draw.uniform(0.5, 1.0), limit * draw.uniform(0.5, 1.0)))


@articulated_family("fan")
def fan(draw: Draw, tree: KinematicTree) -> None:
    """A fan on a post, in a yoke, in a box or under a ceiling: blades turn, and the head may tilt or swivel."""
    style = draw.choice(["post", "post", "yoke", "box", "ceiling"])
    if style == "ceiling":
        _ceiling_fan(draw, tree)
        return
    radius = draw.uniform(0.06, 0.26)
    half = radius * draw.uniform(0.15, 0.3)
    bar = radius * draw.uniform(0.04, 0.1)
    moves = style != "box" or draw.chance(0.4)
    center = np.array([0.0, 0.0, radius * draw.uniform(1.4, 1.9)])
    head: Part = tree.base
    if style == "post":
        center[2] = radius * draw.uniform(1.5, 4.5)
        head = _fan_post(draw, tree, center, radius, bar)
        shift = half + 2.0 * bar + draw.uniform(0.15, 0.4) * radius
        head.add(lathe([(0.1 * radius, -0.3 * radius), (0.25 * radius, -0.2 * radius), (0.25 * radius, shift - half),
                        (0.1 * radius, shift - 0.3 * half)], center, FORWARD, 14))  # fmt: skip
        hub = center + [shift, 0, 0]
    else:
        if moves:
            head = _fan_yoke(draw, tree, center, radius * (1.26 if style == "box" else 1.12), bar)
        hub = center
        motor = center - [0.95 * half, 0, 0]
        head.add(cylinder(motor - [0.3 * half, 0, 0], motor + [0.6 * half, 0, 0], 0.22 * radius, 12))
    if style == "box":
        _fan_box(draw, tree, head, center, radius, half, moves)
    elif draw.chance(0.8) or style == "yoke":
        head.add(*_fan_cage(draw, hub, 1.08 * radius, half, style == "post"))
    jammed = head is not tree.base and draw.chance(0.1)
    rotor = tree.locked(head) if jammed else _turned_about(draw, tree, head, hub, FORWARD, draw.uniform(1.0, 3.1))
    rotor.add(*_fan_rotor(draw, hub, radius, half, draw.integer(2, 6)))


def _fan_rotor(draw: Draw, hub: np.ndarray, radius: float, half: float, count: int) -> list[Surface]:
    core, pitch = draw.uniform(0.12, 0.24) * radius, draw.sign() * draw.uniform(0.2, 0.6)
    chord = min(draw.uniform(0.25, 0.7) * radius, 1.3 * half / np.sin(abs(pitch)), 3.6 * radius / count)
    found = [lathe([(core, -0.5 * half), (core, 0.4 * half), (0.5 * core, 0.75 * half)], hub, FORWARD, 14)]
    thin, low = 0.06 * half + 0.001, 0.6 * core
    length = radius - low
    middle = hub + [0, 0, (radius + low) / 2]
    if draw.chance(0.5):
        blade = beveled_box(middle, [thin, chord, length], 0.3 * thin)
    else:
        across = np.array([0.3, 0.8, 1.0, 0.9, 0.5, -0.5, -0.9, -1.0, -0.8, -0.3]) * chord / 2
        up = np.array([-0.5, -0.2, 0.15, 0.4, 0.5, 0.5, 0.4, 0.15, -0.2, -0.5]) * length
        blade = prism(np.stack([across, up], axis=-1), thin, LEFTWARD, UPWARD, middle - 0.5 * thin * FORWARD)
    blade = blade.turned(UPWARD, pitch, hub)
    return [*found, *[blade.turned(FORWARD, 2 * np.pi * index / count, hub) for index in range(count)]]


def _fan_cage(draw: Draw, hub: np.ndarray, radius: float, half: float, open_back: bool) -> list[Surface]:
    """Two baskets of wires that meet in a rim around the blades."""
    wire, count = 0.012 * radius + 0.0006, draw.integer(8, 18)
    back, front = 0.9 * half + 2 * wire, draw.uniform(0.95, 1.3) * half + 2 * wire
    found = [ring(hub, FORWARD, radius, 1.8 * wire, 28, 6)]
    share = np.array([0.0, 0.45, 0.8, 0.95, 1.0])
    depth = np.array([1.0, 1.0, 0.85, 0.5, 0.0])
    for reach in (front, -back):
        path = hub + np.stack([reach * depth, 0 * share, radius * (0.12 + 0.88 * share)], axis=-1)
        bar = sweep(path, wire, 4)
        found += [bar.turned(FORWARD, 2 * np.pi * index / count, hub) for index in range(count)]
        found.append(ring(hub + [reach, 0, 0], FORWARD, 0.5 * radius, wire, 20, 4))
    tip = hub + [front, 0, 0]
    found.append(cylinder(tip - [wire, 0, 0], tip + [2 * wire, 0, 0], 0.18 * radius, 14))
    if open_back:
        found.append(cylinder(hub - [back + wire, 0, 0], hub - [back - wire, 0, 0], 0.3 * radius, 14))
    return found


def _fan_post(draw: Draw, tree: KinematicTree, center: np.ndarray, radius: float, bar: float) -> Part:
    foot, thick = radius * draw.uniform(0.6, 1.1), radius * draw.uniform(0.06, 0.15)
    style = draw.choice(["disc", "plate", "cross"])
    if style == "disc":
        tree.base.add(lathe([(foot, 0), (0.9 * foot, thick), (2 * bar, 1.4 * thick)], sides=20))
    elif style == "plate":
        tree.base.add(beveled_box([0, 0, thick / 2], [1.6 * foot, 1.6 * foot, thick], 0.3 * thick))
    else:
        for angle in (0.785, 2.356):
            tree.base.add(box([0, 0, thick / 2], [2 * foot, 2.5 * bar, thick]).turned(UPWARD, angle))
    neck = center - [0, 0, 0.45 * radius]
    tree.base.add(cylinder([0, 0, 0.5 * thick], neck, bar, 10))
    part: Part = tree.base
    if draw.chance(0.5):
        part = _turned_about(draw, tree, part, neck, UPWARD, draw.uniform(0.6, 1.5))
    part.add(cylinder(neck - [0, 0, 0.05 * radius], neck + [0, 0, 0.05 * radius], 1.5 * bar, 12))
    if not draw.chance(0.6):
        part.add(cylinder(neck - [0, 0, 0.001], center, 0.9 * bar, 10))
        return part
    # A fork holds the motor at its sides.
    part.add(box(center - [0, 0, 0.38 * radius], [2 * bar, 0.7 * radius, 0.06 * radius]))
    for side in (-1, 1):
        place = center + [0, side * 0.32 * radius, -0.16 * radius]
        part.add(box(place, [2 * bar, 0.06 * radius, 0.4 * radius]))
        pin = center + [0, side * 0.2 * radius, 0]
        part.add(cylinder(pin, center + [0, side * 0.37 * radius, 0], 0.8 * bar, 10))
    # Looking down, the lower rim of the cage swings back towards the post.
    return tree.hinge(part, center, LEFTWARD, (-draw.uniform(0.2, 0.5), draw.uniform(0.03, 0.15)))


def _fan_yoke(draw: Draw, tree: KinematicTree, center: np.ndarray, reach: float, bar: float) -> Part:
    """A stirrup beside the head, which turns about the line between its ends."""
    y = reach + 1.2 * bar
    holder: Part = tree.base
    foot = beveled_box([0, 0, 0.5 * bar], [draw.uniform(0.7, 1.4) * reach, 2.2 * y, bar], 0.2 * bar)
    tree.base.add(foot)
    if draw.chance(0.3):
        holder = _turned_about(draw, tree, tree.base, [0, 0, 0], UPWARD, 1.0)
        holder.add(beveled_box([0, 0, 1.5 * bar + 0.0006], [2.4 * bar, 2 * y + bar, bar], 0.2 * bar))
    for side in (-1, 1):
        low = bar + 0.0006 if holder is not tree.base else 0.5 * bar
        tall = center[2] + bar - low
        holder.add(box([0, side * y, low + tall / 2], [2 * bar, 0.8 * bar, tall]))
    limit = draw.uniform(0.3, 1.2)
    gap = center[2] - reach - 3 * bar
    # A low head touches its foot early.
    widest = limit if gap > 0.1 * reach else min(limit, 0.25)
    head = _turned_about(draw, tree, holder, center, LEFTWARD, widest)
    for side in (-1, 1):
        pin = center + [0, side * 0.9 * reach, 0]
        head.add(cylinder(pin, center + [0, side * (y + 0.8 * bar), 0], 0.6 * bar, 10))
    return head


def _fan_box(
    draw: Draw, tree: KinematicTree, head: Part, center: np.ndarray, radius: float, half: float, moves: bool
) -> None:
    size = np.array([2.6 * half, 2.4 * radius, 2.4 * radius])
    head.add(rectangular_frame(center, size, 0.16 * radius))
    count = draw.integer(4, 14)
    across = draw.integer(1, 2)
    field = np.array([0.06 * half + 0.001, 2.15 * radius, 2.15 * radius])
    for x in (1.2 * half, -1.22 * half):
        head.add(slats(center + [x, 0, 0], field, count, across, 0.2))
    head.add(box(center - [1.15 * half, 0, 0], [0.15 * half, 0.12 * radius, 2.2 * radius]))
    if not moves:
        low = center[2] - 1.2 * radius
        for side in (-1, 1):
            place = [0, side * radius, low / 2 + 0.01 * radius]
            tree.base.add(box(place, [3.5 * half, 0.15 * radius, low + 0.02 * radius]))


def _ceiling_fan(draw: Draw, tree: KinematicTree) -> None:
    radius, count = draw.uniform(0.3, 0.75), draw.integer(2, 6)
    drop = radius * draw.uniform(0.15, 0.7)
    thick, body = draw.uniform(0.05, 0.1), radius * draw.uniform(0.12, 0.25)
    light = draw.uniform(0.05, 0.14)
    middle = light + thick
    top = middle + thick + drop
    tree.base.add(lathe([(0.02, top - 0.06), (0.07, top - 0.01), (0.07, top)], sides=16))
    tree.base.add(cylinder([0, 0, middle], [0, 0, top], 0.014, 8))
    place = np.array([0.0, 0.0, middle])
    rotor = _turned_about(draw, tree, tree.base, place, UPWARD, draw.uniform(1.0, 3.1))
    rotor.add(lathe([(0.8 * body, -0.5 * thick), (body, 0), (body, 0.3 * thick), (0.3 * body, 0.6 * thick)], place))
    chord, pitch = radius * draw.uniform(0.12, 0.25), draw.sign() * draw.uniform(0.1, 0.35)
    taper = draw.uniform(0.6, 1.0)
    outline = np.array([[-taper, -0.5], [taper, -0.5], [1.0, 0.42], [0.7, 0.5], [-0.7, 0.5], [-1.0, 0.42]])
    long = radius - 1.3 * body
    blade = prism(outline * [chord / 2, long], 0.008, FORWARD, LEFTWARD, place + [0, radius - long / 2, -0.004])
    arm = box(place + [0, body + 0.1 * radius, 0], [0.3 * chord, 0.45 * radius, 0.005])
    for surface in (blade, arm):
        tilted = surface.turned(LEFTWARD, pitch, place)
        rotor.add(*[tilted.turned(UPWARD, 2 * np.pi * index / count, place) for index in range(count)])
    if draw.chance(0.6):
        bowl = [(0.2 * body, 0.0), (0.7 * body, 0.3 * light), (0.8 * body, light), (0.02, light + 0.4 * thick)]
        tree.base.add(lathe(bowl, sides=18))


@articulated_family("monitor")
def monitor(draw: Draw, tree: KinematicTree) -> None:
    """A display on a stand: it tilts, and may swivel, rise or turn upright."""
    width = draw.uniform(0.25, 0.9)
    height, thick = width * draw.uniform(0.4, 0.78), draw.uniform(0.008, 0.05)
    column = width * draw.uniform(0.02, 0.05)
    portrait = draw.chance(0.15)
    tall = (0.55 * width if portrait else 0.5 * height) + draw.uniform(0.05, 0.16)
    ground = _monitor_foot(draw, tree, width, column)
    stand: Part = tree.base
    if draw.chance(0.45):
        stand = _turned_about(draw, tree, tree.base, [0, 0, 0], UPWARD, draw.uniform(0.4, 1.2))
        stand.add(cylinder([0, 0, ground], [0, 0, ground + 0.012], 1.8 * column, 16))
    flat = draw.chance(0.5)
    if flat:
        stand.add(beveled_box([0, 0, tall / 2 + ground / 2], [column, 3 * column, tall - ground], 0.2 * column))
    else:
        stand.add(cylinder([0, 0, ground], [0, 0, tall], column, 12))
    carriage: Part = stand
    if draw.chance(0.4):
        low, deep = max(ground + 0.014, tall - draw.uniform(0.1, 0.25)), (0.5 if flat else 1.0) * column
        carriage = tree.slide(stand, UPWARD, (0.0, draw.uniform(0.5, 0.85) * (tall - low)))
        size = [0.02, 4 * column, tall + 0.02 - low]
        carriage.add(beveled_box([deep + 0.01, 0, (tall + 0.02 + low) / 2], size, 0.003))
        front = deep + 0.02
    else:
        front = (0.5 if flat else 1.0) * column
    arm = draw.uniform(0.015, 0.05)
    pivot = np.array([front + arm, 0.0, tall])
    carriage.add(box([front + arm / 2 - 0.004, 0, tall], [arm + 0.004, 1.6 * column, 1.2 * column]))
    carriage.add(cylinder(pivot - [0, 1.5 * column, 0], pivot + [0, 1.5 * column, 0], 0.012, 10))
    # Leaning forwards, the lower edge swings back towards the column.
    room = (arm + 0.012) / (0.5 * height)
    forward = min(0.8 * room, draw.uniform(0.05, 0.3))
    stuck = len(tree.limits) > 0 and draw.chance(0.15)
    head = tree.locked(carriage) if stuck else tree.hinge(carriage, pivot, LEFTWARD, (-draw.uniform(0.2, 0.6), forward))
    head.add(box(pivot + [0.006, 0, 0], [0.02, 2 * column, 2 * column]))
    back = pivot + [0.016, 0, 0]
    if portrait:
        head = tree.hinge(head, back, FORWARD, (0.0, np.pi / 2))
    head.add(*_monitor_panel(draw, back, width, height, thick))


def _monitor_panel(draw: Draw, back: np.ndarray, width: float, height: float, thick: float) -> list[Surface]:
    rise = draw.uniform(-0.02, 0.06) * height
    middle = back + [thick / 2, 0, rise]
    found = [beveled_box(middle, [thick, width, height], draw.uniform(0.0, 0.4) * thick)]
    border = draw.uniform(0.02, 0.08) * height
    if draw.chance(0.6):
        found.append(rectangular_frame(middle + [thick / 2, 0, 0], [0.006, width, height], border))
    else:
        glass = [0.002, width - 2 * border, height - 2 * border]
        found.append(box(middle + [thick / 2, 0, 0], glass))
    if draw.chance(0.3):
        places = np.array([[thick / 2, (index - 1.5) * 0.03 * width, -0.47 * height] for index in range(4)])
        found.append(boxes(middle + places, np.array([0.008, 0.015 * width, 0.01 * height])))
    if draw.chance(0.2):
        found.append(cylinder(middle + [0, 0, 0.49 * height], middle + [0, 0, 0.52 * height + 0.01], 0.4 * thick, 8))
    return found


def _monitor_foot(draw: Draw, tree: KinematicTree, width: float, column: float) -> float:
    """What the stand stands on; returns the height of its upper face."""
    thick, reach = draw.uniform(0.008, 0.025), width * draw.uniform(0.2, 0.32)
    style = draw.choice(["disc", "plate", "legs", "bow", "frame"])
    if style == "disc":
        tree.base.add(lathe([(reach, 0), (reach, 0.5 * thick), (0.85 * reach, thick)], sides=24))
    elif style == "plate":
        tree.base.add(beveled_box([0.2 * reach, 0, thick / 2], [1.3 * reach, 2 * reach, thick], 0.3 * thick))
    elif style == "frame":
        tree.base.add(rectangular_frame([0.3 * reach, 0, thick / 2], [reach, 2 * reach, thick], 0.15 * reach, 2))
        tree.base.add(box([0.1 * reach, 0, thick / 2], [0.8 * reach, 3 * column, thick]))
    elif style == "legs":
        spread = draw.uniform(0.5, 1.1)
        for turn in (-spread, spread, np.pi) if draw.chance(0.5) else (-spread, spread):
            leg = beveled_box([0.6 * reach, 0, thick / 2], [1.3 * reach, 2 * column, thick], 0.3 * thick)
            tree.base.add(leg.turned(UPWARD, turn))
        tree.base.add(cylinder([0, 0, 0], [0, 0, thick], 2.2 * column, 14))
    else:
        angle = np.linspace(-1.9, 1.9, 13)
        path = np.stack([reach * np.cos(angle) - 0.3 * reach, reach * np.sin(angle), 0 * angle + thick / 2], axis=-1)
        tree.base.add(sweep(path, thick / 2, 8))
        tree.base.add(box([0.35 * reach, 0, thick / 2], [0.8 * reach, 3 * column, thick]))
        tree.base.add(cylinder([0, 0, 0], [0, 0, thick], 2.2 * column, 14))
    return thick
