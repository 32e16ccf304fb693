"""The compiled object against the network in the loop, for every head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from predictor.tiny_objects import QUICK, box_scan, tiny_predictor

from neurok_model import ObjectModel, ObjectState, PhysicsParameters, Push, TriangleMesh
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.networks.decoder import HEADS
from neurok_model.sampled_motion import REFITTED, REFITTED_ESTIMATE

PHYSICS = PhysicsParameters(mass=2.0, gravity=(0.0, 0.0, -1.0))
CAREFUL = replace(QUICK, samples=400, maximum_samples=800, hidden=(8, 16, 24, 32), tangent_samples=24)


@pytest.fixture(scope="module", params=sorted(HEADS))
def both(request: pytest.FixtureRequest) -> tuple[ObjectModel, ObjectModel]:
    """The same object, compiled and exact."""
    predictor = tiny_predictor(request.param, settings=CAREFUL)
    return predictor.encode(box_scan(), PHYSICS), predictor.encode(box_scan(), PHYSICS, exact=True)


def _states(model: ObjectModel, count: int) -> torch.Tensor:
    return torch.as_tensor(model.sample(count, seed=3).q, dtype=torch.float64)


def test_values_are_the_networks(both: tuple[ObjectModel, ObjectModel]) -> None:
    """Protects every mesh: vertices agree with the decoder's to the error that the compiled object states."""
    compiled, exact = both
    q = _states(compiled, 12).numpy()
    ours, theirs = compiled.surface.vertices(q), exact.surface.vertices(q)
    motion = np.linalg.norm(theirs - exact.rest_vertices)
    assert motion > 0.0
    assert np.linalg.norm(ours - theirs) < 0.02 * motion
    np.testing.assert_allclose(exact.surface.vertices(np.zeros(exact.dimension)), exact.rest_vertices, atol=1e-6)


def test_first_and_second_derivatives_are_the_networks(both: tuple[ObjectModel, ObjectModel]) -> None:
    """Protects the mass matrix and the Coriolis term of what is compiled; the free heads, untrained, are rough."""
    compiled, exact = (model.system.embedding for model in both)
    q = _states(both[0], 4)
    velocity = torch.randn(q.shape, generator=torch.Generator().manual_seed(0), dtype=q.dtype)
    ours, theirs = compiled.jacobian(q), exact.jacobian(q)
    metric, expected = ours.mT @ ours, theirs.mT @ theirs
    assert (metric - expected).norm() < 0.06 * expected.norm()
    bend, expected_bend = compiled.second_directional(q, velocity), exact.second_directional(q, velocity)
    coriolis = (ours.mT @ bend[..., None])[..., 0]
    expected_coriolis = (theirs.mT @ expected_bend[..., None])[..., 0]
    scale = theirs.flatten(1).norm(dim=1) * expected_bend.norm(dim=1)
    assert ((coriolis - expected_coriolis).norm(dim=1) < 0.4 * scale).all()


def test_a_whole_rollout_is_the_networks(both: tuple[ObjectModel, ObjectModel]) -> None:
    """Protects predictions: a push moves the compiled object as it moves the network itself."""
    compiled, exact = both
    corner = compiled.rest_vertices[np.argmax(compiled.rest_vertices.sum(1))].astype(np.float64)
    pushes = [Push(corner, (1.0, 0.5, 0.0), duration=0.02)]
    ours, theirs = (model.predict(pushes, horizon=0.05, step=1 / 40) for model in both)
    motion = np.linalg.norm(theirs.vertices()[-1] - exact.rest_vertices)
    assert motion > 0.0
    assert np.linalg.norm(ours.vertices()[-1] - theirs.vertices()[-1]) < 0.12 * motion
    assert theirs.energy_drift < 1e-2
    assert ours.residual == pytest.approx(theirs.residual, abs=0.05)
    assert exact.compile_error == 0.0


def test_exact_objects_stand_on_a_fixed_base() -> None:
    """Protects users of free bases: what is not offered is refused by name."""
    with pytest.raises(NeurokError) as caught:
        tiny_predictor().encode(box_scan(), PhysicsParameters(support="free"), exact=True)
    assert caught.value.code == ErrorCode.INVALID_PARAMETER


@pytest.fixture(scope="module")
def quick() -> tuple[ObjectModel, ObjectModel]:
    predictor = tiny_predictor()
    physics = PhysicsParameters(wall_frequency=0.0, gravity=(0.0, 0.0, 0.0), damping_rate=0.0)
    return predictor.encode(box_scan(), physics), predictor.encode(box_scan(), physics, exact=True)


def test_a_motion_that_leaves_what_was_sampled_says_so(quick: tuple[ObjectModel, ObjectModel]) -> None:
    """Protects planners: extrapolation is told from prediction, in single answers and in batches."""
    model, _ = quick
    far = ObjectState(
        model.region.mean.numpy() + 1.5 * model.region.radius * np.eye(model.dimension)[0], np.zeros(model.dimension)
    )
    prediction = model.predict([], horizon=0.1, step=0.05, initial_state=far)
    assert any("standard deviations" in warning for warning in prediction.warnings)
    batch = model.predict_batch([[], []], horizon=0.1, step=0.05, initial_state=far)
    assert batch.extrapolated.all()
    inside = model.predict([], horizon=0.1, step=0.05)
    assert inside.warnings == ()
    assert not model.predict_batch([[]], horizon=0.1, step=0.05).extrapolated.any()


def test_refitting_brings_the_map_back_to_the_network(quick: tuple[ObjectModel, ObjectModel]) -> None:
    """Protects states beyond the prior: after refitting the vertices there are the network's, in the same q."""
    model, exact = quick
    far = model.region.mean.numpy() + 1.7 * model.region.radius * np.eye(model.dimension)[0]
    state = ObjectState(far, np.zeros(model.dimension))
    truth = exact.surface.vertices(far)
    motion = np.linalg.norm(truth - exact.rest_vertices)
    refitted = model.refitted(state)
    before, after = (np.linalg.norm(each.surface.vertices(far) - truth) / motion for each in (model, refitted))
    assert after < 0.05
    assert after < before
    assert refitted.predict([], horizon=0.02, step=0.01, initial_state=state).warnings == ()
    prediction = model.predict([], horizon=0.02, step=0.01, initial_state=state, refit=True)
    assert prediction.warnings[0] == REFITTED


def test_a_pose_beyond_the_prior_is_found_by_a_map_that_is_fitted_there(quick: tuple[ObjectModel, ObjectModel]) -> None:
    """Protects state estimation: a pose outside of what was compiled is found worse, which is said, or found again."""
    model, exact = quick
    far = model.region.mean.numpy() + 1.7 * model.region.radius * np.eye(model.dimension)[0]
    shown = TriangleMesh(exact.surface.vertices(far).astype(np.float64), model.triangles)
    first, again = model.estimate_state(shown), model.estimate_state(shown, refit=True)
    assert any("standard deviations" in warning for warning in first.warnings)
    assert again.warnings == (REFITTED_ESTIMATE,)
    assert again.residual < 0.7 * first.residual
    assert model.estimate_state(TriangleMesh(model.rest_vertices.astype(np.float64), model.triangles)).warnings == ()
