"""Runs a scene under pokes and records its surface at a fixed rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float

from neurok_model.data.simulation.scene import SimulatedScene


@dataclass(frozen=True)
class Poke:
    """A constant force on one vertex of the surface, which it follows.

    Attributes:
        vertex: index into the surface's vertices.
        force: newtons, world frame.
        start: when it begins, seconds after the recording's first frame.
        duration: seconds.
    """

    vertex: int
    force: tuple[float, float, float]
    start: float
    duration: float


@dataclass(frozen=True)
class Recording:
    """What one simulation gave.

    Attributes:
        vertices: positions in metres; frame 0 is at time 0.
        energy: kinetic energy plus potential energy of gravity against the undeformed scene, joules.
        work: energy put in since the undeformed scene: by pokes and by the initial velocity, joules.
        warnings: what MuJoCo's solver complained about; a recording with any is not to be used.
        positions: MuJoCo's joint positions in every frame.
    """

    vertices: Float[np.ndarray, "f n 3"]
    energy: Float[np.ndarray, " f"]
    work: Float[np.ndarray, " f"]
    warnings: tuple[str, ...]
    positions: Float[np.ndarray, "f q"] = field(default_factory=lambda: np.zeros((0, 0)))


def record(
    scene: SimulatedScene,
    *,
    rate: float,
    frames: int,
    pokes: Sequence[Poke] = (),
    settle: float = 0.0,
    relax: bool = False,
    velocity: Float[np.ndarray, " v"] | None = None,
    position: Float[np.ndarray, " q"] | None = None,
) -> Recording:
    """Simulate and record.

    Args:
        scene: what to simulate, from its undeformed pose.
        rate: frames per second; the model's time step must divide the frame's duration.
        frames: number of frames, the first at time 0.
        pokes: forces, timed from frame 0.
        settle: seconds simulated before frame 0.
        relax: begin frame 0 at rest in equilibrium, reached within ``settle`` seconds of simulated time.
        velocity: added to MuJoCo's joint velocities at frame 0.
        position: MuJoCo's joint positions to begin with; the model's own by default.
    """
    with _silent_solver():
        return _recorded(scene, rate, frames, pokes, settle, relax, velocity, position)


@contextmanager
def _silent_solver() -> Iterator[None]:
    """Keep MuJoCo from writing a log file into the working folder: its warnings are in the recording."""
    previous = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(previous)


def _recorded(
    scene: SimulatedScene,
    rate: float,
    frames: int,
    pokes: Sequence[Poke],
    settle: float,
    relax: bool,
    velocity: Float[np.ndarray, " v"] | None,
    position: Float[np.ndarray, " q"] | None,
) -> Recording:
    model, data = scene.model, mujoco.MjData(scene.model)
    if position is not None:
        data.qpos[:] = position
    step = float(model.opt.timestep)
    stride = round(1.0 / (rate * step))
    mujoco.mj_forward(model, data)
    reference = float(data.energy.sum())
    _settle(model, data, round(settle / step), relax)
    before = _energy(model, data)
    if velocity is not None:
        data.qvel += velocity
    work = _energy(model, data) - before
    control, energy, done, positions = [], [], [], []
    for index in range(frames):
        if index:
            work += _advance(scene, data, pokes, (index - 1) * stride, stride)
        # A step leaves bodies where they were before it: the energy brings them up to date.
        energy.append(_energy(model, data) - reference)
        control.append(scene.control_positions(data))
        done.append(work)
        positions.append(data.qpos.copy())
        if not np.isfinite(data.qpos).all() or data.warning.number.any():
            break
    warnings = tuple(mujoco.mjtWarning(kind).name for kind in range(len(data.warning)) if data.warning[kind].number > 0)
    surface = scene.vertices(np.stack(control))
    return Recording(surface, np.array(energy), np.array(done), warnings, np.stack(positions))


def settled(model: Any, position: Float[np.ndarray, " q"], seconds: float) -> Float[np.ndarray, " q"]:
    """Joint positions at rest in equilibrium, reached from ``position`` within some simulated seconds."""
    data = mujoco.MjData(model)
    data.qpos[:] = position
    with _silent_solver():
        _settle(model, data, round(seconds / float(model.opt.timestep)), relax=True)
    return np.array(data.qpos)


def _settle(model: Any, data: Any, steps: int, relax: bool) -> None:
    """Simulate; with ``relax`` stop all motion whenever the kinetic energy passes a maximum.

    There the forces are smallest, so that the state closes in on the equilibrium (dynamic relaxation).
    """
    previous = 0.0
    for _ in range(steps):
        mujoco.mj_step(model, data)
        kinetic = float(data.energy[1])
        if relax and kinetic < previous:
            data.qvel[:] = 0.0
            kinetic = 0.0
        previous = kinetic
    if relax:
        data.qvel[:] = 0.0


def _energy(model: Any, data: Any) -> float:
    """Kinetic energy and potential energy of gravity now; brings positions up to date."""
    mujoco.mj_fwdPosition(model, data)
    mujoco.mj_energyPos(model, data)
    mujoco.mj_energyVel(model, data)
    return float(data.energy.sum())


def _advance(scene: SimulatedScene, data: Any, pokes: Sequence[Poke], first: int, steps: int) -> float:
    """Some time steps, counted from time 0; returns the pokes' work in joules."""
    step = float(scene.model.opt.timestep)
    begin, end = first * step, (first + steps) * step
    if not any(poke.start < end and begin < poke.start + poke.duration for poke in pokes):
        data.xfrc_applied[:] = 0.0
        mujoco.mj_step(scene.model, data, nstep=steps)
        return 0.0
    work = 0.0
    for index in range(first, first + steps):
        # A time step belongs to a poke when its middle does: rounding never adds or drops one.
        middle = (index + 0.5) * step
        work += _push(scene, data, [p for p in pokes if p.start <= middle < p.start + p.duration])
    return work


def _push(scene: SimulatedScene, data: Any, pokes: Sequence[Poke]) -> float:
    """One time step under some pokes; returns their work in joules."""
    data.xfrc_applied[:] = 0.0
    if not pokes:
        mujoco.mj_step(scene.model, data)
        return 0.0
    mujoco.mj_kinematics(scene.model, data)
    mujoco.mj_comPos(scene.model, data)
    carried = [scene.influence(poke.vertex) for poke in pokes]
    points = np.concatenate([numbers for numbers, _ in carried])
    forces = np.concatenate(
        [weights[:, None] * np.array(poke.force) for poke, (_, weights) in zip(pokes, carried, strict=True)]
    )
    before, bodies = scene.control_positions(data, points), scene.control_bodies[points]
    np.add.at(data.xfrc_applied[:, :3], bodies, forces)
    np.add.at(data.xfrc_applied[:, 3:], bodies, np.cross(before - data.xipos[bodies], forces))
    mujoco.mj_step(scene.model, data)
    mujoco.mj_kinematics(scene.model, data)
    return float((forces * (scene.control_positions(data, points) - before)).sum())
