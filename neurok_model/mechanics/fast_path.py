"""The rollout in machine code, for what it supports; everything else goes through ``reference``.

It is chosen on a CPU when the embedding is a plain smooth map, the integrator is the variational one, every
term is one of the package's own, and no gradient is wanted. Grasps are supported when they only set the
initial velocity.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from functools import cache
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.contact_weights import RIDGE
from neurok_model.mechanics import cuda_rollout, reference
from neurok_model.mechanics.actions import NEVER, Actions, PointLoads
from neurok_model.mechanics.array_rollout import (
    SPARE_ROWS,
    ArrayRollout,
    initial_states,
    layout_of,
    residuals_of,
    roll_arrays,
)
from neurok_model.mechanics.frame_refinement import FrameRefinement
from neurok_model.mechanics.integrators import Integrator, Variational
from neurok_model.mechanics.kernel_arrays import LANES, SUPPORTED_DAMPING, SUPPORTED_POTENTIALS, load_arrays
from neurok_model.mechanics.system import CPU, LagrangianSystem, State
from neurok_model.mechanics.trajectory import Trajectories
from neurok_model.reduction.smooth_map import SmoothMap


def supports(system: LagrangianSystem, state: State, actions: Actions, integrator: Integrator) -> bool:
    """Whether ``integrate`` can take this rollout."""
    return refusal(system, state, actions, integrator) is None


def refusal(system: LagrangianSystem, state: State, actions: Actions, integrator: Integrator) -> str | None:
    """What ``integrate`` cannot do of this rollout, or None where it can take it."""
    if wants_gradient(state, actions):
        return "gradients"
    of_system = refusal_of_system(system)
    if of_system is not None:
        return of_system
    if type(integrator) is not Variational:
        return "integrators other than the variational one"
    if not _only_initial(actions):
        return "grasps that last or begin later"
    return None if available() else "anything without numba"


_REFUSALS: WeakKeyDictionary[LagrangianSystem, str] = WeakKeyDictionary()


def refusal_of_system(system: LagrangianSystem) -> str | None:
    """What ``integrate`` cannot do of this object's mechanics, or None where it can take it."""
    known = _REFUSALS.get(system)
    if known is None:
        known = _REFUSALS[system] = _found_refusal(system)
    return known or None


def _found_refusal(system: LagrangianSystem) -> str:
    """As ``refusal_of_system``; empty where there is none."""
    embedding = system.embedding
    reasons = {
        "embeddings other than a smooth map in double precision on a CPU": not isinstance(embedding, SmoothMap)
        or embedding.device.type != "cpu"
        or embedding.dtype != torch.float64,
        "terms other than the package's own": any(type(term) not in SUPPORTED_POTENTIALS for term in system.potentials)
        or any(type(term) not in SUPPORTED_DAMPING for term in system.damping),
        "dry friction": system.friction is not None,
        "obstacles and stops": bool(system.constraints),
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


@cache
def available() -> bool:
    """Whether numba can be loaded; a warning says why where it cannot."""
    try:
        from neurok_model.mechanics import kernel_contacts, kernel_reports, kernel_rollout  # noqa: F401
    except ImportError as error:
        warnings.warn(f"rollouts are slow because numba cannot be loaded: {error}", RuntimeWarning, stacklevel=2)
        return False
    return True


def prepare(batch_device: torch.device = CPU) -> float:
    """Compile the machine code, or load it from the cache beside this file; returns the seconds that it took.

    The first rollouts do it otherwise: up to a minute once per machine, then under one second per process. For a GPU
    it is most of a minute in every process, since nothing of it is kept on the disk.

    Args:
        batch_device: where large batches will be rolled out; on a GPU its kernel is compiled as well.
    """
    begin = time.perf_counter()
    if available():
        nothing = torch.zeros(1, 1, dtype=torch.float64)
        system = LagrangianSystem(SmoothMap(nothing, nothing[0], nothing, nothing + 1.0), batch_device=batch_device)
        on_a_gpu = (cuda_rollout.FEWEST_CANDIDATES,) if batch_device.type == "cuda" else ()
        for count in (1, LANES, *on_a_gpu):
            still = State(nothing.expand(count, 1), nothing.expand(count, 1))
            loads = PointLoads(*(torch.zeros(count, 1, *shape).double() for shape in ((3, 1), (3,), (), ())))
            actions = Actions(count, pushes=loads)
            integrate(system, still, actions, steps=1, step=1e-3, substeps=1, integrator=Variational())
            residual(system, still, actions)
        points = np.zeros((4, 3))
        contact_modes(points[:1], np.arange(4)[None], points, np.zeros(4, np.int64), np.zeros((4, 3, 1)), 4)
    return time.perf_counter() - begin


def integrate(
    system: LagrangianSystem,
    state: State,
    actions: Actions,
    *,
    steps: int,
    step: float,
    substeps: int,
    integrator: Integrator,
    refinement: FrameRefinement | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Trajectories:
    """As ``reference.integrate``, to rounding; ``cancelled`` is asked every ``CANCEL_EVERY`` recorded
    steps.
    """
    assert isinstance(integrator, Variational)
    layout = layout_of(system)
    count, k = state.q.shape
    impulses = load_arrays(actions.impulses, count + SPARE_ROWS, layout.embedding_dimension)
    pushes = load_arrays(actions.pushes, count + SPARE_ROWS, layout.embedding_dimension)
    states = initial_states(layout, state.q.numpy(), state.qdot.numpy(), count)
    if actions.grasps is not None:
        begun = reference.set_out(system, state, actions, step / substeps)
        states[:count, k : 2 * k], states[:count, 2 * k] = begun.point.qdot.numpy(), begun.work.numpy()
        past = impulses.times[..., :1] < step / substeps
        impulses = impulses._replace(times=np.where(past, NEVER, impulses.times))
    return trajectories_of(
        roll_arrays(
            layout,
            states,
            impulses,
            pushes,
            steps=steps,
            step=step,
            substeps=substeps,
            integrator=integrator,
            refinement=refinement,
            cancelled=cancelled,
        )
    )


def trajectories_of(rolled: ArrayRollout) -> Trajectories:
    """The machine code's series as named tensors."""
    k = (rolled.series.shape[-1] - 4) // 2
    columns = torch.from_numpy(rolled.series)
    work, dissipated, kinetic_energy, potential_energy = columns[..., 2 * k :].unbind(-1)
    trajectories = Trajectories(
        q=columns[..., :k],
        qdot=columns[..., k : 2 * k],
        kinetic_energy=kinetic_energy,
        potential_energy=potential_energy,
        work=work,
        dissipated=dissipated,
        outcome=torch.from_numpy(rolled.outcome),
    )
    return trajectories.with_drift(torch.from_numpy(rolled.drift))


def residual(system: LagrangianSystem, state: State, actions: Actions) -> Float[Tensor, " K"]:
    """As ``contact_fit.contact_residual``, to rounding, for actions without grasps."""
    loads = [group for group in (actions.impulses, actions.pushes) if group is not None]
    if not loads:
        return torch.zeros(actions.count, dtype=torch.float64)
    rows = [group.rows.numpy() for group in loads]
    impulses = [group.vectors.numpy() for group in loads]
    if actions.pushes is not None:
        lasting = (actions.pushes.stop - actions.pushes.start).numpy()
        impulses[-1] = impulses[-1] * lasting[..., None]
    joined = [parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1) for parts in (rows, impulses)]
    return torch.from_numpy(residuals_of(layout_of(system), state.q.numpy(), joined[0], joined[1]))


def contact_modes(
    points: Float[np.ndarray, "p 3"],
    nearest: Int[np.ndarray, "p n"],
    standing: Float[np.ndarray, "N 3"],
    component: Int[np.ndarray, " N"],
    modes: Float[np.ndarray, "N 3 r"],
    neighbours: int,
) -> Float[Tensor, "p 3 r"]:
    """Phi at contact points, by ``contact_weights.affine_weights`` over the first ``neighbours`` of the ``nearest``
    surface points that belong to the nearest one's connected part; in double precision.
    """
    from neurok_model.mechanics.kernel_contacts import contact_rows, make_contact_scratch

    rows = np.empty((len(points), 3, modes.shape[-1]))
    scratch = make_contact_scratch(nearest.shape[1])
    points = np.ascontiguousarray(points, dtype=np.float64)
    contact_rows(points, nearest, standing, component, modes, neighbours, RIDGE, scratch, rows)
    return torch.from_numpy(rows)


def _only_initial(actions: Actions) -> bool:
    """Whether no grasp begins later or lasts."""
    grasps = actions.grasps
    if grasps is None:
        return True
    used = grasps.start < NEVER
    return bool((grasps.start[used] == 0.0).all()) and bool((grasps.stop[used] == 0.0).all())


def wants_gradient(state: State, actions: Actions) -> bool:
    """Whether anything that a rollout begins with is to be differentiated by."""
    tensors = [state.q, state.qdot]
    for loads in (actions.impulses, actions.pushes):
        if loads is not None:
            tensors += [loads.rows, loads.vectors, loads.start, loads.stop]
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
