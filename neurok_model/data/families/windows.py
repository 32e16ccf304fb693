"""Windows in a wall frame: casements, tilting sashes, and sashes that slide. They face +x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.fittings import handle
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import KinematicTree
from neurok_model.data.shapes import Surface, Vector, box, rectangular_frame

FORWARD, LEFTWARD, UPWARD = np.eye(3)


@dataclass(frozen=True)
class _Opening:
    """The hole in the wall frame and how its sashes are made; lengths in metres."""

    width: float
    height: float
    depth: float
    middle: float
    border: float
    leaf: float
    bars: int

    def sash(self, center: Vector, width: float, height: float) -> list[Surface]:
        """A glazed frame with cross bars."""
        x, y, z = (float(value) for value in center)
        found = [
            rectangular_frame(center, [self.leaf, width, height], self.border),
            box(center, [0.25 * self.leaf, width - 1.9 * self.border, height - 1.9 * self.border]),
        ]
        for index in range(self.bars):
            offset = ((index + 1) / (self.bars + 1) - 0.5) * height
            found.append(box([x, y, z + offset], [0.6 * self.leaf, width - 1.9 * self.border, 0.02]))
        return found


@articulated_family("window")
def window(draw: Draw, tree: KinematicTree) -> None:
    """A window in a wall frame: casements, a tilting sash, or sashes that slide up or sideways."""
    width, height = draw.uniform(0.5, 1.8), draw.uniform(0.5, 1.6)
    depth, border = draw.uniform(0.05, 0.14), draw.uniform(0.03, 0.08)
    tree.base.add(rectangular_frame([0, 0, height / 2], [depth, width, height], border))
    if draw.chance(0.5):
        sill = [draw.uniform(1.5, 3.0) * depth, 1.08 * width, 0.03]
        tree.base.add(box([0.3 * sill[0], 0, -0.015], sill))
    style = draw.choice(["casement", "casement", "sideways", "vertical", "tilting"])
    sash, leaf = draw.uniform(0.03, 0.06), draw.uniform(0.02, 0.04)
    opening = _Opening(width - 2 * border, height - 2 * border, depth, height / 2, sash, leaf, draw.integer(0, 2))
    if style == "casement":
        _casements(draw, tree, opening)
    elif style == "tilting":
        _tilting(draw, tree, opening)
    else:
        _sliding(draw, tree, opening, sideways=style == "sideways")


def _casements(draw: Draw, tree: KinematicTree, opening: _Opening) -> None:
    count = draw.integer(1, 2)
    limit = draw.uniform(1.2, 2.9)
    x, z, leaf_width = opening.depth / 2, opening.middle, opening.width / count
    for index in range(count):
        y = -opening.width / 2 + (index + 0.5) * leaf_width
        side = draw.sign() if count == 1 else (-1, 1)[index]
        part = tree.hinge(tree.base, [x, y + side * leaf_width / 2, z], side * UPWARD, (0.0, limit))
        part.add(*opening.sash([x, y, z], 0.99 * leaf_width, 0.99 * opening.height))
        grip = [x + opening.leaf / 2, y - side * (leaf_width / 2 - 0.5 * opening.border), z]
        part.add(*handle(draw, grip, FORWARD, UPWARD, 0.12))


def _tilting(draw: Draw, tree: KinematicTree, opening: _Opening) -> None:
    at_top = draw.chance(0.4)
    half, x = opening.height / 2, opening.depth / 2
    z, turn = (opening.middle + half, -LEFTWARD) if at_top else (opening.middle - half, LEFTWARD)
    part = tree.hinge(tree.base, [x, 0, z], turn, (0.0, draw.uniform(0.4, 1.5)))
    part.add(*opening.sash([x, 0.0, opening.middle], 0.99 * opening.width, 0.99 * opening.height))
    reach = (-1 if at_top else 1) * (half - 0.5 * opening.border)
    part.add(*handle(draw, [x + opening.leaf / 2, 0, opening.middle + reach], FORWARD, LEFTWARD, 0.12))


def _sliding(draw: Draw, tree: KinematicTree, opening: _Opening, sideways: bool) -> None:
    span = opening.width if sideways else opening.height
    both = draw.chance(0.4)
    size = span / 2 + draw.uniform(0.0, 0.06) * span / 2
    axis = LEFTWARD if sideways else UPWARD
    for index, sign in enumerate((-1, 1)):
        travel = (0.0, draw.uniform(0.6, 1.0) * (span - size))
        free = index == 0 or both
        part = tree.slide(tree.base, -sign * axis, travel) if free else tree.locked(tree.base)
        x = (0.55 if index == 0 else -0.55) * opening.leaf
        center = np.array([x, 0.0, opening.middle]) + sign * (span - size) / 2 * axis
        leaf_width, leaf_height = (size, opening.height) if sideways else (opening.width, size)
        part.add(*opening.sash(center, leaf_width, leaf_height))
        if index == 0:
            grip = center + [opening.leaf / 2 + 0.012, 0, 0] + sign * axis * (size / 2 - 0.5 * opening.border)
            part.add(box(grip, [0.024, 0.02, 0.1] if sideways else [0.024, 0.1, 0.02]))
