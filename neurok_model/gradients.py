"""Motion that can be differentiated: by contact point, force, duration, start and initial state, for planners.

    point = torch.tensor(place, requires_grad=True)
    push = DifferentiablePush(point, force, duration)
    motion = model.differentiable_motion([push], horizon=0.5, step=1 / 60)
    cost = (motion.vertices(indices)[-1] - goal).square().sum()
    by_point, by_force = gradients(cost, (point, force))

Everything runs through the plain rollout in torch; the machine code has no gradients, and neither have impacts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import Actions, LagrangianSystem, Outcome, PointLoads, RolloutSettings, State, rollout
from neurok_model.surface import ReducedSurface


@dataclass(frozen=True)
class DifferentiablePush:
    """As ``Push``, in tensors.

    Attributes:
        point: on the surface as it stands at the beginning [m].
        force: [N].
        duration: [s].
        start: [s].
    """

    point: Float[Tensor, "3"]
    force: Float[Tensor, "3"]
    duration: Float[Tensor, ""]
    start: Float[Tensor, ""] = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))


@dataclass(frozen=True)
class DifferentiableMotion:
    """A predicted motion with its graph.

    Attributes:
        times: seconds since the beginning.
        q: reduced coordinates.
        qdot: their velocities, 1/s.
        outcome: how the rollout ended.
    """

    times: Float[Tensor, " frames"]
    q: Float[Tensor, "frames k"]
    qdot: Float[Tensor, "frames k"]
    outcome: Outcome
    _surface: ReducedSurface = field(repr=False)
    _system: LagrangianSystem = field(repr=False)

    def vertices(self, indices: Int[np.ndarray, " p"] | None = None) -> Float[Tensor, "frames p 3"]:
        """Positions of all or of chosen vertices of the scan in every frame [m]."""
        surface = self._surface
        chosen = np.arange(len(surface.rest_vertices)) if indices is None else surface.checked_indices(indices)
        modes = surface.vertex_modes()[torch.as_tensor(chosen)].to(self.q)
        rest = torch.as_tensor(surface.rest_vertices[chosen]).to(self.q)
        return rest + torch.einsum("pcr,fr->fpc", modes, self._system.embedding.value(self.q))


def differentiable_motion(
    surface: ReducedSurface,
    system: LagrangianSystem,
    pushes: Sequence[DifferentiablePush],
    *,
    horizon: float,
    step: float,
    q: Float[Tensor, " k"] | None = None,
    qdot: Float[Tensor, " k"] | None = None,
    settings: RolloutSettings | None = None,
) -> DifferentiableMotion:
    """Predict a motion whose cost can be differentiated; see ``ObjectModel.differentiable_motion``.

    Raises:
        NeurokError: CONTACT_OFF_SURFACE, INVALID_CONTACT for a duration that is not positive, INVALID_HORIZON, or
            INVALID_PARAMETER for the compiled backend and for obstacles.
    """
    still = torch.zeros(system.embedding.dimension, dtype=system.embedding.dtype, device=system.embedding.device)
    state = State(*(still if value is None else value.to(still) for value in (q, qdot)))
    result = rollout(system, state, _actions(surface, system, pushes, state.q), horizon, step, settings=settings)
    trajectories = result.trajectories
    return DifferentiableMotion(
        result.times, trajectories.q[0], trajectories.qdot[0], result.outcomes[0], surface, system
    )


def gradients(cost: Float[Tensor, ""], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Derivatives of a cost, checked.

    Raises:
        NeurokError: INVALID_PARAMETER where the cost or a derivative is not finite, or the cost does not depend on an
            input.
    """
    if not bool(cost.isfinite()):
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "cost", cost.item(), "a finite cost")
    found = torch.autograd.grad(cost, list(inputs), allow_unused=True)
    checked = []
    for index, gradient in enumerate(found):
        if gradient is None:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, f"inputs[{index}]", "unused", "what the cost depends on")
        if not bool(gradient.isfinite().all()):
            allowed = "a motion whose cost has a finite slope: a weaker action, a shorter horizon or shorter steps"
            raise NeurokError(ErrorCode.INVALID_PARAMETER, f"gradient of inputs[{index}]", gradient.tolist(), allowed)
        checked.append(gradient)
    return tuple(checked)


def _actions(
    surface: ReducedSurface, system: LagrangianSystem, pushes: Sequence[DifferentiablePush], q: Float[Tensor, " k"]
) -> Actions:
    if not pushes:
        return Actions(1)
    for index, push in enumerate(pushes):
        if not bool(push.duration > 0.0) or not bool(push.start >= 0.0):
            value = f"{float(push.duration)} s from {float(push.start)} s"
            raise NeurokError(ErrorCode.INVALID_CONTACT, f"pushes[{index}]", value, "more than 0 s, from 0 s or later")
    points = torch.stack([push.point.to(q) for push in pushes])
    rows = surface.contact_rows(system.embedding.value(q[None])[0], points)
    start = torch.stack([push.start.to(q) for push in pushes])
    duration = torch.stack([push.duration.to(q) for push in pushes])
    force = torch.stack([push.force.to(q) for push in pushes])
    return Actions(1, pushes=PointLoads(rows[None], force[None], start[None], (start + duration)[None]))
