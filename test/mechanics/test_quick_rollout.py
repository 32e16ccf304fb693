"""The rollout of pushes and strikes in plain arrays against the one in tensors, which is the source of truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurok_model.mechanics import (
    Contact,
    ImposedVelocity,
    Impulse,
    LagrangianSystem,
    MechanicsConfiguration,
    Outcome,
    Push,
    RolloutSettings,
    RungeKutta4,
    State,
    build_system,
    gather_actions,
    rollout,
)
from neurok_model.mechanics.motion import Motion
from neurok_model.mechanics.quick_rollout import PlacedContacts, quick_rollout, takes
from neurok_model.reduction import PriorRegion, SmoothMap

pytest.importorskip("numba")

STEP, STEPS, R = 1.0 / 60.0, 12, 7


def _normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _system(**changes: float) -> LagrangianSystem:
    form = SmoothMap(
        0.3 * _normal(21, 4, seed=1), _normal(21, seed=2), 0.05 * _normal(R, 21, seed=3), 0.05 * _normal(R, 4, seed=4)
    )
    region = PriorRegion(0.3 * torch.ones(4).double(), torch.eye(4).double(), 2.5)
    terms = {"elastic_frequency": 0.7, "damping_rate": 0.4, "wall_frequency": 1.0} | changes
    return build_system(form, 0.1 * _normal(3, R, seed=5), region, MechanicsConfiguration(**terms))


def _rows(points: np.ndarray) -> np.ndarray:
    """Modes that differ from point to point."""
    basis = 0.3 * _normal(3, 3, R, seed=8).numpy()
    return np.einsum("pc,cdr->pdr", np.cos(points), basis)


def _both(
    system: LagrangianSystem,
    candidates: list[list[Contact]],
    speed: float = 0.0,
    settings: RolloutSettings | None = None,
) -> tuple[Motion, Motion]:
    q, qdot = np.zeros(4), speed * np.ones(4)
    assert takes(system, candidates, settings)
    ours = quick_rollout(
        system, q, qdot, PlacedContacts(candidates, _rows, R), steps=STEPS, step=STEP, settings=settings
    )
    actions = gather_actions(candidates, lambda points: torch.from_numpy(_rows(points)), R)
    state = State(torch.from_numpy(q), torch.from_numpy(qdot))
    return ours, Motion.of(rollout(system, state, actions, STEPS * STEP, STEP, settings=settings))


def _assert_equal(ours: Motion, reference: Motion) -> None:
    for name in Motion.__dataclass_fields__:
        expected = getattr(reference, name)
        scale = 1e-12 * max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(getattr(ours, name), expected, rtol=1e-9, atol=scale, err_msg=name)


PUSH = Push((0.1, 0.2, 0.3), (0.5, -0.3, 0.2), duration=0.05)
LATE = Push((0.4, 0.1, 0.0), (0.1, 0.3, -0.2), duration=0.04, start=0.06)
STRIKE = Impulse((0.2, 0.5, 0.1), (0.02, 0.01, 0.0), start=0.03)


@pytest.mark.parametrize(
    "candidates",
    [
        [[PUSH]],
        [[PUSH], [LATE], [Push((0.0, 0.0, 0.1), (0.0, 0.0, 0.3), duration=0.1)]],
        [[STRIKE, PUSH, LATE], [], [STRIKE], [LATE, STRIKE, Impulse((0.0, 0.1, 0.2), (0.01, 0.0, 0.01))]],
        [[]],
    ],
    ids=["one push", "one push each", "unequally many of both kinds", "nothing"],
)
def test_motion_is_that_of_the_rollout_in_tensors(candidates: list[list[Contact]]) -> None:
    """Protects every prediction: contacts are padded, sorted and judged as the plain rollout does it."""
    ours, reference = _both(_system(), candidates)
    assert (reference.kinetic_energy.max() > 1e-6) == any(candidates)
    _assert_equal(ours, reference)


def test_what_does_not_balance_is_integrated_again() -> None:
    """Protects accuracy: a motion whose energy is off at first goes the way of the plain rollout."""
    settings = RolloutSettings(frame_halvings=0)
    system = _system(wall_frequency=6.0, smallest_inertia=0.0)
    once = rollout(
        system,
        State(torch.zeros(4).double(), 12.0 * torch.ones(4).double()),
        gather_actions([[PUSH]], lambda points: torch.from_numpy(_rows(points)), R),
        STEPS * STEP,
        STEP,
        settings=RolloutSettings(frame_halvings=0, maximum_refinements=0),
    )
    assert float(once.energy_drift[0]) > 1e-3
    ours, reference = _both(system, [[PUSH]], 12.0, settings)
    assert float(ours.energy_drift[0]) < float(once.energy_drift[0])
    _assert_equal(ours, reference)


def test_divergence_and_cancelling_are_told() -> None:
    """Protects consumers of outcomes: the same ends as in the plain rollout."""
    ours, reference = _both(_system(wall_frequency=0.0, smallest_inertia=0.0), [[]], 15.0)
    assert ours.outcome.tolist() == [Outcome.DIVERGED]
    _assert_equal(ours, reference)
    stopped = quick_rollout(
        _system(),
        np.zeros(4),
        np.zeros(4),
        PlacedContacts([[PUSH]], _rows, R),
        steps=STEPS,
        step=STEP,
        cancelled=lambda: True,
    )
    assert stopped.outcome.tolist() == [Outcome.CANCELLED]


def test_what_it_cannot_do_is_left_to_others() -> None:
    """Protects generality: grasps, other methods and the plain backend are refused."""
    system = _system()
    assert takes(system, [[PUSH, STRIKE], []])
    assert not takes(system, [[PUSH], [ImposedVelocity([(0.0, 0.0, 0.0)], (0.1, 0.0, 0.0))]])
    assert not takes(system, [[PUSH]], RolloutSettings(RungeKutta4()))
    assert not takes(system, [[PUSH]], RolloutSettings(backend="reference"))
