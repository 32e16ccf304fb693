"""Our dynamics with true joints beside MuJoCo's: chains under gravity, free bases and joint limits."""

import mujoco
import numpy as np
import pytest

from neurok_model import Push
from neurok_model.data.kinematic_tree import ArticulatedObject, KinematicTree
from neurok_model.data.mjcf_export import joint_positions, to_mjcf
from neurok_model.data.shapes import Surface, box
from neurok_model.evaluation.oracle import OraclePhysics, oracle_model, part_moments
from neurok_model.results import ObjectState

STEP = 1.0 / 60.0
FINE = 1.0 / 3840.0


def chain(limits: tuple[float, float] = (-9.0, 9.0), closed: bool = True) -> ArticulatedObject:
    """A base and two links: a hinge about y, and on its end a hinge about a slanted axis."""
    tree = KinematicTree()
    tree.base.add(Surface(*box((0.0, 0.0, 0.0), (0.1, 0.1, 0.1))))
    upper = tree.hinge(tree.base, (0.0, 0.0, 0.0), (0.0, 1.0, 0.0), limits)
    upper.add(Surface(*box((0.15, 0.0, 0.0), (0.3, 0.04, 0.02))))
    lower = tree.hinge(upper, (0.3, 0.0, 0.0), (0.3, 1.0, 0.2), (-9.0, 9.0))
    lower.add(Surface(*box((0.4, 0.02, 0.0), (0.2, 0.05, 0.03))))
    return ArticulatedObject("chain", tree.parts, tree.limits)


def simulated(
    chain: ArticulatedObject,
    physics: OraclePhysics,
    state: np.ndarray,
    velocity: np.ndarray,
    seconds: float,
    free: bool = False,
) -> tuple[np.ndarray, mujoco.MjModel]:
    """Positions of MuJoCo's joints at every recorded step."""
    solid = physics.solid_part if physics.solid_part >= 0 else None
    model = mujoco.MjModel.from_xml_string(
        to_mjcf(chain, physics.surface_density, solid_part=solid, solid_density=physics.solid_density, free_base=free)
    )
    model.opt.timestep, model.opt.integrator = FINE, mujoco.mjtIntegrator.mjINT_RK4
    model.opt.gravity[:] = physics.gravity
    model.jnt_solref[:] = (5 * FINE, 1.0)
    data = mujoco.MjData(model)
    data.qpos[-len(state) :] = joint_positions(chain, state[None])[0]
    data.qvel[-len(velocity) :] = velocity
    stride = round(STEP / FINE)
    frames = [data.qpos.copy()]
    for _ in range(round(seconds / STEP)):
        mujoco.mj_step(model, data, nstep=stride)
        frames.append(data.qpos.copy())
    return np.array(frames), model


@pytest.mark.parametrize("solid", [-1, 2])
def test_masses_are_those_of_the_simulator(solid: int) -> None:
    """Protects shell and solid inertia: masses, centres and inertia tensors of every part, to MuJoCo's own."""
    physics = OraclePhysics(8.0, solid, 300.0)
    built = chain()
    _, model = simulated(built, physics, np.zeros(2), np.zeros(2), STEP)
    for part, moment in enumerate(part_moments(built, physics)):
        body = model.body(f"part{part}")
        assert moment[3, 3] == pytest.approx(float(body.mass[0]), rel=1e-6)
        assert moment[3, :3] / moment[3, 3] == pytest.approx(np.asarray(body.ipos), abs=1e-7)
        about = moment[:3, :3] - np.outer(moment[3, :3], moment[3, :3]) / moment[3, 3]
        principal = np.linalg.eigvalsh(np.trace(about) * np.eye(3) - about)
        assert principal == pytest.approx(np.sort(body.inertia), rel=1e-5)


def test_a_two_link_chain_swings_as_in_mujoco() -> None:
    """Protects inertia, Coriolis forces and gravity together, on a spatial chain in large motion."""
    built, physics = chain(), OraclePhysics(10.0, 2, 400.0)
    state, velocity = np.array([0.3, -0.8]), np.array([1.0, 2.0])
    expected, _ = simulated(built, physics, state, velocity, 0.5)
    model = oracle_model(built, state, physics)
    ours = model.predict([], horizon=0.5, step=STEP, initial_state=ObjectState(np.zeros(2), velocity))
    assert np.abs(ours.q + state - expected).max() < 0.01
    assert np.abs(expected[-1] - state).max() > 1.0
    assert ours.energy_drift < 5e-3


def test_a_floating_chain_recoils_as_in_mujoco() -> None:
    """Protects the coupling of six rigid coordinates with the joints: the base recoils as the links swing."""
    built, physics = chain(), OraclePhysics(10.0, gravity=(0.0, 0.0, -2.0))
    state, velocity = np.array([0.2, 0.4]), np.array([3.0, -2.0])
    expected, _ = simulated(built, physics, state, velocity, 0.4, free=True)
    model = oracle_model(built, state, physics, free=True)
    start = ObjectState(np.zeros(8), np.concatenate((np.zeros(6), velocity)))
    ours = model.predict([], horizon=0.4, step=STEP, initial_state=start)
    assert np.abs(ours.q[:, 6:] + state - expected[:, 7:]).max() < 0.01
    vertices = ours.vertices()[-1]
    base = built.part_of_vertex == 0
    middle = vertices[base].mean(axis=0) - built.pose(state[None]).vertices[0][base].mean(axis=0)
    assert middle == pytest.approx(expected[-1, :3], abs=2e-3)
    assert np.linalg.norm(middle) > 0.02


def test_a_joint_stops_at_its_limit_as_in_mujoco() -> None:
    """Protects stops: a falling link comes to rest on its limit in both, and turns where a push leaves it."""
    built, physics = chain((-0.2, 0.5)), OraclePhysics(10.0)
    state = np.array([-0.1, 0.0])
    expected, _ = simulated(built, physics, state, np.zeros(2), 0.4)
    ours = oracle_model(built, state, physics).predict([], horizon=0.4, step=STEP)
    assert np.abs(ours.q + state - expected).max() < 0.04
    assert ours.q[-1, 0] + state[0] == pytest.approx(0.5, abs=2e-3)


def test_a_push_acts_where_it_touches() -> None:
    """Protects contact rows: the torque of a push on a vertex of a rigid part is force times its true lever arm."""
    built = chain()
    physics = OraclePhysics(10.0, gravity=(0.0, 0.0, 0.0))
    model = oracle_model(built, np.zeros(2), physics)
    corner = int(np.argmax(model.rest_vertices[:, 0]))
    point = model.rest_vertices[corner].astype(np.float64)
    ours = model.predict([Push(point, (0.0, 0.0, 0.5), duration=0.02)], horizon=STEP / 4, step=STEP / 4)
    vertices = ours.points(np.array([corner]))[:, 0]
    moved = 0.5 * 0.5 * (STEP / 4) ** 2 / _effective_mass(built, physics, corner)
    assert vertices[-1, 2] - vertices[0, 2] == pytest.approx(moved, rel=0.01)


def _effective_mass(built: ArticulatedObject, physics: OraclePhysics, vertex: int) -> float:
    """Inverse of the mobility e^T J M^-1 J^T e of a vertex along z, from MuJoCo's Jacobian and inertia."""
    _, model = simulated(built, physics, np.zeros(2), np.zeros(2), STEP)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    jacobian, inertia = np.zeros((3, model.nv)), np.zeros((model.nv, model.nv))
    body = int(model.body(f"part{built.part_of_vertex[vertex]}").id)
    mujoco.mj_jac(model, data, jacobian, None, built.pose(np.zeros((1, 2))).vertices[0, vertex], body)
    mujoco.mj_fullM(model, data, inertia)
    return float(1.0 / (jacobian[2] @ np.linalg.solve(inertia, jacobian[2])))
