"""Containers with lids and carrying handles: boxes, bins, toilets, suitcases, buckets."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import handle
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import circle, cylinder, lathe, loft, perforated_prism, prism, sweep
from neurok_model.data.shapes import beveled_box, box, open_box

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@articulated_family("lidded_box")
def lidded_box(draw: Draw, tree: KinematicTree) -> None:
    """A chest, tool box or jewel case: the lid is hinged, slides in a groove, or lifts off upwards."""
    depth, width, height = draw.uniform(0.1, 0.6), draw.uniform(0.12, 1.0), draw.uniform(0.06, 0.5)
    wall = draw.uniform(0.004, 0.02)
    tree.base.add(open_box([0, 0, height / 2], [depth, width, height], wall))
    if draw.chance(0.3):
        tree.base.add(beveled_box([0, 0, 0.3 * height], [0.7 * depth, 0.6 * width, 0.5 * height], 0.01))
    style = draw.choice(["hinged", "hinged", "hinged", "sliding", "lifting"])
    over = draw.uniform(0.0, 0.02)
    if style == "hinged":
        lid = tree.hinge(tree.base, [-depth / 2 - over / 2, 0, height], -LEFTWARD, (0.0, draw.uniform(1.3, 3.0)))
    elif style == "sliding":
        axis = draw.choice([FORWARD, LEFTWARD, -LEFTWARD])
        lid = tree.slide(tree.base, axis, (0.0, draw.uniform(0.6, 1.0) * float(np.abs(axis) @ [depth, width, 0])))
    else:
        lid = tree.slide(tree.base, UPWARD, (0.0, draw.uniform(0.5, 1.5) * height))
    _box_lid(draw, lid, (depth, width, height), wall, over)
    if draw.chance(0.6):
        side = draw.choice([-1, 1])
        for sign in (side, -side):
            tree.base.add(*handle(draw, [0, sign * width / 2, 0.6 * height], sign * LEFTWARD, FORWARD, 0.3 * depth))


def _box_lid(draw: Draw, lid: Part, extent: tuple[float, float, float], wall: float, over: float) -> None:
    depth, width, height = extent
    shape = draw.choice(["flat", "shell", "barrel"])
    size = np.array([depth + over, width + over, draw.uniform(0.1, 0.5) * height + wall])
    if shape == "flat":
        size[2] = wall
        lid.add(beveled_box([over / 2, 0, height + wall / 2 + 0.001], size, 0.3 * wall))
    elif shape == "shell":
        lid.add(open_box([0, 0, height + size[2] / 2 + 0.001], size, wall, opening=2, sign=-1))
    else:
        angle = np.linspace(0, np.pi, 10)
        arc = np.stack([0.5 * size[0] * np.cos(angle), size[2] * np.sin(angle)], axis=-1)
        lid.add(prism(arc, size[1], FORWARD, UPWARD, [0, size[1] / 2, height + 0.001]))
    grip_z = height + 0.5 * size[2]
    if draw.chance(0.6) and shape != "barrel":
        lid.add(
            *handle(
                draw,
                [size[0] / 2 + (over / 2 if shape == "flat" else 0), 0, grip_z],
                FORWARD,
                LEFTWARD,
                0.25 * width,
            )
        )
    elif draw.chance(0.6):
        lid.add(*handle(draw, [0, 0, height + size[2] - 0.002], UPWARD, LEFTWARD, 0.25 * width))


@articulated_family("trash_can")
def trash_can(draw: Draw, tree: KinematicTree) -> None:
    """A round or square bin with a hinged, swinging or pedal-driven lid."""
    height = draw.uniform(0.25, 1.0)
    bottom, top = height * draw.uniform(0.18, 0.35), height * draw.uniform(0.22, 0.38)
    square = draw.chance(0.45)
    wall = draw.uniform(0.004, 0.012)
    corners = 4 if square else 18
    # A square vessel is a lathe with four sides, turned so that its walls face the axes.
    radius = np.array([bottom, top]) * (np.sqrt(2) if square else 1.0)
    profile = [(radius[0], 0), (radius[1], height), (radius[1] - wall, height), (radius[0] - wall, wall)]
    turn = np.pi / 4 if square else 0.0
    tree.base.add(lathe(profile, sides=corners).turned(UPWARD, turn))
    style = draw.choice(["hinged", "hinged", "swing", "pedal"])
    thick = draw.uniform(0.008, 0.03)
    dome = draw.uniform(0.0, 0.25) * height
    cover = [
        (1.03 * radius[1], height + 0.002),
        (1.03 * radius[1], height + thick),
        (0.4 * radius[1], height + thick + dome),
    ]
    if style == "swing":
        tree.base.add(
            lathe(
                [
                    (1.03 * radius[1], height),
                    (1.03 * radius[1], height + 0.03),
                    (0.9 * radius[1], height + 0.03),
                    (0.9 * radius[1], height),
                ],
                sides=corners,
            ).turned(UPWARD, turn)
        )
        limit = draw.uniform(0.6, 1.5)
        flap = tree.hinge(tree.base, [0, 0, height + 0.04], LEFTWARD, (-limit, limit))
        flap.add(
            prism(
                circle(0.86 * top, 16) if not square else circle(1.2 * top, 4) @ _quarter(),
                0.012,
                origin=[0, 0, height + 0.035],
            )
        )
        return
    lid = tree.hinge(tree.base, [-1.04 * top, 0, height + 0.002], -LEFTWARD, (0.0, draw.uniform(1.1, 2.0)))
    lid.add(lathe(cover, sides=corners).turned(UPWARD, turn))
    if draw.chance(0.6):
        lid.add(beveled_box([1.03 * top + 0.01, 0, height + 0.5 * thick], [0.03, 0.3 * top, thick], 0.003))
    if style == "pedal":
        pedal = tree.hinge_following(lid, tree.base, [0.6 * bottom, 0, 0.05], LEFTWARD, draw.uniform(0.1, 0.2))
        pedal.add(beveled_box([bottom + 0.03, 0, 0.05], [0.08, 0.4 * bottom, 0.012], 0.003))
    elif draw.chance(0.3):
        for sign in (-1, 1):
            axle = [-0.75 * bottom, sign * 0.7 * bottom, 0.06]
            tree.base.add(cylinder(axle, [axle[0], axle[1] + sign * 0.03, 0.06], 0.06, 12))


def _quarter() -> np.ndarray:
    half = np.sqrt(0.5)
    return np.array([[half, half], [-half, half]])


@articulated_family("toilet")
def toilet(draw: Draw, tree: KinematicTree) -> None:
    """A bowl with a cistern; seat and lid turn about one axis at the back."""
    height, length = draw.uniform(0.35, 0.45), draw.uniform(0.4, 0.55)
    width = length * draw.uniform(0.7, 0.9)
    flatten = width / length
    rings = []
    for share, scale in [
        (0, 0.55),
        (0.1, 0.5),
        (0.45, 0.55),
        (0.8, 0.95),
        (1, 1),
        (1, 0.8),
        (0.7, 0.6),
        (0.5, 0.2),
    ]:
        outline = circle(0.5 * length * scale, 20, flatten)
        rings.append(np.column_stack([outline, np.full(20, share * height)]))
    tree.base.add(loft(np.stack(rings)))
    back = -length / 2
    limit = draw.uniform(1.5, 1.85)
    thick = draw.uniform(0.012, 0.025)
    # The open lid leans on the cistern.
    gap = 0.03 + 3 * thick + length * np.sin(max(0.0, limit - np.pi / 2))
    tank = [draw.uniform(0.12, 0.2), draw.uniform(0.9, 1.2) * width, draw.uniform(0.25, 0.45)]
    if draw.chance(0.85):
        tree.base.add(beveled_box([back - gap - 0.5 * tank[0], 0, height + tank[2] / 2], tank, 0.02))
        reach = [0.8 * tank[0] + gap, 0.5 * width, 0.97 * height]
        tree.base.add(box([back - 0.5 * reach[0], 0, 0.5 * reach[2]], reach))
    anchor = [back - 0.005, 0, height + thick]
    seat_outline, hole = circle(0.5 * length, 20, flatten), circle(0.34 * length, 20, flatten)
    style = draw.choice(["lid", "both", "seat", "lid"])
    if style == "lid":
        seat = tree.base
        lid = tree.hinge(tree.base, anchor, -LEFTWARD, (0.0, limit))
    elif style == "both":
        # The lid rides on the seat, so it can never pass through it.
        seat = tree.hinge(tree.base, anchor, -LEFTWARD, (0.0, 0.5 * limit))
        lid = tree.hinge(seat, anchor, -LEFTWARD, (0.0, 0.5 * limit))
    else:
        seat = tree.hinge(tree.base, anchor, -LEFTWARD, (0.0, 0.95 * limit))
        lid = tree.base
    seat.add(perforated_prism(seat_outline, hole, thick, origin=[0, 0, height + 0.002]))
    cover = prism(seat_outline * 1.01, 0.8 * thick, origin=[0, 0, height + thick + 0.004])
    lid.add(cover.turned(-LEFTWARD, limit, anchor) if style == "seat" else cover)
    for sign in (-1, 1):
        place = np.array([anchor[0], sign * 0.2 * width, anchor[2]])
        tree.base.add(cylinder(place - [0, 0.02, 0], place + [0, 0.02, 0], 0.012, 8))


@articulated_family("suitcase")
def suitcase(draw: Draw, tree: KinematicTree) -> None:
    """A lying case that opens like a clam, or a standing one with wheels and a telescopic handle."""
    if draw.chance(0.55):
        _clam_case(draw, tree)
    else:
        _trolley(draw, tree)


def _clam_case(draw: Draw, tree: KinematicTree) -> None:
    depth, width = draw.uniform(0.2, 0.5), draw.uniform(0.3, 0.75)
    low, high = draw.uniform(0.03, 0.15), draw.uniform(0.02, 0.12)
    wall = draw.uniform(0.004, 0.01)
    tree.base.add(open_box([0, 0, low / 2], [depth, width, low], wall))
    lid = tree.hinge(tree.base, [-depth / 2 - 0.002, 0, low], -LEFTWARD, (0.0, draw.uniform(1.4, 3.1)))
    lid.add(open_box([0, 0, low + 0.001 + high / 2], [depth, width, high], wall, opening=2, sign=-1))
    place = np.array([depth / 2, 0, low - 0.01])
    length = draw.uniform(0.15, 0.3) * width
    angle = np.linspace(0, np.pi, 9)[:, None]
    path = place - 0.5 * length * np.cos(angle) * LEFTWARD + 0.05 * np.sin(angle) * FORWARD
    carrier = tree.base
    if draw.chance(0.4):
        carrier = tree.hinge(tree.base, place, LEFTWARD, (-0.9, 1.4))
    carrier.add(sweep(path, draw.uniform(0.005, 0.01), 6))
    for sign in (-1, 1):
        if draw.chance(0.7):
            latch = tree.hinge(lid, [depth / 2, 0, low + 0.02], LEFTWARD, (-1.5, 0.0)) if draw.chance(0.15) else lid
            latch.add(box([depth / 2 + 0.004, sign * 0.3 * width, low + 0.005], [0.008, 0.05, 0.04]))


def _trolley(draw: Draw, tree: KinematicTree) -> None:
    depth, width, height = draw.uniform(0.18, 0.3), draw.uniform(0.3, 0.5), draw.uniform(0.4, 0.75)
    lift = draw.uniform(0.03, 0.06)
    middle = [0, 0, lift + height / 2]
    tree.base.add(beveled_box(middle, [depth, width, height], draw.uniform(0.01, 0.04)))
    for index in range(draw.integer(0, 6)):
        y = ((index + 0.5) / 6 - 0.5) * 0.8 * width
        tree.base.add(box([depth / 2, y, middle[2]], [0.01, 0.015, 0.85 * height]))
    for x in (-0.4, 0.4):
        for y in (-0.4, 0.4):
            tree.base.add(
                cylinder(
                    [x * depth, y * width - 0.01, lift / 2],
                    [x * depth, y * width + 0.01, lift / 2],
                    lift / 2,
                    10,
                )
            )
    back, spread = -0.42 * depth, draw.uniform(0.1, 0.25) * width
    travel, top = draw.uniform(0.25, 0.8) * height, lift + height
    stage = tree.slide(tree.base, UPWARD, (0.0, travel), ratio=0.5)
    grip = tree.slide_following(stage, stage, UPWARD, ratio=0.5)
    for sign in (-1, 1):
        y = sign * spread
        stage.add(cylinder([back, y, top - 0.5 * travel - 0.01], [back, y, top + 0.005], 0.009, 8))
        grip.add(cylinder([back, y, top - 0.5 * travel], [back, y, top + 0.03], 0.006, 8))
    grip.add(beveled_box([back, 0, top + 0.035], [0.025, 2 * spread + 0.04, 0.025], 0.006))
    if draw.chance(0.4):
        tree.base.add(*handle(draw, [0.1 * depth, 0, top - 0.001], UPWARD, LEFTWARD, 0.35 * width))


@articulated_family("bucket")
def bucket(draw: Draw, tree: KinematicTree) -> None:
    """A bucket, basket or pot with a bail handle; sometimes with two handles or a lid on top."""
    height = draw.uniform(0.12, 0.4)
    top = height * draw.uniform(0.4, 0.7)
    bottom = top * draw.uniform(0.6, 1.0)
    wall = draw.uniform(0.002, 0.008)
    sides = draw.choice([4, 6, 18, 18, 18])
    turn = np.pi / sides if sides < 18 else 0.0
    profile = [
        (bottom, 0),
        (top, height - 0.01),
        (1.06 * top, height - 0.01),
        (1.06 * top, height),
        (top - wall, height),
        (bottom - wall, wall),
    ]
    tree.base.add(lathe(profile, sides=sides).turned(UPWARD, turn))
    pivot = height * (1.0 - draw.uniform(0.03, 0.12))
    bar = draw.uniform(0.002, 0.007)
    # The bail clears the rim and what lies on it at every angle.
    reach = 1.08 * top + bar + draw.uniform(0.0, 0.01)
    inside = 0.9 * top * np.cos(np.pi / sides)
    for sign in (-1, 1):
        tree.base.add(cylinder([0, sign * inside, pivot], [0, sign * (reach + 0.012), pivot], 0.012, 8))
    rise = draw.uniform(1.12, 1.35) * reach
    angle = np.linspace(0, np.pi, 13)
    arcs = [1, -1] if draw.chance(0.2) else [0]
    for tilt in arcs:
        limits = (
            (-draw.uniform(1.2, 1.7), draw.uniform(1.2, 1.7))
            if tilt == 0
            else (min(0.0, tilt * 1.4), max(0.0, tilt * 1.4))
        )
        bail = tree.hinge(tree.base, [0, 0, pivot], LEFTWARD, limits)
        path = np.stack(
            [np.full(13, tilt * 0.02), (reach + 0.008) * np.cos(angle), pivot + rise * np.sin(angle)], axis=-1
        )
        bail.add(sweep(path, bar, 6))
        if draw.chance(0.6):
            middle = [tilt * 0.02, 0, pivot + rise]
            grip = 0.25 * reach
            bail.add(cylinder([middle[0], -grip, middle[2]], [middle[0], grip, middle[2]], 2.2 * bar, 8))
    if draw.chance(0.25):
        cover = [(1.02 * top, height + 0.002), (1.02 * top, height + 0.06 * top), (0.2 * top, height + 0.1 * top)]
        tree.base.add(lathe(cover, sides=sides).turned(UPWARD, turn))
