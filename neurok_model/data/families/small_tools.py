"""Things for the pocket and the washstand: folding knives, and sticks or bottles with a cap at their end."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree
from neurok_model.data.round_shapes import cylinder, ellipsoid, lathe, prism, ring, rounded_rectangle, tube
from neurok_model.data.shapes import Surface, axis_rotation, beveled_box, box, open_box, rectangular_frame

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@articulated_family("pocket_knife")
def pocket_knife(draw: Draw, tree: KinematicTree) -> None:
    """A knife with one to four blades or tools that fold out of the handle, or one whose blade slides out."""
    if draw.chance(0.3):
        _utility_knife(draw, tree)
    else:
        _folding_knife(draw, tree)
    if draw.chance(0.4):
        tree.transform(axis_rotation(FORWARD, draw.sign() * np.pi / 2))
    tree.transform(axis_rotation(UPWARD, draw.choice([0.0, np.pi, draw.uniform(-1.0, 1.0)])))
    tree.put_on_floor()


def _folding_knife(draw: Draw, tree: KinematicTree) -> None:
    length, count = draw.uniform(0.07, 0.16), draw.choice([1, 1, 2, 3, 4])
    width = length * draw.uniform(0.16, 0.3)
    layer, liner = draw.uniform(0.002, 0.006), draw.uniform(0.0008, 0.003)
    scale = draw.uniform(0.002, 0.008)
    half = (count * (layer + liner) - liner) / 2
    shape = rounded_rectangle(length, width, draw.uniform(0.15, 0.48) * width, 6)
    for y in (-half, half + scale):
        tree.base.add(prism(shape, scale, FORWARD, UPWARD, [0, y, 0]))
    spine = 0.18 * width
    tree.base.add(box([0, 0, -0.5 * width + 0.6 * spine], [0.8 * length, 2 * half + 0.001, spine]))
    reach = 0.5 * length - 0.3 * width
    for end in (-reach, reach):
        tree.base.add(cylinder([end, -half - scale, 0], [end, half + scale, 0], 0.06 * width, 8))
    first = draw.sign()
    for index in range(count):
        y = -half + index * (layer + liner)
        if index > 0:
            tree.base.add(prism(0.93 * shape, liner, FORWARD, UPWARD, [0, y, 0]))
        end = first * reach * (1 if index % 2 == 0 else -1)
        limits = (0.0, draw.uniform(1.5, 3.1))
        jammed = index > 0 and draw.chance(0.12)
        axis = np.sign(end) * LEFTWARD
        blade = tree.locked(tree.base) if jammed else tree.hinge(tree.base, [end, 0, 0], axis, limits)
        outline = _blade_outline(draw, 2 * reach * draw.uniform(0.7, 1.05), 0.56 * width) * [-np.sign(end), 1]
        outline = outline[::-1] if end > 0 else outline
        blade.add(prism(outline, 0.8 * layer, FORWARD, UPWARD, [end, y + 0.9 * layer, 0.04 * width]))


def _blade_outline(draw: Draw, length: float, width: float) -> np.ndarray:
    """Outline of a blade or a tool that reaches from the origin to +x, its edge downwards."""
    low, high = -0.5 * width, 0.5 * width
    root = [(-0.5 * width, 0.3 * high), (-0.5 * width, 0.6 * low), (0.0, low)]
    style = draw.choice(["drop", "sheep", "file", "awl", "opener"])
    if style == "drop":
        tip = [(0.75 * length, low), (0.92 * length, 0.4 * low), (length, 0.3 * high), (0.6 * length, 1.1 * high)]
    elif style == "sheep":
        tip = [(length, low), (0.95 * length, 0.2 * high), (0.8 * length, 1.2 * high)]
    elif style == "file":
        tip = [(length, 0.8 * low), (length, 0.9 * high)]
    elif style == "awl":
        tip = [(0.25 * length, 0.6 * low), (0.85 * length, -0.05 * width), (0.85 * length, 0.1 * width)]
    else:
        tip = [(0.7 * length, low), (0.7 * length, 0.3 * low), (0.8 * length, 0.5 * high), (0.6 * length, high)]
    return np.array([*root, *tip, (0.2 * length, high), (-0.2 * width, high)])


def _utility_knife(draw: Draw, tree: KinematicTree) -> None:
    """A hollow handle whose blade is pushed out by a thumb slide on top or on a side."""
    length, width, thick = draw.uniform(0.1, 0.19), draw.uniform(0.018, 0.04), draw.uniform(0.01, 0.022)
    wall = 0.18 * thick
    tree.base.add(rectangular_frame([0, 0, 0], [length, thick, width], wall))
    if draw.chance(0.7):
        tree.base.add(beveled_box([-length / 2, 0, 0], [0.1 * length, thick, width], 0.2 * thick))
    for index in range(draw.integer(0, 5)):
        place = [(-0.3 + 0.06 * index) * length, 0, -0.5 * width]
        tree.base.add(box(place, [0.02 * length, 1.05 * thick, 0.1 * width]))
    travel = draw.uniform(0.25, 0.5) * length
    blade = tree.slide(tree.base, FORWARD, (0.0, travel))
    tall, out = 0.75 * (width - 2 * wall), draw.uniform(0.0, 0.06) * length
    low, high = -0.5 * tall, 0.5 * tall
    start, end = -0.35 * length, 0.5 * length + out
    slant = draw.uniform(0.2, 1.0) * tall
    outline = np.array([(start, low), (end, low), (end - slant, high), (start, high)])
    if draw.chance(0.3):
        outline = outline[::-1] * [1, -1]
    flat = draw.uniform(0.1, 0.3) * thick
    blade.add(prism(outline, flat, FORWARD, UPWARD, [0, flat / 2, 0]))
    x = draw.uniform(-0.3, -0.05) * length
    size = np.array([draw.uniform(0.06, 0.16) * length, 0.5 * thick, 0.25 * width])
    side = draw.choice([UPWARD, LEFTWARD, -LEFTWARD])
    face = side * (np.array([0, thick, width]) / 2 + 0.3 * size)
    blade.add(beveled_box(face + [x, 0, 0], size, 0.15 * float(size.min())))
    blade.add(box(0.5 * face + [x, 0, 0], [0.3 * size[0], 0.2 * thick, 0.2 * thick] + np.abs(face)))


@articulated_family("capped_stick")
def capped_stick(draw: Draw, tree: KinematicTree) -> None:
    """A pen, memory stick, lipstick or bottle: a cap that pulls off, a cover that swivels, or a button at its end."""
    style = draw.choice(["pen", "bottle", "bottle", "stick", "swivel", "lighter", "click", "pump", "twist"])
    if style in ("pen", "bottle"):
        _round_capped(draw, tree, slender=style == "pen")
    elif style == "stick":
        _square_capped(draw, tree, flips=False)
    elif style == "lighter":
        _square_capped(draw, tree, flips=True)
    elif style == "swivel":
        _swivel_cover(draw, tree)
    elif style == "click":
        _click_pen(draw, tree)
    elif style == "pump":
        _pump_bottle(draw, tree)
    else:
        _twist_stick(draw, tree)
    if draw.chance(0.7 if style in ("pen", "stick", "swivel", "click") else 0.2):
        tree.transform(axis_rotation(LEFTWARD, draw.sign() * np.pi / 2))
    tree.transform(axis_rotation(UPWARD, draw.choice([0.0, np.pi / 2, np.pi, draw.uniform(-0.8, 0.8)])))
    tree.put_on_floor()


def _round_capped(draw: Draw, tree: KinematicTree, slender: bool) -> None:
    """A round body with a neck and a hollow cap over it."""
    radius = draw.uniform(0.005, 0.012) if slender else draw.uniform(0.015, 0.05)
    length = radius * (draw.uniform(10, 22) if slender else draw.uniform(1.5, 7))
    cap_radius = radius * (draw.uniform(0.9, 1.15) if slender else draw.uniform(0.35, 1.1))
    wall = draw.uniform(0.1, 0.25) * cap_radius
    cap_length = length * draw.uniform(0.25, 0.5) if slender else cap_radius * draw.uniform(0.6, 3.5)
    neck = cap_radius - 1.3 * wall
    sides = draw.choice([6, 12, 20])
    round_off = draw.uniform(0.0, 0.25) * min(radius, length)
    shoulder = draw.uniform(0.0, 0.3) * length * (radius > cap_radius)
    body = [(radius - round_off, 0.0), (radius, round_off), (radius, length - shoulder), (cap_radius, length)]
    inner = cap_length - wall
    tip = [(neck, length), (neck, length + 0.5 * inner), (neck * draw.uniform(0.1, 0.9), length + 0.9 * inner)]
    tree.base.add(lathe(body + tip, sides=sides))
    # A second, stuck cap at the other end, as on markers with two points.
    if slender and draw.chance(0.25):
        tree.locked(tree.base).add(cylinder([0, 0, -0.25 * length], [0, 0, 0.0], 1.1 * radius, sides))
    cap = tree.slide(tree.base, UPWARD, (0.0, cap_length * draw.uniform(0.5, 1.5)))
    outer = cap_radius * draw.uniform(0.6, 1.0)
    profile = [(outer, 0.0), (cap_radius, 0.7 * cap_length), (cap_radius, cap_length)]
    hole = [(cap_radius - wall, cap_length), (cap_radius - wall, 0.5 * inner), (outer - wall, wall)]
    cap.add(lathe(profile + hole, [0, 0, length + cap_length + 0.0005], -UPWARD, sides))
    if slender and draw.chance(0.6):
        clip = [0.3 * radius, 0.5 * radius, 0.75 * cap_length]
        cap.add(box([cap_radius + 0.2 * radius, 0, length + 0.55 * cap_length], clip))
        cap.add(box([0.75 * cap_radius, 0, length + 0.9 * cap_length], [cap_radius, 0.5 * radius, 0.3 * radius]))


def _square_capped(draw: Draw, tree: KinematicTree, flips: bool) -> None:
    """A flat or square body with a plug or a wick, and a hollow cap that pulls off or flips over."""
    width, thick = draw.uniform(0.015, 0.04), draw.uniform(0.007, 0.02)
    length = width * draw.uniform(1.2, 3.0)
    cap_length = length * draw.uniform(0.35, 0.7)
    wall = 0.1 * thick
    bevel = draw.uniform(0.0, 0.15) * thick
    tree.base.add(beveled_box([0, 0, length / 2], [thick, width, length], bevel))
    plug = [0.45 * thick, 0.55 * width, draw.uniform(0.5, 0.85) * cap_length]
    tree.base.add(box([0, 0, length + plug[2] / 2 - 0.0005], plug))
    if flips:
        side = draw.sign()
        hinge_at = [0, side * width / 2, length]
        # The inner edge of the wall opposite the hinge swings over the plug.
        cap = tree.hinge(tree.base, hinge_at, -side * FORWARD, (0.0, draw.uniform(1.2, 2.6)))
        tree.base.add(cylinder([-0.4 * thick, *hinge_at[1:]], [0.4 * thick, *hinge_at[1:]], 0.06 * thick, 8))
    else:
        cap = tree.slide(tree.base, UPWARD, (0.0, cap_length * draw.uniform(0.5, 1.4)))
    cap.add(open_box([0, 0, length + cap_length / 2 + 0.0004], [thick, width, cap_length], wall, opening=2, sign=-1))
    if draw.chance(0.3):
        tree.base.add(ring([0, 0, 0], FORWARD, 0.2 * width, 0.05 * width, 14))


def _swivel_cover(draw: Draw, tree: KinematicTree) -> None:
    """A memory stick whose bent metal cover turns about a pin near the other end."""
    width, thick = draw.uniform(0.015, 0.025), draw.uniform(0.006, 0.012)
    body, plug = width * draw.uniform(1.6, 2.4), width * draw.uniform(0.6, 0.9)
    tree.base.add(beveled_box([0, 0, body / 2], [thick, width, body], draw.uniform(0.0, 0.2) * thick))
    tree.base.add(box([0, 0, body + plug / 2 - 0.0005], [0.5 * thick, 0.7 * width, plug]))
    pin = [0.0, 0.0, width * draw.uniform(0.4, 0.6)]
    sheet = draw.uniform(0.0006, 0.0015)
    cover = tree.hinge(tree.base, pin, draw.sign() * FORWARD, (0.0, draw.uniform(1.6, 3.14)))
    low, high = -0.4 * width, body + plug + 0.002
    for sign in (-1, 1):
        plate = rounded_rectangle(0.96 * width, high - low, draw.uniform(0.05, 0.45) * width)
        x = sign * (thick / 2 + sheet) if sign < 0 else thick / 2
        cover.add(prism(plate, sheet, LEFTWARD, UPWARD, [x, 0, (low + high) / 2]))
        tree.base.add(cylinder(pin, [sign * (thick / 2 + 2 * sheet), 0, pin[2]], 0.15 * width, 12))
    # Round plates leave the middle of the far end for the bridge between them.
    cover.add(box([0, 0, high], [thick + 2 * sheet, 0.5 * width, sheet]))


def _click_pen(draw: Draw, tree: KinematicTree) -> None:
    """A pen with a button at its end that may push the point out."""
    radius, wall = draw.uniform(0.004, 0.009), draw.uniform(0.0008, 0.0018)
    length = radius * draw.uniform(12, 24)
    sides = draw.choice([6, 10, 16])
    tree.base.add(tube([0, 0, 0], [0, 0, length], radius, wall, sides))
    tree.base.add(tube([0, 0, draw.uniform(0.3, 0.6) * length], [0, 0, 0.9 * length], 1.1 * radius, wall, sides))
    tip = radius * draw.uniform(1.5, 3.0)
    bore = 0.35 * radius
    cone = [(bore, 0.0), (1.3 * bore, 0.0), (radius, tip), (bore, tip)]
    tree.base.add(lathe([(0.9 * bore, 0.1 * tip), *cone[1:], (0.9 * bore, tip)], [0, 0, -tip], UPWARD, sides))
    travel = radius * draw.uniform(0.5, 1.5)
    button = tree.slide(tree.base, -UPWARD, (0.0, travel))
    thin = (radius - wall) * draw.uniform(0.5, 0.85)
    top = length + travel * draw.uniform(1.1, 2.0)
    button.add(cylinder([0, 0, length - 2 * radius], [0, 0, top], thin, 12, thin * draw.uniform(0.8, 1.0)))
    if draw.chance(0.6):
        point = tree.slide_following(button, tree.base, -UPWARD, 1.0)
        point.add(cylinder([0, 0, -tip - 0.2 * travel], [0, 0, -0.2 * tip], 0.4 * bore, 8, 0.6 * bore))
    if draw.chance(0.7):
        clip = [0.3 * radius, 0.6 * radius, 0.3 * length]
        tree.base.add(box([1.3 * radius, 0, 0.82 * length], clip))
        tree.base.add(box([1.1 * radius, 0, 0.95 * length], [0.7 * radius, 0.6 * radius, 0.3 * radius]))


def _pump_bottle(draw: Draw, tree: KinematicTree) -> None:
    """A bottle or can whose head or nozzle is pressed down."""
    radius = draw.uniform(0.015, 0.045)
    length = radius * draw.uniform(1.5, 5)
    collar = radius * draw.uniform(0.35, 0.8)
    if draw.chance(0.3):
        shape = rounded_rectangle(2 * radius, radius * draw.uniform(1.2, 2.5), 0.3 * radius)
        tree.base.add(prism(shape, length))
    else:
        tree.base.add(lathe([(radius, 0), (radius, 0.85 * length), (collar, length)], sides=draw.choice([8, 20])))
    rise = draw.uniform(0.3, 0.9) * radius
    tree.base.add(tube([0, 0, 0.98 * length], [0, 0, length + rise], collar, 0.4 * collar, 16))
    travel = rise * draw.uniform(0.5, 0.9)
    head = tree.slide(tree.base, -UPWARD, (0.0, 0.9 * travel))
    base = length + rise + travel
    head.add(cylinder([0, 0, length + 0.95 * travel], [0, 0, base + 0.002], 0.4 * collar, 10))
    cap = collar * draw.uniform(0.6, 1.1)
    tall = radius * draw.uniform(0.2, 0.6)
    head.add(cylinder([0, 0, base], [0, 0, base + tall], cap, 16, cap * draw.uniform(0.7, 1.0)))
    if draw.chance(0.7):
        spout = radius * draw.uniform(0.8, 1.6)
        head.add(cylinder([0, 0, base + 0.5 * tall], [spout, 0, base + 0.4 * tall], 0.2 * tall, 8))


def _twist_stick(draw: Draw, tree: KinematicTree) -> None:
    """A lipstick or glue stick: turning the base raises the stick out of its tube."""
    radius = draw.uniform(0.008, 0.018)
    length, base = radius * draw.uniform(3, 7), radius * draw.uniform(0.6, 2.0)
    wall = draw.uniform(0.08, 0.2) * radius
    sides = draw.choice([4, 8, 20])
    tree.base.add(tube([0, 0, base], [0, 0, base + length], radius, wall, sides))
    turn = draw.uniform(1.5, 3.1)
    knob = tree.hinge(tree.base, [0, 0, 0], UPWARD, (0.0, turn))
    knob.add(cylinder([0, 0, 0], [0, 0, 0.98 * base], 1.08 * radius, draw.choice([6, 8, 12])))
    for index in range(3):
        rib = box([1.08 * radius, 0, 0.5 * base], [0.12 * radius, 0.2 * radius, 0.8 * base])
        knob.add(rib.turned(UPWARD, index * 2 * np.pi / 3))
    travel = length * draw.uniform(0.2, 0.6)
    stick = tree.slide_following(knob, tree.base, UPWARD, travel / turn)
    inside = 0.66 * (radius - wall) if sides == 4 else 0.85 * (radius - wall)
    low, high = base + 0.2 * length, base + length * draw.uniform(0.9, 1.1)
    stick.add(cylinder([0, 0, low], [0, 0, high], inside, 14))
    stick.add(_stick_tip(draw, high, inside))


def _stick_tip(draw: Draw, height: float, radius: float) -> Surface:
    if draw.chance(0.5):
        return ellipsoid([0, 0, height], [radius, radius, radius * draw.uniform(0.4, 1.2)], 14, 8)
    return cylinder([0, 0, height], [0, 0, height + radius], radius, 14, 0.4 * radius)
