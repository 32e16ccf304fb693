"""Every family's compiled object against the network in the loop, with the packaged weights.

Bounds are what the compiled object states of itself: the error of its values, in metres and as a share of the motion,
and that of its first derivatives. Settings are small, so that the maps are coarse and say so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from neurok_model import ObjectModel, PhysicsParameters, Predictor, Push, TriangleMesh
from neurok_model.cache import DiskCache
from neurok_model.data.families import build_object, family_names
from neurok_model.mechanics import RolloutSettings
from neurok_model.reduction import CompilationSettings, CompiledMap, Embedding, SmoothMap
from neurok_model.reduction.snapshots import draw_configurations

TEST_SEED = 2
"""Of the test split: its remainder modulo 3 is 2."""

SETTINGS = CompilationSettings(
    maximum_dimension=2,
    subspace_samples=24,
    samples=192,
    maximum_samples=192,
    test_samples=192,
    hidden=(24,),
    iterations=10,
)

DRAWS, DIFFERENTIATED = 144, 16
"""Fresh configurations at which values and derivatives are compared."""

TWICE = 2.0
"""Root mean squares over a few dozen draws of heavy-tailed errors scatter by half; one that is twice as large is wrong.
"""

FIVEFOLD = 5.0
"""The error of first derivatives is stated from a few dozen configurations, is largest towards the region's edge, and
scatters by more; a map whose values are off by a share of the motion has slopes that are off by as much at least.
"""

FOUR_TIMES = 4.0
"""The Jacobian stands four times in the way that a push moves points."""

INSIDE, REACH = 0.6, 1.0
"""Second differences over ``REACH`` standard deviations are taken about draws that are pulled towards the region's
centre, so that all three configurations lie inside.
"""

STEP = 1.0 / 60.0

MOVED = 0.05
"""Share of the motion over the region that a push causes: more of it needs shorter steps than these."""

SETTINGS_OF_BOTH = RolloutSettings(maximum_step=STEP / 8, maximum_refinements=0)
"""The same few steps for both, whatever the energy says: the maps are compared, not the choice of steps."""


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """The packaged weights; what is compiled once serves the exact object too, so that both have the same q."""
    return Predictor.load(
        device="cpu", settings=SETTINGS, cache=DiskCache(Path(tmp_path_factory.mktemp("compiled")), 2**30)
    )


@dataclass(frozen=True)
class Pair:
    """The same object, compiled and exact.

    Attributes:
        compiled: moved by its map.
        exact: moved by the network.
        form: the map, for an object of one kilogram.
        modes: [3n, r], from the map's coordinates to mass-weighted displacements, which are the exact object's own.
    """

    compiled: ObjectModel
    exact: ObjectModel
    form: CompiledMap
    modes: Tensor

    def apart(self, ours: Tensor, exact: Tensor) -> float:
        """Root-mean-square distance of mass-weighted displacements, [s, r] and [s, 3n]: metres, for one kilogram."""
        return float((ours @ self.modes.mT - exact).square().sum(1).mean().sqrt())


def _pair(predictor: Predictor, family: str) -> Pair:
    instance = build_object(family, TEST_SEED)
    frames = instance.pose(instance.sample_states(np.random.default_rng(0), 1))
    scan, physics = TriangleMesh(frames.vertices[0], instance.triangles), PhysicsParameters(mass=1.0)
    compiled, exact = predictor.encode(scan, physics), predictor.encode(scan, physics, exact=True)
    assert compiled.parts is not None
    form = compiled.parts.embedding
    assert isinstance(form, CompiledMap)
    masses = torch.as_tensor(compiled.parts.scan.samples.area_share, dtype=torch.float64)
    modes = (masses.sqrt()[:, None, None] * compiled.parts.point_modes.double()).flatten(0, 1)
    return Pair(compiled, exact, form, modes)


def _errors(pair: Pair) -> dict[str, float]:
    """Every error as a share of what the compiled object allows by its own statement; more than one is wrong.

    Second differences of three values that are each off by the stated error e, independently, are off by
    sqrt(1 + 4 + 1) e. A push moves points by J (J^T J)^-1 J^T f, in which J stands four times; what counts is by how
    much it is off in every direction of unit inertia, which is more than as a whole in coordinates that weigh little.
    """
    ours, exact, form = pair.compiled.system.embedding, pair.exact.system.embedding, pair.form
    generator = torch.Generator().manual_seed(7)
    q = draw_configurations(form.region, DRAWS + 1, generator)[1:].double()
    some, mean = q[:DIFFERENTIATED], form.region.mean.double()
    jacobian = exact.jacobian(some)
    first = float((pair.modes @ ours.jacobian(some) - jacobian).norm() / jacobian.norm())
    direction = torch.randn(q.shape, generator=generator, dtype=torch.float64)
    direction = REACH * direction / direction.norm(dim=1, keepdim=True)
    middle = mean + INSIDE * (q - mean)

    def second(embedding: Embedding) -> Tensor:
        ends = [embedding.value(middle + sign * direction) for sign in (1.0, -1.0)]
        return ends[0] + ends[1] - 2.0 * embedding.value(middle)

    rest = torch.zeros_like(mean)
    scanned = exact.jacobian(rest)
    factor = torch.linalg.cholesky(pair.exact.system.mass_matrix(scanned))
    off = torch.linalg.solve_triangular(factor, (pair.modes @ ours.jacobian(rest) - scanned).mT, upper=False)
    at_rest = float(torch.linalg.matrix_norm(off, 2))
    stated = form.value_error_metres
    moved, apart = _pushed(pair, MOVED * stated / form.relative_error)
    return {
        "values": pair.apart(ours.value(q), exact.value(q)) / (TWICE * stated),
        "first derivatives": first / (FIVEFOLD * max(form.derivative_error, form.relative_error)),
        "second differences": pair.apart(second(ours), second(exact)) / (TWICE * 6.0**0.5 * stated),
        "rollout": apart / (FOUR_TIMES * max(form.derivative_error, at_rest) * moved),
    }


def _pushed(pair: Pair, wanted: float) -> tuple[float, float]:
    """Push the surface point that gives way most, the way that it gives, so that the surface moves by about ``wanted``;
    root-mean-square way of the exact object, and how far the compiled one is from it [m].
    """
    system, surface = pair.compiled.system, pair.compiled.surface
    rest = torch.zeros(pair.compiled.dimension, dtype=torch.float64)
    jacobian = system.embedding.jacobian(rest)
    motion = surface.point_modes().double() @ jacobian
    mobility = motion @ torch.linalg.inv(system.mass_matrix(jacobian)) @ motion.mT
    sizes, directions = torch.linalg.eigh(mobility)
    chosen = int(sizes[:, -1].argmax())
    point, direction = surface.scan.samples.points[chosen], directions[chosen, :, -1].numpy()

    def end(model: ObjectModel, force: float) -> Tensor:
        push = Push(point, force * direction, duration=STEP)
        q = model.predict([push], horizon=2 * STEP, step=STEP, settings=SETTINGS_OF_BOTH).q[-1]
        return model.system.embedding.value(torch.as_tensor(q)[None])

    force = wanted / float(end(pair.compiled, 1.0).norm())
    ours, exact = (end(model, force) for model in (pair.compiled, pair.exact))
    return float(exact.norm()), pair.apart(ours, exact)


@pytest.mark.slow
@pytest.mark.parametrize("family", family_names())
def test_a_compiled_object_is_the_network_to_what_it_states(predictor: Predictor, family: str) -> None:
    """Protects whoever trusts the stated error: values, derivatives and a rollout are as near to the network as it
    says, for every family.
    """
    errors = _errors(_pair(predictor, family))
    assert all(error <= 1.0 for error in errors.values()), errors


@pytest.mark.parametrize("wrong", [0.8, 1.25])
def test_a_map_that_is_wrong_by_a_fifth_is_noticed(predictor: Predictor, wrong: float) -> None:
    """Protects the test above: it fails for a map whose nonlinear part is too small or too large."""
    pair = _pair(predictor, "scissors")
    assert isinstance(pair.compiled.system.embedding, SmoothMap)
    spoiled = SmoothMap(pair.form.inner, pair.form.bias, wrong * pair.form.outer, pair.form.linear)
    system = replace(pair.compiled.system, embedding=spoiled.to(torch.float64))
    pair.compiled.system = system
    errors = _errors(pair)
    assert errors["values"] > 1.0
    assert errors["first derivatives"] > 1.0


def test_second_derivatives_are_those_of_the_values(predictor: Predictor) -> None:
    """Protects the Coriolis term: closed forms agree with differences of the same map, which is held to the network."""
    pair = _pair(predictor, "scissors")
    form = pair.compiled.system.embedding
    generator = torch.Generator().manual_seed(3)
    q = pair.form.region.sample(6, generator).double()
    velocity = torch.randn(q.shape, generator=generator, dtype=torch.float64)
    step = 1e-3
    ends = form.value(q + step * velocity) + form.value(q - step * velocity) - 2.0 * form.value(q)
    closed = form.second_directional(q, velocity)
    assert float((ends / step**2 - closed).norm()) < 1e-4 * float(closed.norm())
