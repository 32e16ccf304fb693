"""Hand tools and small devices: scissors, pliers, pumps, syringes, staplers, books."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import cylinder, lathe, prism, ring, sweep, tube
from neurok_model.data.shapes import axis_rotation, beveled_box, box

FORWARD, LEFTWARD, UPWARD = np.eye(3)


def _two_arms(draw: Draw, tree: KinematicTree, limits: tuple[float, float]) -> tuple[Part, Part]:
    """Two arms pivoting about z at the origin: one held still, or both turning in opposite ways."""
    if draw.chance(0.5):
        return tree.base, tree.hinge(tree.base, [0, 0, 0], UPWARD, limits)
    first = tree.hinge(tree.base, [0, 0, 0], UPWARD, limits, ratio=-0.5)
    return first, tree.hinge_following(first, tree.base, [0, 0, 0], UPWARD, 0.5)


def _set_down(draw: Draw, tree: KinematicTree, size: float) -> None:
    """Lay the tool flat, or hold it upright by its edge or its end."""
    pose = draw.choice(["flat", "flat", "edge", "end"])
    if pose == "edge":
        tree.transform(axis_rotation(FORWARD, np.pi / 2), [0, 0, size])
    elif pose == "end":
        tree.transform(axis_rotation(LEFTWARD, -np.pi / 2), [0, 0, size])


@articulated_family("scissors")
def scissors(draw: Draw, tree: KinematicTree) -> None:
    """Two blades with finger rings; closed at zero."""
    blade = draw.uniform(0.06, 0.2)
    handle = blade * draw.uniform(0.6, 1.2)
    width, thick = blade * draw.uniform(0.08, 0.18), draw.uniform(0.002, 0.006)
    arms = _two_arms(draw, tree, (0.0, draw.uniform(0.6, 1.5)))
    tree.base.add(cylinder([0, 0, -1.5 * thick], [0, 0, 1.5 * thick], 0.35 * width, 10))
    bar = draw.uniform(0.03, 0.06) * handle
    for part, side in zip(arms, (1, -1), strict=True):
        # The arm whose handle lies on side +y swings clockwise when the tool opens.
        z = 0.02 * thick if side > 0 else -1.02 * thick
        shape = np.array(
            [
                [-0.15 * blade, -0.5 * width],
                [0.3 * blade, -0.5 * width],
                [blade, 0.25 * width],
                [0.4 * blade, 0.5 * width],
                [-0.15 * blade, 0.5 * width],
            ]
        )
        if side < 0:
            shape = (shape * [1, -1])[::-1]
        part.add(prism(shape, thick, origin=[0, 0, z]))
        loop = draw.uniform(0.2, 0.3) * handle
        center = np.array([-handle + loop, side * (1.25 * loop), z + thick / 2])
        part.add(
            sweep(
                np.array(
                    [
                        [-0.1 * blade, 0, center[2]],
                        [-0.4 * handle, 0.3 * side * loop, center[2]],
                        [center[0] + 0.9 * loop, center[1] - 0.3 * side * loop, center[2]],
                    ]
                ),
                1.2 * bar,
                6,
            )
        )
        angle = 2 * np.pi * np.arange(16) / 16
        oval = np.stack([loop * draw.uniform(1.0, 1.5) * np.cos(angle), loop * np.sin(angle), np.zeros(16)], axis=-1)
        part.add(sweep(center + oval, bar, 6, closed=True))
    _set_down(draw, tree, blade)


@articulated_family("pliers")
def pliers(draw: Draw, tree: KinematicTree) -> None:
    """Pliers, nutcrackers and tongs: crossing arms, or arms joined at one end."""
    jaw, handle = draw.uniform(0.02, 0.08), draw.uniform(0.08, 0.25)
    radius = draw.uniform(0.004, 0.01)
    crossing = draw.chance(0.7)
    # Crossing arms open against their handles, tongs open with them: clockwise is outwards for one of them.
    arms = _two_arms(draw, tree, (0.0, draw.uniform(0.4, 1.2)))
    tree.base.add(cylinder([0, 0, -1.6 * radius], [0, 0, 1.6 * radius], 2.2 * radius, 12))
    for part, side in zip(arms, (1, -1), strict=True):
        if crossing:
            spread = draw.uniform(0.01, 0.03)
            shape = np.array([[-0.2 * jaw, -0.001], [jaw, -0.001], [jaw, 0.25 * jaw], [0.0, 0.4 * jaw]])
            outline = shape * [1, -1] if side > 0 else shape
            outline = outline[::-1] if side > 0 else outline
            part.add(prism(outline, 2 * radius, origin=[0, 0, -radius]))
            path = np.array(
                [
                    [0.05 * jaw, side * 0.2 * radius, 0],
                    [-0.2 * handle, side * spread, 0],
                    [-0.6 * handle, side * 1.6 * spread, 0],
                    [-handle, side * 1.2 * spread, 0],
                ]
            )
        else:
            path = np.array(
                [
                    [0.0, -side * radius, 0],
                    [0.5 * handle, -side * 2.5 * radius, 0],
                    [handle + jaw, -side * 1.1 * radius, 0],
                ]
            )
            part.add(
                beveled_box(
                    [handle + jaw, -side * 1.2 * radius, 0],
                    [0.5 * jaw, 2 * radius, 3.5 * radius],
                    0.3 * radius,
                )
            )
        part.add(sweep(path, radius, 8, flatten=draw.uniform(0.8, 1.3)))
    _set_down(draw, tree, handle)


@articulated_family("pump_bottle")
def pump_bottle(draw: Draw, tree: KinematicTree) -> None:
    """A dispenser: the head is pressed down and turns about the bottle's axis."""
    height = draw.uniform(0.08, 0.22)
    radius = height * draw.uniform(0.2, 0.4)
    neck = radius * draw.uniform(0.3, 0.5)
    profile = [
        (radius, 0),
        (radius, 0.7 * height),
        (draw.uniform(0.6, 1.0) * radius, 0.85 * height),
        (neck, 0.92 * height),
        (neck, height),
    ]
    tree.base.add(lathe(profile, sides=draw.choice([4, 8, 16, 16])))
    tree.base.add(lathe([(1.4 * neck, 0.95 * height), (1.3 * neck, 1.08 * height)], sides=14))
    travel = draw.uniform(0.08, 0.2) * height
    head: Part = tree.slide(tree.base, -UPWARD, (0.0, travel))
    if draw.chance(0.5):
        head = tree.hinge(head, [0, 0, height], UPWARD, (-draw.uniform(0.3, 1.5), draw.uniform(0.3, 1.5)))
    top = 1.1 * height + 1.05 * travel
    head.add(cylinder([0, 0, height], [0, 0, top], 0.4 * neck, 10))
    head.add(lathe([(0.9 * neck, top), (0.8 * neck, top + 0.07 * height)], sides=14))
    reach = radius * draw.uniform(0.9, 1.8)
    path = np.array(
        [
            [0, 0, top + 0.035 * height],
            [0.7 * reach, 0, top + 0.035 * height],
            [reach, 0, top - 0.03 * height],
        ]
    )
    head.add(sweep(path, 0.3 * neck, 8))


@articulated_family("syringe")
def syringe(draw: Draw, tree: KinematicTree) -> None:
    """A barrel with a plunger: a syringe, a bicycle pump, or a telescope of two or three stages."""
    length = draw.uniform(0.08, 0.5)
    radius = length * draw.uniform(0.06, 0.14)
    wall = 0.12 * radius
    sides = draw.choice([6, 14, 14])
    tree.base.add(tube([0, 0, 0], [0, 0, length], radius, wall, sides))
    if draw.chance(0.6):
        tree.base.add(
            lathe(
                [(radius, -0.02 * length), (radius, 0.02 * length), (0.2 * radius, -0.02 * length)][:2],
                sides=sides,
            )
        )
        tree.base.add(cylinder([0, 0, -draw.uniform(0.1, 0.5) * length], [0, 0, 0], 0.1 * radius, 6, 0.3 * radius))
    flange = draw.choice(["ring", "wings", "feet"])
    if flange == "ring":
        tree.base.add(tube([0, 0, 0.96 * length], [0, 0, length], 1.4 * radius, 0.5 * radius, sides))
    elif flange == "wings":
        for sign in (-1, 1):
            tree.base.add(
                beveled_box([0, sign * 1.6 * radius, 0.97 * length], [radius, 1.4 * radius, 0.04 * length], 0.1 * wall)
            )
    else:
        tree.base.add(beveled_box([0, 0, 0], [1.5 * radius, 5 * radius, 0.04 * length], 0.1 * wall))
    travel = draw.uniform(0.5, 0.9) * length
    stages = draw.choice([1, 1, 2])
    rod = 0.95 * (radius - wall)
    plunger: Part = tree.slide(tree.base, UPWARD, (0.0, travel), ratio=1.0 / stages)
    if stages == 2:
        plunger.add(tube([0, 0, 0.08 * length], [0, 0, 1.02 * length], rod, 0.15 * rod, sides))
        rod *= 0.8
        plunger = tree.slide_following(plunger, plunger, UPWARD, 0.5)
    plunger.add(cylinder([0, 0, 0.05 * length], [0, 0, 0.12 * length], rod, sides))
    plunger.add(cylinder([0, 0, 0.12 * length], [0, 0, 1.06 * length], 0.5 * rod, draw.choice([4, 10])))
    if draw.chance(0.5):
        plunger.add(cylinder([0, 0, 1.05 * length], [0, 0, 1.09 * length], 1.1 * radius, sides))
    else:
        plunger.add(cylinder([0, -3 * radius, 1.06 * length], [0, 3 * radius, 1.06 * length], 0.5 * radius, 8))
    if draw.chance(0.6):
        tree.transform(axis_rotation(LEFTWARD, np.pi / 2), [0, 0, 2 * radius])


@articulated_family("stapler")
def stapler(draw: Draw, tree: KinematicTree) -> None:
    """A stapler, hole punch or waffle iron: a base and one or two arms on a hinge at the back."""
    length = draw.uniform(0.1, 0.3)
    width = length * draw.uniform(0.15, 0.9)
    base, arm = length * draw.uniform(0.05, 0.15), length * draw.uniform(0.08, 0.2)
    tree.base.add(beveled_box([0, 0, base / 2], [length, width, base], 0.2 * base))
    anchor = [-0.45 * length, 0, base + 0.3 * arm]
    for sign in (-1, 1):
        tree.base.add(box([anchor[0], sign * 0.46 * width, base + 0.2 * arm], [0.08 * length, 0.06 * width, 0.6 * arm]))
    rest = draw.uniform(0.0, 0.15)
    upper = tree.hinge(tree.base, anchor, -LEFTWARD, (0.0, draw.uniform(0.4, 1.9)))
    reach = length * draw.uniform(0.85, 1.05)
    body = beveled_box(
        [anchor[0] + reach / 2, 0, base + 0.02 * length + arm / 2], [reach, 0.85 * width, arm], 0.25 * arm
    )
    upper.add(body.turned(-LEFTWARD, rest, anchor))
    if draw.chance(0.4):
        middle = tree.hinge(tree.base, anchor, -LEFTWARD, (-0.02, 0.9 * rest + 0.01)) if rest > 0.06 else upper
        middle.add(
            box(
                [anchor[0] + 0.45 * reach, 0, base + 0.01 * length],
                [0.9 * reach, 0.6 * width, 0.012 * length],
            )
        )
    if draw.chance(0.4):
        grip = [anchor[0] + 1.1 * reach, 0, base + 0.5 * arm]
        upper.add(beveled_box(grip, [0.3 * length, 0.3 * width, 0.3 * arm], 0.002).turned(-LEFTWARD, rest, anchor))


@articulated_family("book")
def book(draw: Draw, tree: KinematicTree) -> None:
    """A book, binder or picture frame stand: covers (and bundles of pages) on hinges along the spine."""
    depth, width = draw.uniform(0.1, 0.3), draw.uniform(0.12, 0.4)
    block, cover = draw.uniform(0.006, 0.06), draw.uniform(0.001, 0.005)
    tree.base.add(box([0, 0, cover / 2], [depth, width, cover]))
    bundles = draw.integer(0, 2)
    levels = cover + block * np.array([0.0, *np.sort(draw.rng.uniform(0.2, 0.8, bundles)), 1.0])
    anchor_x = -depth / 2 - 0.5 * cover
    opened = draw.uniform(1.6, 3.1)
    parent = tree.base
    for index in range(bundles + 1):
        low, high = levels[index], levels[index + 1]
        pages = box([0, 0, (low + high) / 2], [0.96 * depth, 0.95 * width, 0.98 * (high - low)])
        parent.add(pages)
        # Every bundle carries its strip of the spine: a spine in one piece would be in the others' way.
        ends = [0.0 if index == 0 else low, high + (cover if index == bundles else 0.0)]
        middle = [anchor_x, 0, 0.5 * (ends[0] + ends[1])]
        # No two of the same width: corners that coincide would look like one piece.
        parent.add(box(middle, [cover, (1.0 - 0.01 * index) * width, ends[1] - ends[0]]))
        # Each bundle turns on the one below, so nothing passes through what lies on it.
        parent = tree.hinge(parent, [anchor_x, 0, high], -LEFTWARD, (0.0, opened / (bundles + 1)))
    parent.add(box([0, 0, levels[-1] + cover / 2], [depth, width, cover]))
    if draw.chance(0.3):
        parent.add(ring([0.4 * depth, 0, levels[-1] + 0.5 * cover], UPWARD, 0.02, 0.003, 12))
    if draw.chance(0.25):
        tree.transform(axis_rotation(FORWARD, np.pi / 2), [0, 0, width / 2])
