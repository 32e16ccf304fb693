"""Another poke of the object of a record, simulated anew: what identification may look at before it predicts."""

from __future__ import annotations

import mujoco
import numpy as np

from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.mjcf_export import joint_positions
from neurok_model.data.sequences import MotionSequence
from neurok_model.data.simulation import Recording, SimulatedScene, build_scene, record
from neurok_model.data.simulation.articulated_pokes import PokePhysics, damp_joints, poke_scene, true_object
from neurok_model.data.simulation.excitation import draw_pokes
from neurok_model.data.splits import family_generator
from neurok_model.identification import MotionObservation
from neurok_model.mechanics import Push

STREAM = 0xF0
"""Keeps these pokes apart from the recorded one."""

SECONDS = 0.6
"""How long the motion is watched."""

SETTLE = 1.5
"""Seconds within which soft objects come to rest, as when they were recorded."""


def another_poke(sequence: MotionSequence, number: int = 0) -> MotionObservation | None:
    """Poke the object of ``sequence`` elsewhere, in the same pose, and watch; None where the simulation fails.

    Raises:
        NeurokError: for a record that its family no longer makes.
    """
    generator = family_generator(sequence.family, sequence.seed, STREAM, number)
    rate = sequence.rate
    frames = round(SECONDS * rate) + 1
    anchored = bool(sequence.physics["anchored"])
    if sequence.kind is ObjectKind.ARTICULATED:
        scene, position = _articulated(sequence)
        pokes = draw_pokes(scene, generator, SECONDS, at_once=True)
        seen = record(scene, rate=rate, frames=frames, pokes=pokes, position=position)
    else:
        scene = build_scene(sequence.family, sequence.seed, anchored=anchored)
        scene.model.opt.gravity[:] = (0.0, 0.0, sequence.physics["gravity"])
        pokes = draw_pokes(scene, generator, SECONDS, at_once=True, strength=1.0 if anchored else 0.3)
        seen = record(scene, rate=rate, frames=frames, pokes=pokes, settle=SETTLE, relax=True)
    if not _sound(seen, frames, sequence):
        return None
    contacts = [Push(seen.vertices[0, poke.vertex], poke.force, poke.duration, poke.start) for poke in pokes]
    return MotionObservation(contacts, np.arange(frames) / rate, seen.vertices)


def _articulated(sequence: MotionSequence) -> tuple[SimulatedScene, np.ndarray]:
    """The scene of an articulated record, with its damping, and its joints' positions at rest."""
    built, physics = true_object(sequence), PokePhysics.of_record(sequence.physics)
    scene = poke_scene(built, physics)
    model = scene.model
    position = joint_positions(built, sequence.states[:1])[0]
    if not physics.anchored:
        position = np.concatenate([model.qpos0[:7], position])
    data = mujoco.MjData(model)
    data.qpos[:] = position
    mujoco.mj_forward(model, data)
    damp_joints(model, data, physics.damping_rate)
    return scene, position


def _sound(seen: Recording, frames: int, sequence: MotionSequence) -> bool:
    """Whether the simulation ran, began where the record begins, and showed a motion."""
    if seen.warnings or len(seen.vertices) < frames or not np.isfinite(seen.vertices).all():
        return False
    size = float(np.ptp(sequence.vertices[0], axis=0).max())
    begun = float(np.abs(seen.vertices[0] - sequence.vertices[0]).max()) < 0.01 * size
    return begun and float(np.abs(seen.vertices - seen.vertices[0]).max()) > 0.01 * size
