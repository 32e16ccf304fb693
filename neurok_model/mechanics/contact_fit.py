"""From contacts to velocities of the reduced coordinates, and how much of them the object cannot follow."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.mechanics.actions import NEVER, Actions, Grasps
from neurok_model.mechanics.system import LagrangianSystem, PhasePoint, apply, solve

GRASP_REGULARISATION = 1e-3
"""Weight of the mass metric in the fit of an imposed velocity, relative to the held points' own metric."""


@dataclass(frozen=True)
class VelocityChange:
    """Result of an instantaneous contact.

    Attributes:
        point: the phase point with its new velocity.
        work: [K] energy that the contact put in [J].
    """

    point: PhasePoint
    work: Float[Tensor, " K"]


def apply_impulse(system: LagrangianSystem, point: PhasePoint, impulse: Float[Tensor, "K r"]) -> VelocityChange:
    """Hand over an impulse w = sum_c Phi_c^T p_c: qdot += (G + epsilon I)^-1 (dy/dq)^T w.

    This is the mass-weighted least-squares fit of the object's motion, over *all* its particles, to what free
    particles would do. The energy gained equals the work done exactly: it is sum_c p_c . v_c with v_c the
    mean of the contact point's velocities before and after.
    """
    generalized = system.generalized(point, impulse)
    change = solve(system.mass_matrix(point.jacobian), generalized)
    work = (generalized * (point.qdot + 0.5 * change)).sum(-1)
    return VelocityChange(point.with_velocity(point.qdot + change), work)


def impose_velocity(
    system: LagrangianSystem,
    point: PhasePoint,
    grasps: Grasps,
    active: Tensor,
    y_start: Float[Tensor, "K r"],
) -> VelocityChange:
    """Fit the velocity to the twists of the grasps that are ``active`` (mask [K, c]).

    Minimises sum_i |Phi_i (dy/dq) qdot - v_i|^2 over the held points plus a small multiple of the kinetic
    energy of the change of qdot, so that directions which the grasp does not see keep their velocity.

    Args:
        y_start: [K, r] embedding coordinates at the prediction's beginning.
    """
    weight = active.to(point.q.dtype)
    travelled = (point.y - y_start)[:, None, None, :]
    target = grasps.target + (grasps.spin * travelled).sum(-1)
    metric = (grasps.metric * weight[..., None, None]).sum(1)
    wish = (target * weight[..., None]).sum(1)

    jacobian = point.jacobian
    seen = jacobian.mT @ metric @ jacobian
    mass_matrix = system.mass_matrix(jacobian)
    ratio = _trace(seen) / _trace(mass_matrix)
    regular = seen + (GRASP_REGULARISATION * ratio)[:, None, None] * mass_matrix
    missing = system.generalized(point, wish - apply(metric, apply(jacobian, point.qdot)))
    held = active.any(1) & (ratio > 0)
    change = torch.where(held[:, None], solve(torch.where(held[:, None, None], regular, mass_matrix), missing), 0.0)
    work = (apply(mass_matrix, change) * (point.qdot + 0.5 * change)).sum(-1)
    return VelocityChange(point.with_velocity(point.qdot + change), work)


def contact_residual(system: LagrangianSystem, point: PhasePoint, actions: Actions) -> Float[Tensor, " K"]:
    """Share of the contacts' motion that the object cannot follow, between 0 and 1, for each candidate.

    For forces and impulses: the sine of the angle, over all the candidate's contacts stacked, between the
    impulses and the velocities that they cause at the contacts. 0: the contacts give way exactly along the
    push; 1: they do not move, or only sideways. For imposed velocities: the root mean square misfit of the
    held points' velocities, relative to those velocities. The larger of the two where a candidate has both.
    """
    residual = torch.zeros_like(point.q[:, 0])
    loads = [group for group in (actions.impulses, actions.pushes) if group is not None]
    if loads:
        residual = torch.maximum(residual, _load_residual(system, point, actions))
    if actions.grasps is not None:
        residual = torch.maximum(residual, _grasp_residual(system, point, actions.grasps))
    return residual


def _load_residual(system: LagrangianSystem, point: PhasePoint, actions: Actions) -> Float[Tensor, " K"]:
    rows, vectors = [], []
    if actions.impulses is not None:
        rows.append(actions.impulses.rows)
        vectors.append(actions.impulses.vectors)
    if actions.pushes is not None:
        rows.append(actions.pushes.rows)
        vectors.append(actions.pushes.vectors * (actions.pushes.stop - actions.pushes.start)[..., None])
    row, impulse = torch.cat(rows, dim=1), torch.cat(vectors, dim=1)
    total = (row * impulse[..., None]).sum((1, 2))
    rate = apply(point.jacobian, solve(system.mass_matrix(point.jacobian), system.generalized(point, total)))
    caused = apply(row, rate[:, None])
    size = impulse.square().sum((1, 2)) * caused.square().sum((1, 2))
    cosine_squared = (impulse * caused).sum((1, 2)).square() / size.clamp_min(torch.finfo(size.dtype).tiny)
    loaded = (impulse.square().sum((1, 2)) > 0).to(size.dtype)
    return (1.0 - cosine_squared).clamp(0.0, 1.0).sqrt() * loaded


def _grasp_residual(system: LagrangianSystem, point: PhasePoint, grasps: Grasps) -> Float[Tensor, " K"]:
    """Misfit right after the grasps begin, of all of a candidate's grasps together."""
    active = grasps.start < NEVER
    fitted = impose_velocity(system, point, grasps, active, point.y).point
    rate = apply(point.jacobian, fitted.qdot)[:, None]
    squared = (apply(grasps.metric, rate) * rate).sum(-1) - 2.0 * (grasps.target * rate).sum(-1)
    misfit = ((squared + grasps.speed_squared) * active).sum(-1).clamp_min(0.0)
    wanted = grasps.speed_squared.sum(-1)
    return torch.where(wanted > 0, (misfit / wanted.clamp_min(1e-30)).sqrt().clamp_max(1.0), 0.0)


def _trace(matrix: Float[Tensor, "K k k"]) -> Float[Tensor, " K"]:
    return matrix.diagonal(dim1=-2, dim2=-1).sum(-1)
