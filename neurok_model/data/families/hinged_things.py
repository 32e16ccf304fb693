"""Portable and built-in things with hinges: laptops, boxes with flaps, faucets."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import key_field
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import JointType, KinematicTree, Part
from neurok_model.data.round_shapes import cylinder, lathe, prism, rounded_rectangle, sweep
from neurok_model.data.shapes import Surface, beveled_box, box, open_box

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@articulated_family("laptop")
def laptop(draw: Draw, tree: KinematicTree) -> None:
    """A laptop, hinged at the back (-x); the joint is zero when closed and opens to about 180 degrees."""
    depth = draw.uniform(0.18, 0.28)
    width = depth * draw.uniform(1.15, 1.75)
    base, lid = draw.uniform(0.008, 0.03), draw.uniform(0.004, 0.014)
    gap = draw.uniform(0.0005, 0.004)
    outline = draw.chance(0.4)
    radius = draw.uniform(0.005, 0.02)
    lift = draw.uniform(0.0, 0.004)

    def slab(x: float, z: float, thickness: float, length: float, breadth: float) -> Surface:
        if outline:
            shape = rounded_rectangle(length, breadth, radius)
            return prism(shape, thickness, origin=[x, 0, z])
        return beveled_box([x, 0, z + thickness / 2], [length, breadth, thickness], draw.uniform(0.0, 0.4) * thickness)

    tree.base.add(slab(0.0, lift, base, depth, width))
    top = lift + base
    shrink = draw.uniform(0.9, 1.0)
    anchor_z = top + draw.uniform(-0.3, 0.5) * lid
    anchor = [-depth / 2 - draw.uniform(-0.01, 0.006), 0, anchor_z]
    opened = draw.uniform(1.7, 3.2)
    cover = tree.hinge(tree.base, anchor, -LEFTWARD, (0.0, opened))
    cover.add(slab((1 - shrink) * -depth / 2, top + gap, lid, shrink * depth, draw.uniform(0.95, 1.0) * width))
    if draw.chance(0.7):
        rows, columns = draw.integer(4, 6), draw.integer(8, 15)
        low = np.array([-draw.uniform(0.3, 0.42) * depth, -draw.uniform(0.38, 0.46) * width, top - 0.001])
        high = np.array([draw.uniform(0.05, 0.15) * depth, -low[1], top + 0.8 * gap])
        tree.base.add(key_field(low, high, rows, columns, draw.uniform(0.1, 0.3)))
    if draw.chance(0.6):
        pad = [draw.uniform(0.12, 0.2) * depth, draw.uniform(0.2, 0.4) * width, 0.001]
        tree.base.add(box([0.32 * depth, 0, top], pad))
    if draw.chance(0.5):
        screen = [0.85 * shrink * depth, 0.88 * width, 0.0008]
        cover.add(box([(1 - shrink) * -depth / 2, 0, top + gap], screen))
    barrel = draw.uniform(0.003, 0.009)
    for share in draw.choice([(0.0,), (-0.3, 0.3), (-0.38, 0.38)]):
        length = width * (0.6 if share == 0.0 else 0.12)
        start, end = [[anchor[0], share * width + s * length / 2, anchor_z] for s in (-1, 1)]
        draw.choice([tree.base, cover]).add(cylinder(start, end, barrel, 8))


@articulated_family("flap_box")
def flap_box(draw: Draw, tree: KinematicTree) -> None:
    """A carton with one to four flaps around its open top; zero is closed, flaps open outwards."""
    depth, width, height = draw.uniform(0.12, 0.6), draw.uniform(0.12, 0.7), draw.uniform(0.06, 0.5)
    wall = draw.uniform(0.002, 0.01)
    tree.base.add(open_box([0, 0, height / 2], [depth, width, height], wall))
    if draw.chance(0.3):
        filling = draw.uniform(0.3, 0.8) * height
        tree.base.add(beveled_box([0, 0, wall + filling / 2], [0.6 * depth, 0.6 * width, filling], 0.01))
    layout = draw.choice(["one", "two", "four", "four"])
    limit = draw.uniform(2.2, 4.3)
    extent = np.array([depth, width])
    sides = {"one": [(0, -1)], "two": [(1, -1), (1, 1)], "four": [(1, -1), (1, 1), (0, -1), (0, 1)]}[layout]
    swap = draw.chance(0.5)
    outer_flaps: list[Part] = []
    for axis, sign in sides:
        along = 1 - axis if swap else axis
        reach = extent[along] if layout == "one" else extent[along] * draw.uniform(0.35, 0.5)
        outer = layout != "four" or axis == 1
        z = height + wall * (1.6 if outer else 0.5)
        center, size = np.array([0.0, 0.0, z]), np.array([0.0, 0.0, wall])
        center[along] = sign * (extent[along] / 2 - reach / 2)
        size[along], size[1 - along] = reach, extent[1 - along] * draw.uniform(0.9, 1.0)
        anchor = np.array([0.0, 0.0, height])
        anchor[along] = sign * extent[along] / 2
        turn = np.zeros(3)
        # Opening lifts the free edge and turns it outwards.
        turn[1 - along] = sign if along == 0 else -sign
        jammed = layout == "four" and (axis, sign) != (1, 1) and draw.chance(0.1)
        # Inner flaps lie under the outer ones and open after them.
        locked = jammed or (not outer and any(above.joint is JointType.FIXED for above in outer_flaps))
        flap = tree.locked(tree.base) if locked else tree.hinge(tree.base, anchor, turn, (0.0, limit))
        flap.add(box(center, size))
        if outer:
            outer_flaps.append(flap)
        elif not locked:
            for above in outer_flaps:
                tree.gate(flap, above, 1.45, 1.7)


@articulated_family("faucet")
def faucet(draw: Draw, tree: KinematicTree) -> None:
    """A water tap: a curved spout that may swivel, and one lever or two turning valves."""
    height, reach = draw.uniform(0.08, 0.35), draw.uniform(0.1, 0.25)
    body, pipe = draw.uniform(0.018, 0.035), draw.uniform(0.008, 0.015)
    two_valves = draw.chance(0.45)
    plate = draw.uniform(0.006, 0.02)
    on_plate = two_valves or draw.chance(0.4)
    if on_plate:
        outline = rounded_rectangle(2.6 * body, draw.uniform(0.16, 0.26), 1.2 * body)
        tree.base.add(prism(outline, plate))
    stem = draw.uniform(0.3, 0.6) * height
    foot = 0.3 * plate if on_plate else 0.0
    tree.base.add(lathe([(1.4 * body, foot), (1.3 * body, plate), (body, 1.5 * plate), (body, stem)], sides=14))
    spout = tree.base
    if draw.chance(0.6):
        # Between two valves a spout swings less far, lest it meets them.
        widest = 0.9 if two_valves else 1.6
        spout = tree.hinge(tree.base, [0, 0, 0], UPWARD, (-draw.uniform(0.5, widest), draw.uniform(0.5, widest)))
    arched = draw.chance(0.6)
    spout.add(*_spout(draw, stem, height, reach, pipe, arched))
    if two_valves:
        for sign in (-1, 1):
            start = np.array([0.0, sign * draw.uniform(0.07, 0.1), 0.0])
            tree.base.add(cylinder(start, start + [0, 0, 0.03 + plate], 0.8 * body, 12))
            place = start + [0, 0, 0.03 + plate]
            single = draw.chance(0.5)
            # A single arm points away from the spout and must not reach it.
            furthest = sign * draw.uniform(1.2, 1.9 if single else 3.0)
            valve = tree.hinge(tree.base, place, UPWARD, (min(0.0, furthest), max(0.0, furthest)))
            valve.add(cylinder(place + [0, 0, 0.001], place + [0, 0, 0.02], 0.5 * body, 10))
            if single:
                valve.add(beveled_box(place + [0, sign * 0.03, 0.026], [0.014, 0.08, 0.012], 0.003))
            else:
                valve.add(
                    box(place + [0, 0, 0.026], [0.012, 0.07, 0.014]),
                    box(place + [0, 0, 0.026], [0.07, 0.012, 0.014]),
                )
        return
    lever_length = draw.uniform(0.06, 0.14)
    # An arched spout stands where a lever on top would be.
    on_top = not arched
    if on_top:
        place, out, turn = np.array([0, 0, max(stem, 0.6 * height)]), -FORWARD, LEFTWARD
        tree.base.add(cylinder([0, 0, stem - 0.004], place, 0.95 * body, 12))
    else:
        place, out, turn = np.array([0, body, 0.7 * stem]), UPWARD, -FORWARD
    swing = tree.hinge(
        tree.base, place, UPWARD if on_top else LEFTWARD, (-draw.uniform(0.3, 1.4), draw.uniform(0.3, 1.4))
    )
    side = UPWARD if on_top else LEFTWARD
    swing.add(cylinder(place + 0.001 * side, place + 0.02 * side, 0.9 * body, 12))
    lever = tree.hinge(swing, place, turn, (-draw.uniform(0.0, 0.2), draw.uniform(0.3, 0.8)))
    start = place + 0.016 * side
    lever.add(
        sweep(
            np.stack([start, start + 0.5 * lever_length * out, start + lever_length * (out + 0.25 * UPWARD)]),
            draw.uniform(0.004, 0.009),
            8,
            flatten=draw.uniform(0.5, 1.0),
        )
    )


def _spout(draw: Draw, stem: float, height: float, reach: float, pipe: float, arched: bool) -> list[Surface]:
    if arched:
        angle = np.linspace(np.pi, draw.uniform(-0.4, 0.3), 12)
        radius = reach / 2
        arch = np.stack(
            [
                radius + radius * np.cos(angle),
                np.zeros(12),
                max(height, stem + 0.02) + radius * np.sin(angle),
            ],
            -1,
        )
        path = np.concatenate([[[0, 0, stem - 0.005]], arch])
    else:
        drop = draw.uniform(-0.2, 0.3)
        path = np.array(
            [
                [0, 0, stem - 0.03],
                [0.3 * reach, 0, stem],
                [reach, 0, stem + drop * reach],
                [reach + 1.5 * pipe, 0, stem + drop * reach - 2.5 * pipe],
            ]
        )
    return [sweep(path, pipe, 10)]
