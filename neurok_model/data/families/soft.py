"""Soft families posed on the fly: elastic bars, flexible plates, ropes and straps, plush bodies."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.registry import soft_family
from neurok_model.data.families.soft_rods import RodBody, RodObject, clamped_bending_modes, cosine_modes
from neurok_model.data.generated_object import GeneratedObject, ObjectKind
from neurok_model.data.round_shapes import cylinder, ellipsoid, loft, rounded_rectangle
from neurok_model.data.shapes import Surface, beveled_box, box

FIRST, SECOND, ALONG = np.eye(3)


def _frame(draw: Draw, along: str) -> Float[np.ndarray, "3 3"]:
    """Right-handed body frame whose third column is up, down or horizontal, turned at random about it."""
    direction = {"up": [0.0, 0, 1], "down": [0.0, 0, -1], "sideways": [1.0, 0, 0]}[along]
    third = np.array(direction)
    first = np.array([0.0, 0, 1]) if along == "sideways" else np.array([1.0, 0, 0])
    second = np.cross(third, first)
    angle = draw.uniform(0.0, 2 * np.pi) if along != "sideways" else draw.choice([0.0, np.pi / 2])
    turned = np.cos(angle) * first + np.sin(angle) * second
    return np.stack([turned, np.cross(third, turned), third], axis=1)


def _outline(draw: Draw, sides: int) -> Float[np.ndarray, "sides 2"]:
    """A cross section of unit size: round, oval, rectangular or star-like."""
    angle = 2 * np.pi * np.arange(sides) / sides
    circle = 0.5 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    style = draw.choice(["round", "oval", "rectangle", "star"])
    if style == "oval":
        return circle * [1.0, draw.uniform(0.3, 0.9)]
    if style == "rectangle":
        steps = sides // 4
        return rounded_rectangle(1.0, draw.uniform(0.15, 1.0), draw.uniform(0.01, 0.1), steps)
    if style == "star":
        return circle * (1 + draw.uniform(0.1, 0.3) * np.cos(draw.integer(3, 5) * angle))[:, None]
    return circle


def _skin(
    stations: Float[np.ndarray, " stations"],
    outline: Float[np.ndarray, "sides 2"],
    width: Float[np.ndarray, " stations"],
) -> Surface:
    rings = width[:, None, None] * outline[None]
    along = np.broadcast_to(stations[:, None, None], (*rings.shape[:2], 1))
    return loft(np.concatenate([rings, along], axis=-1))


def _bending(
    shapes: Float[np.ndarray, "modes segments"], axes: list[Float[np.ndarray, " 3"]]
) -> Float[np.ndarray, "coordinates segments 3"]:
    return np.concatenate([shapes[:, :, None] * axis for axis in axes])


def _without_folds(
    amplitude: Float[np.ndarray, " coordinates"],
    modes: Float[np.ndarray, "coordinates segments 3"],
    half_width: Float[np.ndarray, " stations"],
) -> Float[np.ndarray, " coordinates"]:
    """Smaller amplitudes where the inside of the sharpest bend would fold over itself.

    A section folds into its neighbour when its half width exceeds the radius of curvature, which is smallest
    when all coordinates are at their ends: there κ r stays below 0.8.
    """
    curvature = np.linalg.norm(np.tensordot(amplitude, np.abs(modes[..., :2]), axes=1), axis=-1)
    radius = np.maximum(half_width[1:], half_width[:-1])
    return amplitude * min(1.0, 0.8 / float((curvature * radius).max()))


def _clamp(
    draw: Draw, width: float, length: float, frame: Float[np.ndarray, "3 3"], root: Float[np.ndarray, " 3"]
) -> list[Surface]:
    """A block that holds the root, sometimes left out."""
    if draw.chance(0.3):
        return []
    size = [width * draw.uniform(1.2, 3.0), width * draw.uniform(1.2, 3.0), length * draw.uniform(0.05, 0.2)]
    block = beveled_box([0, 0, -0.45 * size[2]], size, 0.1 * size[2])
    return [block.transformed(frame, root)]


@soft_family("elastic_bar")
def elastic_bar(draw: Draw) -> GeneratedObject:
    """A bar, blade, antenna or stalk clamped at one end; it bends both ways and may twist."""
    length = draw.uniform(0.15, 1.0)
    width = length * draw.uniform(0.03, 0.22)
    stations = np.linspace(0.0, length, draw.integer(20, 32))
    frame = _frame(draw, draw.choice(["up", "up", "sideways", "down"]))
    root = np.array([0.0, 0.0, {1: 0.0, 0: 0.3 * length, -1: 1.3 * length}[round(frame[2, 2])]])
    body = RodBody(stations, root, frame)
    share = stations / length
    taper = (
        1.0 - draw.uniform(-0.3, 0.8) * share + draw.uniform(0.0, 0.25) * np.sin(draw.uniform(1.0, 4.0) * np.pi * share)
    )
    body.add_skin(_skin(stations, _outline(draw, 4 * draw.integer(2, 4)), width * np.maximum(taper, 0.12)))
    if draw.chance(0.35):
        tip = draw.uniform(0.6, 1.8) * width
        head = ellipsoid([0, 0, length], [tip, tip, tip * draw.uniform(0.5, 1.5)])
        body.add_rigid(
            head if draw.chance(0.5) else beveled_box([0, 0, length], [2 * tip, tip, tip], 0.2 * tip),
            len(stations) - 1,
        )
    count = draw.integer(1, 2)
    modes = _bending(clamped_bending_modes(stations, count), [FIRST, SECOND])
    amplitude = draw.uniform(0.5, 1.6) * np.tile(1.0 / np.arange(1, count + 1) ** 1.5, 2)
    if draw.chance(0.4):
        modes = np.concatenate([modes, _bending(cosine_modes(stations, 1), [ALONG])])
        amplitude = np.append(amplitude, draw.uniform(0.4, 1.8))
    amplitude = _without_folds(amplitude, modes, 0.5 * width * np.maximum(taper, 0.12))
    return RodObject(
        "elastic_bar", ObjectKind.ELASTIC, body, modes, amplitude, _clamp(draw, width, length, frame, root)
    )


@soft_family("bending_plate")
def bending_plate(draw: Draw) -> GeneratedObject:
    """A thin plate, sheet or flap held along one edge; it bends about that edge's direction alone."""
    length, width = draw.uniform(0.15, 0.8), draw.uniform(0.1, 0.7)
    thickness = draw.uniform(0.002, 0.02)
    stations = np.linspace(0.0, length, draw.integer(20, 32))
    frame = _frame(draw, draw.choice(["up", "sideways", "sideways", "down"]))
    root = np.array([0.0, 0.0, length * (0.8 - 0.8 * round(frame[2, 2]))])
    body = RodBody(stations, root, frame)
    across = np.linspace(-0.5, 0.5, draw.integer(3, 8)) * width
    outline = np.concatenate(
        [
            np.stack([across, np.full(len(across), -thickness / 2)], -1),
            np.stack([across[::-1], np.full(len(across), thickness / 2)], -1),
        ]
    )
    shrink = 1.0 - draw.uniform(0.0, 0.5) * (stations / length) ** draw.choice([1.0, 3.0])
    rings = np.stack([outline * [scale, 1.0] for scale in shrink])
    along = np.broadcast_to(stations[:, None, None], (*rings.shape[:2], 1))
    body.add_skin(loft(np.concatenate([rings, along], axis=-1)))
    count = draw.integer(1, 3)
    modes = _bending(clamped_bending_modes(stations, count), [FIRST])
    amplitude = draw.uniform(0.6, 2.5) / np.arange(1, count + 1) ** 1.5
    clamp = []
    if draw.chance(0.7):
        size = [1.1 * width, 4 * thickness + 0.01, 0.08 * length]
        clamp = [box([0, 0, -0.4 * size[2]], size).transformed(frame, root)]
    rest = None
    if draw.chance(0.3):
        rest = np.outer(np.full(len(stations) - 1, draw.uniform(-1.5, 1.5) / length), FIRST)
    return RodObject("bending_plate", ObjectKind.ELASTIC, body, modes, amplitude, clamp, rest)


@soft_family("hanging_rope")
def hanging_rope(draw: Draw) -> GeneratedObject:
    """A rope, chain-like cord, strap or tail that hangs from a hook and swings, perhaps with a weight."""
    length = draw.uniform(0.2, 1.5)
    strap = draw.chance(0.35)
    width = length * (draw.uniform(0.05, 0.15) if strap else draw.uniform(0.01, 0.05))
    stations = np.linspace(0.0, length, draw.integer(24, 40))
    frame = _frame(draw, "down")
    root = np.array([0.0, 0.0, 1.2 * length])
    body = RodBody(stations, root, frame)
    sides = 4 * draw.integer(1, 2)
    outline = rounded_rectangle(1.0, 0.12, 0.05, 2) if strap else _outline(draw, max(sides, 8))
    bulge = 1.0 + (
        draw.uniform(0.2, 0.8) * np.abs(np.sin(np.pi * draw.integer(3, 9) * stations / length))
        if draw.chance(0.3)
        else 0.0
    )
    body.add_skin(_skin(stations, outline, width * bulge * np.ones(len(stations))))
    if draw.chance(0.5):
        size = width * draw.uniform(1.0, 2.5)
        weight = ellipsoid([0, 0, length], [size, size, size * draw.uniform(0.7, 1.5)])
        body.add_rigid(
            weight if draw.chance(0.6) else beveled_box([0, 0, length], [size, 2 * size, size], 0.1 * size),
            len(stations) - 1,
        )
    count = draw.integer(1, 2)
    planes = [FIRST] if strap else [FIRST, SECOND]
    # Swinging as a whole comes first, then bends; a rope is curved most where its tension is lowest.
    sag = cosine_modes(stations, count, clamped=False) * (0.4 + stations[1:] / length)
    modes = _bending(np.concatenate([np.zeros((1, len(stations) - 1)), sag]), planes)
    amplitude = np.tile(
        np.concatenate([[draw.uniform(0.4, 1.1)], draw.uniform(0.4, 1.2) / np.arange(1, count + 1)]),
        len(planes),
    )
    axes = np.concatenate([np.concatenate([plane[None], np.zeros((count, 3))]) for plane in planes])
    hook = [cylinder(root + [0, 0, -0.2 * width], root + [0, 0, 2 * width], 0.8 * width, 10)]
    if draw.chance(0.5):
        hook.append(box(root + [0, 0, 2.5 * width], [8 * width, 8 * width, width]))
    return RodObject("hanging_rope", ObjectKind.ROPE, body, modes, amplitude, hook, None, axes)


@soft_family("plush_body")
def plush_body(draw: Draw) -> GeneratedObject:
    """A stuffed toy, cushion-like figure or plant: a bulging body that leans, with rigid ears or arms."""
    length = draw.uniform(0.15, 0.6)
    width = length * draw.uniform(0.35, 0.8)
    stations = np.linspace(0.0, length, draw.integer(16, 26))
    frame = _frame(draw, "up")
    body = RodBody(stations, np.zeros(3), frame)
    share = stations / length
    waist = draw.uniform(0.25, 0.75)
    profile = np.sqrt(np.clip(1 - (2 * share - 1) ** 4, 0.05, 1)) * (
        1 - draw.uniform(0.1, 0.7) * np.exp(-(((share - waist) / 0.12) ** 2))
    )
    angle = 2 * np.pi * np.arange(16) / 16
    outline = 0.5 * np.stack([np.cos(angle), draw.uniform(0.5, 1.0) * np.sin(angle)], axis=-1)
    body.add_skin(_skin(stations, outline, width * profile))
    for _ in range(draw.integer(0, 3)):
        station = draw.integer(len(stations) // 3, len(stations) - 2)
        radius = draw.uniform(0.1, 0.3) * width
        direction = draw.uniform(0.0, 2 * np.pi)
        reach = 0.5 * width * profile[station]
        stretch = np.array([radius, draw.uniform(0.3, 1.0) * radius, draw.uniform(1.0, 2.5) * radius])
        for sign in (-1, 1):
            place = [reach * np.cos(direction), sign * abs(reach * np.sin(direction)), stations[station]]
            body.add_rigid(ellipsoid(place, stretch, 8, 6), station)
    count = draw.integer(1, 2)
    modes = _bending(clamped_bending_modes(stations, count), [FIRST, SECOND])
    amplitude = draw.uniform(0.3, 0.75) * np.tile(1.0 / np.arange(1, count + 1) ** 1.5, 2)
    if draw.chance(0.5):
        modes = np.concatenate([modes, _bending(cosine_modes(stations, 1), [ALONG])])
        amplitude = np.append(amplitude, draw.uniform(0.4, 1.2))
    amplitude = _without_folds(amplitude, modes, 0.5 * width * profile)
    base = [cylinder([0, 0, -0.03 * length], [0, 0, 0.01 * length], 0.6 * width, 16)] if draw.chance(0.4) else []
    return RodObject("plush_body", ObjectKind.ELASTIC, body, modes, amplitude, base)
