"""As-rigid-as-possible surface deformation (Sorkine and Alexa, 2007), as Open3D implements it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Bool, Float, Int

from neurok_model.evaluation.baselines.rigid import rigid_alignment
from neurok_model.evaluation.evidence import Evidence
from neurok_model.geometry import TriangleMesh, triangle_components
from neurok_model.geometry.components import weld

HANDLES = 64
"""Vertices whose target is given: with all of them the method would only copy the target."""

HANDLES_PER_COMPONENT = 3
"""Every connected part gets that many at least where it can: no surface carries it along."""

ITERATIONS = 20
"""Of the deformation's own local and global steps."""

MATCHING_ROUNDS = 5
"""How often handles are matched anew to a cloud."""

SPOILED = 2.0
"""A part whose vertices go farther than so many times as far as its handles has not been solved."""

FEWEST_VERTICES = 1000
"""Coarser meshes are subdivided, twice at most: a cloud needs vertices all over the surface to be matched to."""


@dataclass(frozen=True)
class _Welded:
    """The mesh that is deformed: coincident vertices are one, coarse triangles are divided.

    Attributes:
        vertices: in the scanned pose, metres; those of the object come first.
        triangles: vertex indices.
        component: connected part of each vertex.
        vertex_of: which vertex each of the object's vertices has become.
        own: which of the object's vertices each of the first vertices comes from.
    """

    vertices: Float[np.ndarray, "p 3"]
    triangles: Int[np.ndarray, "q 3"]
    component: Int[np.ndarray, " p"]
    vertex_of: Int[np.ndarray, " n"]
    own: Int[np.ndarray, " w"]


def fit_arap(mesh: TriangleMesh, evidence: Evidence) -> Float[np.ndarray, "n 3"]:
    """Deform the mesh of M0 so that handles reach the evidence.

    With known correspondences the handles are spread over every connected part by farthest points, and go where
    they belong. Otherwise they go to their nearest observed points, and are matched again after each deformation;
    a part that nothing is matched to stays where it is.

    Args:
        mesh: M0, metres.
        evidence: what is known of the target pose.

    Returns:
        The mesh's vertices in the deformed pose, metres.
    """
    surface = _welded(mesh)
    standing = surface.vertices
    if evidence.vertex_targets is not None:
        known = np.arange(len(standing)) < len(surface.own)
        handles = _handles(surface, known)
        standing = _deformed(surface, handles, evidence.vertex_targets[surface.own[handles]])
        return standing[surface.vertex_of]
    matcher = evidence.matcher()
    for _ in range(MATCHING_ROUNDS):
        matches = matcher(standing)
        handles = _handles(surface, matches.weight > 0.0)
        matched = matches.weight[handles, None] > 0.0
        standing = _deformed(surface, handles, np.where(matched, matches.wanted[handles], standing[handles]))
    return standing[surface.vertex_of]


def _welded(mesh: TriangleMesh) -> _Welded:
    """Prepare a mesh for deformation."""
    vertex_of, own = weld(mesh.vertices)
    vertices, triangles = mesh.vertices[own], vertex_of[mesh.triangles]
    corners = np.sort(triangles, axis=1)
    triangles = triangles[(corners[:, 0] < corners[:, 1]) & (corners[:, 1] < corners[:, 2])]
    for _ in range(2):
        if len(vertices) < FEWEST_VERTICES:
            vertices, triangles = trimesh.remesh.subdivide(vertices, triangles)
    triangles = np.asarray(triangles, dtype=np.int64)
    # Vertices that no triangle uses are parts of their own.
    component = np.arange(len(vertices)) + len(triangles)
    component[triangles.reshape(-1)] = np.repeat(triangle_components(TriangleMesh(vertices, triangles)), 3)
    return _Welded(np.asarray(vertices), triangles, component, vertex_of, own)


def _handles(surface: _Welded, allowed: Bool[np.ndarray, " p"]) -> Int[np.ndarray, " h"]:
    """Vertices spread over every connected part, among the allowed ones where it has any."""
    chosen = []
    for component in np.unique(surface.component):
        members = np.flatnonzero(surface.component == component)
        candidates = members[allowed[members]] if allowed[members].any() else members
        share = round(HANDLES * len(members) / len(surface.component))
        count = min(max(share, HANDLES_PER_COMPONENT), len(candidates))
        chosen.append(candidates[_farthest_points(surface.vertices[candidates], count)])
    return np.concatenate(chosen)


def _farthest_points(points: Float[np.ndarray, "n 3"], count: int) -> Int[np.ndarray, " c"]:
    """Indices of points that are far from one another, the first farthest from the middle."""
    chosen = [int(np.argmax(((points - points.mean(axis=0)) ** 2).sum(axis=1)))]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < count:
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(np.argmax(nearest)))
    return np.unique(chosen)


def _deformed(
    surface: _Welded, handles: Int[np.ndarray, " h"], wanted: Float[np.ndarray, "h 3"]
) -> Float[np.ndarray, "p 3"]:
    """All vertices when the handles are held at the wanted positions."""
    import open3d  # Imported here: it takes a second.

    mesh = open3d.geometry.TriangleMesh(
        open3d.utility.Vector3dVector(surface.vertices),
        open3d.utility.Vector3iVector(surface.triangles.astype(np.int32)),
    )
    with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
        deformed = mesh.deform_as_rigid_as_possible(
            open3d.utility.IntVector(handles.astype(np.int32)),
            open3d.utility.Vector3dVector(wanted),
            max_iter=ITERATIONS,
        )
    positions = np.array(deformed.vertices)
    for component in np.unique(surface.component):
        own = np.flatnonzero(surface.component == component)
        held = np.isin(handles, own)
        before, after = surface.vertices[handles[held]], wanted[held]
        # Slivers have cotangents without bound, and spoil the solution of their part: it follows its handles rigidly.
        reach = SPOILED * (np.linalg.norm(after - before, axis=1).max() + 1e-3 * np.ptp(surface.vertices, axis=0).max())
        if not (np.linalg.norm(positions[own] - surface.vertices[own], axis=1) <= reach).all():
            rotation, translation = rigid_alignment(before, after, np.ones(len(before)))
            positions[own] = surface.vertices[own] @ rotation.T + translation
    return positions
