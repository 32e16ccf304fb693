"""Every baseline recovers exactly what its model of motion contains."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from evaluation.solids import cube, sheet, together
from scipy.spatial.transform import Rotation

from neurok_model.data.metaworld import metaworld_folder
from neurok_model.evaluation.baselines import fit_arap, fit_cage, fit_rigid
from neurok_model.evaluation.baselines.rigid import rigid_alignment
from neurok_model.evaluation.evidence import Evidence
from neurok_model.evaluation.task_sources import metaworld_tasks
from neurok_model.geometry import TriangleMesh

TURN = Rotation.from_rotvec([0.2, -0.5, 0.9]).as_matrix()
SHIFT = np.array([0.3, -0.2, 0.1])


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(200, 3)) * [0.5, 0.3, 0.2]


def test_rigid_recovers_a_rigid_motion(points: np.ndarray) -> None:
    """Known correspondences of a turned and shifted body give its motion to rounding."""
    motion = fit_rigid(Evidence(points, targets=points @ TURN.T + SHIFT))
    elsewhere = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(motion(elsewhere), elsewhere @ TURN.T + SHIFT, atol=1e-9)


def test_rigid_never_mirrors(points: np.ndarray) -> None:
    """A mirrored target gets the best rotation, not a reflection."""
    motion = fit_rigid(Evidence(points, targets=points * [-1.0, 1.0, 1.0]))
    axes = motion(np.eye(3)) - motion(np.zeros((1, 3)))
    assert np.linalg.det(axes) == pytest.approx(1.0)


def test_a_single_point_is_moved_and_not_turned() -> None:
    """Protects objects with a piece of which only one vertex is held: one point has no rotation to find."""
    place, wanted = np.array([[0.1, 0.2, 0.3]]), np.array([[1.0, 0.0, -1.0]])
    rotation, translation = rigid_alignment(place, wanted, np.ones(1))
    assert np.array_equal(rotation, np.eye(3))
    assert np.allclose(place + translation, wanted)


@pytest.mark.parametrize("complete", [True, False])
def test_rigid_registers_a_cloud(complete: bool) -> None:
    """A small motion is found from an unordered cloud, of the whole surface or of a part of it."""
    mesh = trimesh.creation.box(extents=(1.0, 0.6, 0.3))
    points, _ = trimesh.sample.sample_surface_even(mesh, 1500, seed=0)
    turn = Rotation.from_rotvec([0.0, 0.05, 0.15]).as_matrix()
    seen = np.asarray(points)[::-1] @ turn.T + [0.03, -0.02, 0.01]
    if not complete:
        seen = seen[seen[:, 0] > -0.2]
    motion = fit_rigid(Evidence(np.asarray(points), seen=seen, complete=complete))
    np.testing.assert_allclose(
        motion(np.asarray(mesh.vertices)), np.asarray(mesh.vertices) @ turn.T + [0.03, -0.02, 0.01], atol=2e-3
    )


def test_cage_recovers_an_affine_deformation(points: np.ndarray) -> None:
    """Stretch, shear, rotation and shift cost the lattice nothing, so that they come out exactly."""
    matrix = np.array([[1.2, 0.3, 0.0], [0.0, 0.8, -0.2], [0.1, 0.0, 1.1]])
    motion = fit_cage(Evidence(points, targets=points @ matrix.T + SHIFT))
    inside = points[:20] * 0.5
    np.testing.assert_allclose(motion(inside), inside @ matrix.T + SHIFT, atol=1e-4)


def test_cage_recovers_a_cubic_bend(points: np.ndarray) -> None:
    """A bend within the lattice's polynomials is fitted to a small share of its motion."""
    bent = points + np.stack([0 * points[:, 0], 0 * points[:, 0], points[:, 0] ** 2 - 0.2 * points[:, 0] ** 3], axis=1)
    motion = fit_cage(Evidence(points, targets=bent))
    error = np.linalg.norm(motion(points) - bent, axis=1).mean()
    assert error < 0.02 * np.linalg.norm(bent - points, axis=1).mean()


def test_cage_fits_a_cloud() -> None:
    """Without correspondences a stretched box is found from its cloud to a tenth of the motion."""
    mesh = trimesh.creation.box(extents=(1.0, 0.6, 0.3))
    points = np.asarray(trimesh.sample.sample_surface_even(mesh, 1500, seed=0)[0])
    stretch = np.array([1.15, 1.0, 0.9])
    motion = fit_cage(Evidence(points, seen=(points * stretch)[::-1], complete=True))
    found, wanted = motion(np.asarray(mesh.vertices)), np.asarray(mesh.vertices) * stretch
    assert np.abs(found - wanted).mean() < 0.15 * np.abs(wanted - mesh.vertices).mean()


def test_flat_objects_have_a_cage() -> None:
    """A sheet, whose box has no thickness, is moved like anything else."""
    vertices, _ = sheet()
    motion = fit_cage(Evidence(vertices, targets=vertices + SHIFT))
    np.testing.assert_allclose(motion(vertices), vertices + SHIFT, atol=1e-4)


def test_arap_moves_every_piece_rigidly() -> None:
    """Two separate cubes that move rigidly, each in its own way, are recovered from their handles."""
    vertices, triangles = together(cube(side=0.3), cube((1.0, 0.0, 0.0), side=0.4))
    target = vertices.copy()
    target[8:] = (vertices[8:] - [1.0, 0, 0]) @ TURN.T + [1.0, 0.3, 0.0]
    evidence = Evidence(vertices, targets=target, vertex_targets=target)
    np.testing.assert_allclose(fit_arap(TriangleMesh(vertices, triangles), evidence), target, atol=1e-3)


def test_arap_bends_a_sheet_without_stretching_it() -> None:
    """A sheet rolled onto a cylinder keeps its lengths, so few handles suffice for the rest of it."""
    vertices, triangles = sheet(24)
    angle = vertices[:, 0]
    rolled = np.stack([np.sin(angle), vertices[:, 1], 1.0 - np.cos(angle)], axis=1)
    found = fit_arap(TriangleMesh(vertices, triangles), Evidence(vertices, targets=rolled, vertex_targets=rolled))
    assert np.linalg.norm(found - rolled, axis=1).mean() < 0.02


def test_arap_keeps_split_meshes_together() -> None:
    """Triangles with vertices of their own (seams everywhere) are welded before they are deformed."""
    vertices, triangles = cube()
    soup, corners = vertices[triangles].reshape(-1, 3), np.arange(36).reshape(-1, 3)
    target = soup @ TURN.T + SHIFT
    evidence = Evidence(soup, targets=target, vertex_targets=target)
    np.testing.assert_allclose(fit_arap(TriangleMesh(soup, corners), evidence), target, atol=1e-3)


def test_arap_leaves_unobserved_pieces_alone() -> None:
    """A part that no observed point is near stays where it was scanned."""
    vertices, triangles = together(cube(side=0.3), cube((2.0, 0.0, 0.0), side=0.3))
    seen = np.asarray(trimesh.sample.sample_surface_even(trimesh.Trimesh(*cube(side=0.3)), 400, seed=0)[0])
    found = fit_arap(TriangleMesh(vertices, triangles), Evidence(vertices, seen=seen))
    np.testing.assert_allclose(found[8:], vertices[8:], atol=1e-6)


@pytest.mark.skipif(not (metaworld_folder() / "metaworld").is_dir(), reason="metaworld assets: run `make setup`")
def test_arap_survives_slivers() -> None:
    """A real window has triangles thin as a hair, whose cotangents know no bound: its sashes still slide."""
    for task in metaworld_tasks(["window"], 2, seed=0):
        evidence = Evidence(task.rest, targets=task.target, vertex_targets=task.target)
        found = fit_arap(TriangleMesh(task.rest, task.triangles), evidence)
        motion = np.linalg.norm(task.target - task.rest, axis=1)
        error = np.linalg.norm(found - task.target, axis=1)
        assert error.mean() < 0.1 * motion.mean()
        assert error.max() < motion.max()
