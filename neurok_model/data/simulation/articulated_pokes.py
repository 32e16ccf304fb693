"""Ground truth for forward prediction of articulated objects: at rest, poked, and what MuJoCo makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float, Int

from neurok_model.data.families import build_object
from neurok_model.data.kinematic_tree import ArticulatedObject
from neurok_model.data.metaworld import METAWORLD, metaworld_object
from neurok_model.data.mjcf_export import joint_positions, states_of_positions, to_mjcf
from neurok_model.data.quaternions import rotation_matrix
from neurok_model.data.sequences import MotionSequence, rounded
from neurok_model.data.shapes import Surface
from neurok_model.data.simulation.excitation import Rejection, rejection
from neurok_model.data.simulation.recording import Poke, Recording, record, settled
from neurok_model.data.simulation.scene import ControlPoints, SimulatedScene, assembled, rigid_skin
from neurok_model.data.splits import family_generator
from neurok_model.errors import ErrorCode, NeurokError

POKE_STREAM = 0x90
"""Keeps what happens to an instance independent of how it was built from the same seed."""
RANGE_TOLERANCE = 0.03
"""Share of a coordinate's range by which it may be beyond its limits, or beyond what stands in front of it."""
COUPLING_TOLERANCE = 0.005
"""Share of the object's size by which coupled joints may be out of step."""
POKE_STEP = 1 / 960
"""Seconds; limits and couplings respond within five of them."""


@dataclass(frozen=True)
class PokePhysics:
    """What an articulated object is made of and where it is.

    Attributes:
        surface_density: kilograms per square metre of the shells.
        solid_part: the part that is filled, or -1.
        solid_density: its kilograms per cubic metre.
        damping_rate: each joint's damping over its inertia, 1/s.
        gravity: m/s² along z.
        anchored: whether the base is fixed to the world.
    """

    surface_density: float
    solid_part: int
    solid_density: float
    damping_rate: float
    gravity: float
    anchored: bool

    @staticmethod
    def drawn(articulated: ArticulatedObject, rng: np.random.Generator) -> PokePhysics:
        """Draw everything; a free object floats, for there is no floor for it to lie on."""
        shown = np.unique(articulated.part_of_vertex)
        has_base = bool(shown[0] == 0)
        anchored = not has_base or bool(rng.random() < 0.8)
        solid = int(rng.choice(shown)) if rng.random() < 0.4 else -1
        # Half weightless (the pose is then any state), the others on the Earth or on something smaller.
        gravity = float(rng.choice([0.0, 0.0, 0.0, -9.81, -9.81, -rng.uniform(1.0, 9.81)])) if anchored else 0.0
        damping = float(rng.choice([0.0, 1.0]) * 10 ** rng.uniform(-1.0, 0.7))
        return PokePhysics(
            float(10 ** rng.uniform(0.0, 1.2)), solid, float(rng.uniform(100.0, 1500.0)), damping, gravity, anchored
        )

    @staticmethod
    def of_record(physics: Mapping[str, float]) -> PokePhysics:
        """The physics of a poke record, from :attr:`MotionSequence.physics`."""
        return PokePhysics(
            physics["surface_density"],
            int(physics["solid_part"]),
            physics["solid_density"],
            physics["damping_rate"],
            physics["gravity"],
            bool(physics["anchored"]),
        )

    def described(self, mass: float) -> dict[str, float]:
        """Everything by name, as records hold it."""
        return {
            "mass": mass,
            "surface_density": self.surface_density,
            "solid_part": float(self.solid_part),
            "solid_density": self.solid_density if self.solid_part >= 0 else 0.0,
            "damping_rate": self.damping_rate,
            "gravity": self.gravity,
            "anchored": float(self.anchored),
        }


def simulate_articulated_pokes(
    family: str, seed: int, frames: int = 48, rate: float = 60.0
) -> MotionSequence | Rejection:
    """Build an instance, bring it to rest in a random pose, poke it, and record what follows.

    Without gravity the pose is any state; under gravity it is where the object comes to rest from there.

    Raises:
        NeurokError: for a family that is not articulated.
    """
    articulated = build_object(family, seed)
    if not isinstance(articulated, ArticulatedObject):
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "family", family, "an articulated family")
    return poke_articulated(articulated, seed, frames, rate)


def poke_articulated(
    articulated: ArticulatedObject, seed: int, frames: int = 48, rate: float = 60.0
) -> MotionSequence | Rejection:
    """Bring any articulated object to rest in a random pose, poke it, and record what follows; see above."""
    family = articulated.family
    rng = family_generator(family, seed, POKE_STREAM)
    physics = PokePhysics.drawn(articulated, rng)
    state = articulated.sample_states(rng, 1)
    scene = poke_scene(articulated, physics)
    position = joint_positions(articulated, state)[0]
    if not physics.anchored:
        position = np.concatenate([scene.model.qpos0[:7], position])
    position = settled(scene.model, position, 3.0 if physics.gravity else 0.0)
    data = mujoco.MjData(scene.model)
    data.qpos[:] = position
    mujoco.mj_forward(scene.model, data)
    damp_joints(scene.model, data, physics.damping_rate)
    pokes = _draw_pokes(scene, data, rng, physics.anchored)
    recording = record(scene, rate=rate, frames=frames, pokes=pokes, position=position)
    states, base_pose = _motion_of_joints(articulated, recording, physics.anchored)
    reason = rejection(scene, recording, frames)
    if reason is None:
        reason = _joint_rejection(articulated, recording, states, base_pose)
    if reason is not None:
        return reason
    moving = scene.part_of_vertex > 0 if physics.anchored else np.ones(len(scene.part_of_vertex), dtype=bool)
    contacts = [[*recording.vertices[0, p.vertex], *p.force, p.start, p.duration] for p in pokes]
    return MotionSequence(
        family,
        scene.kind,
        seed,
        rounded(recording.vertices),
        scene.triangles.astype(np.int32),
        scene.part_of_vertex.astype(np.int32),
        np.where(moving, scene.vertex_masses, 0.0).astype(np.float32),
        rate,
        articulated.degrees_of_freedom + (0 if physics.anchored else 6),
        np.array(contacts, dtype=np.float64).reshape(-1, 8),
        physics.described(float(scene.vertex_masses.sum())),
        recording.energy,
        recording.work,
        True,
        states,
        base_pose,
    )


def true_object(record: MotionSequence) -> ArticulatedObject:
    """The object of a poke record, with its true joints.

    :func:`posed_on_base` gives the record's frames from its ``states`` and ``base_pose``.

    Raises:
        NeurokError: for a record of something that is not articulated, or one that an older version of its
            family has made.
    """
    if record.family.startswith(METAWORLD):
        return metaworld_object(record.family.removeprefix(METAWORLD))
    built = build_object(record.family, record.seed)
    if not isinstance(built, ArticulatedObject) or not len(record.states):
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "record", record.family, "a poke of an articulated family")
    if built.triangles.shape != record.triangles.shape or (built.triangles != record.triangles).any():
        value = f"{record.family}, seed {record.seed}, with another surface"
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "record", value, "a record of this version; generate it again")
    return built


def _motion_of_joints(
    articulated: ArticulatedObject, recording: Recording, anchored: bool
) -> tuple[Float[np.ndarray, "f d"], Float[np.ndarray, "b 7"]]:
    """State coordinates and, for a free base, its pose in every frame."""
    base = 0 if anchored else 7
    states = states_of_positions(articulated, recording.positions[:, base:])
    return states, recording.positions[:, :base] if base else np.zeros((0, 7))


def _joint_rejection(
    articulated: ArticulatedObject,
    recording: Recording,
    states: Float[np.ndarray, "f d"],
    base_pose: Float[np.ndarray, "b 7"],
) -> Rejection | None:
    """Whether joints did what they cannot: nothing in the simulation but soft constraints keeps them from it."""
    lower, upper = articulated.state_range.T
    if ((states - articulated.admissible(states)) > RANGE_TOLERANCE * (upper - lower)).any():
        return Rejection.BLOCKED
    if (np.abs(states - np.clip(states, lower, upper)) > RANGE_TOLERANCE * (upper - lower)).any():
        return Rejection.OVERSTRAINED
    posed = posed_on_base(articulated, states, base_pose)
    size = float(np.ptp(recording.vertices[0], axis=0).max())
    if np.abs(posed - recording.vertices).max() > COUPLING_TOLERANCE * size:
        return Rejection.OVERSTRAINED
    return None


def posed_on_base(
    articulated: ArticulatedObject, states: Float[np.ndarray, "f d"], base_pose: Float[np.ndarray, "b 7"]
) -> Float[np.ndarray, "f n 3"]:
    """Vertices of the states, moved by the base's poses where there are any, metres."""
    vertices = articulated.pose(states).vertices
    if not len(base_pose):
        return vertices
    turn = rotation_matrix(base_pose[:, 3:])
    return np.einsum("fij,fnj->fni", turn, vertices) + base_pose[:, None, :3]


def poke_scene(articulated: ArticulatedObject, physics: PokePhysics) -> SimulatedScene:
    """The object as a MuJoCo scene whose surface vertices are in the object's own order."""
    solid = physics.solid_part if physics.solid_part >= 0 else None
    text = to_mjcf(
        articulated,
        physics.surface_density,
        solid_part=solid,
        solid_density=physics.solid_density,
        free_base=not physics.anchored,
    )
    model = mujoco.MjModel.from_xml_string(text)
    model.opt.timestep, model.opt.gravity[:] = POKE_STEP, (0.0, 0.0, physics.gravity)
    model.opt.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    model.opt.enableflags |= mujoco.mjtEnableBit.mjENBL_ENERGY
    model.eq_solref[:] = model.jnt_solref[:] = (5 * POKE_STEP, 1.0)
    control = ControlPoints()
    skins = []
    for part in np.unique(articulated.part_of_vertex):
        body = int(model.body(f"part{part}").id)
        surface = Surface(*articulated.part_surface(int(part)))
        skins.append(rigid_skin(control, surface, body, int(part), float(model.body_mass[body])))
    return assembled(articulated.family, articulated.kind, model, control, skins, {})


def damp_joints(model: Any, data: Any, rate: float) -> None:
    """Viscous damping of every joint in proportion to its inertia in this pose; a free base has none."""
    inertia = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, inertia)
    joints = np.array([model.jnt_type[model.dof_jntid[dof]] != mujoco.mjtJoint.mjJNT_FREE for dof in range(model.nv)])
    model.dof_damping[:] = np.where(joints, rate * np.diag(inertia), 0.0)


def _draw_pokes(scene: SimulatedScene, data: Any, rng: np.random.Generator, anchored: bool) -> list[Poke]:
    """One to three forces, mostly where the object gives way, sized to set the struck point in motion."""
    moving = np.flatnonzero(scene.part_of_vertex > 0) if anchored else np.arange(len(scene.part_of_vertex))
    placed = scene.control_positions(data)
    size = float(np.ptp(placed, axis=0).max())
    mass = float(scene.vertex_masses[moving].sum())
    pokes = []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        candidates = rng.choice(moving, size=8)
        directions = rng.normal(size=(8, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        mobility, holding = _mobility(scene, data, candidates, directions)
        chosen = int(mobility.argmax()) if rng.random() < 0.85 else int(rng.integers(8))
        duration, speed = float(rng.uniform(0.02, 0.2)), float(rng.uniform(0.15, 0.8)) * np.sqrt(9.81 * size)
        wanted = (speed / duration + holding[chosen]) / max(mobility[chosen], 1e-9)
        strength = min(wanted, 60.0 * mass)
        x, y, z = (float(part) for part in strength * directions[chosen])
        pokes.append(Poke(int(candidates[chosen]), (x, y, z), 0.0, duration))
    return pokes


def _mobility(
    scene: SimulatedScene, data: Any, vertices: Int[np.ndarray, " p"], directions: Float[np.ndarray, "p 3"]
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
    """How a force along each direction moves its vertex.

    Returns:
        Speed along the direction per unit of impulse along it, d J M⁻¹ Jᵀ d in 1/kg, and 0 where a limit
        blocks it; and the acceleration that gravity opposes to it, m/s².
    """
    placed, model = scene.control_positions(data), scene.model
    joints = np.flatnonzero(model.jnt_limited)
    dofs, low, high = model.jnt_dofadr[joints], model.jnt_range[joints, 0], model.jnt_range[joints, 1]
    place = (data.qpos[model.jnt_qposadr[joints]] - low) / (high - low)
    result, opposed = np.zeros(len(vertices)), np.zeros(len(vertices))
    for index, (vertex, direction) in enumerate(zip(vertices, directions, strict=True)):
        jacobian = np.zeros((3, model.nv))
        body = int(scene.control_bodies[vertex])
        mujoco.mj_jac(model, data, jacobian, None, placed[vertex], body)
        along = (direction @ jacobian)[None]
        solved = np.zeros_like(along)
        mujoco.mj_solveM(model, data, solved, along)
        blocked = ((place < 0.03) & (solved[0, dofs] < 0)) | ((place > 0.97) & (solved[0, dofs] > 0))
        largest = np.abs(solved).max()
        if not (blocked & (np.abs(solved[0, dofs]) > 0.2 * largest)).any():
            result[index] = (along * solved).sum()
        opposed[index] = max(0.0, float(solved[0] @ data.qfrc_bias))
    return result, opposed
