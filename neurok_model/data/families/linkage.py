"""Assemblies that imitate no category: random solids joined by random hinges and slides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neurok_model.data.families.draw import Draw
from neurok_model.data.families.registry import articulated_family
from neurok_model.data.kinematic_tree import JointType, KinematicTree, Part
from neurok_model.data.round_shapes import cylinder, ellipsoid, lathe
from neurok_model.data.shapes import Surface, axis_rotation, beveled_box, box, open_box, rectangular_frame

AXES = np.eye(3)
FLAT = ("box", "box", "beveled")
"""Solids that touch what lies on any of their faces; others carry nothing."""
ANY = (*FLAT, "round", "cone", "shell", "ring", "egg")
PLACES_TRIED = 8
_GRID = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


@dataclass(frozen=True)
class _Block:
    """Where a solid is in the reference pose: the box around it, metres."""

    center: Float[np.ndarray, " 3"]
    size: Float[np.ndarray, " 3"]

    def grid(self) -> Float[np.ndarray, "p 3"]:
        """Points all over the box."""
        return self.center + _GRID * self.size

    def holds(self, points: Float[np.ndarray, "p 3"]) -> bool:
        """Whether any point lies inside, not counting what merely touches."""
        return bool((np.abs(points - self.center) < 0.49 * self.size - 1e-4).all(axis=1).any())


def _solid(draw: Draw, kind: str, block: _Block) -> Surface:
    center, size = block.center, block.size
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
    """A base with one to four moving parts, each on a face of an earlier part that nothing else is in the way of."""
    scale = draw.uniform(0.1, 0.6)
    size = scale * draw.rng.uniform(0.3, 1.0, 3)
    base = _Block(np.array([0.0, 0.0, size[2] / 2]), size)
    tree.base.add(_solid(draw, draw.choice(FLAT), base))
    if draw.chance(0.3):
        tree.base.add(lathe([(0.7 * scale, -0.05 * scale), (0.6 * scale, 0.0)], sides=14))
    carriers, taken = [(tree.base, base)], [base]
    wanted = draw.integer(1, 4)
    for attempt in range(PLACES_TRIED * wanted):
        if len(taken) > wanted:
            break
        parent, carrier = draw.choice(carriers)
        face, sign = draw.integer(0, 2), draw.sign()
        if face == 2 and parent is tree.base:
            sign = 1
        extent = scale * draw.rng.uniform(0.08, 0.8, 3)
        spot = carrier.center + 0.5 * draw.rng.uniform(-0.7, 0.7, 3) * carrier.size
        spot[face] = carrier.center[face] + sign * (carrier.size[face] + extent[face]) / 2
        block, kind = _Block(spot, extent), draw.choice(ANY)
        motion = _Motion.drawn(draw, block, face, sign, hinged_at_edge=kind in FLAT)
        last = attempt == PLACES_TRIED * wanted - 1 and len(taken) == 1
        if motion.meets(block, taken) and not last:
            continue
        part = motion.joined(tree, parent)
        part.add(_solid(draw, kind, block), *motion.pin(block, carrier, 0.05 * scale))
        taken.append(block)
        if kind in FLAT:
            carriers.append((part, block))


@dataclass(frozen=True)
class _Motion:
    """A slide, a hinge at an edge of the contact face, or a swivel about its normal."""

    joint: JointType
    anchor: Float[np.ndarray, " 3"]
    axis: Float[np.ndarray, " 3"]
    limits: tuple[float, float]
    normal: Float[np.ndarray, " 3"]
    pinned: bool

    @staticmethod
    def drawn(draw: Draw, block: _Block, face: int, sign: int, hinged_at_edge: bool) -> _Motion:
        """Draw how a block moves against the face that it stands on."""
        normal, size = sign * AXES[face], block.size
        others = [axis for axis in range(3) if axis != face]
        foot = block.center - 0.5 * size[face] * normal
        kind = draw.choice(["edge", "edge", "edge", "swivel", "slide", "slide_out"] if hinged_at_edge
                           else ["swivel", "slide", "slide_out"])  # fmt: skip
        if kind == "slide":
            along = draw.choice(others)
            reach = draw.uniform(0.2, 0.5) * float(size[along])
            return _Motion(JointType.SLIDE, foot, AXES[along], (-reach, reach), normal, pinned=False)
        if kind == "slide_out":
            travel = draw.uniform(0.3, 0.9) * float(size[face])
            return _Motion(JointType.SLIDE, foot, normal, (0.0, travel), normal, pinned=True)
        if kind == "swivel":
            limits = (-draw.uniform(0.3, 1.6), draw.uniform(0.3, 1.6))
            return _Motion(JointType.HINGE, foot, AXES[face], limits, normal, pinned=True)
        turning = draw.choice(others)
        edge = 3 - face - turning
        side = draw.choice([-1.0, 1.0])
        # Positive angles lift the part away from the face on which it lies.
        away = sign * np.cross(AXES[turning], AXES[edge])[face] * -side
        anchor = foot + 0.5 * side * size[edge] * AXES[edge]
        limits = (0.0, draw.uniform(0.5, 1.8))
        return _Motion(JointType.HINGE, anchor, away * AXES[turning], limits, normal, pinned=False)

    def joined(self, tree: KinematicTree, parent: Part) -> Part:
        """A new part with this motion."""
        if self.joint is JointType.HINGE:
            return tree.hinge(parent, self.anchor, self.axis, self.limits)
        return tree.slide(parent, self.axis, self.limits)

    def pin(self, block: _Block, carrier: _Block, radius: float) -> list[Surface]:
        """The axle or rod that holds a part which turns on, or pulls out of, the face it stands on."""
        if not self.pinned:
            return []
        inwards = 0.9 * float(np.abs(self.normal) @ carrier.size)
        inwards = min(inwards, self.limits[1] + 0.02) if self.joint is JointType.SLIDE else 0.2 * inwards
        outwards = 0.45 * float(np.abs(self.normal) @ block.size)
        # Behind round solids the rod may be all that one sees of the joint.
        return [cylinder(self.anchor - inwards * self.normal, self.anchor + outwards * self.normal, radius, 8)]

    def meets(self, block: _Block, taken: list[_Block]) -> bool:
        """Whether the block runs into any other, as those stand in the reference pose, on its way."""
        for value in np.linspace(*self.limits, 6):
            turn = axis_rotation(self.axis, value) if self.joint is JointType.HINGE else np.eye(3)
            shift = value * self.axis if self.joint is JointType.SLIDE else np.zeros(3)
            moved = (block.grid() - self.anchor) @ turn.T + self.anchor + shift
            for other in taken:
                back = (other.grid() - shift - self.anchor) @ turn + self.anchor
                if other.holds(moved) or block.holds(back):
                    return True
        return False
