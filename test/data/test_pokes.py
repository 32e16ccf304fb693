"""Poke records: on time, complete enough to be replayed with the true joints, and rid of what cannot be."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from neurok_model.data import build_object
from neurok_model.data.kinematic_tree import ArticulatedObject, KinematicTree
from neurok_model.data.mjcf_export import joint_positions
from neurok_model.data.sequences import MotionSequence
from neurok_model.data.shapes import box
from neurok_model.data.shards import Shard, write_shard
from neurok_model.data.simulation import build_scene
from neurok_model.data.simulation.articulated_pokes import (
    PokePhysics,
    poke_scene,
    posed_on_base,
    simulate_articulated_pokes,
    true_object,
)
from neurok_model.data.simulation.excitation import Rejection, SequenceSettings, set_gravity, simulate_sequence
from neurok_model.data.simulation.recording import Poke, record
from neurok_model.errors import NeurokError


def _first(family: str, seeds: range, anchored: bool) -> MotionSequence:
    """The first usable record of a family whose base is anchored or not."""
    for seed in seeds:
        made = simulate_articulated_pokes(family, seed, frames=12)
        if not isinstance(made, Rejection) and bool(made.physics["anchored"]) is anchored:
            return made
    raise AssertionError("no such record")


def test_frames_show_the_time_they_stand_for() -> None:
    """A sliding box at 1.5 m/s is where it should be at every frame; a step's delay would show as 1.5 mm."""
    tree = KinematicTree()
    tree.base.add(box([0.0, 0.0, -0.1], [0.4, 0.4, 0.02]))
    tree.slide(tree.base, [1.0, 0.0, 0.0], (-5.0, 5.0)).add(box([0.0, 0.0, 0.1], [0.2, 0.3, 0.1]))
    slider = ArticulatedObject("slider", tree.parts, tree.limits)
    scene = poke_scene(slider, PokePhysics(3.0, -1, 0.0, 0.0, -9.81, anchored=True))
    recording = record(scene, rate=60, frames=6, velocity=np.array([1.5]))
    moved = recording.vertices[:, scene.part_of_vertex == 1, 0] - scene.rest_vertices[scene.part_of_vertex == 1, 0]
    np.testing.assert_allclose(moved, np.broadcast_to(1.5 * np.arange(6)[:, None] / 60, moved.shape), atol=1e-9)
    np.testing.assert_allclose(recording.positions[:, 0], 1.5 * np.arange(6) / 60, atol=1e-9)


@pytest.mark.parametrize(("family", "anchored"), [("scissors", True), ("suitcase", True), ("microwave", False)])
def test_true_joints_reproduce_the_record(family: str, anchored: bool, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Family, seed and recorded states give every frame, after a journey through a shard; couplings to 0.5 %."""
    made = _first(family, range(40), anchored)
    write_shard(tmp_path / "shard.h5", [made])
    made = Shard(tmp_path / "shard.h5").read(0)
    built = true_object(made)
    assert made.states.shape == (12, built.degrees_of_freedom)
    assert made.base_pose.shape == (0 if anchored else 12, 7)
    posed = posed_on_base(built, made.states, made.base_pose)
    assert np.abs(posed - made.vertices).max() < 0.005 * np.ptp(made.vertices[0], axis=0).max()
    if family == "microwave":
        np.testing.assert_allclose(posed, made.vertices, atol=2e-6)


def test_record_is_enough_to_simulate_it_again() -> None:
    """Physics, first states and contacts of a record, given to MuJoCo anew, lead to the recorded motion."""
    made = _first("laptop", range(40), True)
    built, physics = true_object(made), PokePhysics.of_record(made.physics)
    scene = poke_scene(built, physics)
    assert scene.vertex_masses.sum() == pytest.approx(made.physics["mass"], rel=1e-6)
    position = joint_positions(built, made.states[:1])[0]
    data = mujoco.MjData(scene.model)
    data.qpos[:] = position
    mujoco.mj_forward(scene.model, data)
    inertia = np.zeros((scene.model.nv, scene.model.nv))
    mujoco.mj_fullM(scene.model, data, inertia)
    scene.model.dof_damping[:] = physics.damping_rate * np.diag(inertia)
    distance = np.linalg.norm(made.contacts[:, None, :3] - made.vertices[0], axis=-1)
    pokes = [
        Poke(int(near.argmin()), (row[3], row[4], row[5]), row[6], row[7])
        for near, row in zip(distance, made.contacts.tolist(), strict=True)
    ]
    again = record(scene, rate=made.rate, frames=12, pokes=pokes, position=position)
    np.testing.assert_allclose(again.vertices, made.vertices, atol=1e-5)


def test_records_of_another_version_are_refused() -> None:
    """An oracle with the joints of another object would be worse than none."""
    made = _first("laptop", range(40), True)
    with pytest.raises(NeurokError, match="generate it again"):
        true_object(replace(made, triangles=made.triangles[1:]))
    with pytest.raises(NeurokError, match="articulated"):
        true_object(replace(made, family="elastic_bar"))


def test_free_soft_bodies_take_up_the_impulse() -> None:
    """A floating foam ball leaves with impulse over mass, its nodes' mean velocity, to 0.1 %, and it deforms."""
    scene = build_scene("soft_ball", 1, anchored=False)
    rng = np.random.default_rng(0)
    assert set_gravity(scene, rng, anchored=False) == 0.0
    mass = float(scene.vertex_masses.sum())
    force = np.array([0.3, -0.2, 0.5]) * mass
    recording = record(scene, rate=60, frames=12, pokes=[Poke(5, (force[0], force[1], force[2]), 0.0, 0.1)])
    bodies = scene.model.dof_bodyid.reshape(-1, 3)[:, 0]
    weights = scene.model.body_mass[bodies] / scene.model.body_mass[bodies].sum()
    assert scene.model.body_mass[bodies].sum() == pytest.approx(mass, rel=1e-6)
    moved = np.einsum("n,fnc->fc", weights, recording.positions.reshape(12, -1, 3))
    np.testing.assert_allclose(60.0 * (moved[-1] - moved[-2]), 0.1 * force / mass, rtol=1e-3)
    sides = np.linalg.norm(np.diff(recording.vertices[:, :20], axis=1), axis=-1)
    assert np.ptp(sides, axis=0).max() > 1e-5
    with pytest.raises(NeurokError, match="soft_ball"):
        build_scene("hanging_cloth", 1, anchored=False)


def test_soft_pokes_vary_gravity_and_anchoring() -> None:
    """Records tell the gravity they were made under; some bodies are held by nothing and then weigh nothing."""
    seen = []
    for seed in range(8):
        made = simulate_sequence("soft_toy", seed, SequenceSettings(frames=2, at_rest=True))
        if not isinstance(made, Rejection):
            seen.append((bool(made.physics["anchored"]), made.physics["gravity"]))
    assert {anchored for anchored, _ in seen} == {True, False}
    assert all(gravity == 0.0 for anchored, gravity in seen if not anchored)
    assert len({gravity for _, gravity in seen}) >= 3
    assert all(-9.81 <= gravity <= 0.0 for _, gravity in seen)


def test_impossible_joint_motions_are_thrown_away() -> None:
    """No accepted record opens a rack behind a shut door or bends a joint beyond its limits."""
    rejected = set()
    for seed in range(8):
        made = simulate_articulated_pokes("dishwasher", seed, frames=16)
        if isinstance(made, Rejection):
            rejected.add(made)
            continue
        built = build_object("dishwasher", made.seed)
        assert isinstance(built, ArticulatedObject)
        width = np.ptp(built.state_range, axis=1)
        assert (made.states - built.admissible(made.states) <= 0.03 * width).all()
        assert (np.abs(made.states - np.clip(made.states, *built.state_range.T)) <= 0.03 * width).all()
    assert Rejection.BLOCKED in rejected
