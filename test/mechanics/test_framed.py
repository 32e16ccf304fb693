"""Objects whose base is free or pinned: momentum, free fall, recoil, and a box that slides, tips and opens."""

import math

import pytest
import torch
from point_bodies import GRAVITY, PointBody, WavyBody, plate_lid, still

from neurok_model.errors import NeurokError
from neurok_model.mechanics import (
    Actions,
    DryFriction,
    Elastic,
    FreeBody,
    Gravity,
    HalfSpace,
    LagrangianSystem,
    MassProportional,
    Outcome,
    PinnedBody,
    PointLoads,
    RolloutSettings,
    State,
    SurfaceContacts,
    framed_system,
    point_functions,
    rollout,
)
from neurok_model.reduction import Embedding

STEP = 1.0 / 60.0


class Rigid(Embedding):
    """A body without coordinates of its own."""

    dimension, embedding_dimension = 0, 1
    dtype, device = torch.float64, torch.device("cpu")

    def value(self, q: torch.Tensor) -> torch.Tensor:
        return q.new_zeros(*q.shape[:-1], 1)

    def jacobian(self, q: torch.Tensor) -> torch.Tensor:
        return q.new_zeros(*q.shape[:-1], 1, 0)


class Floating:
    """A body of point masses with a free base, and its points in the world."""

    def __init__(self, inner: Embedding, rest: torch.Tensor, modes: torch.Tensor, masses: torch.Tensor) -> None:
        self.inner, self.rest, self.modes, self.masses = inner, rest, modes, masses
        self.centre = (masses[:, None] * rest).sum(0) / masses.sum()
        self.functions = point_functions(rest, modes, self.centre)
        self.gram = (self.functions * masses[:, None]).mT @ self.functions
        self.body = FreeBody(inner, self.gram, self.centre)

    @classmethod
    def of(cls, body: PointBody, rest: torch.Tensor) -> "Floating":
        return cls(body, rest, torch.stack([body.rows(i) for i in range(len(body.masses))]), body.masses)

    @classmethod
    def box(cls, size: tuple[float, float, float], mass: float) -> "Floating":
        """Eight corners, standing on z = 0."""
        corners = torch.cartesian_prod(*(torch.tensor([-0.5, 0.5]).double() * s for s in size))
        corners[:, 2] += 0.5 * size[2]
        return cls(Rigid(), corners, torch.zeros(8, 3, 1).double(), torch.full((8,), mass / 8).double())

    def placed(self, q: torch.Tensor) -> torch.Tensor:
        turn, shift, own = self.body.frame(q)
        local = self.rest - self.centre + torch.einsum("ncr,...r->...nc", self.modes, self.inner.value(own))
        return local @ turn.mT + self.centre + shift[..., None, :]

    def moving(self, q: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return torch.func.jvp(self.placed, (q,), (v,))[1]

    def gravity(self) -> Gravity:
        return Gravity.from_acceleration(torch.tensor((0.0, 0.0, -GRAVITY)), self.body.mass_moment)


def wavy() -> Floating:
    generator = torch.Generator().manual_seed(3)
    return Floating.of(WavyBody(2, 10, 1), 0.3 * torch.randn(10, 3, generator=generator, dtype=torch.float64))


def random_states(count: int, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    q, v = (torch.randn(count, k, generator=generator, dtype=torch.float64) for _ in range(2))
    return q, v


def test_embedding_places_the_points_and_weighs_them() -> None:
    """Protects the full inertial coupling: modes give the points, and G gives their kinetic energy, exactly."""
    floating = wavy()
    q, v = random_states(6, floating.body.dimension)
    modes = floating.body.point_modes(floating.functions)
    linear = floating.rest + torch.einsum("ncr,br->bnc", modes, floating.body.value(q))
    assert torch.allclose(linear, floating.placed(q), atol=1e-12)
    system = LagrangianSystem(floating.body)
    expected = 0.5 * (floating.masses[:, None] * floating.moving(q, v).square()).sum((1, 2))
    assert torch.allclose(system.kinetic_energy(system.at(State(q, v))), expected, rtol=1e-10)


def test_derivatives_are_the_automatic_ones() -> None:
    """Protects the closed forms, near no rotation and far from it, against nested forward differentiation."""
    floating = wavy()
    q, v = random_states(6, floating.body.dimension)
    q[0, :3] *= 1e-3
    body = floating.body
    assert torch.allclose(body.jacobian(q), Embedding.jacobian(body, q), atol=1e-12)
    assert torch.allclose(body.second_directional(q, v), Embedding.second_directional(body, q, v), atol=1e-11)
    assert torch.allclose(body.kinetic_slope(q, v), Embedding.kinetic_slope(body, q, v), atol=1e-10)


def test_linear_and_angular_momentum_are_conserved() -> None:
    """Protects free flight: whatever springs and dampers do inside, nothing turns or moves the whole."""
    floating = wavy()
    inner = LagrangianSystem(
        floating.inner,
        (Elastic(15.0, torch.zeros(floating.inner.embedding_dimension).double()),),
        (MassProportional(1.0),),
        latent_mass=1e-3,
    )
    system = framed_system(inner, floating.body)
    v = torch.tensor([[3.0, 1.0, -2.0, 0.3, 0.1, 0.2, 1.0, -1.0]]).double()
    result = rollout(system, State(torch.zeros_like(v), v), still(), 0.5, STEP)
    momenta = []
    for index in (0, -1):
        q, qdot = result.q[:, index], result.qdot[:, index]
        momentum = floating.masses[:, None] * floating.moving(q, qdot)
        momenta.append(torch.cat((momentum, torch.linalg.cross(floating.placed(q), momentum)), -1).sum(1))
    assert torch.allclose(momenta[0], momenta[1], rtol=1e-4, atol=1e-4)
    assert result.dissipated[0, -1] > 1e-3
    assert result.energy_drift.item() < 0.01


def test_the_whole_falls_as_everything_falls() -> None:
    """Protects gravity on a free base: the centre of mass falls g t^2 / 2, undamped, while the inside moves."""
    floating = wavy()
    inner = LagrangianSystem(floating.inner, (Elastic(9.0, torch.zeros(30).double()), Gravity(torch.zeros(30).double(),
        torch.tensor((0.0, 0.0, -GRAVITY)).double())), (MassProportional(2.0),), latent_mass=1e-3)  # fmt: skip
    system = framed_system(inner, floating.body)
    v = torch.tensor([[0.0, 2.0, 0.0, 0.0, 0.0, 1.0, 0.8, 0.5]]).double()
    start = State(torch.zeros_like(v), v)
    result = rollout(system, start, still(), 0.4, STEP)
    share = floating.masses / floating.masses.sum()
    begin, speed, end = (
        share @ x
        for x in (floating.placed(start.q)[0], floating.moving(start.q, v)[0], floating.placed(result.q[:, -1])[0])
    )
    expected = begin + 0.4 * speed - 0.5 * GRAVITY * 0.16 * torch.tensor((0.0, 0.0, 1.0))
    assert torch.allclose(end, expected, atol=1e-3)


def test_a_tumbling_body_passes_many_turns() -> None:
    """Protects against the singularity of rotation vectors at a whole turn: three turns at constant rate."""
    floating = Floating.box((0.2, 0.3, 0.4), 1.0)
    rate = 2.0 * math.pi * 3.0
    v = torch.tensor([[0.0, 0.0, rate, 0.0, 0.0, 0.0]]).double()
    settings = RolloutSettings(maximum_step=1.0 / 480.0)
    start = State(torch.zeros_like(v), v)
    result = rollout(LagrangianSystem(floating.body), start, still(), 1.0, STEP, settings=settings)
    assert result.q[0, :, :3].norm(dim=-1).max() < math.pi + rate * STEP
    assert torch.allclose(floating.placed(result.q[:, -1])[0], floating.rest, atol=5e-3)
    assert result.energy_drift.item() < 1e-3


def test_a_pinned_lid_swings_its_base() -> None:
    """Protects pinned regions: held by its lid, an object keeps the lid where it is, and the base turns instead."""
    lid = plate_lid()
    base = torch.stack((-torch.linspace(0.05, 0.4, 6).double(), torch.zeros(6).double(), torch.zeros(6).double()), 1)
    across = torch.tensor((0.0, 0.1, 0.0)).double()
    rest = torch.cat((lid.rest - across, lid.rest + across, base))
    rows = torch.stack([lid.rows(i) for i in range(9)])
    modes = torch.cat((rows, rows, torch.zeros(6, 3, lid.embedding_dimension).double()))
    masses = torch.cat((lid.masses / 2, lid.masses / 2, torch.full((6,), 0.3).double()))
    floating = Floating(lid, rest, modes, masses)
    pinned = PinnedBody(lid, floating.gram, floating.centre, rest[:18], modes[:18])
    q = torch.tensor([[0.7], [-1.1]]).double()
    turn, shift, own = pinned.frame(q)
    local = rest - floating.centre + torch.einsum("ncr,br->bnc", modes, lid.value(own))
    placed = local @ turn.mT + floating.centre + shift[:, None]
    assert torch.allclose(placed[:, :18], rest[:18].expand(2, -1, -1), atol=1e-9)
    inertia = LagrangianSystem(pinned).mass_matrix(pinned.jacobian(q))[:, 0, 0]
    expected = float((0.3 * base.square().sum(-1)).sum())
    assert torch.allclose(inertia, torch.full_like(inertia, expected), rtol=1e-6)


def test_a_line_of_pinned_points_is_refused() -> None:
    """Protects against a region that holds no rotation."""
    floating = wavy()
    line = torch.linspace(0, 1, 5)[:, None].double() * torch.ones(3).double()
    with pytest.raises(NeurokError, match="line"):
        PinnedBody(floating.inner, floating.gram, floating.centre, line, floating.modes[:5])


def test_dry_friction_of_a_free_object_is_refused() -> None:
    """Protects free flight from a friction that would act against the world."""
    floating = wavy()
    with pytest.raises(NeurokError, match="friction"):
        framed_system(LagrangianSystem(floating.inner, friction=DryFriction(1.0)), floating.body)


def pushed_box(friction: float, height: float, force: float, seconds: float):
    """A box of 2 kg on the floor, pushed along x at a height on its left face."""
    floating = Floating.box((0.2, 0.3, 0.4), 2.0)
    modes = floating.body.point_modes(floating.functions)
    floor = SurfaceContacts(floating.rest, modes, [HalfSpace(friction=friction)], torch.zeros(modes.shape[-1]).double())
    system = LagrangianSystem(floating.body, (floating.gravity(),), constraints=(floor,))
    functions = point_functions(torch.tensor([[-0.1, 0.0, height]]).double(), torch.zeros(1, 3, 1).double(),
                                floating.centre)  # fmt: skip
    rows = floating.body.point_modes(functions)[:, None]
    times = torch.zeros(1, 1).double()
    push = Actions(1, pushes=PointLoads(rows, torch.tensor([[[force, 0.0, 0.0]]]).double(), times, times + 9.0))
    start = torch.zeros(6).double()
    return floating, rollout(system, State(start, start), push, seconds, STEP)


def test_a_box_stands_slides_or_tips_as_statics_say() -> None:
    """Protects contact with a free base: it stands below friction's limit, slides when pushed low, tips when high.

    Weight 19.6 N, half width 0.1 m: it tips where force times height exceeds 1.96 N m.
    """
    _, standing = pushed_box(0.6, 0.1, 10.0, 0.2)
    assert standing.q.abs().max() < 1e-5
    _, sliding = pushed_box(0.3, 0.1, 10.0, 0.3)
    acceleration = 10.0 / 2.0 - 0.3 * GRAVITY
    assert sliding.q[0, -1, 3].item() == pytest.approx(0.5 * acceleration * 0.09, rel=0.02)
    assert sliding.q[0, -1, :3].abs().max() < 1e-4
    floating, tipping = pushed_box(0.9, 0.4, 7.0, 0.3)
    assert tipping.q[0, -1, 1].item() > 0.1
    assert tipping.outcomes == [Outcome.OK]
    edge = floating.placed(tipping.q[:, -1])[0, floating.rest[:, 0].gt(0) & floating.rest[:, 2].eq(0)]
    assert edge[:, 2].abs().max() < 1e-3
    assert (edge[:, 0] - 0.1).abs().max() < 1e-3
    inertia = 2.0 * ((0.1**2 + 0.2**2) + (0.1**2 + 0.2**2))
    assert tipping.q[0, 3, 1].item() == pytest.approx(
        0.5 * (7.0 * 0.4 - 2 * GRAVITY * 0.1) / inertia * 0.05**2, rel=0.05
    )
