"""Things on stands and arms: chairs, lamps, swing arms, globes, wheels, office chairs."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import cylinder, ellipsoid, lathe, ring, sweep
from neurok_model.data.shapes import Surface, Vector, axis_rotation, beveled_box, box

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@articulated_family("folding_chair")
def folding_chair(draw: Draw, tree: KinematicTree) -> None:
    """A chair, stool or step ladder whose front legs and seat swing out of the plane of the back, coupled."""
    width, height = draw.uniform(0.3, 0.55), draw.uniform(0.6, 1.0)
    bar, pivot = draw.uniform(0.01, 0.022), draw.uniform(0.42, 0.58) * height
    tilt = draw.uniform(0.1, 0.45)
    square = draw.chance(0.4)

    def post(start: Vector, end: Vector) -> Surface:
        return cylinder(start, end, bar * (1.2 if square else 1.0), 4 if square else 8)

    for sign in (-1, 1):
        tree.base.add(post([0, sign * width / 2, 0], [0, sign * width / 2, height]))
    tree.base.add(post([0, -width / 2, 0.12 * height], [0, width / 2, 0.12 * height]))
    for index in range(draw.integer(1, 4)):
        z = height * (0.97 - 0.09 * index)
        tree.base.add(beveled_box([0, 0, z], [0.8 * bar, width, 0.06 * height], 0.2 * bar))
    opened = tilt + draw.uniform(0.25, 0.6)
    inner = width / 2 - 2.6 * bar
    front = tree.hinge(tree.base, [0, 0, pivot], -LEFTWARD, (0.0, opened))
    for sign in (-1, 1):
        top = pivot + draw.uniform(0.0, 0.1) * height
        front.add(post([0, sign * inner, 0.01 * height], [0, sign * inner, top]))
    for share in (0.2, 0.5):
        front.add(post([0, -inner, share * pivot], [0, inner, share * pivot]))
    if draw.chance(0.85):
        # The seat lies in the plane of the back when folded and is level when the legs are open.
        seat_z = pivot - draw.uniform(-0.03, 0.06) * height
        ratio = (np.pi / 2 + draw.uniform(-0.1, 0.1) - tilt) / opened
        seat = tree.hinge_following(front, tree.base, [0, 0, seat_z], LEFTWARD, ratio)
        depth = draw.uniform(0.3, 0.42) * height
        if draw.chance(0.5):
            seat.add(beveled_box([0, 0, seat_z + depth / 2 - 0.05], [0.03, 2 * inner - 2 * bar, depth], 0.008))
        else:
            for index in range(5):
                z = seat_z - 0.04 + (index + 0.5) / 5 * depth
                seat.add(box([0, 0, z], [0.02, 2 * inner - 2 * bar, 0.15 * depth]))
    tree.transform(axis_rotation(LEFTWARD, -tilt))


@articulated_family("desk_lamp")
def desk_lamp(draw: Draw, tree: KinematicTree) -> None:
    """A lamp on a chain of two or three arms; the head may keep its direction as a parallelogram does."""
    length = draw.uniform(0.2, 0.5)
    bar = length * draw.uniform(0.015, 0.04)
    foot = length * draw.uniform(0.2, 0.4)
    if draw.chance(0.7):
        tree.base.add(lathe([(foot, 0), (0.9 * foot, 0.12 * foot), (2 * bar, 0.2 * foot)], sides=18))
    else:
        tree.base.add(beveled_box([0, 0, 0.1 * foot], [1.6 * foot, 1.6 * foot, 0.2 * foot], 0.02 * foot))
    place = np.array([0.0, 0.0, 0.2 * foot])
    part: Part = tree.base
    if draw.chance(0.5):
        part = tree.hinge(tree.base, place, UPWARD, (-draw.uniform(0.5, 1.6), draw.uniform(0.5, 1.6)))
        part.add(cylinder(place - [0, 0, 0.02], place + [0, 0, 0.04], 2.5 * bar, 10))
        place = place + [0, 0, 0.03]
    lean = draw.uniform(-0.6, 0.2)
    twin = draw.chance(0.4)
    first: Part | None = None
    for _ in range(draw.integer(1, 3)):
        joint = tree.hinge(part, place, LEFTWARD, (-draw.uniform(0.3, 0.7), draw.uniform(0.3, 0.9)))
        first = first or joint
        reach = length * draw.uniform(0.7, 1.1)
        direction = np.array([np.sin(lean), 0, np.cos(lean)])
        end = place + reach * direction
        for y in (-1.5 * bar, 1.5 * bar) if twin else (0.0,):
            # The ends of two arms lie in one joint, but not in one point: scans are not welded there.
            joint.add(cylinder(place + 0.2 * bar * direction + [0, y, 0], end + [0, y, 0], bar, 8))
        joint.add(cylinder(place - [0, 3 * bar, 0], place + [0, 3 * bar, 0], 2 * bar, 10))
        part, place = joint, end
        lean += draw.uniform(0.6, 1.6)
    if draw.chance(0.3) and first is not None:
        head = tree.hinge_following(first, part, place, LEFTWARD, -1.0)
    else:
        head = tree.hinge(part, place, LEFTWARD, (-draw.uniform(0.2, 0.8), draw.uniform(0.2, 0.8)))
    pointing = np.array([0.6, 0, -draw.uniform(0.3, 1.0)])
    shade = length * draw.uniform(0.18, 0.35)
    profile = [
        (0.3 * shade, -0.1 * shade),
        (0.35 * shade, 0.3 * shade),
        (0.7 * shade, shade),
        (0.65 * shade, shade),
        (0.3 * shade, 0.35 * shade),
    ]
    head.add(lathe(profile, place, pointing, 16))


@articulated_family("swing_arm")
def swing_arm(draw: Draw, tree: KinematicTree) -> None:
    """Arms that swing about upright axes: a screen mount, a towel rail, a robot arm."""
    length, bar = draw.uniform(0.15, 0.5), draw.uniform(0.008, 0.03)
    style = draw.choice(["screen", "rails", "arm"])
    if style == "rails":
        count = draw.integer(2, 4)
        pitch = draw.uniform(0.04, 0.08)
        top = pitch * (count + 1)
        tree.base.add(cylinder([0, 0, 0], [0, 0, top], bar, 10))
        tree.base.add(box([-bar, 0, top / 2], [bar, 4 * bar, 1.1 * top]))
        for index in range(count):
            z = (index + 1) * pitch
            limit = draw.uniform(0.7, 1.5)
            rail = tree.hinge(tree.base, [0, 0, z], UPWARD, (-limit, limit))
            rail.add(cylinder([0, 0, z], [length, 0, z], 0.5 * bar, 8), ellipsoid([length, 0, z], [bar] * 3, 8, 6))
            rail.add(cylinder([0, 0, z - bar], [0, 0, z + bar], 1.5 * bar, 10))
        return
    z = draw.uniform(0.2, 0.5)
    if style == "screen":
        tree.base.add(
            box([-0.02, 0, z], [0.03, 6 * bar, 10 * bar]),
            cylinder([0, 0, z - 2 * bar], [0, 0, z + 2 * bar], 1.2 * bar, 10),
        )
    else:
        tree.base.add(cylinder([0, 0, 0], [0, 0, z], 2 * bar, 12), box([0, 0, 0.01], [8 * bar, 8 * bar, 0.02]))
    place, part = np.array([0.0, 0.0, z]), tree.base
    for _ in range(draw.integer(1, 3)):
        part = tree.hinge(part, place, UPWARD, (-draw.uniform(0.4, 1.4), draw.uniform(0.4, 1.4)))
        reach = length * draw.uniform(0.6, 1.0)
        end = place + [reach, 0, 0]
        part.add(beveled_box((place + end) / 2, [reach, bar, 2 * bar], 0.2 * bar))
        part.add(cylinder(end - [0, 0, 2 * bar], end + [0, 0, 2 * bar], 1.2 * bar, 10))
        place = end
    if style == "screen":
        head = tree.hinge(part, place, LEFTWARD, (-0.4, 0.4)) if draw.chance(0.5) else part
        size = [draw.uniform(0.015, 0.05), draw.uniform(0.3, 0.9), draw.uniform(0.2, 0.5)]
        head.add(
            beveled_box(place + [0.04 + size[0] / 2, 0, 0], size, 0.004),
            cylinder(place, place + [0.05, 0, 0], bar, 8),
        )
    else:
        lift = draw.uniform(0.1, 0.3)
        tool = tree.slide(part, UPWARD, (-0.5 * lift, 0.5 * lift))
        tool.add(cylinder(place - [0, 0, lift], place + [0, 0, lift], 0.6 * bar, 8))
        tool.add(beveled_box(place - [0, 0, lift], [3 * bar, 4 * bar, 2 * bar], 0.3 * bar))


@articulated_family("globe")
def globe(draw: Draw, tree: KinematicTree) -> None:
    """A globe, mirror or tumbler in a half ring; raised patches make its turning visible."""
    radius = draw.uniform(0.06, 0.2)
    foot = draw.uniform(0.5, 0.9) * radius
    center = np.array([0.0, 0.0, radius * draw.uniform(1.5, 2.0)])
    tree.base.add(
        lathe(
            [
                (foot, 0),
                (foot, 0.08 * radius),
                (0.15 * radius, 0.2 * radius),
                (0.08 * radius, center[2] - 1.12 * radius),
            ],
            sides=16,
        )
    )
    tilt = draw.uniform(-0.5, 0.5)
    upright = draw.chance(0.6)
    swivel: Part = tree.base
    if draw.chance(0.4):
        swivel = tree.hinge(tree.base, [0, 0, 0], UPWARD, (-1.0, 1.0))
    angle = np.linspace(-np.pi / 2, np.pi / 2, 12)
    start = np.pi if upright else -np.pi / 2
    arc = center + 1.15 * radius * np.stack([np.cos(angle + start), np.zeros(12), np.sin(angle + start)], axis=-1)
    axis = np.array([0.0, 0, 1]) if upright else np.array([1.0, 0, 0])
    bow = sweep(arc, 0.05 * radius, 6)
    if upright:
        bow, axis = bow.turned(LEFTWARD, tilt, center), axis_rotation(LEFTWARD, tilt) @ axis
    swivel.add(bow)
    ball = tree.hinge(swivel, center, axis, (-draw.uniform(0.6, 2.4), draw.uniform(0.6, 2.4)))
    flat = draw.chance(0.3) and not upright
    ball.add(cylinder(center - 1.14 * radius * axis, center + 1.14 * radius * axis, 0.03 * radius, 6))
    if flat:
        ball.add(cylinder(center - [0, 0.06 * radius, 0], center + [0, 0.06 * radius, 0], radius, 20))
        return
    ball.add(ellipsoid(center, [radius] * 3, 18, 12))
    for _ in range(draw.integer(2, 6)):
        direction = draw.rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        patch = draw.uniform(0.15, 0.32) * radius
        ball.add(cylinder(center + 0.85 * radius * direction, center + 1.03 * radius * direction, patch, 8))


@articulated_family("wheel")
def wheel(draw: Draw, tree: KinematicTree) -> None:
    """A wheel, hand wheel, fan or paddle on an axle; perhaps with a crank, perhaps steering."""
    radius = draw.uniform(0.05, 0.4)
    spokes, tyre = draw.integer(2, 6), radius * draw.uniform(0.04, 0.15)
    center = np.array([0.0, 0.0, radius * draw.uniform(1.2, 1.6)])
    half = radius * draw.uniform(0.2, 0.4)
    steering = draw.chance(0.3)
    holder: Part = tree.base
    if steering:
        top = center[2] + radius + tyre
        tree.base.add(box([0, 0, top + 0.3 * radius], [radius, radius, 0.2 * radius]))
        holder = tree.hinge(tree.base, [0, 0, top], UPWARD, (-1.0, 1.0))
        holder.add(box([0, 0, top + 0.1 * radius], [0.25 * radius, 2.2 * half, 0.15 * radius]))
        ends = [(center[2] - 0.1 * radius, top + 0.1 * radius)] * 2
    else:
        tree.base.add(box([0, 0, 0.03 * radius], [radius, 2.6 * half, 0.06 * radius]))
        ends = [(0.0, center[2] + 0.1 * radius)] * (1 if draw.chance(0.3) else 2)
    for sign, (low, high) in zip((-1, 1), ends, strict=False):
        holder.add(box([0, sign * half, (low + high) / 2], [0.12 * radius, 0.1 * half, high - low]))
    turn = tree.hinge(holder, center, LEFTWARD, (-draw.uniform(0.4, 1.5), draw.uniform(0.4, 1.5)))
    turn.add(cylinder(center - [0, 1.1 * half, 0], center + [0, 1.1 * half, 0], 0.08 * radius, 10))
    if draw.chance(0.75):
        turn.add(ring(center, LEFTWARD, radius, tyre, 24, 6))
    width = draw.uniform(0.05, 0.35) * radius
    for index in range(spokes):
        spoke = box(center + [0, 0, 0.5 * radius], [width, 0.3 * half * draw.uniform(0.2, 1.0), radius])
        turn.add(spoke.turned(LEFTWARD, 2 * np.pi * index / spokes, center))
    if draw.chance(0.5):
        peg = center + [0, 1.1 * half, 0]
        turn.add(box(peg + [0, 0, 0.3 * radius], [0.1 * radius, 0.1 * half, 0.7 * radius]))
        turn.add(cylinder(peg + [0, 0, 0.6 * radius], peg + [0, 0.8 * half, 0.6 * radius], 0.06 * radius, 8))


@articulated_family("office_chair")
def office_chair(draw: Draw, tree: KinematicTree) -> None:
    """A swivel chair or stool: the seat turns and rises, the back tilts."""
    seat_height, width = draw.uniform(0.35, 0.6), draw.uniform(0.3, 0.5)
    count, reach = draw.integer(3, 6), draw.uniform(0.22, 0.35)
    for index in range(count):
        angle = 2 * np.pi * index / count
        leg = beveled_box([reach / 2, 0, 0.07], [reach, 0.035, 0.03], 0.006)
        castor = cylinder([reach, -0.012, 0.03], [reach, 0.012, 0.03], 0.03, 10)
        tree.base.add(leg.turned(UPWARD, angle), castor.turned(UPWARD, angle))
    tree.base.add(cylinder([0, 0, 0.06], [0, 0, 0.6 * seat_height], 0.03, 10))
    rise = draw.uniform(0.08, 0.2) if draw.chance(0.6) else 0.0
    lift = tree.slide(tree.base, UPWARD, (0.0, rise)) if rise else tree.base
    seat = tree.hinge(lift, [0, 0, 0], UPWARD, (-draw.uniform(0.5, 1.6), draw.uniform(0.5, 1.6)))
    # The piston still reaches into the column when the seat is at its highest.
    low = max(0.07, 0.55 * seat_height - rise)
    seat.add(cylinder([0, 0, low], [0, 0, seat_height], 0.02, 8))
    thick = draw.uniform(0.03, 0.08)
    if draw.chance(0.3):
        seat.add(cylinder([0, 0, seat_height], [0, 0, seat_height + thick], width / 2, 18))
    else:
        seat.add(beveled_box([0, 0, seat_height + thick / 2], [width, width, thick], 0.3 * thick))
    if draw.chance(0.85):
        hinge = [-0.48 * width, 0, seat_height + thick]
        back = tree.hinge(seat, hinge, -LEFTWARD, (-0.15, draw.uniform(0.2, 0.8))) if draw.chance(0.6) else seat
        tall = draw.uniform(0.25, 0.65)
        back.add(beveled_box([hinge[0], 0, hinge[2] + 0.12 + tall / 2], [0.05, 0.9 * width, tall], 0.012))
        back.add(box([hinge[0], 0, hinge[2] + 0.08], [0.03, 0.08, 0.2]))
    for sign in (-1, 1) if draw.chance(0.5) else ():
        y = sign * 0.55 * width
        seat.add(
            box([0, y, seat_height + 0.12], [0.04, 0.03, 0.24]),
            beveled_box([0, y, seat_height + 0.24], [0.25, 0.06, 0.03], 0.006),
        )
