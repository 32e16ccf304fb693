"""Every family: sizes, closed surfaces, rigid parts, a still base, and seeds that repeat."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from neurok_model.data import Frames, GeneratedObject, ObjectKind, build_object, family_names
from neurok_model.data.quaternions import rotation_matrix
from neurok_model.errors import NeurokError

SEEDS = (0, 1, 2)


def _posed(family: str, seed: int, count: int = 4) -> tuple[GeneratedObject, np.ndarray, Frames]:
    built = build_object(family, seed)
    states = built.sample_states(np.random.default_rng(seed), count)
    return built, states, built.pose(states)


def test_there_are_enough_families() -> None:
    """Training on few categories generalises to few: the factory keeps at least 24 articulated ones."""
    kinds = [build_object(family, 0).kind for family in family_names()]
    assert kinds.count(ObjectKind.ARTICULATED) >= 24
    assert ObjectKind.ELASTIC in kinds
    assert ObjectKind.ROPE in kinds


@pytest.mark.parametrize("family", family_names())
def test_same_seed_gives_same_bytes(family: str) -> None:
    """A dataset is a seed: two builds agree to the last bit, and another seed gives another object."""
    first, states, frames = _posed(family, 5)
    again, repeated, posed = _posed(family, 5)
    assert first.triangles.tobytes() == again.triangles.tobytes()
    assert states.tobytes() == repeated.tobytes()
    assert frames.vertices.tobytes() == posed.vertices.tobytes()
    other = build_object(family, 6).pose(np.zeros((1, build_object(family, 6).degrees_of_freedom)))
    assert other.vertices.tobytes() != first.pose(np.zeros_like(states[:1])).vertices.tobytes()


@pytest.mark.parametrize("family", family_names())
def test_states_respect_limits(family: str) -> None:
    """Sampled states stay within the joint limits, which are proper intervals."""
    for seed in SEEDS:
        built, states, _ = _posed(family, seed, 64)
        lower, upper = built.state_range.T
        assert built.degrees_of_freedom >= 1
        assert (lower < upper).all()
        assert (states >= lower - 1e-12).all()
        assert (states <= upper + 1e-12).all()


@pytest.mark.parametrize("family", family_names())
def test_surfaces_are_closed_and_face_outwards(family: str) -> None:
    """Each connected piece is watertight with positive volume: normals tell inside from outside."""
    for seed in SEEDS:
        built, _, frames = _posed(family, seed)
        mesh = trimesh.Trimesh(frames.vertices[1], built.triangles, process=False)
        for piece in mesh.split(only_watertight=False):
            assert piece.is_watertight
            assert piece.volume > 0
        corners = built.part_of_vertex[built.triangles]
        assert (corners == corners[:, :1]).all(), "a triangle joins two parts"


@pytest.mark.parametrize("family", family_names())
def test_sizes_are_plausible_metres(family: str) -> None:
    """Objects are in metres, between a light switch and a wardrobe; they move by at least a millimetre."""
    for seed in SEEDS:
        built, _, frames = _posed(family, seed, 16)
        longest = np.ptp(frames.vertices, axis=(0, 1)).max()
        assert 0.03 < longest < 4.5
        assert np.abs(frames.vertices - frames.vertices[:1]).max() > 1e-3
        assert built.part_of_vertex.shape == (frames.vertices.shape[1],)


@pytest.mark.parametrize("family", family_names())
def test_rotations_turn_the_material(family: str) -> None:
    """Articulated parts move rigidly, and the given rotations are those of the motion from state 0."""
    built, states, frames = _posed(family, 1)
    rest = built.pose(np.zeros_like(states[:1])).vertices[0]
    np.testing.assert_allclose(np.linalg.norm(frames.rotations, axis=-1), 1.0, atol=1e-12)
    if built.kind is not ObjectKind.ARTICULATED:
        return
    for part in np.unique(built.part_of_vertex):
        rows = np.flatnonzero(built.part_of_vertex == part)
        edges = rest[rows] - rest[rows[0]]
        turned = np.einsum("cij,vj->cvi", rotation_matrix(frames.rotations[:, rows[0]]), edges)
        np.testing.assert_allclose(frames.vertices[:, rows] - frames.vertices[:, rows[:1]], turned, atol=1e-12)


@pytest.mark.parametrize("family", family_names())
def test_base_stays_still(family: str) -> None:
    """Part 0 is the fixed base: it is the same in every pose and does not turn."""
    built, _, frames = _posed(family, 2)
    base = built.part_of_vertex == 0
    assert np.ptp(frames.vertices[:, base], axis=0).max(initial=0.0) == 0.0
    np.testing.assert_array_equal(frames.rotations[:, base, 0], 1.0)


@pytest.mark.parametrize("family", family_names())
def test_tangents_are_small_motions(family: str) -> None:
    """What training and evaluation hold for the ways in which an object can move is how it moves: a joint turns and
    shifts whole parts, to first order without changing a single length, and leaves the base alone.
    """
    built, states, frames = _posed(family, 4, 1)
    tangents = built.tangents(states[0])
    assert tangents.shape == (built.degrees_of_freedom, len(frames.vertices[0]), 3)
    direction = np.where(states[0] < built.state_range.mean(axis=1), 1.0, -1.0) * np.ptp(built.state_range, axis=1)
    step = 1e-3 * direction
    moved = built.pose(states + step).vertices[0] - frames.vertices[0]
    if (built.admissible(states + step) == states + step).all():
        size = np.abs(moved).max()
        assert np.abs(moved - np.einsum("j,jvd->vd", step, tangents)).max() < 0.05 * size
    if built.kind is ObjectKind.ARTICULATED:
        base = built.part_of_vertex == 0
        assert np.abs(tangents[:, base]).max(initial=0.0) == 0.0
        edges = built.triangles[:, :2]
        along = frames.vertices[0, edges[:, 1]] - frames.vertices[0, edges[:, 0]]
        stretch = ((tangents[:, edges[:, 1]] - tangents[:, edges[:, 0]]) * along).sum(axis=-1)
        speed = np.linalg.norm(tangents, axis=-1).max()
        assert np.abs(stretch).max() < 1e-4 * speed * np.linalg.norm(along, axis=-1).max()


def test_masses_are_those_of_a_shell() -> None:
    """A shell's vertices weigh its area times its density together, and the fixed base weighs nothing."""
    built = build_object("laptop", 3)
    rest = built.pose(np.zeros((1, 1))).vertices[0]
    lid = trimesh.Trimesh(rest, built.triangles[built.part_of_vertex[built.triangles[:, 0]] == 1], process=False)
    masses = built.vertex_masses(4.0)
    assert masses.sum() == pytest.approx(4.0 * lid.area, rel=1e-9)
    assert (masses[built.part_of_vertex == 0] == 0.0).all()


def test_unknown_family_and_negative_seed_are_refused() -> None:
    """A misspelt family names the known ones instead of failing later."""
    with pytest.raises(NeurokError, match="laptop"):
        build_object("labtop", 0)
    with pytest.raises(NeurokError, match="seed"):
        build_object("laptop", -1)
