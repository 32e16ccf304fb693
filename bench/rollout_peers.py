"""MuJoCo 4 as the peer: a laptop whose hinge it is given, and soft bodies and cloth as flexes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from mujoco import rollout

from bench.timing import Budget, Time, measured

LAPTOP = """
<mujoco>
  <option timestep="0.002"/>
  <worldbody>
    <geom type="box" size=".17 .12 .01" pos="0 0 .01" contype="0" conaffinity="0"/>
    <body pos="0 .12 .02">
      <joint type="hinge" axis="1 0 0" range="-3 1.6" limited="true" damping="0.01"/>
      <geom type="box" size=".17 .004 .11" pos="0 0 .11" mass=".5" contype="0" conaffinity="0"/>
    </body>
  </worldbody>
</mujoco>
"""

_FLEX = """
<mujoco>
  <option timestep="0.002" {option}/>
  <size memory="200M"/>
  <worldbody>
    <flexcomp name="body" type="grid" dim="{dim}" count="{count}" spacing=".02 .02 .02" radius="0.001" mass="0.5"
              {dof} pos="0 0 .1">
      <elasticity young="{young}" poisson="0.3" damping="0.005" {more}/>
      <contact contype="0" conaffinity="0" selfcollide="none"/>
      <pin id="{pinned}"/>
    </flexcomp>
  </worldbody>
</mujoco>
"""

NEWTON = 'integrator="discrete" solver="Newton" iterations="1000"'
FACE = " ".join(str(index) for index in range(100))
EDGE = " ".join(str(index) for index in range(32))

PEERS = {
    "laptop": LAPTOP,
    "flex": _FLEX.format(
        option=NEWTON, dim=3, count="10 10 10", dof='dof="trilinear"', more="", young="2e4", pinned="0 2 4 6"
    ),
    "fem": _FLEX.format(option=NEWTON, dim=3, count="10 10 10", dof="", more="", young="2e4", pinned=FACE),
    "cloth": _FLEX.format(
        option='integrator="discrete" solver="CG" iterations="1000"',
        dim=2,
        count="32 32 1",
        dof="",
        more='elastic2d="both" thickness="0.001"',
        young="1e5",
        pinned=EDGE,
    ),
}
"""Interpolated flex of 1,000 vertices, the same as full finite elements, and a cloth of 1,024 vertices."""


def measure_peers(horizon: float, threads: int, repeats: int, budget: Budget) -> dict[str, Time]:
    """One rollout and 64 of every peer; those too slow for 64 have one alone.

    Args:
        horizon: of a rollout [s].
        threads: for many rollouts.
        repeats: runs at most.
        budget: of the whole benchmark.
    """
    times: dict[str, Time] = {}
    for name, xml in PEERS.items():
        model = mujoco.MjModel.from_xml_string(xml)
        steps = round(horizon / model.opt.timestep)
        probe = _time_of_rollouts(model, 1, 5, 1, repeats=1)
        if not budget.allows(2e-3 * probe.wall * steps / 5):
            continue
        quick = probe.cpu * steps / 5 < 200.0
        times[f"{name}_one"] = _time_of_rollouts(model, 1, steps, 1, repeats, quick)
        if budget.allows(64e-3 * times[f"{name}_one"].wall) and times[f"{name}_one"].cpu < 100.0:
            times[f"{name}_64"] = _time_of_rollouts(
                model, 64, steps, threads, max(1, repeats // 4), warm=times[f"{name}_one"].cpu < 5.0
            )
    rollout.shutdown_persistent_pool()
    return times


def measure_reduced_order(python: Path, horizon: float, repeats: int) -> tuple[Time, dict[str, Any]]:
    """One rollout of ``reduced_order_peer``, in an interpreter that has what it needs; also what it simulated.

    Args:
        python: the interpreter.
        horizon: of the rollout [s].
        repeats: runs at most.

    Raises:
        subprocess.CalledProcessError: where it fails; its own words are on the terminal.
    """
    script = Path(__file__).with_name("reduced_order_peer.py")
    command = [str(python), str(script), "--horizon", str(horizon), "--repeats", str(repeats)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    # The compiled module talks too; the result is the last line.
    result = json.loads(output.splitlines()[-1])
    return Time(**result["time"]), result["details"]


def _time_of_rollouts(
    model: mujoco.MjModel, count: int, steps: int, threads: int, repeats: int, warm: bool = True
) -> Time:
    data = [mujoco.MjData(model) for _ in range(min(threads, count))]
    states = initial_states(model, count)

    def work() -> None:
        rollout.rollout(model, data, states, nstep=steps, persistent_pool=True)

    return measured(work, repeats=repeats, warm=warm and repeats > 1)


def initial_states(model: mujoco.MjModel, count: int) -> np.ndarray:
    """Full physics states that differ in their velocities; a flex moves as a whole at first."""
    data = mujoco.MjData(model)
    size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    states = np.empty((count, size))
    generator = np.random.default_rng(0)
    for state in states:
        common = np.resize(generator.normal(0.0, 0.3, 3), model.nv)
        data.qvel[:] = common
        mujoco.mj_getState(model, data, state, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    return states
