"""Simulated objects: against beam theory, against conservation of energy, and in their form."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
import trimesh

from neurok_model.data import build_object
from neurok_model.data.kinematic_tree import ArticulatedObject, KinematicTree
from neurok_model.data.shapes import Surface, box
from neurok_model.data.simulation import build_scene, simulated_family_names
from neurok_model.data.simulation.articulated_pokes import PokePhysics, poke_scene
from neurok_model.data.simulation.elastic import box_around, held_solid
from neurok_model.data.simulation.excitation import Rejection, SequenceSettings, rejection, simulate_sequence
from neurok_model.data.simulation.lattice import Lattice, Material
from neurok_model.data.simulation.recording import Poke, Recording, record
from neurok_model.data.simulation.surface_skins import sheet_triangles


def _bar(length: float, width: float) -> Surface:
    x, y = np.meshgrid(np.linspace(0, length, 9), np.linspace(-width / 2, width / 2, 3), indexing="ij")
    layers = [np.stack([x, y, np.full_like(x, z)], -1).reshape(-1, 3) for z in (width / 2, -width / 2)]
    return Surface(np.concatenate(layers), sheet_triangles(9, 3))


def test_cantilever_sags_as_beam_theory_says() -> None:
    """A clamped bar under its own weight: Timoshenko's deflection to 3 %, tip of the recorded surface."""
    length, width, young, density, gravity = 0.4, 0.05, 4e6, 1000.0, 1.0
    surface = _bar(length, width)
    lattice = box_around(surface, (3, 1, 1), 2)
    held = lattice.nodes()[:, 0] < 1e-4
    scene = held_solid("bar", surface, lattice, Material(young, 0.0, 0.01, density), held, gravity=gravity)
    recording = record(scene, rate=30, frames=2, settle=0.8, relax=True)
    tip = surface.vertices[:, 0] > length - 1e-6
    sag = (surface.vertices[tip, 2] - recording.vertices[0, tip, 2]).mean()
    load, area, inertia = density * width**2 * gravity, width**2, width**4 / 12
    theory = load * length**4 / (8 * young * inertia) + load * length**2 / (2 * 0.5 * young * 5 / 6 * area)
    assert sag == pytest.approx(theory, rel=0.03)


def test_half_filled_cells_are_half_as_heavy_and_stiff() -> None:
    """A hollow body in its lattice weighs what its walls weigh (finite cell method)."""
    sphere = trimesh.creation.icosphere(subdivisions=3, radius=0.1)
    surface = Surface(np.asarray(sphere.vertices), np.asarray(sphere.faces))
    lattice = Lattice(np.full(3, -0.1), np.full(3, 0.1), (2, 2, 2), 1)
    fill = lattice.fill(surface, samples=12)
    assert lattice.node_masses(fill, 700.0).sum() == pytest.approx(700.0 * sphere.volume, rel=0.02)


def test_lattice_reproduces_quadratic_motion() -> None:
    """Surface points follow the element's own polynomial: a quadratic field is interpolated exactly."""
    lattice = Lattice(np.array([0.0, 1.0, -1.0]), np.array([2.0, 2.0, 1.0]), (2, 1, 1), 2)
    points = np.random.default_rng(0).uniform(lattice.lower, lattice.upper, (40, 3))

    def field(p: np.ndarray) -> np.ndarray:
        return p[:, 0] ** 2 - 0.3 * p[:, 1] * p[:, 2] + p[:, 2]

    np.testing.assert_allclose(lattice.weights(points) @ field(lattice.nodes()), field(points), atol=1e-12)


@pytest.mark.parametrize("family", simulated_family_names())
def test_families_are_closed_surfaces_that_move(family: str) -> None:
    """Every family is watertight, has its mass on moving parts, and its fixed part never moves."""
    scene = build_scene(family, 4)
    mesh = trimesh.Trimesh(scene.rest_vertices, scene.triangles, process=False)
    for piece in mesh.split(only_watertight=False):
        assert piece.is_watertight
        assert piece.volume > 0
    moving = scene.part_of_vertex > 0
    assert scene.vertex_masses[moving].sum() == pytest.approx(scene.material["mass"], rel=1e-6)
    vertex = int(np.flatnonzero(moving)[-1])
    recording = record(scene, rate=60, frames=4, pokes=[Poke(vertex, (0.05, 0.05, 0.0), 0.0, 0.1)])
    assert recording.warnings == ()
    assert np.ptp(recording.vertices[:, ~moving], axis=0).max(initial=0.0) < 1e-12
    assert np.ptp(recording.vertices[:, moving], axis=0).max() > 0
    assert np.abs(recording.vertices[0] - scene.rest_vertices).max() < 1e-9


def test_pokes_do_the_work_that_the_object_gains() -> None:
    """A free fall's and a poke's energy balance: beads without damping keep what they were given, to 2 %."""
    scene = build_scene("bead_string", 1)
    scene.model.dof_damping[:] = 0.0
    vertex = int(np.flatnonzero(scene.part_of_vertex == 2)[0])
    force = 2.0 * scene.material["mass"]
    recording = record(scene, rate=60, frames=12, pokes=[Poke(vertex, (0.0, force, 0.0), 0.02, 0.1)])
    assert recording.work[-1] > 0
    assert recording.energy[-1] == pytest.approx(recording.work[-1], rel=0.02)


def test_pushed_drawer_leaves_with_the_momentum_it_was_given() -> None:
    """A box on a slide, a shell of known density: speed = force along the slide x duration / mass, to 0.5 %."""
    tree = KinematicTree()
    tree.base.add(box([0.0, 0.0, -0.1], [0.4, 0.4, 0.02]))
    tree.slide(tree.base, [1.0, 0.0, 0.0], (-5.0, 5.0)).add(box([0.0, 0.0, 0.1], [0.2, 0.3, 0.1]))
    drawer = ArticulatedObject("drawer", tree.parts, tree.limits)
    scene = poke_scene(drawer, PokePhysics(3.0, -1, 0.0, 0.0, -9.81, anchored=True))
    mass = 3.0 * 2 * (0.2 * 0.3 + 0.2 * 0.1 + 0.3 * 0.1)
    moving = np.flatnonzero(scene.part_of_vertex == 1)
    assert scene.vertex_masses[moving].sum() == pytest.approx(mass, rel=1e-6)
    np.testing.assert_allclose(scene.rest_vertices, drawer.reference_vertices, atol=1e-7)
    recording = record(scene, rate=60, frames=24, pokes=[Poke(int(moving[0]), (2.0, 5.0, -1.0), 0.05, 0.1)])
    speed = 60.0 * (recording.vertices[-1, moving, 0] - recording.vertices[-2, moving, 0])
    np.testing.assert_allclose(speed, 2.0 * 0.1 / mass, rtol=0.005)
    # Over N steps of constant force a symplectic Euler step counts (N + 1) / N of the work; N is 96 here.
    assert recording.energy[-1] == pytest.approx(recording.work[-1], rel=0.02)


def test_free_objects_float_and_solid_parts_are_heavy() -> None:
    """A free base takes up the momentum of a push; a marked part weighs its volume."""
    laptop = build_object("laptop", 0)
    assert isinstance(laptop, ArticulatedObject)
    hollow = poke_scene(laptop, PokePhysics(5.0, -1, 800.0, 0.0, 0.0, anchored=False))
    solid = poke_scene(laptop, PokePhysics(5.0, 1, 800.0, 0.0, 0.0, anchored=False))
    lid = trimesh.Trimesh(*laptop.part_surface(1), process=False)
    assert solid.vertex_masses[solid.part_of_vertex == 1].sum() == pytest.approx(800.0 * lid.volume, rel=1e-6)
    force = np.array([0.0, 0.0, 0.5])
    recording = record(hollow, rate=60, frames=12, pokes=[Poke(0, (0.0, 0.0, 0.5), 0.0, 0.05)])
    masses = hollow.vertex_masses
    data_speed = 60.0 * (recording.vertices[-1] - recording.vertices[-2])
    # Vertex masses stand for the parts' centres only roughly, so that the mean is compared loosely.
    mean = (masses[:, None] * data_speed).sum(axis=0) / masses.sum()
    np.testing.assert_allclose(mean, force * 0.05 / masses.sum(), atol=0.3 * 0.5 * 0.05 / masses.sum())


def test_solver_warnings_and_impossible_energy_are_rejected() -> None:
    """A recording that MuJoCo complained about, or that gained energy from nothing, never reaches a shard."""
    scene = build_scene("bead_string", 0)
    still = np.repeat(scene.rest_vertices[None], 3, axis=0)
    moving = still + np.arange(3)[:, None, None] * 0.01
    none, warned = np.zeros(3), Recording(moving, np.zeros(3), np.zeros(3), ("mjWARN_BADQACC",))
    assert rejection(scene, warned, 3) is Rejection.SOLVER_WARNING
    assert rejection(scene, Recording(moving, np.array([0.0, 0.5, 1.0]), none, ()), 3) is Rejection.ENERGY
    assert rejection(scene, Recording(still, none, none, ()), 3) is Rejection.STILL
    assert rejection(scene, Recording(moving, none, none, ()), 3) is None


def test_sheets_that_pass_through_themselves_are_rejected() -> None:
    """A sheet folded in half and through itself never reaches a shard; bent without touching, it does."""
    scene = build_scene("hanging_cloth", 3)
    rest = scene.rest_vertices
    moving = scene.part_of_vertex == 1
    middle = rest[moving, 2].mean()
    below = moving & (rest[:, 2] < middle)
    bent, folded = rest.copy(), rest.copy()
    bent[below, 0] += 0.3 * (middle - rest[below, 2])
    # The lower half turned up behind the upper one, leaning so that it comes out in front of it.
    depth = middle - rest[below, 2]
    folded[below, 2] = middle + depth
    folded[below, 0] += 0.3 * depth - 0.03
    none = np.zeros(2)
    assert rejection(scene, Recording(np.stack([rest, bent]), none, none, ()), 2) is None
    assert rejection(scene, Recording(np.stack([rest, folded]), none, none, ()), 2) is Rejection.TANGLED


def test_unstable_simulation_is_reported_by_the_recorder() -> None:
    """A state that MuJoCo cannot integrate ends the recording with its warning's name."""
    scene = build_scene("bead_string", 0)
    recording = record(scene, rate=60, frames=4, velocity=np.full(scene.model.nv, 1e12))
    assert recording.warnings
    assert all(name in mujoco.mjtWarning.__members__ for name in recording.warnings)


def test_sequences_repeat_to_the_last_bit() -> None:
    """The same family and seed give the same checksum; at rest means that nothing moves before time 0."""
    settings = SequenceSettings(frames=4, at_rest=True)
    first, second = (simulate_sequence("dangling_rope", 6, settings) for _ in range(2))
    assert not isinstance(first, Rejection)
    assert not isinstance(second, Rejection)
    assert first.checksum() == second.checksum()
    assert first.at_rest
    assert len(first.contacts) >= 1
    assert (first.contacts[:, 6] == 0.0).all()
