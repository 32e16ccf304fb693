"""The rollout in machine code against the plain one, which is the source of truth."""

import pytest
import torch

from neurok_model.mechanics import (
    Actions,
    CoordinatePotential,
    Grasps,
    LagrangianSystem,
    MechanicsConfiguration,
    Outcome,
    PointLoads,
    Rollout,
    RolloutSettings,
    RungeKutta4,
    SeenMotion,
    State,
    Support,
    Variational,
    Viscous,
    Walls,
    WatchedCoordinates,
    build_system,
    fast_path,
    prepare,
    rollout,
)
from neurok_model.mechanics.array_rollout import CANCEL_EVERY
from neurok_model.reduction import PriorRegion, SmoothMap

pytest.importorskip("numba")

STEP = 1.0 / 60.0


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Compile, or load from the cache, before any test is timed."""
    prepare()


def _normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _system(k: int = 4, h: int = 21, r: int = 7, watched: bool = False, **changes: float) -> LagrangianSystem:
    form = SmoothMap(
        0.3 * _normal(h, k, seed=1), _normal(h, seed=2), 0.05 * _normal(r, h, seed=3), 0.05 * _normal(r, k, seed=4)
    )
    region = PriorRegion(0.3 * torch.ones(k).double(), torch.eye(k).double(), 2.5)
    terms = {"elastic_frequency": 0.7, "damping_rate": 0.4, "wall_frequency": 1.0} | changes
    seen = None
    if watched:
        jacobian = form.jacobian(torch.zeros(k).double())
        coordinates = WatchedCoordinates(_normal(2, k, seed=6), (1, 1), jacobian.mT @ jacobian)
        seen = SeenMotion.of_object(coordinates, region, (0.5, 0.4, 0.3, 0.6), form)
    return build_system(form, 0.1 * _normal(3, r, seed=5), region, MechanicsConfiguration(**terms), seen=seen)


def _loads(count: int, r: int, size: float, start: float, duration: float, seed: int) -> PointLoads:
    begin = torch.full((count, 2), start, dtype=torch.float64)
    begin[:, 1] += 0.03
    return PointLoads(
        0.3 * _normal(count, 2, 3, r, seed=seed), size * _normal(count, 2, 3, seed=seed + 1), begin, begin + duration
    )


def _both(system: LagrangianSystem, state: State, actions: Actions, horizon: float = 0.3) -> tuple[Rollout, Rollout]:
    assert fast_path.supports(system, state, actions, Variational())
    # Enough iterations that both solve every step fully, whatever their first guesses.
    method = Variational(iterations=12, tolerance=1e-9)
    plain = RolloutSettings(method, backend="reference", maximum_refinements=1)
    quick = RolloutSettings(method, maximum_refinements=1)
    return (
        rollout(system, state, actions, horizon, STEP, settings=quick),
        rollout(system, state, actions, horizon, STEP, settings=plain),
    )


def _assert_equal(ours: Rollout, reference: Rollout, tolerance: float = 1e-7) -> None:
    assert ours.outcomes == reference.outcomes
    assert torch.equal(ours.substeps, reference.substeps)
    for name in ("q", "qdot", "kinetic_energy", "potential_energy", "work", "dissipated"):
        torch.testing.assert_close(getattr(ours, name), getattr(reference, name), rtol=tolerance, atol=1e-2 * tolerance)


def _still(k: int) -> State:
    return State(torch.zeros(k).double(), torch.zeros(k).double())


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize(("k", "h", "r"), [(1, 3, 2), (1, 8, 8), (4, 21, 7), (6, 64, 16)])
def test_machine_code_equals_the_reference(k: int, h: int, r: int, count: int) -> None:
    """Protects the one source of truth: every term, pushes and impulses at once, for odd and even sizes, one candidate
    alone and several in the lanes of vectors.
    """
    system = _system(k, h, r)
    actions = Actions(
        count, impulses=_loads(count, r, 0.02, 0.05, 0.0, seed=6), pushes=_loads(count, r, 0.4, 0.0, 0.1, seed=8)
    )
    ours, reference = _both(system, _still(k), actions)
    assert reference.kinetic_energy.amax() > 1e-5
    _assert_equal(ours, reference)


def test_viscous_damping_and_no_region() -> None:
    """Protects the branches that the standard terms do not use."""
    standard = _system()
    system = LagrangianSystem(
        standard.embedding,
        standard.potentials,
        (*standard.damping, Viscous(0.01 * torch.eye(4).double() + 0.005)),
        standard.latent_mass,
    )
    actions = Actions(2, pushes=_loads(2, 7, 0.4, 0.0, 0.1, seed=8))
    _assert_equal(*_both(system, _still(4), actions))


def test_walls_and_edges_agree() -> None:
    """Protects outcomes: a fast candidate reaches the walls and comes back from them."""
    start = State(torch.zeros(2, 4).double(), torch.tensor([[0.1], [5.0]]).double() * torch.ones(4).double())
    ours, reference = _both(_system(smallest_inertia=0.0), start, Actions(2))
    assert ours.outcomes == [Outcome.OK, Outcome.PRIOR_EDGE]
    _assert_equal(ours, reference, 1e-5)


def test_supports_agree() -> None:
    """Protects what falls back onto its stop: two walls at once, both damped, and a latent mass that couples."""
    start = State(torch.zeros(2, 4).double(), torch.tensor([[0.5], [2.0]]).double() * torch.ones(4).double())
    system = _system(weight_on_stop=True)
    assert any(isinstance(term, Support) for term in system.potentials)
    _assert_equal(*_both(system, start, Actions(2)), 1e-5)


def test_stops_of_a_watched_object_agree() -> None:
    """Protects what was watched: a wall across each of its ways besides that of everything else, all of them damped."""
    start = State(torch.zeros(2, 4).double(), torch.tensor([[1.0], [6.0]]).double() * torch.ones(4).double())
    system = _system(watched=True)
    assert sum(isinstance(term, Walls) for term in system.potentials) == 3
    ours, reference = _both(system, start, Actions(2))
    assert ours.dissipated[1, -1] > 0.2 * ours.kinetic_energy[1, 0]
    _assert_equal(ours, reference, 1e-5)


def test_divergence_agrees() -> None:
    """Protects consumers: without walls a fast candidate leaves for good, and its trajectory stays finite."""
    start = State(torch.zeros(2, 4).double(), torch.tensor([[0.1], [15.0]]).double() * torch.ones(4).double())
    ours, reference = _both(_system(wall_frequency=0.0, smallest_inertia=0.0), start, Actions(2))
    assert ours.outcomes == [Outcome.OK, Outcome.DIVERGED]
    _assert_equal(ours, reference, 1e-5)
    assert ours.q.isfinite().all()


def test_refined_frames_agree() -> None:
    """Protects the rules by which single frames are refined: the same frames, the same impulses, the same motion.

    Impulses fall inside of frames, on their boundaries and into the first step, whichever way a frame is divided.
    """
    system = _system(wall_frequency=6.0, smallest_inertia=0.0)
    start = State(torch.zeros(4, 4).double(), torch.tensor([[0.1], [12.0], [6.0], [9.0]]).double().expand(4, 4))
    times = torch.tensor([[0.001, 0.05], [0.05, 0.123], [0.0, 0.1], [STEP, 2 * STEP]], dtype=torch.float64)
    kicks = PointLoads(0.3 * _normal(4, 2, 3, 7, seed=6), 0.02 * _normal(4, 2, 3, seed=7), times, times)
    actions = Actions(4, impulses=kicks, pushes=_loads(4, 7, 0.4, 0.0, 0.1, seed=8))
    ours, reference = _both(system, start, actions)
    coarse = rollout(system, start, actions, 0.3, STEP, settings=RolloutSettings(maximum_refinements=0))
    assert coarse.energy_drift[1:].min() > 1e-3
    assert ours.energy_drift.max() < 2e-3
    _assert_equal(ours, reference, 1e-5)


def test_initial_grasps_agree() -> None:
    """Protects imposed velocities, which are fitted before the machine code takes over."""
    metric = _normal(2, 1, 7, 7, seed=11)
    nothing = torch.zeros(2, 1).double()
    grasps = Grasps(
        metric @ metric.mT, _normal(2, 1, 7, seed=12), torch.zeros_like(metric), nothing + 9.0, nothing, nothing
    )
    actions = Actions(2, impulses=_loads(2, 7, 0.02, 0.0, 0.0, seed=6), grasps=grasps)
    ours, reference = _both(_system(), _still(4), actions, 0.1)
    assert ours.work[0, 0] != 0.0
    _assert_equal(ours, reference)


def test_a_candidate_does_not_depend_on_its_neighbours_to_the_last_bit() -> None:
    """Protects independence: the same numbers beside other candidates, in other lanes and in other threads.

    Alone it is computed by the same source without vectors of candidates: equal to rounding.
    """
    system = _system()
    actions = Actions(40, pushes=_loads(40, 7, 0.4, 0.0, 0.1, seed=8))
    together = rollout(system, _still(4), actions, 0.2, STEP)
    beside_others = rollout(system, _still(4), actions.select(torch.tensor([1, 33, 7, 2])), 0.2, STEP)
    alone = rollout(system, _still(4), actions.select(torch.tensor([33])), 0.2, STEP)
    assert torch.equal(together.q[33], beside_others.q[1])
    assert torch.equal(together.energy_drift[33], beside_others.energy_drift[1])
    torch.testing.assert_close(together.q[33], alone.q[0], rtol=1e-9, atol=1e-12)


def test_cancelled_before_and_during() -> None:
    """Protects long actions: the machine code stops between blocks of steps and fills the rest."""
    system = _system()
    actions = Actions(1, pushes=_loads(1, 7, 0.4, 0.0, 0.1, seed=8))
    result = rollout(system, _still(4), actions, 1.0, STEP, cancelled=lambda: True)
    assert result.outcomes == [Outcome.CANCELLED]
    assert (result.q == 0.0).all()
    answers = iter([False, True])
    result = rollout(system, _still(4), actions, 1.0, STEP, cancelled=lambda: next(answers, True))
    done = CANCEL_EVERY
    assert result.outcomes == [Outcome.CANCELLED]
    assert not torch.equal(result.q[0, done], result.q[0, done - 1])
    assert (result.q[0, done:] == result.q[0, done]).all()


class _Foreign(CoordinatePotential):
    """A user's own term."""

    name = "foreign"

    def value(self, q: torch.Tensor) -> torch.Tensor:
        return q.square().sum(-1)

    def gradient(self, q: torch.Tensor) -> torch.Tensor:
        return 2.0 * q


def test_what_is_not_supported_goes_to_the_reference() -> None:
    """Protects generality: foreign terms, other methods and gradients never reach the machine code."""
    system, state, nothing = _system(), _still(4), Actions(1)
    foreign = LagrangianSystem(system.embedding, (_Foreign(),), (), system.latent_mass)
    assert not fast_path.supports(foreign, state, nothing, Variational())
    assert not fast_path.supports(system, state, nothing, RungeKutta4())
    wanted = State(state.q.clone().requires_grad_(), state.qdot)
    assert not fast_path.supports(system, wanted, nothing, Variational())
    assert rollout(foreign, state, nothing, 0.05, STEP).outcomes == [Outcome.OK]
