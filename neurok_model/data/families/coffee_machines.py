"""Coffee machines: stacked, L- or C-shaped bodies with buttons, knobs, lids, tanks and trays. Fronts face +x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import handle, slats
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree
from neurok_model.data.round_shapes import circle, cylinder, lathe, perforated_prism, prism, rounded_rectangle, tube
from neurok_model.data.shapes import Surface, beveled_box, box, open_box

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@dataclass(frozen=True)
class _Housing:
    """Measures of a coffee machine in metres: its back stands at x = 0, foot and head reach forward from there."""

    style: str
    width: float
    height: float
    foot: float
    foot_height: float
    back: float
    head: float
    head_height: float
    bevel: float

    @property
    def gap(self) -> tuple[float, float]:
        """Heights of the foot's top and of the head's underside."""
        return self.foot_height, self.height - self.head_height

    def block(self, length: float, low: float, high: float, wall: float = 0.0) -> list[Surface]:
        """A block from the back plane to ``length``; a wall thickness makes it hollow and open at its top."""
        center, size = [length / 2, 0.0, (low + high) / 2], [length, self.width, high - low]
        if self.style == "boxy":
            return [open_box(center, size, wall) if wall > 0 else beveled_box(center, size, self.bevel)]
        if self.style == "rolled":
            shape = rounded_rectangle(length, high - low, 3 * self.bevel)
            return [prism(shape, self.width, FORWARD, UPWARD, [length / 2, self.width / 2, center[2]])]
        shape = self.plan(length)
        if wall == 0.0:
            return [prism(shape, high - low, origin=[length / 2, 0, low])]
        hole = shape * (1 - 2 * wall / np.array([length, self.width]))
        return [
            perforated_prism(shape, hole, high - low, origin=[length / 2, 0, low]),
            prism(0.5 * (shape + hole), wall, origin=[length / 2, 0, low + 0.001]),
        ]

    def plan(self, length: float) -> np.ndarray:
        """Outline of a block seen from above, about its middle."""
        if self.style == "pod":
            return circle(length / 2, 24, self.width / length)
        corner = {"boxy": self.bevel, "rolled": 0.002, "rounded": 0.3 * min(length, self.width)}[self.style]
        return rounded_rectangle(length, self.width, corner)


@articulated_family("coffee_machine")
def coffee_machine(draw: Draw, tree: KinematicTree) -> None:
    """A coffee machine of stacked, L- or C-shaped blocks: buttons, knobs, a lid, a tank, a drip tray or a jug."""
    housing = _coffee_housing(draw)
    wall = draw.uniform(0.004, 0.1 * housing.width)
    lid, tray = draw.chance(0.45), draw.chance(0.4)
    hollow = lid and housing.style != "rolled"
    low, high = housing.gap
    tree.base.add(*housing.block(housing.head, high, housing.height, wall if hollow else 0.0))
    tree.base.add(*housing.block(housing.back, 0.5 * low if not tray else 0.0, high + 0.5 * wall))
    if lid:
        _coffee_lid(draw, tree, housing)
    _foot(draw, tree, housing, tray)
    tank = draw.chance(0.3)
    if tank:
        _water_tank(draw, tree, housing, upwards=not lid and draw.chance(0.6))
    reach = max(housing.head, housing.back + 0.3 * housing.width)
    room = min(reach, housing.foot) - housing.back
    jug = room > 0.05 and draw.chance(0.4)
    if jug:
        _jug(draw, tree, housing, room)
    _spout(draw, tree, housing, reach)
    busy = (lid + tray + tank) > 0
    _coffee_controls(draw, tree, housing, draw.integer(0 if busy else 1, 2), busy and draw.chance(0.4))
    if draw.chance(0.2):
        tree.transform(np.diag([1.0, -1.0, 1.0]))


def _coffee_housing(draw: Draw) -> _Housing:
    height, width = draw.uniform(0.2, 0.45), draw.uniform(0.1, 0.35)
    depth = draw.uniform(0.2, 0.42)
    back, foot, head = draw.uniform(0.35, 0.6) * depth, draw.uniform(0.8, 1.0) * depth, depth * draw.uniform(0.75, 1.0)
    layout = draw.choice(["C", "C", "C", "L", "hook", "slab"])
    if layout == "L":
        head = back
    elif layout == "hook":
        foot = back * draw.uniform(1.0, 1.15)
    elif layout == "slab":
        back, head = 0.85 * depth, 0.85 * depth
        foot = depth * draw.uniform(0.9, 1.2)
    style = draw.choice(["boxy", "boxy", "rolled", "rounded", "pod"])
    return _Housing(
        style,
        width,
        height,
        foot,
        draw.uniform(0.07, 0.17) * height,
        back,
        head,
        draw.uniform(0.22, 0.45) * height,
        draw.uniform(0.01, 0.08) * width,
    )


def _coffee_lid(draw: Draw, tree: KinematicTree, housing: _Housing) -> None:
    """A lid over the head, hinged at its rear edge or lifted off."""
    thick = housing.height * draw.uniform(0.02, 0.09)
    # On rolled edges the lid covers no more than what is flat.
    inset = 0.7 * min(3 * housing.bevel, 0.49 * housing.head_height) if housing.style == "rolled" else 0.0
    if draw.chance(0.8):
        lid = tree.hinge(tree.base, [inset, 0, housing.height], -LEFTWARD, (0.0, draw.uniform(0.9, 1.7)))
    else:
        lid = tree.slide(tree.base, UPWARD, (0.0, housing.height * draw.uniform(0.2, 0.5)))
    shape = housing.plan(housing.head - 2 * inset) * draw.uniform(0.98, 1.03)
    lid.add(prism(shape, thick, origin=[housing.head / 2, 0, housing.height + 0.001]))
    if draw.chance(0.5):
        lip = [0.15 * housing.width, draw.uniform(0.2, 0.5) * housing.width, 0.6 * thick]
        lid.add(beveled_box([housing.head - inset, 0, housing.height + 0.5 * thick + 0.001], lip, 0.2 * thick))
    elif draw.chance(0.5):
        place = [0.6 * housing.head, 0, housing.height + thick]
        lid.add(*handle(draw, place, UPWARD, LEFTWARD, 0.4 * housing.width))


def _foot(draw: Draw, tree: KinematicTree, housing: _Housing, sliding: bool) -> None:
    """The foot under the spout: a drip tray with a grille on a solid block, or one that slides out of it."""
    width, high = housing.width, housing.foot_height
    if not sliding:
        tree.base.add(*housing.block(housing.foot, 0.0, high))
        room = housing.foot - housing.back
        if room > 0.04:
            field = [0.8 * room, (0.4 if housing.style == "pod" else 0.7) * width, 0.006]
            middle = [housing.back + 0.45 * room, 0, high + 0.001]
            tree.base.add(slats(middle, field, draw.integer(4, 9), draw.integer(0, 1)))
        return
    wall = 0.12 * high
    tree.base.add(open_box([housing.foot / 2, 0, high / 2], [housing.foot, width, high], wall, opening=0))
    length = housing.foot - 2 * wall
    tray = tree.slide(tree.base, FORWARD, (0.0, draw.uniform(0.4, 0.85) * length))
    size = [length, width - 3 * wall, high - 3 * wall]
    tray.add(open_box([housing.foot - length / 2, 0, high / 2], size, wall))
    front = draw.uniform(0.006, 0.02)
    low = draw.choice([0.0, wall])
    panel = [front, width - 2 * low, high - 2 * low]
    tray.add(beveled_box([housing.foot + front / 2, 0, high / 2], panel, 0.3 * front))
    if draw.chance(0.5):
        tray.add(box([housing.foot + front, 0, 0.6 * high], [front, 0.4 * width, 0.2 * high]))


def _water_tank(draw: Draw, tree: KinematicTree, housing: _Housing, upwards: bool) -> None:
    """A tank on a ledge behind the machine, drawn up or backwards."""
    length, width = draw.uniform(0.05, 0.13), housing.width * draw.uniform(0.6, 1.0)
    ledge = draw.uniform(0.05, 0.2) * housing.height
    high = housing.height * draw.uniform(0.7, 0.95)
    tree.base.add(box([-length / 2 + 0.01, 0, ledge / 2], [length + 0.02, width, ledge]))
    travel = draw.uniform(0.3, 0.6) * housing.height if upwards else draw.uniform(0.5, 1.0) * length
    tank = tree.slide(tree.base, UPWARD if upwards else -FORWARD, (0.0, travel))
    gap = 0.002
    center, size = [-length / 2 - gap, 0, (ledge + high) / 2 + gap], [length, width, high - ledge]
    tank.add(open_box(center, size, draw.uniform(0.003, 0.008)))
    if draw.chance(0.5):
        tank.add(beveled_box([-length / 2 - gap, 0, high], [length, width, 0.02], 0.004))
    if draw.chance(0.5):
        tank.add(*handle(draw, [-length - gap, 0, high - 0.03], -FORWARD, LEFTWARD, 0.5 * width))


def _jug(draw: Draw, tree: KinematicTree, housing: _Housing, room: float) -> None:
    """A cup or a jug under the spout that can perhaps be pulled forward."""
    low, high = housing.gap
    radius, tall = 0.5 * min(room, housing.width) * draw.uniform(0.6, 0.9), 0.6 * (high - low)
    place = [housing.back + room / 2, 0, low + 0.006]
    jug = tree.slide(tree.base, FORWARD, (0.0, draw.uniform(0.5, 1.5) * room)) if draw.chance(0.5) else tree.base
    profile = [(0.8 * radius, 0.0), (radius, 0.3 * tall), (draw.uniform(0.6, 1.0) * radius, tall)]
    inside = [(r - 0.1 * radius, max(z, 0.05 * tall)) for r, z in profile[::-1]]
    jug.add(lathe(profile + inside, place, UPWARD, 18))
    side = draw.choice([FORWARD, LEFTWARD, -LEFTWARD])
    grip = np.asarray(place) + 0.85 * radius * side + [0, 0, 0.45 * tall]
    jug.add(box(grip + 0.2 * radius * side, [0.012, 0.012, 0.5 * tall] + np.abs(side) * 0.4 * radius))


def _spout(draw: Draw, tree: KinematicTree, housing: _Housing, reach: float) -> None:
    """Spouts under the head, or on an arm when the head does not reach over; perhaps a filter with a handle."""
    low, high = housing.gap
    x = (housing.back + reach) / 2
    if housing.head < reach:
        tree.base.add(box([x - 0.1 * reach, 0, high], [reach - housing.back, 0.3 * housing.width, 0.08 * high]))
    drop, radius = 0.25 * (high - low), draw.uniform(0.04, 0.1) * housing.width
    if draw.chance(0.35):
        filter_holder = tree.hinge(tree.base, [x, 0, high], UPWARD, (-draw.uniform(0.2, 0.9), draw.uniform(0.2, 0.9)))
        bowl = min(0.4 * housing.width, 0.45 * (reach - housing.back))
        filter_holder.add(cylinder([x, 0, high + 0.002], [x, 0, high - 0.6 * drop], bowl, 16, 0.8 * bowl))
        z = high - 0.3 * drop
        end = x + bowl + draw.uniform(0.08, 0.14)
        filter_holder.add(cylinder([x, 0, z], [end, 0, z - 0.1 * drop], 0.2 * drop, 10, 0.28 * drop))
        return
    for index in range(count := draw.integer(1, 2)):
        y = (index - (count - 1) / 2) * 4 * radius
        tree.base.add(cylinder([x, y, high + 0.01], [x, y, high - drop], radius, 10, 0.7 * radius))


def _coffee_controls(draw: Draw, tree: KinematicTree, housing: _Housing, buttons: int, knob: bool) -> None:
    """Buttons and perhaps a knob on the front of the head; the knob may sit on a side instead."""
    middle = np.array([housing.head, 0.0, housing.height - 0.5 * housing.head_height])
    count = buttons + knob
    upright = housing.style == "pod" or draw.chance(0.2)
    room = (housing.head_height, housing.width) if upright else (housing.width, housing.head_height)
    pitch = 0.75 * room[0] / max(count, 1)
    radius = draw.uniform(0.2, 0.4) * min(pitch, 0.8 * room[1], 0.08)
    along = UPWARD if upright else LEFTWARD
    collar = draw.choice(["none", "none", "round"])
    depth = radius * draw.uniform(0.3, 0.7) if collar == "none" else radius * draw.uniform(0.5, 1.3)
    square = draw.chance(0.4)
    for index in range(count):
        place = middle + (index - (count - 1) / 2) * pitch * along
        root, tip = place - [0.3 * depth, 0, 0], place + [depth, 0, 0]
        if index >= buttons:
            turning = tree.hinge(tree.base, place, FORWARD, (-draw.uniform(0.3, 2.4), draw.uniform(0.3, 2.4)))
            turning.add(cylinder(root, tip, radius, draw.choice([8, 16])))
            turning.add(box(tip, [0.4 * depth, 0.3 * radius, 1.8 * radius]))
            continue
        jammed = index > 0 and draw.chance(0.15)
        button = tree.locked(tree.base) if jammed else tree.slide(tree.base, -FORWARD, (0.0, 0.8 * depth))
        if collar == "round":
            # Within its collar a button has room to move without entering the housing.
            tree.base.add(tube(root, tip, 1.2 * radius, 0.15 * radius, 16))
            button.add(cylinder(tip - [0.15 * depth, 0, 0], tip + [0.7 * depth, 0, 0], radius, 16))
        elif square:
            button.add(beveled_box((root + tip) / 2, [1.3 * depth, 1.7 * radius, 1.7 * radius], 0.15 * radius))
        else:
            button.add(cylinder(root, tip, radius, 16, radius * draw.uniform(0.8, 1.0)))
