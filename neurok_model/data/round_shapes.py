"""Closed surfaces of revolution, sweeps and prisms; lengths in metres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsFloat

import numpy as np
from jaxtyping import Float, Int

from neurok_model.data.shapes import Surface, Vector


def frame_along(axis: Vector) -> Float[np.ndarray, "3 3"]:
    """A right-handed orthonormal frame (columns) whose third column points along ``axis``."""
    third = np.asarray(axis, dtype=np.float64)
    third = third / np.linalg.norm(third)
    helper = np.array([1.0, 0.0, 0.0]) if abs(third[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    first = helper - third * (helper @ third)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(third, first), third], axis=1)


def _plane_frame(first: Vector, second: Vector) -> Float[np.ndarray, "3 3"]:
    """Columns: the two directions of a plane and its normal."""
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _rings_to_triangles(rings: int, sides: int, closed: bool) -> Int[np.ndarray, "triangles 3"]:
    count = rings if closed else rings - 1
    ring = np.arange(count)[:, None]
    side = np.arange(sides)[None]
    nxt = (side + 1) % sides
    above = (ring + 1) % rings
    a, b, c, d = ring * sides + side, ring * sides + nxt, above * sides + nxt, above * sides + side
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])


def _with_end_caps(
    vertices: Float[np.ndarray, "vertices 3"],
    triangles: Int[np.ndarray, "triangles 3"],
    sides: int,
    centers: Float[np.ndarray, "2 3"],
) -> Surface:
    count = len(vertices)
    side = np.arange(sides)
    following = (side + 1) % sides
    bottom = np.stack([following, side, np.full(sides, count)], axis=1)
    last = count - sides
    top = np.stack([last + side, last + following, np.full(sides, count + 1)], axis=1)
    return Surface(np.concatenate([vertices, centers]), np.concatenate([triangles, bottom, top]))


def loft(rings: Float[np.ndarray, "rings sides 3"]) -> Surface:
    """A skin over a stack of closed outlines with equal counts, capped at both ends.

    Outlines are counter-clockwise seen from the end towards which they are stacked.
    """
    count, sides = rings.shape[:2]
    triangles = _rings_to_triangles(count, sides, closed=False)
    return _with_end_caps(rings.reshape(-1, 3), triangles, sides, rings[[0, -1]].mean(axis=1))


def lathe(
    profile: Sequence[tuple[SupportsFloat, SupportsFloat]],
    base: Vector = (0.0, 0.0, 0.0),
    axis: Vector = (0.0, 0.0, 1.0),
    sides: int = 16,
) -> Surface:
    """A surface of revolution, closed at both ends by flat caps.

    Args:
        profile: (radius, height) pairs from the bottom to the top of the outside; a hollow vessel
            continues down its inside.
        base: where height 0 lies.
        axis: direction of increasing height.
        sides: vertices around.
    """
    radius, height = np.asarray(profile, dtype=np.float64).T
    angle = 2 * np.pi * np.arange(sides) / sides
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    ring = np.maximum(radius, 1e-5)[:, None, None] * circle
    heights = np.broadcast_to(height[:, None, None], (*ring.shape[:2], 1))
    local = np.concatenate([ring, heights], axis=-1).reshape(-1, 3)
    triangles = _rings_to_triangles(len(radius), sides, closed=False)
    centers = np.array([[0, 0, height[0]], [0, 0, height[-1]]])
    surface = _with_end_caps(local, triangles, sides, centers)
    return surface.transformed(frame_along(axis), base)


def cylinder(start: Vector, end: Vector, radius: float, sides: int = 12, end_radius: float | None = None) -> Surface:
    """A cylinder, or a cone frustum when ``end_radius`` differs."""
    direction = np.asarray(end, dtype=np.float64) - np.asarray(start, dtype=np.float64)
    length = float(np.linalg.norm(direction))
    top = radius if end_radius is None else end_radius
    return lathe([(radius, 0.0), (top, length)], start, direction, sides)


def tube(start: Vector, end: Vector, radius: float, thickness: float, sides: int = 16) -> Surface:
    """A hollow cylinder that is open at both ends."""
    direction = np.asarray(end, dtype=np.float64) - np.asarray(start, dtype=np.float64)
    length = float(np.linalg.norm(direction))
    angle = 2 * np.pi * np.arange(sides) / sides
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(sides)], axis=-1)
    up = np.array([0.0, 0.0, length])
    inner = radius - thickness
    rings = [radius * circle, radius * circle + up, inner * circle + up, inner * circle]
    surface = Surface(np.concatenate(rings), _rings_to_triangles(4, sides, closed=True))
    return surface.transformed(frame_along(direction), start)


def ellipsoid(center: Vector, radii: Vector, sides: int = 12, rings: int = 8) -> Surface:
    """An axis-aligned ellipsoid."""
    polar = np.linspace(0.02, np.pi - 0.02, rings)
    unit = lathe([(float(np.sin(t)), float(-np.cos(t))) for t in polar], sides=sides)
    return Surface(unit.vertices * np.asarray(radii) + np.asarray(center), unit.triangles)


def sweep(
    path: Float[np.ndarray, "points 3"],
    radius: float,
    sides: int = 8,
    closed: bool = False,
    flatten: float = 1.0,
) -> Surface:
    """A round (or flattened) bar along a polyline, with a frame carried along without twist.

    Args:
        path: at least two distinct points; for a closed path the last is not a copy of the first.
        radius: radius of the bar.
        sides: vertices around.
        closed: join the end to the start (a ring).
        flatten: the second radius as a share of the first.
    """
    points = np.asarray(path, dtype=np.float64)
    tangents = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0) if closed else np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    first = np.empty_like(points)
    carried = frame_along(tangents[0])[:, 0]
    for index, tangent in enumerate(tangents):
        carried = carried - tangent * (carried @ tangent)
        carried = carried / np.linalg.norm(carried)
        first[index] = carried
    second = np.cross(tangents, first)
    angle = 2 * np.pi * np.arange(sides) / sides
    offset = np.cos(angle)[None, :, None] * first[:, None] + flatten * np.sin(angle)[None, :, None] * second[:, None]
    vertices = (points[:, None] + radius * offset).reshape(-1, 3)
    triangles = _rings_to_triangles(len(points), sides, closed)
    if closed:
        return Surface(vertices, triangles)
    return _with_end_caps(vertices, triangles, sides, points[[0, -1]])


def ring(center: Vector, axis: Vector, radius: float, bar_radius: float, segments: int = 20, sides: int = 6) -> Surface:
    """A torus."""
    angle = 2 * np.pi * np.arange(segments) / segments
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(segments)], axis=-1) * radius
    return sweep(circle @ frame_along(axis).T + np.asarray(center), bar_radius, sides, closed=True)


def perforated_prism(
    outline: Float[np.ndarray, "corners 2"],
    hole: Float[np.ndarray, "corners 2"],
    depth: float,
    first: Vector = (1.0, 0.0, 0.0),
    second: Vector = (0.0, 1.0, 0.0),
    origin: Vector = (0.0, 0.0, 0.0),
) -> Surface:
    """A plate with a hole: both outlines counter-clockwise, with equal counts and matching corners."""
    frame = _plane_frame(first, second)
    corners = len(outline)
    low, high = np.zeros((corners, 1)), np.full((corners, 1), depth)
    rings = [
        np.hstack([outline, low]),
        np.hstack([outline, high]),
        np.hstack([hole, high]),
        np.hstack([hole, low]),
    ]
    surface = Surface(np.concatenate(rings), _rings_to_triangles(4, corners, closed=True))
    return surface.transformed(frame, origin)


def circle(radius: float, sides: int = 20, flatten: float = 1.0) -> Float[np.ndarray, "sides 2"]:
    """Outline of a circle or ellipse, counter-clockwise."""
    angle = 2 * np.pi * np.arange(sides) / sides
    return radius * np.stack([np.cos(angle), flatten * np.sin(angle)], axis=-1)


def rectangle_by_rays(width: float, height: float, sides: int = 20) -> Float[np.ndarray, "sides 2"]:
    """Points of a rectangle's edge in the directions of :func:`circle`'s points."""
    directions = circle(1.0, sides)
    reach = np.min(np.array([width, height]) / 2 / np.maximum(np.abs(directions), 1e-9), axis=1)
    points = directions * reach[:, None]
    for corner in 0.5 * np.array([[width, height], [-width, height], [-width, -height], [width, -height]]):
        # No ray need hit a corner: the nearest point moves there, or the rectangle would lack its corners.
        points[np.argmax(directions @ corner)] = corner
    return points


def prism(
    outline: Float[np.ndarray, "corners 2"],
    depth: float,
    first: Vector = (1.0, 0.0, 0.0),
    second: Vector = (0.0, 1.0, 0.0),
    origin: Vector = (0.0, 0.0, 0.0),
) -> Surface:
    """A star-shaped outline, counter-clockwise in the plane (first, second), extruded along its normal."""
    outline = np.asarray(outline, dtype=np.float64)
    corners = len(outline)
    frame = _plane_frame(first, second)
    low = np.column_stack([outline, np.zeros(corners)])
    high = np.column_stack([outline, np.full(corners, depth)])
    centers = np.array([[*outline.mean(axis=0), 0.0], [*outline.mean(axis=0), depth]])
    local = _with_end_caps(np.concatenate([low, high]), _rings_to_triangles(2, corners, closed=False), corners, centers)
    return local.transformed(frame, origin)


def rounded_rectangle(width: float, height: float, radius: float, steps: int = 4) -> Float[np.ndarray, "corners 2"]:
    """Outline of a rectangle centred at the origin with round corners, counter-clockwise."""
    radius = min(radius, 0.49 * width, 0.49 * height)
    angle = np.linspace(0, np.pi / 2, steps)
    arc = radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    corners = []
    for quarter, (sx, sy) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)]):
        turn = np.array([[np.cos(quarter * np.pi / 2), -np.sin(quarter * np.pi / 2)],
                         [np.sin(quarter * np.pi / 2), np.cos(quarter * np.pi / 2)]])  # fmt: skip
        corners.append(arc @ turn.T + [sx * (width / 2 - radius), sy * (height / 2 - radius)])
    return np.concatenate(corners)
