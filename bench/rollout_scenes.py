"""What the rollout benchmark predicts: a laptop that training never drew, pushed at the lid."""

from __future__ import annotations

import numpy as np
import trimesh

from neurok_model import ObjectModel, Push, TriangleMesh
from neurok_model.data.families import build_object

HORIZON = 0.5
STEP = 1.0 / 60.0
FRAMES = 30
FORCE = 1.0
TEST_SEED = 3 * 7 + 2
"""Of the test split: its remainder modulo 3 is 2."""


def laptop_scan(vertex_count: int) -> TriangleMesh:
    """A half-open laptop that training never drew, refined to at least as many vertices."""
    laptop = build_object("laptop", TEST_SEED)
    lower, upper = laptop.state_range[0]
    vertices = laptop.pose(np.array([[0.5 * (lower + upper)]])).vertices[0]
    fine, triangles = vertices, laptop.triangles
    longest = 0.15
    while len(fine) < min(vertex_count, 100_000):
        longest *= 0.93
        fine, triangles = trimesh.remesh.subdivide_to_size(vertices, laptop.triangles, longest, max_iter=40)
    while len(fine) < vertex_count:
        fine, triangles = trimesh.remesh.subdivide(fine, triangles)
    return TriangleMesh(np.asarray(fine), np.asarray(triangles))


def pushes(model: ObjectModel, count: int, force: float = FORCE) -> list[list[Push]]:
    """One push per candidate at the highest vertex, in directions around the vertical axis.

    One newton for 0.1 s throws most lids against the end of their way; a tenth of it moves them a few degrees.
    """
    point = model.rest_vertices[np.argmax(model.rest_vertices[:, 2])].astype(np.float64)
    angles = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
    return [[Push(point, (force * np.cos(a), force * np.sin(a), 0.0), duration=0.1)] for a in angles]
