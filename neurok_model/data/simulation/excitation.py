"""Draws what happens to a simulated object: pokes, an initial velocity, and how it is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import mujoco
import numpy as np
from jaxtyping import Float

from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.self_intersection import crossing_count
from neurok_model.data.sequences import MotionSequence, rounded
from neurok_model.data.simulation.recording import Poke, Recording, record
from neurok_model.data.simulation.registry import build_scene, floating_family_names
from neurok_model.data.simulation.scene import SimulatedScene
from neurok_model.data.simulation.surface_skins import SheetSkin, grid_triangles
from neurok_model.data.splits import family_generator

EARTH = 9.81
"""Standard gravity, m/s²."""
EXCITATION_STREAM = 0x51
"""Keeps what happens to an instance independent of how it was built from the same seed."""


CROSSINGS_ALLOWED = 6
"""Edges of a sheet that may pass through it: the tip of one fold."""
TANGLE_CHECKS = 9
"""Frames of a sequence in which that is looked for."""
FREE_SHARE = 0.25
"""Share of the pokes of bodies that can float (soft solids) in which nothing holds them."""


class Rejection(StrEnum):
    """Why a simulated sequence is thrown away."""

    SOLVER_WARNING = "solver_warning"
    NOT_FINITE = "not_finite"
    ENERGY = "energy"
    DISTORTED = "distorted"
    TOO_FAR = "too_far"
    STILL = "still"
    BLOCKED = "blocked"
    OVERSTRAINED = "overstrained"
    TANGLED = "tangled"


@dataclass(frozen=True)
class SequenceSettings:
    """How sequences are recorded.

    Attributes:
        frames: frames per sequence.
        at_rest: begin every sequence at rest, so that it serves as ground truth for prediction.
    """

    frames: int = 48
    at_rest: bool = False


def simulate_sequence(
    family: str, seed: int, settings: SequenceSettings = SequenceSettings()
) -> MotionSequence | Rejection:
    """Build an instance, excite it, and record it, all from the seed; or say why it cannot be used."""
    rng = family_generator(family, seed, EXCITATION_STREAM)
    anchored = not (settings.at_rest and family in floating_family_names() and rng.random() < FREE_SHARE)
    scene = build_scene(family, seed, anchored=anchored)
    gravity = set_gravity(scene, rng, anchored)
    rate = float(rng.choice([30.0, 60.0]))
    settle = 1.5 if settings.at_rest else float(rng.choice([0.0, 0.4]))
    pokes = draw_pokes(scene, rng, settings.frames / rate, settings.at_rest, 1.0 if anchored else 0.3)
    velocity = None if settings.at_rest or rng.random() < 0.3 else draw_velocity(scene, rng)
    recording = record(
        scene,
        rate=rate,
        frames=settings.frames,
        pokes=pokes,
        settle=settle,
        relax=settings.at_rest,
        velocity=velocity,
    )
    reason = rejection(scene, recording, settings.frames)
    if reason is not None:
        return reason
    contacts = [[*recording.vertices[0, p.vertex], *p.force, p.start, p.duration] for p in pokes]
    return MotionSequence(
        family,
        scene.kind,
        seed,
        rounded(recording.vertices),
        scene.triangles.astype(np.int32),
        scene.part_of_vertex.astype(np.int32),
        np.where(scene.part_of_vertex > 0, scene.vertex_masses, 0.0).astype(np.float32),
        rate,
        scene.degrees_of_freedom,
        np.array(contacts, dtype=np.float64).reshape(-1, 8),
        {**scene.material, "gravity": -gravity, "anchored": float(anchored)},
        recording.energy,
        recording.work,
        settings.at_rest,
    )


def set_gravity(scene: SimulatedScene, rng: np.random.Generator, anchored: bool) -> float:
    """Draw gravity, up to the Earth's, for which scenes are built, and give it to the scene; m/s², downwards.

    What is free floats without it; what is draped needs some.
    """
    weak = float(rng.uniform(3.0 if scene.kind is ObjectKind.CLOTH else 1.0, EARTH))
    nothing = weak if scene.kind is ObjectKind.CLOTH else 0.0
    gravity = float(rng.choice([EARTH, weak, nothing], p=[0.6, 0.25, 0.15])) if anchored else 0.0
    scene.model.opt.gravity[:] = (0.0, 0.0, -gravity)
    return gravity


def draw_pokes(
    scene: SimulatedScene, rng: np.random.Generator, seconds: float, at_once: bool, strength: float = 1.0
) -> list[Poke]:
    """One to three forces on moving vertices, sized to give the object speeds like those of its own fall.

    Args:
        scene: what is poked.
        rng: source of randomness.
        seconds: length of the recording.
        at_once: begin at time 0 instead of any time in its first part.
        strength: factor of all forces; what nothing holds needs less to get far.
    """
    rest = scene.rest_vertices
    moving = np.flatnonzero(scene.part_of_vertex > 0)
    size = float(np.ptp(rest[moving], axis=0).max())
    mass = float(scene.vertex_masses[moving].sum())
    pokes = []
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        duration = float(rng.uniform(0.03, 0.15))
        speed = float(rng.uniform(0.2, 1.2)) * np.sqrt(9.81 * size)
        force = 0.4 * strength * mass * speed / duration * direction
        start = 0.0 if at_once else float(rng.uniform(0.0, 0.6 * seconds))
        x, y, z = (float(part) for part in force)
        pokes.append(Poke(int(rng.choice(moving)), (x, y, z), start, duration))
    return pokes


def draw_velocity(scene: SimulatedScene, rng: np.random.Generator) -> Float[np.ndarray, " v"]:
    """Initial joint velocities: for free points an affine velocity field, for other joints a common turn."""
    model = scene.model
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    size = float(np.ptp(scene.rest_vertices, axis=0).max())
    speed = float(rng.uniform(0.1, 0.8)) * np.sqrt(9.81 * size)
    drift, gradient = rng.normal(size=3), rng.normal(size=(3, 3)) / size
    turn = rng.normal(size=3) * speed / size
    middle = scene.rest_vertices.mean(axis=0)
    velocity = np.zeros(model.nv)
    for joint in range(model.njnt):
        body, address = int(model.jnt_bodyid[joint]), int(model.jnt_dofadr[joint])
        kind = int(model.jnt_type[joint])
        if kind == mujoco.mjtJoint.mjJNT_BALL:
            velocity[address : address + 3] = 0.5 * turn
        elif kind == mujoco.mjtJoint.mjJNT_SLIDE and model.body_dofnum[body] == 3:
            field = 0.4 * speed * (drift + gradient @ (data.xpos[body] - middle))
            velocity[address] = field @ data.xaxis[joint]
        elif kind == mujoco.mjtJoint.mjJNT_HINGE and model.body_dofnum[body] == 1:
            velocity[address] = turn[0]
    return velocity


def rejection(scene: SimulatedScene, recording: Recording, frames: int) -> Rejection | None:
    """Why a recording cannot be used, if so.

    Energy: what moves and has been lifted cannot exceed what was put in, since stored elastic energy and
    losses are never negative; a tenth is left for the error of finite time steps.
    """
    if recording.warnings or len(recording.vertices) < frames:
        return Rejection.SOLVER_WARNING
    if not np.isfinite(recording.vertices).all():
        return Rejection.NOT_FINITE
    rest = scene.rest_vertices
    size = float(np.ptp(rest, axis=0).max())
    if np.abs(recording.vertices - recording.vertices[0]).max() < 0.01 * size:
        return Rejection.STILL
    scale = max(float(np.abs(recording.work).max()), float(np.ptp(recording.energy)))
    if (recording.energy - recording.work).max() > 0.1 * scale + 1e-6:
        return Rejection.ENERGY
    if np.abs(recording.vertices - rest).max() > 2.5 * size:
        return Rejection.TOO_FAR
    first, second = scene.triangles[:, 0], scene.triangles[:, 1]
    before = np.linalg.norm(rest[first] - rest[second], axis=1)
    now = np.linalg.norm(recording.vertices[:, first] - recording.vertices[:, second], axis=2)
    if (np.quantile(now / before, 0.98, axis=1) > 2.0).any():
        return Rejection.DISTORTED
    if scene.kind is ObjectKind.CLOTH and _tangled(scene, recording):
        return Rejection.TANGLED
    return None


def _tangled(scene: SimulatedScene, recording: Recording) -> bool:
    """Whether a sheet passes through itself, beyond the little that its contacts leave."""
    sheet = next(skin for skin in scene.skins if isinstance(skin, SheetSkin))
    start = int(np.argmax(scene.part_of_vertex == sheet.part))
    front = recording.vertices[:, start : start + sheet.grid.size]
    triangles = grid_triangles(*sheet.grid.shape)
    checked = np.linspace(0, len(front) - 1, TANGLE_CHECKS).round().astype(int)
    return any(crossing_count(front[index], triangles, CROSSINGS_ALLOWED + 1) > CROSSINGS_ALLOWED for index in checked)
