"""The rollout: independent candidates, outcomes, contacts over time, refinement and refusals."""

import pytest
import torch
from point_bodies import (
    WavyBody,
    double_pendulum,
    drawer,
    load,
    pendulum,
    plate_lid,
    state,
    still,
    under_gravity,
)

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import (
    Actions,
    CoordinatePotential,
    Elastic,
    ImposedVelocity,
    LagrangianSystem,
    MechanicsConfiguration,
    Outcome,
    RolloutSettings,
    RungeKutta4,
    State,
    Variational,
    build_system,
    gather_actions,
    rollout,
)
from neurok_model.reduction import PriorRegion

STEP = 1.0 / 60.0


class _Trapdoor(CoordinatePotential):
    """Nothing up to q = 0.1, a bottomless pit with ever steeper walls beyond: any method fails in it."""

    name = "trapdoor"

    def value(self, q: torch.Tensor) -> torch.Tensor:
        return (1.0 - torch.exp(200.0 * (q - 0.1).clamp_min(0.0))).sum(-1)

    def gradient(self, q: torch.Tensor) -> torch.Tensor:
        return torch.where(q > 0.1, -200.0 * torch.exp(200.0 * (q - 0.1).clamp_min(0.0)), 0.0)


@pytest.mark.parametrize("method", [Variational(), RungeKutta4()], ids=lambda method: method.name)
def test_one_diverging_candidate_never_spoils_the_others(method) -> None:
    """Protects batches: neighbours of a candidate that blows up move exactly as without it."""
    system = LagrangianSystem(drawer(), (_Trapdoor(),))
    starts = state([[-1.0], [-0.05], [-2.0]], [[0.5], [3.0], [-0.3]])
    settings = RolloutSettings(integrator=method, maximum_refinements=1)
    result = rollout(system, starts, still(3), 0.2, STEP, settings=settings)
    assert result.outcomes == [Outcome.OK, Outcome.DIVERGED, Outcome.OK]
    alone = rollout(system, state([[-1.0]], [[0.5]]), still(), 0.2, STEP, settings=settings)
    assert torch.equal(result.q[0], alone.q[0])
    for series in (result.q, result.qdot, result.kinetic_energy, result.potential_energy, result.work):
        assert series.isfinite().all()


def test_a_diverged_candidate_stays_at_its_last_good_state() -> None:
    """Protects consumers from a silent NaN or a jump: the trajectory stops where it could be trusted."""
    system = LagrangianSystem(drawer(), (_Trapdoor(),))
    settings = RolloutSettings(maximum_refinements=0)
    result = rollout(system, state([[-0.05]], [[3.0]]), still(), 0.2, STEP, settings=settings)
    assert torch.equal(result.q[0, -1], result.q[0, -2])
    assert result.q[0, 1, 0] > result.q[0, 0, 0]


def test_batch_equals_single_runs() -> None:
    """Protects planners that batch: 5 candidates together move as each alone, contacts included."""
    body = WavyBody(3)
    system = LagrangianSystem(body, (body.gravity(), Elastic(9.0, torch.zeros(24).double())), latent_mass=1e-3)
    vectors = torch.randn(5, 3, generator=torch.Generator().manual_seed(1)).tolist()
    pushes = Actions(5, pushes=load(body, 2, vectors, duration=0.05))
    rest = state([0.0, 0.0, 0.0])
    together = rollout(system, rest, pushes, 0.1, STEP)
    for index in range(5):
        alone = rollout(system, rest, pushes.select(torch.tensor([index])), 0.1, STEP)
        assert torch.allclose(together.q[index], alone.q[0], rtol=1e-9, atol=1e-12)
        assert torch.allclose(together.work[index], alone.work[0], rtol=1e-9, atol=1e-12)


def test_constant_push_accelerates_a_drawer_uniformly() -> None:
    """Protects sustained forces: s = F t^2 / 2m while it lasts, then constant speed; work = force times
    way.
    """
    body = drawer(3.0)
    pushes = Actions(1, pushes=load(body, 0, [[6.0, 5.0, 0.0]], start=0.05, duration=0.205))
    result = rollout(LagrangianSystem(body), state([0.0]), pushes, 0.5, 0.05)
    speed = 6.0 / 3.0 * 0.205
    assert result.qdot[0, -1, 0].item() == pytest.approx(speed)
    assert result.qdot[0, 1, 0].item() == pytest.approx(0.0)
    assert result.q[0, -1, 0].item() == pytest.approx(speed * (0.5 - 0.05 - 0.5 * 0.205), rel=1e-2)
    assert result.work[0, -1].item() == pytest.approx(0.5 * 3.0 * speed**2, rel=1e-2)
    assert result.energy_drift.item() < 1e-2


def test_work_of_a_push_is_the_energy_gained() -> None:
    """Protects the energy balance of pushes on a body that turns and swings under them."""
    body = double_pendulum()
    pushes = Actions(1, pushes=load(body, 1, [[4.0, 0.0, 1.0]], duration=0.3))
    result = rollout(under_gravity(body), state([0.0, 0.0]), pushes, 0.5, 1.0 / 240.0)
    total = (result.kinetic_energy + result.potential_energy)[0]
    assert result.work[0, -1] > 0.1
    assert (total[-1] - total[0]).item() == pytest.approx(result.work[0, -1].item(), rel=5e-3)


def test_impulses_act_once_and_at_their_time() -> None:
    """Protects sequences of actions: an impulse on a step's boundary is neither lost nor doubled."""
    body = drawer(2.0)
    for start in (0.0, STEP * 3, 0.1, 0.11):
        strikes = Actions(1, impulses=load(body, 0, [[1.0, 0.0, 0.0]], start=start))
        result = rollout(LagrangianSystem(body), state([0.0]), strikes, 0.3, STEP)
        assert result.qdot[0, -1, 0].item() == pytest.approx(0.5)
        assert result.work[0, -1].item() == pytest.approx(0.25)
        before = result.times < start - 1e-9
        assert (result.qdot[0, before, 0] == 0).all()


def test_a_grasp_that_holds_drives_the_lid_at_its_rate() -> None:
    """Protects sustained grasps: a gripper turning about the hinge opens the lid by rate times duration."""
    body = plate_lid()
    tip = body.rest[8].numpy()
    grasp = ImposedVelocity([tip], (0.0, 0.0, 0.6), (0.0, -2.0, 0.0), duration=0.5)
    actions = gather_actions([[grasp]], lambda points: body.rows(8)[None], body.embedding_dimension)
    result = rollout(under_gravity(body), state([0.0]), actions, 0.5, STEP)
    assert result.q[0, -1, 0].item() == pytest.approx(1.0, rel=0.01)
    assert result.qdot[0, -2, 0].item() == pytest.approx(2.0, rel=0.01)
    assert result.energy_drift.item() < 0.02


def _bounded(**changes: float) -> tuple[LagrangianSystem, PriorRegion]:
    body = drawer()
    region = PriorRegion(torch.zeros(1).double(), torch.eye(1).double() * 25.0, 2.0)  # |q| <= 0.4 m
    configuration = MechanicsConfiguration(gravity=(0.0, 0.0, 0.0), prior_frequency=0.0, damping_rate=0.0, **changes)
    return build_system(body, body.mass_moment, region, configuration), region


def test_walls_turn_the_state_back_and_the_outcome_says_so() -> None:
    """Protects the trained region: a drawer thrown at the edge comes back with its energy, marked
    PRIOR_EDGE.
    """
    system, region = _bounded(wall_frequency=3.0, wall_restitution=1.0)
    result = rollout(system, state([[0.2], [0.0]], [[1.0], [0.2]]), still(2), 0.6, STEP)
    assert result.outcomes == [Outcome.PRIOR_EDGE, Outcome.OK]
    assert region.distance(result.q[0]).max() < 1.8 * region.radius
    assert result.qdot[0, -1, 0].item() == pytest.approx(-1.0, rel=0.02)
    assert result.energy_drift.max() < 0.02


def test_without_walls_the_state_is_stopped_far_outside() -> None:
    """Protects users from motion that means nothing: far beyond the region the candidate counts as
    diverged.
    """
    system, region = _bounded(wall_frequency=0.0)
    result = rollout(system, state([0.0], [5.0]), still(), 0.5, 0.02)
    assert result.outcomes == [Outcome.DIVERGED]
    assert region.distance(result.q[0, -1]) < 1.2 * system.trust_factor * region.radius


def test_rest_stays_at_rest() -> None:
    """Protects the scan: without contacts the object must not start to move by itself."""
    body = WavyBody(4, 20)
    region = PriorRegion(torch.full((4,), 0.4).double(), torch.eye(4).double(), 3.0)
    system = build_system(body, body.mass_moment, region)
    result = rollout(system, state([0.0] * 4), still(), 0.3, 0.05)
    assert result.q.abs().max() < 1e-9
    assert result.energy_drift.item() < 1e-2


def test_cancelled_rollout_stops_where_it_is() -> None:
    """Protects long actions: after a cancel nothing moves, and the outcome says why."""
    answers = iter([False, False, True])
    result = rollout(under_gravity(pendulum()), state([1.0]), still(), 0.5, STEP, cancelled=lambda: next(answers, True))
    assert result.outcomes == [Outcome.CANCELLED]
    assert result.q[0, 2, 0] != result.q[0, 1, 0]
    assert (result.q[0, 2:] == result.q[0, 2]).all()


def test_stiff_systems_get_shorter_steps() -> None:
    """Protects against an unstable step: 40 Hz recorded at 20 Hz stays bounded and keeps its energy."""
    system = LagrangianSystem(drawer(), (Elastic(2 * torch.pi * 40.0, torch.zeros(3).double()),))
    result = rollout(system, state([0.1]), still(), 0.15, 0.05, settings=RolloutSettings(maximum_refinements=0))
    assert result.outcomes == [Outcome.OK]
    assert result.substeps.item() >= 18
    assert result.energy_drift.item() < 0.15
    assert result.q.abs().max() < 0.12


def test_an_unstable_step_is_an_outcome() -> None:
    """Protects against silent nonsense: a step too long for the stiffness ends where it went wrong, as DIVERGED."""
    stiff = LagrangianSystem(drawer(), (Elastic(2 * torch.pi * 40.0, torch.zeros(3).double()),))
    settings = RolloutSettings(maximum_substeps=1, maximum_step=1.0, maximum_refinements=0)
    result = rollout(stiff, state([[0.1], [0.0]]), still(2), 1.0, 0.02, settings=settings)
    assert result.outcomes == [Outcome.DIVERGED, Outcome.OK]
    assert result.q.abs().max() < 1.0
    assert (result.q[0, -1] == result.q[0, -2]).all()


def test_the_compiled_backend_says_what_it_cannot_do() -> None:
    """Protects those who insist on speed: a clear error instead of a silent fall back."""
    settings = RolloutSettings(backend="compiled")
    with pytest.raises(NeurokError, match="smooth map"):
        rollout(LagrangianSystem(drawer()), state([0.0]), still(), 0.1, STEP, settings=settings)
    wanted = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    with pytest.raises(NeurokError, match="gradients"):
        rollout(LagrangianSystem(drawer()), State(wanted, wanted), still(), 0.1, STEP, settings=settings)


def test_candidates_that_drift_are_integrated_again() -> None:
    """Protects accuracy without paying for it everywhere: only the fast candidate gets shorter steps."""
    system = under_gravity(pendulum(length=0.2))
    settings = RolloutSettings(drift_tolerance=1e-3, frame_halvings=0)
    result = rollout(system, state([[0.0], [0.0]], [[60.0], [0.1]]), still(2), 0.3, 1.0 / 60.0, settings=settings)
    assert result.substeps[0] > result.substeps[1]
    assert result.energy_drift.max() < 1e-3


def test_frames_that_drift_are_integrated_again() -> None:
    """Protects accuracy at a fraction of that cost: shorter steps only in the frames whose energy does not balance."""
    system = under_gravity(pendulum(length=0.2))
    start = state([[0.0], [0.0]], [[60.0], [0.1]])
    coarse = RolloutSettings(drift_tolerance=1e-3, maximum_refinements=0)
    assert rollout(system, start, still(2), 0.3, 1.0 / 60.0, settings=coarse).energy_drift.max() > 1e-3
    result = rollout(system, start, still(2), 0.3, 1.0 / 60.0)
    assert result.energy_drift.max() < 1e-3
    assert result.substeps[0] == result.substeps[1]
    finest = rollout(system, start, still(2), 0.3, 1.0 / 1200.0)
    torch.testing.assert_close(result.q[:, -1], finest.q[:, -1], rtol=2e-2, atol=0.0)


@pytest.mark.parametrize(
    ("horizon", "step", "field"),
    [(0.0, 0.1, "horizon"), (-1.0, 0.1, "horizon"), (1.0, 0.0, "step"), (float("nan"), 0.1, "horizon")],
)
def test_meaningless_times_are_refused(horizon: float, step: float, field: str) -> None:
    """Protects callers with an error that names the field."""
    with pytest.raises(NeurokError) as caught:
        rollout(LagrangianSystem(drawer()), state([0.0]), still(), horizon, step)
    assert caught.value.code == ErrorCode.INVALID_HORIZON
    assert caught.value.field == field


def test_bad_states_are_refused() -> None:
    """Protects against a NaN that would travel through every result."""
    with pytest.raises(NeurokError, match=r"state\.q"):
        rollout(LagrangianSystem(drawer()), state([float("nan")]), still(), 0.1, STEP)
    with pytest.raises(NeurokError, match=r"state\.q"):
        rollout(LagrangianSystem(drawer()), state([0.0, 0.0]), still(), 0.1, STEP)
