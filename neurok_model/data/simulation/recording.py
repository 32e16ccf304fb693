"""Runs a scene under pokes and records its surface at a fixed rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
    """

    vertices: Float[np.ndarray, "f n 3"]
    energy: Float[np.ndarray, " f"]
    work: Float[np.ndarray, " f"]
    warnings: tuple[str, ...]


def record(
    scene: SimulatedScene,
    *,
    rate: float,
    frames: int,
    pokes: Sequence[Poke] = (),
    settle: float = 0.0,
    relax: bool = False,
    velocity: Float[np.ndarray, " v"] | None = None,
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
    """
    with _silent_solver():
        return _recorded(scene, rate, frames, pokes, settle, relax, velocity)


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
) -> Recording:
    model, data = scene.model, mujoco.MjData(scene.model)
    step = float(model.opt.timestep)
    stride = round(1.0 / (rate * step))
    mujoco.mj_forward(model, data)
    reference = float(data.energy.sum())
    _settle(model, data, round(settle / step), relax)
    before = _energy(model, data)
    if velocity is not None:
        data.qvel += velocity
    work = _energy(model, data) - before
    control, energy, done = [], [], []
    for index in range(frames):
        if index:
            for substep in range(stride):
                time = ((index - 1) * stride + substep) * step
                active = [poke for poke in pokes if poke.start <= time + 1e-9 < poke.start + poke.duration]
                work += _push(scene, data, active)
        control.append(scene.control_positions(data))
        energy.append(_energy(model, data) - reference)
        done.append(work)
        if not np.isfinite(data.qpos).all() or data.warning.number.any():
            break
    warnings = tuple(mujoco.mjtWarning(kind).name for kind in range(len(data.warning)) if data.warning[kind].number > 0)
    return Recording(scene.vertices(np.stack(control)), np.array(energy), np.array(done), warnings)


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


def _push(scene: SimulatedScene, data: Any, pokes: Sequence[Poke]) -> float:
    """One time step under some pokes; returns their work in joules."""
    data.xfrc_applied[:] = 0.0
    if not pokes:
        mujoco.mj_step(scene.model, data)
        return 0.0
    mujoco.mj_kinematics(scene.model, data)
    mujoco.mj_comPos(scene.model, data)
    before = scene.control_positions(data)
    loads = []
    for poke in pokes:
        points, weights = scene.influence(poke.vertex)
        for point, weight in zip(points, weights, strict=True):
            force, body = weight * np.array(poke.force), int(scene.control_bodies[point])
            data.xfrc_applied[body, :3] += force
            data.xfrc_applied[body, 3:] += np.cross(before[point] - data.xipos[body], force)
            loads.append((point, force))
    mujoco.mj_step(scene.model, data)
    mujoco.mj_kinematics(scene.model, data)
    moved = scene.control_positions(data) - before
    return float(sum(force @ moved[point] for point, force in loads))
