"""What machine code reads off contacts and rollouts, against the plain functions that are the source of truth."""

import math

import numpy as np
import pytest
import torch

from neurok_model.contact_weights import affine_weights
from neurok_model.mechanics import (
    Actions,
    LagrangianSystem,
    MechanicsConfiguration,
    PointLoads,
    State,
    Trajectories,
    build_system,
    contact_residual,
    fast_path,
    rollout,
)
from neurok_model.reduction import PriorRegion, SmoothMap

pytest.importorskip("numba")


def _normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def system() -> LagrangianSystem:
    form = SmoothMap(
        0.3 * _normal(9, 3, seed=1), _normal(9, seed=2), 0.1 * _normal(5, 9, seed=3), _normal(5, 3, seed=4)
    )
    region = PriorRegion(torch.zeros(3).double(), torch.eye(3).double(), 3.0)
    return build_system(form, _normal(3, 5, seed=5), region, MechanicsConfiguration(elastic_frequency=1.0))


def _loads(count: int, contacts: int, seed: int, duration: float) -> PointLoads:
    start = 0.01 * torch.arange(contacts).double().expand(count, -1)
    return PointLoads(
        _normal(count, contacts, 3, 5, seed=seed), _normal(count, contacts, 3, seed=seed + 1), start, start + duration
    )


@pytest.mark.parametrize("same_state", [True, False])
def test_residuals_of_loads(system: LagrangianSystem, same_state: bool) -> None:
    """Protects what a planner hears of contacts that the object cannot follow: pushes and strikes together."""
    q = 0.5 * _normal(1 if same_state else 6, 3, seed=6).expand(6, 3)
    state = State(q.contiguous(), torch.zeros(6, 3).double())
    pushes = _loads(6, 2, 7, 0.2)
    pushes.vectors[2] = 0.0
    impulses = _loads(6, 1, 9, 0.0)
    impulses.vectors[2] = 0.0
    for actions in (Actions(6, impulses, pushes), Actions(6, pushes=pushes), Actions(6, impulses), Actions(6)):
        ours = fast_path.residual(system, state, actions)
        expected = contact_residual(system, system.at(state), actions)
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)
    assert float(ours[2]) == 0.0


def test_energy_drift(system: LagrangianSystem) -> None:
    """Protects the choice of steps: machine code judges a trajectory exactly as ``Trajectories`` does."""
    actions = Actions(4, pushes=_loads(4, 2, 7, 0.1))
    state = State(torch.zeros(3).double(), torch.zeros(3).double())
    ours = rollout(system, state, actions, 0.5, 1.0 / 60.0).trajectories
    fresh = Trajectories(*(getattr(ours, name) for name in Trajectories.__dataclass_fields__))
    assert float(fresh.energy_drift.min()) > 0.0
    torch.testing.assert_close(ours.energy_drift, fresh.energy_drift, rtol=1e-9, atol=1e-15)


def test_rows_at_contacts() -> None:
    """Protects contacts: the weights are those of ``affine_weights``, and another part carries nothing."""
    generator = np.random.default_rng(0)
    standing, modes = generator.random((80, 3)), generator.normal(size=(80, 3, 5))
    component = (standing[:, 0] > 0.5).astype(np.int64)
    points = generator.random((7, 3))
    index = np.argsort(np.linalg.norm(points[:, None] - standing, axis=-1), axis=1)[:, :40]
    ours = fast_path.contact_modes(points, index, standing, component, modes, 12)
    same = component[index] == component[index[:, :1]]
    used = torch.as_tensor(same & (np.cumsum(same, axis=1) <= 12))
    weight = affine_weights(torch.as_tensor(standing[index]), used, torch.as_tensor(points))
    expected = torch.einsum("pn,pncr->pcr", weight, torch.as_tensor(modes[index]))
    torch.testing.assert_close(ours, expected, rtol=1e-7, atol=1e-9)


def test_rows_on_a_flat_surface() -> None:
    """Protects flat objects: where the points around leave the normal's direction open, the weights stay finite."""
    generator = np.random.default_rng(1)
    standing = np.column_stack((generator.random((50, 2)), np.zeros(50)))
    index = np.argsort(np.linalg.norm(standing[:1] - standing, axis=-1))[None, :12]
    rows = fast_path.contact_modes(
        standing[:1], index, standing, np.zeros(50, np.int64), np.repeat(standing[:, None, :], 3, axis=1), 12
    )
    np.testing.assert_allclose(rows[0, 0], standing[0], atol=1e-3)


def test_the_hyperbolic_tangent_is_one() -> None:
    """Protects every rollout: the machine code's own tanh agrees with the library's to a few units of rounding."""
    import numba

    from neurok_model.mechanics.kernel_linear import hyperbolic_tangent

    @numba.njit
    def over(values: np.ndarray, out: np.ndarray) -> None:
        for index in range(values.size):
            out[index] = hyperbolic_tangent(values[index])

    values = np.concatenate((np.linspace(-25.0, 25.0, 2001), [1e-12, -1e-300, 700.0, -1e308, math.inf, -math.inf]))
    ours = np.empty_like(values)
    over(values, ours)
    np.testing.assert_allclose(ours, np.tanh(values), rtol=0.0, atol=4e-15)


def test_machine_code_knows_its_sources() -> None:
    """Protects against machine code from the disk that belongs to other sources: it gives back their digest."""
    from neurok_model.mechanics.kernel_rollout import _digest_of_sources, roll

    closure = dict(zip(roll.py_func.__code__.co_freevars, roll.py_func.__closure__, strict=True))
    assert closure["sources"].cell_contents == _digest_of_sources()
