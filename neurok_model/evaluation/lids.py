"""Rigid lids and doors against theory: angular momentum about the hinge, and the period as a pendulum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import KDTree
from scipy.special import ellipk

from neurok_model.data.families import build_object
from neurok_model.data.kinematic_tree import ArticulatedObject, JointType, Part
from neurok_model.data.splits import numbered_seed
from neurok_model.evaluation.oracle import OraclePhysics, oracle_model
from neurok_model.geometry.sampling import triangle_areas_and_normals
from neurok_model.mechanics import Impulse, RolloutSettings
from neurok_model.results import ObjectState

GRAVITY = 9.81
AMPLITUDE = 0.6
"""Radians from the lowest position at which a lid is let go."""

SUBDIVISIONS = 3
"""Times that triangles are quartered for the sums over point masses that theory is computed from."""


@dataclass(frozen=True)
class LidResult:
    """Measured against theory, both as relative errors.

    Attributes:
        angular_momentum: after a strike, against the moment of the impulse about the hinge.
        period: of the pendulum, against 4 sqrt(I / m g d) K(sin(amplitude / 2)).
    """

    angular_momentum: float
    period: float


def lid_of(family: str, index: int = 0) -> tuple[ArticulatedObject, Part] | None:
    """A test-split object with one hinge whose part carries everything that moves, or None for other objects."""
    built = build_object(family, numbered_seed("test", index))
    if not isinstance(built, ArticulatedObject) or built.degrees_of_freedom != 1:
        return None
    moving = [part for part in built.joints if part.joint is not JointType.FIXED]
    if len(moving) != 1 or moving[0].joint is not JointType.HINGE or moving[0].parent != 0 or built.gates:
        return None
    carried = set(np.unique(built.part_of_vertex)) - {0}
    return (built, moving[0]) if carried == {moving[0].index} else None


def judge_lid(built: ArticulatedObject, lid: Part, dtype: torch.dtype, seconds: float = 5.0) -> LidResult:
    """Strike the lid, and let it swing, with gravity across its hinge."""
    points, masses = _point_masses(built, lid)
    axis, anchor = lid.axis, lid.anchor
    arms = points - anchor
    arms = arms - np.outer(arms @ axis, axis)
    inertia, first = float(masses @ (arms**2).sum(axis=1)), masses @ arms
    distance = float(np.linalg.norm(first))
    settings = RolloutSettings(backend="reference")

    still = oracle_model(built, np.zeros(1), OraclePhysics(gravity=(0.0, 0.0, 0.0)), limits=False, dtype=dtype)
    vertex = _struck_vertex(built, lid, still.rest_vertices.astype(np.float64))
    along = np.cross(axis, vertex - anchor)
    blow = 0.1 * masses.sum() * along / np.linalg.norm(along)
    struck = still.predict([Impulse(vertex, blow)], horizon=1 / 60, step=1 / 60, settings=settings)
    expected = float(axis @ np.cross(vertex - anchor, blow))
    momentum = inertia * lid.ratio * float(struck.qdot[0, 0])

    down = first / distance
    x, y, z = (float(component) for component in GRAVITY * down)
    pull = OraclePhysics(gravity=(x, y, z))
    hanging = oracle_model(built, np.zeros(1), pull, limits=False, dtype=dtype)
    start = ObjectState(np.array([AMPLITUDE / lid.ratio]), np.zeros(1))
    swing = hanging.predict([], horizon=seconds, step=1 / 60, initial_state=start, settings=settings)
    period = 4.0 * math.sqrt(inertia / (GRAVITY * distance)) * float(ellipk(math.sin(AMPLITUDE / 2.0) ** 2))
    measured = _period(swing.times, swing.q[:, 0])
    return LidResult(abs(momentum / expected - 1.0), abs(measured / period - 1.0))


def _struck_vertex(built: ArticulatedObject, lid: Part, vertices: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "3"]:
    """A vertex of the lid far from the hinge and from all else: on a shut lid's rim a strike may meet the base."""
    on_lid = built.part_of_vertex == lid.index
    own, others = vertices[on_lid], vertices[~on_lid]
    arms = np.linalg.norm(np.cross(lid.axis, own - lid.anchor), axis=1)
    return own[np.argmax(arms * KDTree(others).query(own)[0])]


def _point_masses(built: ArticulatedObject, lid: Part) -> tuple[np.ndarray, np.ndarray]:
    """The lid's shell as many point masses: an inertia that owes nothing to the embedding's exact moments."""
    vertices, triangles = built.part_surface(lid.index)
    corners = vertices[triangles]
    for _ in range(SUBDIVISIONS):
        middles = 0.5 * (corners + np.roll(corners, -1, axis=1))
        a, b, c = corners.swapaxes(0, 1)
        ab, bc, ca = middles.swapaxes(0, 1)
        corners = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    areas, _ = triangle_areas_and_normals(corners)
    return corners.mean(axis=1), 10.0 * areas


def _period(times: np.ndarray, angle: np.ndarray) -> float:
    """Twice the mean time between crossings of zero, each by linear interpolation."""
    before = np.flatnonzero(np.sign(angle[:-1]) * np.sign(angle[1:]) < 0)
    share = angle[before] / (angle[before] - angle[before + 1])
    crossings = times[before] + share * (times[before + 1] - times[before])
    return 2.0 * float(np.diff(crossings).mean()) if len(crossings) > 1 else math.nan
