"""Contacts: impulses, imposed velocities, residuals, and their conversion to embedding coordinates."""

import numpy as np
import pytest
import torch
from point_bodies import PointBody, WavyBody, load, plate_lid, state

from neurok_model.errors import NeurokError
from neurok_model.mechanics import (
    Actions,
    ImposedVelocity,
    Impulse,
    LagrangianSystem,
    Push,
    apply_impulse,
    contact_residual,
    gather_actions,
    impose_velocity,
)


def _kinetic(system: LagrangianSystem, point: object) -> torch.Tensor:
    return system.kinetic_energy(point)  # type: ignore[arg-type]


def test_energy_gained_by_an_impulse_is_the_work_done() -> None:
    """Protects planners from free energy: the gain must be p . mean contact velocity, to rounding."""
    body = WavyBody(5, 30, 6)
    system = LagrangianSystem(body, latent_mass=1e-3)
    generator = torch.Generator().manual_seed(7)
    q, qdot, impulse = (torch.randn(10, n, generator=generator, dtype=torch.float64) for n in (5, 5, 3))
    before = system.at(state(q.tolist(), qdot.tolist()))
    rows = body.rows(4)
    change = apply_impulse(system, before, impulse @ rows)
    gained = _kinetic(system, change.point) - _kinetic(system, before)
    velocity = (before.jacobian @ (0.5 * (before.qdot + change.point.qdot))[..., None])[..., 0] @ rows.mT
    assert torch.allclose(gained, change.work, rtol=1e-12)
    assert torch.allclose(gained, (impulse * velocity).sum(-1), rtol=1e-12)


def test_impulse_on_a_lid_gives_angular_momentum_over_inertia() -> None:
    """Protects the generalized impulse: a struck lid turns with r x p / I about its hinge."""
    body = plate_lid()
    system = LagrangianSystem(body)
    point = system.at(state([[0.0]]))
    struck = apply_impulse(system, point, torch.tensor([[0.0, 0.0, 0.4]], dtype=torch.float64) @ body.rows(8))
    radius = body.rest[:, 0]
    inertia = (body.masses * radius**2).sum()
    assert struck.point.qdot.item() == pytest.approx(float(radius[8] * 0.4 / inertia))


def test_impulse_is_the_best_fit_to_free_particles() -> None:
    """Protects the derivation: no other velocity is closer, mass-weighted over all particles, to what free
    ones do.
    """
    body = WavyBody()
    system = LagrangianSystem(body)
    point = system.at(state([[0.2, -0.3, 0.5]]))
    free = torch.tensor([0.3, -0.1, 0.2], dtype=torch.float64) @ body.rows(2)
    fitted = apply_impulse(system, point, free[None]).point.qdot[0]
    least_squares = torch.linalg.lstsq(point.jacobian[0], free[:, None]).solution[:, 0]
    assert torch.allclose(fitted, least_squares, rtol=1e-8)


def _modes_of(body: PointBody):
    """Modes at a surface point: those of the nearest point mass."""

    def modes(points: np.ndarray) -> torch.Tensor:
        nearest = np.linalg.norm(points[:, None] - body.rest.numpy()[None], axis=-1).argmin(axis=1)
        return torch.stack([body.rows(int(i)) for i in nearest])

    return modes


def _gather(body: PointBody, *candidates: list) -> Actions:
    return gather_actions(candidates, _modes_of(body), body.embedding_dimension)


def test_imposed_twist_about_the_hinge_is_followed_exactly() -> None:
    """Protects grasps: a gripper that turns about the hinge opens the lid at its own rate, without
    residual.
    """
    body = plate_lid()
    system = LagrangianSystem(body)
    held = body.rest[6:].numpy()
    grasp = ImposedVelocity(held, linear=(0, 0, 0), angular=(0, -2.0, 0), origin=(0, 0, 0))
    actions = _gather(body, [grasp])
    start = system.at(state([[0.0]]))
    grasps = actions.grasps
    fitted = impose_velocity(
        system,
        start,
        grasps,
        torch.ones(1, 1, dtype=torch.bool),
        start.y,
    )
    assert fitted.point.qdot.item() == pytest.approx(2.0, rel=2e-3)
    assert fitted.work.item() == pytest.approx(_kinetic(system, fitted.point).item(), rel=1e-9)
    assert contact_residual(system, start, actions).item() < 2e-3


def test_unseen_directions_keep_their_velocity() -> None:
    """Protects free parts: a grasp on one drawer must not move another."""
    axis = torch.tensor((1.0, 0.0, 0.0), dtype=torch.float64)
    body = PointBody(
        lambda q: q[..., :, None] * axis + torch.tensor([[0.0, 0, 0], [0, 1.0, 0]]).double(), [2.0, 3.0], 2
    )
    system = LagrangianSystem(body)
    actions = _gather(body, [ImposedVelocity([[0, 0, 0]], linear=(0.5, 0, 0))])
    start = system.at(state([[0.0, 0.0]], [[0.0, 0.3]]))
    one = torch.ones(1, 1, dtype=torch.bool)
    fitted = impose_velocity(system, start, actions.grasps, one, start.y)
    assert fitted.point.qdot[0].tolist() == pytest.approx([0.5, 0.3], rel=3e-3)


def test_residual_says_what_the_lid_cannot_follow() -> None:
    """Protects the planner's measure: 0 along the lid's motion, 1 across it, the sine in between."""
    body = plate_lid()
    system = LagrangianSystem(body)
    tip = body.rest[8].tolist()
    actions = _gather(
        body,
        [Impulse(tip, (0, 0, 0.1))],
        [Impulse(tip, (0, 0.1, 0))],
        [Push(tip, (0.1, 0, 0.1), duration=0.2)],
        [ImposedVelocity([tip], linear=(0, 0.2, 0))],
        [],
    )
    start = system.at(state([[0.0]] * 5))
    residual = contact_residual(system, start, actions)
    assert residual.tolist() == pytest.approx([0.0, 1.0, 0.5**0.5, 1.0, 0.0], abs=1e-6)


def test_gathered_loads_keep_candidate_and_time() -> None:
    """Protects the padding of batches: each contact must act on its own candidate, at its own time, only."""
    body = plate_lid()
    tip = body.rest[8].tolist()
    actions = _gather(
        body,
        [Push(tip, (0, 0, 2.0), duration=0.1), Push(tip, (0, 0, 1.0), duration=0.1, start=0.05)],
        [],
        [Impulse(tip, (0, 0, 3.0), start=0.2)],
    )
    weight = body.rows(8)[2]
    force = actions.mean_force_between(0.05, 0.1)
    assert torch.allclose(force, torch.stack((3.0 * weight, 0 * weight, 0 * weight)))
    assert torch.allclose(actions.mean_force_between(0.1, 0.2)[0], 0.5 * weight)
    assert actions.mean_force_between(0.15, 0.2) is None
    assert actions.impulse_between(0.0, 0.2) is None
    assert torch.allclose(actions.impulse_between(0.2, 0.3)[2], 3.0 * weight)
    assert torch.allclose(actions.select(torch.tensor([2])).impulse_between(0.2, 0.3), 3.0 * weight[None])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Impulse((0, 0, float("nan")), (1, 0, 0)),
        lambda: Impulse((0, 0), (1, 0, 0)),
        lambda: Push((0, 0, 0), (1, 0, 0), duration=0.0),
        lambda: Push((0, 0, 0), (1, 0, 0), duration=-1.0),
        lambda: Push((0, 0, 0), (1, float("inf"), 0), duration=1.0),
        lambda: ImposedVelocity(np.zeros((0, 3)), (1, 0, 0)),
    ],
)
def test_meaningless_contacts_are_refused(make) -> None:
    """Protects the rollout from input that has no meaning, with an error that names the field."""
    with pytest.raises(NeurokError) as caught:
        make()
    assert caught.value.field in {"point", "impulse", "force", "duration", "points"}


def test_loads_reach_the_right_mass() -> None:
    """Protects Phi_c^T f: power of a force equals force times velocity of its own point."""
    body = WavyBody()
    rate = torch.randn(body.embedding_dimension, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    loads = load(body, 3, [[1.0, -2.0, 0.5]])
    velocity = rate[9:12] / body.masses[3].sqrt()
    assert float(loads.embedded[0, 0] @ rate) == pytest.approx(
        float(velocity @ torch.tensor([1.0, -2.0, 0.5]).double())
    )
