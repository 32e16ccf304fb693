"""Assemblies that imitate no category: random solids joined by random hinges and slides."""

from __future__ import annotations

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree, Part
from neurok_model.data.round_shapes import cylinder, ellipsoid, lathe
from neurok_model.data.shapes import Surface, beveled_box, box, open_box, rectangular_frame

AXES = np.eye(3)


def _solid(draw: Draw, center: np.ndarray, size: np.ndarray) -> Surface:
    kind = draw.choice(["box", "box", "beveled", "round", "cone", "shell", "ring", "egg"])
    if kind == "beveled":
        return beveled_box(center, size, draw.uniform(0.05, 0.3) * float(size.min()))
    if kind in ("round", "cone"):
        along = int(np.argmax(size))
        radius = 0.5 * float(np.delete(size, along).mean())
        half = 0.5 * size[along] * AXES[along]
        return cylinder(center - half, center + half, radius, 12, radius * (0.5 if kind == "cone" else 1.0))
    if kind == "shell":
        return open_box(center, size, 0.12 * float(size.min()), draw.integer(0, 2), draw.sign())
    if kind == "ring":
        normal = int(np.argmin(size))
        return rectangular_frame(center, size, 0.15 * float(size.max()), normal)
    if kind == "egg":
        return ellipsoid(center, 0.5 * size, 10, 7)
    return box(center, size)


@articulated_family("random_linkage")
def random_linkage(draw: Draw, tree: KinematicTree) -> None:
    """A base with one to four moving parts, each on a face of an earlier part."""
    scale = draw.uniform(0.1, 0.6)
    size = scale * draw.rng.uniform(0.3, 1.0, 3)
    center = np.array([0.0, 0.0, size[2] / 2])
    tree.base.add(_solid(draw, center, size))
    if draw.chance(0.3):
        tree.base.add(lathe([(0.7 * scale, -0.05 * scale), (0.6 * scale, 0.0)], sides=14))
    placed: list[tuple[Part, np.ndarray, np.ndarray]] = [(tree.base, center, size)]
    for _ in range(draw.integer(1, 4)):
        parent, where, extent = draw.choice(placed)
        face, sign = draw.integer(0, 2), draw.sign()
        if face == 2 and parent is tree.base:
            sign = 1
        child = scale * draw.rng.uniform(0.08, 0.8, 3)
        child[face] = scale * draw.uniform(0.05, 0.8)
        spot = where + 0.5 * draw.rng.uniform(-0.7, 0.7, 3) * extent
        spot[face] = where[face] + sign * (extent[face] + child[face]) / 2
        moving = _join(draw, tree, parent, spot, child, face, sign)
        moving.add(_solid(draw, spot, child))
        placed.append((moving, spot, child))


def _join(
    draw: Draw, tree: KinematicTree, parent: Part, center: np.ndarray, size: np.ndarray, face: int, sign: int
) -> Part:
    """Attach a part by a slide, a hinge at an edge of the contact face, or a swivel about its normal."""
    others = [axis for axis in range(3) if axis != face]
    kind = draw.choice(["edge", "edge", "swivel", "slide", "slide_out"])
    if kind == "slide":
        axis = draw.choice(others)
        reach = draw.uniform(0.3, 0.8) * float(size[axis])
        return tree.slide(parent, AXES[axis], (-reach, reach))
    if kind == "slide_out":
        return tree.slide(parent, sign * AXES[face], (0.0, draw.uniform(0.3, 0.9) * float(size[face])))
    anchor = center.copy()
    anchor[face] -= sign * size[face] / 2
    if kind == "swivel":
        return tree.hinge(parent, anchor, AXES[face], (-draw.uniform(0.3, 1.6), draw.uniform(0.3, 1.6)))
    turning = draw.choice(others)
    edge = 3 - face - turning
    side = draw.choice([-1.0, 1.0])
    anchor[edge] += side * size[edge] / 2
    # Positive angles lift the part away from the face on which it lies.
    away = sign * np.cross(AXES[turning], AXES[edge])[face] * -side
    limit = draw.uniform(0.5, 1.8)
    return tree.hinge(parent, anchor, away * AXES[turning], (0.0, limit))
