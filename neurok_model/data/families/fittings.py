"""Details that many families share: handles, knobs, legs, hinges, key fields."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neurok_model.data.families.draw import Draw
from neurok_model.data.round_shapes import cylinder, lathe, sweep
from neurok_model.data.shapes import Surface, Vector, beveled_box, box, boxes


def handle(draw: Draw, place: Vector, outward: Vector, along: Vector, length: float) -> list[Surface]:
    """A pull handle or knob on a face.

    Args:
        place: the middle of the handle's foot on the face.
        outward: unit normal of the face.
        along: unit direction of a bar handle, perpendicular to ``outward``.
        length: length of a bar handle in metres.
    """
    center, out, line = (np.asarray(v, dtype=np.float64) for v in (place, outward, along))
    style = draw.integer(0, 3)
    depth = draw.uniform(0.02, 0.05)
    radius = draw.uniform(0.004, 0.01)
    if style == 0:
        ends = [center - 0.45 * length * line, center + 0.45 * length * line]
        posts = [cylinder(end - 0.002 * out, end + depth * out, 0.8 * radius, 6) for end in ends]
        bar = cylinder(
            center + depth * out - 0.5 * length * line, center + depth * out + 0.5 * length * line, radius, 8
        )
        return [*posts, bar]
    if style == 1:
        angle = np.linspace(0, np.pi, 9)[:, None]
        path = center - 0.5 * length * np.cos(angle) * line + depth * np.sin(angle) * out
        return [sweep(path, radius, 6)]
    if style == 2:
        knob = draw.uniform(0.01, 0.022)
        profile = [(0.4 * knob, -0.002), (0.4 * knob, 0.5 * depth), (knob, 0.7 * depth), (0.8 * knob, depth)]
        return [lathe(profile, center, out, 10)]
    size = np.abs(line) * length + np.abs(out) * depth + (1 - np.abs(line) - np.abs(out)) * 2.5 * radius
    return [beveled_box(center + 0.5 * depth * out, size, 0.4 * radius)]


def legs(draw: Draw, low: tuple[float, float], high: tuple[float, float], height: float) -> list[Surface]:
    """Four legs or a plinth under the rectangle from ``low`` to ``high`` (x, y), up to ``height``."""
    (x0, y0), (x1, y1) = low, high
    style = draw.integer(0, 2)
    if style == 0:
        inset = draw.uniform(0.0, 0.15)
        size = [(x1 - x0) * (1 - inset), (y1 - y0) * (1 - inset), height]
        return [box([(x0 + x1) / 2, (y0 + y1) / 2, height / 2], size)]
    width = draw.uniform(0.04, 0.1) * min(x1 - x0, y1 - y0) + 0.01
    found = []
    for x in (x0 + width / 2, x1 - width / 2):
        for y in (y0 + width / 2, y1 - width / 2):
            if style == 1:
                found.append(box([x, y, height / 2], [width, width, height]))
            else:
                found.append(cylinder([x, y, 0], [x, y, height], 0.35 * width, 8, 0.5 * width))
    return found


def key_field(
    low: Float[np.ndarray, " 3"], high: Float[np.ndarray, " 3"], rows: int, columns: int, gap: float
) -> Surface:
    """A grid of low boxes (keys, buttons) on the rectangle from ``low`` to ``high``; z gives their height."""
    x = low[0] + (np.arange(rows) + 0.5) / rows * (high[0] - low[0])
    y = low[1] + (np.arange(columns) + 0.5) / columns * (high[1] - low[1])
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    centers = np.column_stack([grid, np.full(len(grid), 0.5 * (low[2] + high[2]))])
    cell = (high - low) / np.array([rows, columns, 1])
    return boxes(centers, np.array([cell[0] * (1 - gap), cell[1] * (1 - gap), cell[2]]))


def slats(center: Vector, size: Vector, count: int, across: int, fill: float = 0.5) -> Surface:
    """Parallel bars that fill a box: grilles, shelves of wire, louvres.

    Args:
        center: middle of the field.
        size: extents of the field.
        count: number of bars.
        across: axis along which the bars follow each other.
        fill: share of the pitch that a bar covers.
    """
    extent = np.asarray(size, dtype=np.float64)
    centers = np.tile(np.asarray(center, dtype=np.float64), (count, 1))
    centers[:, across] += ((np.arange(count) + 0.5) / count - 0.5) * extent[across]
    bar = extent.copy()
    bar[across] *= fill / count
    return boxes(centers, bar)
