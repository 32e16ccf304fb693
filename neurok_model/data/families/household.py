"""Small things of a household: eyeglasses and kettles. Fronts face +x."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import (
    circle,
    cylinder,
    ellipsoid,
    lathe,
    perforated_prism,
    prism,
    rectangle_by_rays,
    sweep,
)
from neurok_model.data.shapes import Surface, beveled_box, box

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@articulated_family("eyeglasses")
def eyeglasses(draw: Draw, tree: KinematicTree) -> None:
    """Spectacles whose two temples unfold; zero is folded, one temple in front of or above the other."""
    width, height = draw.uniform(0.1, 0.16), draw.uniform(0.022, 0.055)
    bar = draw.uniform(0.0014, 0.004)
    tall = bar * draw.uniform(1.0, 3.0)
    tree.base.add(*_spectacle_front(draw, width, height, bar))
    hooked = draw.chance(0.6)
    hook = draw.uniform(0.01, 0.035) if hooked else 0.0
    # Straight temples pass each other at two heights; hooked ones lie in two layers and unfold in turn.
    lean = 0.0 if hooked else (1.4 * tall + 0.001) / width
    axis = np.array([0.0, np.sin(lean), np.cos(lean)])
    length, opened = draw.uniform(0.8, 0.92) * width, draw.uniform(1.5, 1.85)
    place_z, depth = height * draw.uniform(0.5, 0.9), bar * draw.uniform(3.6, 6.0)
    outer_side, jammed = draw.sign(), draw.chance(0.1)
    outer: Part | None = None
    for side in (outer_side, -outer_side):
        layer = depth + (1.8 * bar if hooked and outer is None else 0.0)
        anchor = np.array([-layer, side * width / 2, place_z])
        stuck = jammed and outer is not None
        temple = tree.locked(tree.base) if stuck else tree.hinge(tree.base, anchor, -side * axis, (0.0, opened))
        tree.base.add(beveled_box(anchor + [layer / 2 + 0.3 * bar, 0, 0], [layer, 2 * bar, 1.1 * tall], 0.2 * bar))
        parts = [
            *_temple(anchor, length, bar, tall, hook),
            cylinder(anchor - tall * axis, anchor + tall * axis, bar, 8),
        ]
        temple.add(*[surface.turned(side * axis, np.pi / 2, anchor) for surface in parts])
        if hooked and outer is not None and not stuck:
            tree.gate(temple, outer, 1.12, 1.24)
        outer = outer or temple
    tree.put_on_floor()


def _temple(anchor: np.ndarray, length: float, bar: float, tall: float, hook: float) -> list[Surface]:
    along = length * np.array([0.0, 0.35, 0.66, 0.78, 0.9, 1.0])
    drop = hook * (np.maximum(along / length - 0.66, 0.0) / 0.34) ** 1.5
    path = anchor - np.stack([along, 0.0 * along, drop], axis=-1)
    return [sweep(path, 0.5 * bar, 8, flatten=tall / bar)]


def _spectacle_front(draw: Draw, width: float, height: float, bar: float) -> list[Surface]:
    gap = draw.uniform(0.1, 0.22) * width
    eye = (width - gap) / 2
    lens = min(eye * draw.uniform(0.8, 1.0), 1.9 * height)
    middle = [-0.5 * bar, 0, height / 2]
    style = draw.choice(["rims", "rims", "rims", "rimless", "brow"])
    square = draw.chance(0.4)

    def outline(shrink: float) -> np.ndarray:
        if square:
            return rectangle_by_rays(lens - shrink, height - shrink, 24)
        return circle((lens - shrink) / 2, 24, (height - shrink) / (lens - shrink))

    found = []
    rim = bar * draw.uniform(0.8, 2.0)
    glazed, padded = style != "rims" or draw.chance(0.6), draw.chance(0.5)
    for side in (-1, 1):
        y = side * (width - eye) / 2
        place = np.array([0.0, y, height / 2])
        if style == "rims":
            found.append(
                perforated_prism(outline(0.0), outline(2 * rim), bar, LEFTWARD, UPWARD, place - 0.5 * bar * FORWARD)
            )
        if glazed:
            thin = place - 0.15 * bar * FORWARD
            found.append(prism(outline(1.6 * rim if style == "rims" else 0.0), 0.3 * bar, LEFTWARD, UPWARD, thin))
        if style == "brow":
            found.append(beveled_box([0, y, 0.93 * height], [1.4 * bar, eye, 0.16 * height], 0.3 * bar))
        # From the lens out to the hinge.
        low, high = (width - eye) / 2 + 0.45 * lens, width / 2 + bar
        found.append(box([0, side * (low + high) / 2, 0.62 * height], [bar, high - low, 0.4 * height]))
        if padded:
            pad = np.array([-2.2 * bar, side * 0.42 * gap, 0.35 * height])
            found.append(ellipsoid(pad, [0.8 * bar, 0.6 * bar, 0.12 * height], 8, 6))
            found.append(cylinder(pad, [0, side * (0.5 * gap + rim), 0.4 * height], 0.25 * bar, 6))
    reach = np.linspace(-1, 1, 7)
    half = gap / 2 + 0.5 * (eye - lens) + rim
    bridge = np.stack([0 * reach, half * reach, (0.6 + 0.18 * (1 - reach**2)) * height], axis=-1)
    return [*found, sweep(bridge + [middle[0] + 0.5 * bar, 0, 0], 0.6 * bar, 8)]


@articulated_family("kettle")
def kettle(draw: Draw, tree: KinematicTree) -> None:
    """A kettle, jug or teapot: a spout in front, a lid that swings or lifts, a handle behind or over the top."""
    radius, sides = draw.uniform(0.05, 0.11), draw.choice([6, 8, 16, 20, 20])
    height, wall = radius * draw.uniform(1.0, 2.8), draw.uniform(0.0015, 0.006)
    rim = radius * draw.uniform(0.5, 0.95)
    belly = draw.uniform(0.75, 1.0) * radius
    shape = [(draw.uniform(0.7, 1.0) * radius, 0.0), (radius, draw.uniform(0.1, 0.4) * height),
             (belly, draw.uniform(0.5, 0.75) * height), (rim, height)]  # fmt: skip
    if draw.chance(0.5):
        shape = _smoothed(shape)
    inside = [(max(r - wall, 0.3 * r), max(z, wall)) for r, z in reversed(shape)]
    tree.base.add(lathe([*shape, *inside], sides=sides))
    if draw.chance(0.4):
        tree.base.add(cylinder([0, 0, -0.02], [0, 0, 0.002], radius * draw.uniform(0.95, 1.15), 20))
    radii, heights = np.array(shape).T

    def skin(z: float) -> float:
        return float(np.interp(z, heights, radii))

    tree.base.add(*_kettle_spout(draw, skin, height, radius))
    over_top = draw.chance(0.35)
    switch = not over_top and draw.chance(0.4)
    bail = over_top and draw.chance(0.6)
    lift = draw.uniform(0.6, 1.1) * radius + 0.03
    if over_top:
        z = 0.85 * height
        half = skin(z) * float(np.cos(np.pi / sides))
        _handle_over_top(draw, tree, half, max(half, 1.1 * rim) + 0.012, z, lift + 0.15 * height, bail)
    else:
        tree.base.add(*_handle_behind(draw, skin, height, radius))
    if switch:
        z = 0.12 * height
        lever = tree.hinge(tree.base, [-skin(z), 0, z], LEFTWARD, (-draw.uniform(0.0, 0.3), draw.uniform(0.25, 0.45)))
        reach = draw.uniform(0.02, 0.04)
        size = [reach, draw.uniform(0.008, 0.03), 0.006]
        lever.add(beveled_box([-skin(z) - 0.4 * reach, 0, z], size, 0.002))
    stuck = (switch or bail) and draw.chance(0.2)
    _kettle_lid(draw, tree, rim, height, 0.45 * lift if over_top else 0.12, over_top, stuck)


def _smoothed(profile: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The profile with its inner corners cut off twice."""
    points = np.array(profile)
    for _ in range(2):
        cut = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], axis=1)
        points = np.concatenate([points[:1], cut.reshape(-1, 2)[1:-1], points[-1:]])
    return [(float(r), float(z)) for r, z in points]


def _kettle_lid(
    draw: Draw, tree: KinematicTree, rim: float, height: float, room: float, over_top: bool, stuck: bool
) -> None:
    """A lid on the rim that leaves ``room`` metres above its knob; under a handle it lifts and does not swing."""
    if stuck:
        lid = tree.locked(tree.base)
    elif over_top or draw.chance(0.3):
        lid = tree.slide(tree.base, UPWARD, (0.0, room * draw.uniform(0.7, 1.0)))
    else:
        lid = tree.hinge(tree.base, [-rim, 0, height], -LEFTWARD, (0.0, draw.uniform(0.7, 1.6)))
        tree.base.add(cylinder([-rim, -0.2 * rim, height], [-rim, 0.2 * rim, height], 0.004, 8))
    dome = rim * draw.uniform(0.05, 0.3)
    lid.add(lathe([(rim, height + 0.0005), (rim, height + 0.003), (0.6 * rim, height + 0.003 + 0.7 * dome),
                   (0.1 * rim, height + 0.003 + dome)], sides=20))  # fmt: skip
    knob = min(draw.uniform(0.008, 0.018), 0.4 * room)
    top = height + dome
    if draw.chance(0.7):
        lid.add(cylinder([0, 0, top], [0, 0, top + knob], 0.4 * knob, 8), ellipsoid([0, 0, top + knob], [knob] * 3))
    else:
        lid.add(beveled_box([0.7 * rim, 0, height + 0.004], [0.8 * rim, 0.25 * rim, 0.006], 0.002))


def _kettle_spout(draw: Draw, skin: Callable[[float], float], height: float, radius: float) -> list[Surface]:
    style = draw.choice(["cone", "goose", "beak"])
    if style == "beak":
        z, width = 0.85 * height, draw.uniform(0.5, 0.9) * radius
        tip = skin(height) + draw.uniform(0.15, 0.4) * radius
        outline = np.array([[0.7 * skin(z), -width / 2], [tip, 0.0], [0.7 * skin(z), width / 2]])
        return [prism(outline, 0.12 * height, origin=[0, 0, z])]
    low = height * draw.uniform(0.15, 0.6)
    thick = radius * draw.uniform(0.1, 0.22)
    start = np.array([skin(low) - 0.5 * thick, 0, low])
    end = np.array([radius * draw.uniform(1.4, 1.9), 0, height * draw.uniform(0.85, 1.1)])
    if style == "cone":
        return [cylinder(start, end, 1.2 * thick, 10, 0.7 * thick)]
    share = np.linspace(0, 1, 9)[:, None]
    bend = np.array([end[0], 0, low])
    path = (1 - share) ** 2 * start + 2 * share * (1 - share) * bend + share**2 * end
    return [sweep(np.concatenate([path, [end + [1.5 * thick, 0, 0.2 * thick]]]), 0.7 * thick, 10)]


def _handle_behind(draw: Draw, skin: Callable[[float], float], height: float, radius: float) -> list[Surface]:
    low, high, out = (
        draw.uniform(0.25, 0.4) * height,
        draw.uniform(0.75, 0.95) * height,
        draw.uniform(0.4, 0.8) * radius,
    )
    bar, flat = draw.uniform(0.005, 0.012), draw.uniform(0.6, 1.8)
    far = -radius - out
    if draw.chance(0.5):
        path = np.array([[-skin(high) + 0.002, 0, high], [0.9 * far, 0, high], [far, 0, 0.9 * high + 0.1 * low],
                         [far, 0, 0.8 * low + 0.2 * high]])  # fmt: skip
        closed = [[0.85 * far, 0, low], [-skin(low) + 0.002, 0, low]] if draw.chance(0.6) else []
        path = np.concatenate([path, np.reshape(closed, (-1, 3))])
    else:
        angle = np.linspace(0, np.pi, 10)
        root = np.interp(angle, [0, np.pi], [skin(high), skin(low)]) - 0.002
        reach = (-far - root) * np.sin(angle)
        path = np.stack([-root - reach, 0 * angle, (high + low) / 2 + (high - low) / 2 * np.cos(angle)], axis=-1)
    return [sweep(path, bar, 8, flatten=flat)]


def _handle_over_top(
    draw: Draw, tree: KinematicTree, half: float, wide: float, z: float, rise: float, turning: bool
) -> None:
    """An arch from one side over the lid to the other, fixed or on pins."""
    bar = draw.uniform(0.003, 0.008)
    arch = tree.base
    if turning:
        arch = tree.hinge(tree.base, [0, 0, z], LEFTWARD, (-draw.uniform(0.5, 1.3), draw.uniform(0.2, 0.6)))
    angle = np.linspace(0, np.pi, 13)
    corner = draw.uniform(0.4, 0.75)
    y, up = (np.sign(v) * np.abs(v) ** corner for v in (np.cos(angle), np.sin(angle)))
    arch.add(sweep(np.stack([0 * angle, wide * y, z + rise * up], axis=-1), bar, 8))
    for side in (-1, 1):
        tree.base.add(cylinder([0, side * (half - 0.006), z], [0, side * (wide + bar), z], 0.7 * bar, 8))
