"""Gradients of a cost on final vertices, against central differences of the same prediction."""

import numpy as np
import pytest
import torch
from flexible_plate import flexible_plate, tip
from point_bodies import free_points, state, still

from neurok_model import PhysicsParameters
from neurok_model.errors import NeurokError
from neurok_model.gradients import DifferentiablePush, gradients
from neurok_model.mechanics import CoordinateLimits, LagrangianSystem, RolloutSettings, State, rollout

PHYSICS = PhysicsParameters(mass=0.6, elastic_frequency=1.5, damping_rate=0.8, gravity=(0.0, 0.0, 0.0))
HORIZON, STEP = 0.25, 1.0 / 60.0
GOAL = torch.tensor((0.38, 0.1, 0.05), dtype=torch.float64)
SETTINGS = RolloutSettings(maximum_refinements=0)


@pytest.fixture(scope="module")
def plate():
    return flexible_plate(PHYSICS)


def inputs(plate) -> dict[str, torch.Tensor]:
    return {
        "point": torch.as_tensor(0.5 * tip(plate) + np.array([0.1, 0.02, 0.0])),
        "force": torch.tensor((0.05, -0.1, 0.6), dtype=torch.float64),
        "duration": torch.tensor(0.087, dtype=torch.float64),
        "start": torch.tensor(0.021, dtype=torch.float64),
        "q": torch.tensor((0.3, -0.4), dtype=torch.float64),
        "qdot": torch.tensor((-1.0, 2.0), dtype=torch.float64),
    }


def cost(plate, given: dict[str, torch.Tensor]) -> torch.Tensor:
    """Squared distance of three vertices from a goal at the end."""
    push = DifferentiablePush(given["point"], given["force"], given["duration"], given["start"])
    motion = plate.differentiable_motion(
        [push], horizon=HORIZON, step=STEP, q=given["q"], qdot=given["qdot"], settings=SETTINGS
    )
    return (motion.vertices(np.array([20, 60, 107]))[-1] - GOAL).square().sum()


def test_gradients_are_the_slopes_of_the_prediction(plate) -> None:
    """Protects gradient-based planners: by point, force, duration, start and initial state, to 1e-4."""
    given = {name: value.requires_grad_() for name, value in inputs(plate).items()}
    found = dict(zip(given, gradients(cost(plate, given), list(given.values())), strict=True))
    for name, value in inputs(plate).items():
        flat = value.reshape(-1)
        for index in range(len(flat)):
            ends = []
            for sign in (1.0, -1.0):
                moved = inputs(plate)
                moved[name].view(-1)[index] += sign * 1e-6
                ends.append(cost(plate, moved).item())
            slope = (ends[0] - ends[1]) / 2e-6
            scale = found[name].abs().max().item()
            assert found[name].reshape(-1)[index].item() == pytest.approx(slope, rel=1e-4, abs=1e-4 * scale), name
        assert found[name].abs().max() > 0


def test_a_planner_finds_the_force_that_reaches_a_goal(plate) -> None:
    """Protects the purpose: following the gradient, a planner recovers the force that made the goal."""

    def height(force: torch.Tensor) -> torch.Tensor:
        given = inputs(plate)
        direction = torch.tensor((0.0, 0.0, 1.0), dtype=torch.float64)
        push = DifferentiablePush(given["point"], force * direction, given["duration"])
        motion = plate.differentiable_motion([push], horizon=0.1, step=STEP, settings=SETTINGS)
        return motion.vertices(np.array([107]))[-1, 0, 2]

    goal, force = height(torch.tensor(0.7).double()).item(), torch.tensor(0.1).double()
    for _ in range(2):
        force.requires_grad_()
        miss = (height(force) - goal).square()
        (slope,) = gradients(miss, [force])
        force = (force - 2.0 * miss / slope).detach()
    assert force.item() == pytest.approx(0.7, rel=1e-3)


def test_gradients_through_the_compiled_backend_are_refused(plate) -> None:
    """Protects against a zero that is no gradient: the machine code says that it has none."""
    push = DifferentiablePush(
        inputs(plate)["point"].requires_grad_(), inputs(plate)["force"], inputs(plate)["duration"]
    )
    with pytest.raises(NeurokError, match="gradients"):
        plate.differentiable_motion([push], horizon=0.1, step=STEP, settings=RolloutSettings(backend="compiled"))


def test_gradients_through_impacts_are_refused() -> None:
    """Protects against gradients that leave out the reactions."""
    stops = CoordinateLimits(-torch.ones(3).double(), torch.ones(3).double())
    system = LagrangianSystem(free_points([[0.0, 0.0, 0.0]]), constraints=(stops,))
    start = State(torch.zeros(3).double().requires_grad_(), torch.zeros(3).double())
    with pytest.raises(NeurokError, match="impacts"):
        rollout(system, start, still(), 0.1, STEP)


def test_a_gradient_that_is_not_finite_is_an_error() -> None:
    """Protects optimisers from a silent NaN."""
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    with pytest.raises(NeurokError, match="gradient of inputs"):
        gradients(x.square().sum().sqrt(), [x])
    with pytest.raises(NeurokError, match="cost"):
        gradients((x / x).sum(), [x])
    with pytest.raises(NeurokError, match="unused"):
        gradients(x.sum(), [x, state([0.0]).q.requires_grad_()])


@pytest.mark.parametrize("change", [{"duration": torch.tensor(0.0)}, {"start": torch.tensor(-0.1)}])
def test_pushes_without_duration_or_in_the_past_are_refused(plate, change) -> None:
    """Protects callers, as with plain pushes."""
    with pytest.raises(NeurokError, match="pushes"):
        cost(plate, inputs(plate) | {name: value.double() for name, value in change.items()})
