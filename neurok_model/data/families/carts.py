"""Carts on wheels: trolleys, platforms, hand trucks, wagons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import cylinder, prism, rounded_rectangle, sweep, tube
from neurok_model.data.shapes import Surface, Vector, axis_rotation, box, open_box

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@dataclass(frozen=True)
class _Wheel:
    """How the wheels of a cart look; lengths in metres."""

    radius: float
    width: float
    style: str

    @staticmethod
    def drawn(draw: Draw, low: float, high: float) -> _Wheel:
        """A wheel whose radius lies between ``low`` and ``high``."""
        radius = draw.uniform(low, high)
        return _Wheel(radius, radius * draw.uniform(0.2, 0.7), draw.choice(["disc", "spoked", "bolted"]))

    def surfaces(self, center: Vector) -> list[Surface]:
        """A wheel that rolls about y."""
        middle = np.asarray(center, dtype=np.float64)
        out = np.array([0, self.width / 2, 0])
        if self.style == "spoked":
            found = [tube(middle - out, middle + out, self.radius, 0.22 * self.radius, 20)]
            found.append(cylinder(middle - 1.1 * out, middle + 1.1 * out, 0.2 * self.radius, 10))
            spoke = box(middle + [0, 0, 0.45 * self.radius], [0.1 * self.radius, self.width, 0.75 * self.radius])
            return found + [spoke.turned(LEFTWARD, turn * 2 * np.pi / 5, middle) for turn in range(5)]
        found = [cylinder(middle - out, middle + out, self.radius, 18)]
        count, bolt = (1, 0.2) if self.style == "disc" else (4, 0.12)
        for turn in range(count):
            mark = box(middle + [0, 0, 0.55 * self.radius], [bolt * self.radius, 1.15 * self.width, 0.3 * self.radius])
            found.append(mark.turned(LEFTWARD, turn * 2 * np.pi / count, middle))
        return found


def _axle(draw: Draw, tree: KinematicTree, parent: Part, place: Vector, track: float, wheel: _Wheel) -> None:
    """Two wheels ``track`` metres apart that roll together or each on its own."""
    middle = np.asarray(place, dtype=np.float64)
    ends = [middle - [0, track / 2, 0], middle + [0, track / 2, 0]]
    limits = (-draw.uniform(0.5, 3.1), draw.uniform(0.5, 3.1))
    if draw.chance(0.6):
        rolling = tree.hinge(parent, middle, LEFTWARD, limits)
        rolling.add(cylinder(ends[0], ends[1], 0.12 * wheel.radius, 8), *wheel.surfaces(ends[0]))
        rolling.add(*wheel.surfaces(ends[1]))
        return
    parent.add(cylinder(ends[0], ends[1], 0.12 * wheel.radius, 8))
    for index, end in enumerate(ends):
        jammed = index == 1 and draw.chance(0.12)
        rolling = tree.locked(parent) if jammed else tree.hinge(parent, end, LEFTWARD, limits)
        rolling.add(*wheel.surfaces(end))


def _caster(draw: Draw, tree: KinematicTree, place: Vector, wheel: _Wheel, steers: bool) -> None:
    """A fork under ``place``, 2.3 radii above the floor, whose wheel rolls or which turns about its stem."""
    top = np.asarray(place, dtype=np.float64)
    axle = np.array([top[0] - 0.5 * wheel.radius * steers, top[1], wheel.radius])
    fork = (
        tree.hinge(tree.base, top, UPWARD, (-draw.uniform(0.4, 3.1), draw.uniform(0.4, 3.1))) if steers else tree.base
    )
    gap = 0.62 * wheel.width
    for sign in (-1, 1):
        cheek = [0.6 * wheel.radius, 0.1 * wheel.width, 1.3 * wheel.radius]
        fork.add(box(axle + [0, sign * gap, 0.5 * wheel.radius], cheek))
    plate = [1.2 * wheel.radius, 2.2 * gap, 0.12 * wheel.radius]
    fork.add(box([(top[0] + axle[0]) / 2, top[1], 2.15 * wheel.radius], plate))
    fork.add(cylinder([top[0], top[1], 2.15 * wheel.radius], top, 0.25 * wheel.radius, 10))
    fork.add(cylinder(axle - [0, gap, 0], axle + [0, gap, 0], 0.12 * wheel.radius, 8))
    # Steering shows enough of the motion: a second joint for every caster costs another coordinate.
    rolls = not steers or draw.chance(0.3)
    rolling = tree.hinge(fork, axle, LEFTWARD, (-draw.uniform(0.5, 3.1), draw.uniform(0.5, 3.1))) if rolls else fork
    rolling.add(*wheel.surfaces(axle))


@articulated_family("cart")
def cart(draw: Draw, tree: KinematicTree) -> None:
    """A trolley with trays, a platform cart, a hand truck or a pulled wagon, on wheels that roll."""
    styles: dict[str, Callable[[Draw, KinematicTree], None]] = {
        "trolley": _trolley,
        "platform": _platform,
        "truck": _hand_truck,
        "wagon": _wagon,
    }
    styles[draw.choice(["trolley", "trolley", "platform", "truck", "wagon"])](draw, tree)
    tree.transform(axis_rotation(UPWARD, draw.choice([0.0, np.pi / 2, np.pi, -np.pi / 2])))


def _under_carriage(draw: Draw, tree: KinematicTree, length: float, width: float, wheel: _Wheel) -> None:
    """Two fixed wheels at the rear and two casters in front, or four casters."""
    steers = draw.chance(0.4)
    x, y = length / 2 - 1.8 * wheel.radius, width / 2 - 1.5 * wheel.width
    height = 2.3 * wheel.radius
    for sign in (-1, 1):
        _caster(draw, tree, [x, sign * y, height], wheel, steers)
    if draw.chance(0.5):
        for sign in (-1, 1):
            _caster(draw, tree, [-x, sign * y, height], wheel, False)
        return
    for sign in (-1, 1):
        foot = [0.5 * wheel.radius, 0.3 * wheel.width, 1.5 * wheel.radius]
        tree.base.add(box([-x, sign * (y - wheel.width), height - 0.5 * foot[2]], foot))
    _axle(draw, tree, tree.base, [-x, 0, wheel.radius], 2 * y, wheel)


def _trolley(draw: Draw, tree: KinematicTree) -> None:
    """Two or three trays between corner posts; one tray may slide out."""
    length, width, height = draw.uniform(0.45, 1.0), draw.uniform(0.3, 0.55), draw.uniform(0.5, 1.0)
    wheel = _Wheel.drawn(draw, 0.025, 0.06)
    _under_carriage(draw, tree, length, width, wheel)
    low, post = 2.3 * wheel.radius, draw.uniform(0.01, 0.03)
    for x in (-length / 2 + post / 2, length / 2 - post / 2):
        for y in (-width / 2 + post / 2, width / 2 - post / 2):
            if draw.chance(0.5):
                tree.base.add(cylinder([x, y, low], [x, y, height], 0.5 * post, 8))
            else:
                tree.base.add(box([x, y, (low + height) / 2], [post, post, height - low]))
    rim = draw.uniform(0.015, 0.12)
    count = draw.integer(2, 3)
    sliding = draw.integer(0, count - 1) if draw.chance(0.4) else -1
    for index in range(count):
        z = low + rim / 2 + index * (height - low - rim) / (count - 1)
        slides = index == sliding
        tray = tree.slide(tree.base, FORWARD, (0.0, draw.uniform(0.3, 0.8) * length)) if slides else tree.base
        wide = width - 2.2 * post if slides else width
        tray.add(open_box([0, 0, z], [length, wide, rim], draw.uniform(0.003, 0.012)))
        for sign in (-1, 1) if slides else ():
            tree.base.add(box([0, sign * (width / 2 - 0.5 * post), z], [length, post, 0.3 * rim]))
    if draw.chance(0.7):
        _push_handle(draw, tree, [-length / 2, width - 2 * post, height - 0.3 * rim], draw.uniform(0.08, 0.25), post)


def _bow(half: Sequence[tuple[float, float, float]], anchor: Vector, radius: float) -> Surface:
    """A bent tube: the given half from ``anchor`` on, and its mirror image across y = 0."""
    whole = [*half, *((x, -y, z) for x, y, z in half[::-1])]
    return sweep(np.array(whole) + np.asarray(anchor, dtype=np.float64), radius, 8)


def _push_handle(draw: Draw, tree: KinematicTree, edge: Vector, rise: float, thick: float) -> None:
    """A bow behind the rear edge that folds down, or stays fast. ``edge`` is x, width and height of its feet."""
    x, width, z = (float(value) for value in edge)
    radius = 0.4 * thick
    anchor = [x - radius, 0, z]
    part = tree.base
    if draw.chance(0.5):
        part = tree.hinge(tree.base, anchor, -LEFTWARD, (-draw.uniform(0.05, 0.4), draw.uniform(0.6, 1.5)))
    elif draw.chance(0.2):
        part = tree.locked(tree.base)
    lean = draw.uniform(0.0, 0.4) * rise
    half = width / 2
    path = [(0, -half, 0), (-lean, -half, 0.85 * rise), (-1.1 * lean, -0.8 * half, rise)]
    part.add(_bow(path, anchor, radius))
    tree.base.add(cylinder([anchor[0], -half - radius, z], [anchor[0], half + radius, z], 0.6 * radius, 8))


def _platform(draw: Draw, tree: KinematicTree) -> None:
    """A deck with a bow that folds over it."""
    length, width = draw.uniform(0.5, 1.1), draw.uniform(0.35, 0.7)
    wheel = _Wheel.drawn(draw, 0.04, 0.09)
    _under_carriage(draw, tree, length, width, wheel)
    low, thick = 2.3 * wheel.radius, draw.uniform(0.015, 0.06)
    tree.base.add(prism(rounded_rectangle(length, width, draw.uniform(0.005, 0.1)), thick, origin=[0, 0, low]))
    radius, rise = draw.uniform(0.01, 0.02), draw.uniform(0.5, 0.95)
    half, z = 0.42 * width, low + thick + 1.3 * radius
    anchor = [-0.46 * length, 0, z]
    bow = tree.hinge(tree.base, anchor, LEFTWARD, (-draw.uniform(0.0, 0.25), draw.uniform(0.8, 1.55)))
    path = [(0, -half, 0), (0, -half, 0.93 * rise), (0, -0.85 * half, rise)]
    bow.add(_bow(path, anchor, radius))
    for share in (0.35, 0.65)[: draw.integer(0, 2)]:
        at = [anchor[0], 0, z + share * rise]
        bow.add(cylinder([at[0], -half, at[2]], [at[0], half, at[2]], 0.7 * radius, 8))
    for sign in (-1, 1):
        ear = [3 * radius, 0.8 * radius, 3.5 * radius]
        tree.base.add(box([anchor[0], sign * (half + 1.5 * radius), z - 0.3 * radius], ear))


def _hand_truck(draw: Draw, tree: KinematicTree) -> None:
    """Two upright tubes, two wheels behind them, a toe plate that may fold and a handle that may be drawn out."""
    height, width = draw.uniform(0.6, 1.2), draw.uniform(0.25, 0.5)
    wheel = _Wheel.drawn(draw, 0.06, 0.13)
    radius = draw.uniform(0.01, 0.02)
    low, half = 0.018, width / 2 - radius
    for sign in (-1, 1):
        tree.base.add(tube([0, sign * half, low], [0, sign * half, height], radius, 0.3 * radius, 12))
        tree.base.add(
            box([-0.5 * wheel.radius - 0.02, sign * 0.8 * half, wheel.radius], [wheel.radius + 0.04, 0.012, 0.05])
        )
    for index in range(draw.integer(2, 4)):
        z = low + 0.03 + index * 0.28 * height
        tree.base.add(box([-0.001, 0, z], [0.9 * radius, width - 3 * radius, 0.03]))
    track = width + wheel.width + 0.02
    _axle(draw, tree, tree.base, [-wheel.radius - 0.03, 0, wheel.radius], track, wheel)
    plate, thick = draw.uniform(0.12, 0.3), draw.uniform(0.006, 0.015)
    hinge_at = [radius + thick, 0, low]
    folds = draw.chance(0.6)
    toe = tree.hinge(tree.base, hinge_at, -LEFTWARD, (0.0, draw.uniform(1.2, 1.55))) if folds else tree.base
    toe.add(box([radius + thick + plate / 2, 0, low - 0.5 * thick], [plate, width, thick]))
    tree.base.add(cylinder([radius, -half, low], [radius, half, low], 0.6 * thick, 8))
    telescopes = draw.chance(0.5)
    bow = tree.slide(tree.base, UPWARD, (0.0, draw.uniform(0.2, 0.45) * height)) if telescopes else tree.base
    thin, rise = 0.5 * radius, draw.uniform(0.05, 0.2)
    path = [(0, -half, 0.45 * height), (0, -half, height + 0.8 * rise), (-0.3 * rise, -0.7 * half, height + rise)]
    bow.add(_bow(path, [0, 0, 0], thin))


def _wagon(draw: Draw, tree: KinematicTree) -> None:
    """A tub on two axles with a drawbar that swings up and down; the front axle may turn with it."""
    length, width, tall = draw.uniform(0.5, 1.0), draw.uniform(0.3, 0.55), draw.uniform(0.1, 0.35)
    wheel = _Wheel.drawn(draw, 0.06, 0.12)
    low = 2.15 * wheel.radius
    tree.base.add(open_box([0, 0, low + tall / 2], [length, width, tall], draw.uniform(0.005, 0.02)))
    x, track = 0.5 * length - 1.2 * wheel.radius, 0.8 * width
    for sign in (-1, 1):
        strut = [0.04, 0.02, low - wheel.radius]
        tree.base.add(box([-x, sign * (0.5 * track - wheel.width), low - strut[2] / 2], strut))
    _axle(draw, tree, tree.base, [-x, 0, wheel.radius], track, wheel)
    steers = draw.chance(0.6)
    front = (
        tree.hinge(tree.base, [x, 0, low], UPWARD, (-draw.uniform(0.2, 0.7), draw.uniform(0.2, 0.7)))
        if steers
        else tree.base
    )
    front.add(cylinder([x, 0, wheel.radius], [x, 0, low], 0.025, 10))
    front.add(box([x, 0, wheel.radius], [0.05, 0.7 * track, 0.03]))
    _axle(draw, tree, front, [x, 0, wheel.radius], track, wheel)
    end, tilt = length / 2 + 0.03, draw.uniform(0.0, 0.5)
    front.add(box([(x + end) / 2, 0, wheel.radius], [end - x, 0.04, 0.03]))
    bar = tree.hinge(front, [end, 0, wheel.radius], -LEFTWARD, (-0.1, draw.uniform(0.9, 1.5) - tilt))
    reach, thin = draw.uniform(0.4, 0.8), draw.uniform(0.008, 0.015)
    tip = np.array([end + reach * np.cos(tilt), 0, wheel.radius + reach * np.sin(tilt)])
    bar.add(cylinder([end, 0, wheel.radius], tip, thin, 8))
    bar.add(cylinder(tip - [0, 0.08, 0], tip + [0, 0.08, 0], 1.2 * thin, 8))
