"""Prediction from a scan and contacts, on the real checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

from neurok_model import ObjectState, PhysicsParameters
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.mechanics import ImposedVelocity, Impulse, Outcome, Push

HORIZON, STEP = 0.3, 1.0 / 60.0


def lid_edge(model) -> np.ndarray:
    """The highest vertex: on the far edge of the opened lid."""
    return model.rest_vertices[np.argmax(model.rest_vertices[:, 2])].astype(np.float64)


def push(model, force: float) -> Push:
    return Push(lid_edge(model), (force, 0.0, 0.0), duration=0.1)


def test_nothing_happens_without_contact(model):
    """Protects the scan: it was seen standing still, so left alone it stays, under gravity too."""
    prediction = model.predict([], horizon=0.5, step=STEP)
    moved = np.linalg.norm(prediction.vertices()[-1] - model.rest_vertices, axis=1).max()
    assert prediction.outcome == Outcome.OK
    assert moved < 1e-3 * model.surface.scan.normalisation.scale


def test_a_push_on_the_lid_moves_the_lid_along_the_push(model):
    """Protects the point of it all: the pushed edge goes where it is pushed, and the base stays."""
    for force in (3.0, -3.0):
        prediction = model.predict([push(model, force)], horizon=HORIZON, step=STEP)
        motion = prediction.vertices()[-1] - model.rest_vertices
        edge = np.argmax(model.rest_vertices[:, 2])
        lowest = model.rest_vertices[:, 2] < np.quantile(model.rest_vertices[:, 2], 0.1)
        base_motion = np.median(np.linalg.norm(motion[lowest], axis=1))
        assert prediction.outcome in (Outcome.OK, Outcome.PRIOR_EDGE)
        assert np.sign(motion[edge, 0]) == np.sign(force)
        assert np.linalg.norm(motion[edge]) > 5.0 * base_motion
        assert prediction.energy_drift < 0.05


def test_an_impulse_gives_the_energy_it_does_work(predictor, laptop):
    """Protects energy: right after a strike from rest, the kinetic energy is the work of the impulse."""
    model = predictor.encode(laptop, PhysicsParameters(mass=2.0, damping_rate=0.0))
    prediction = model.predict([Impulse(lid_edge(model), (0.2, 0.0, 0.0))], horizon=STEP, step=STEP)
    assert prediction.kinetic_energy[0] == pytest.approx(prediction.work[0], rel=1e-4)
    assert prediction.work[0] > 0.0


def test_a_batch_equals_its_members(model):
    """Protects planners: a candidate's result does not depend on its neighbours, and tracked points are vertices."""
    actions = [[push(model, force)] for force in (-2.0, 0.5, 3.0)]
    tracked = np.array([0, 5])
    batch = model.predict_batch(actions, horizon=HORIZON, step=STEP, tracked_vertices=tracked, full_meshes=True)
    size = model.surface.scan.normalisation.scale
    for index, action in enumerate(actions):
        alone = model.predict(action, horizon=HORIZON, step=STEP)
        vertices = alone.vertices()
        np.testing.assert_allclose(batch.tracked[index], vertices[:, tracked], atol=1e-4 * size)
        np.testing.assert_allclose(batch.final_vertices[index], vertices[-1], atol=1e-4 * size)
        assert batch.outcome[index] == alone.outcome


def test_imposed_velocity_is_followed(model):
    """Protects grasps: a held edge leaves with a good part of the gripper's velocity."""
    grasp = ImposedVelocity(lid_edge(model)[None], (0.3, 0.0, 0.0))
    prediction = model.predict([grasp], horizon=STEP, step=STEP)
    vertices = prediction.points(np.array([np.argmax(model.rest_vertices[:, 2])]))
    velocity = (vertices[1, 0] - vertices[0, 0]) / STEP
    assert velocity[0] > 0.1
    assert 0.0 <= prediction.residual <= 1.0


def test_states_are_estimated_from_what_they_look_like(model):
    """Protects inverse kinematics: a posed mesh, and a cloud of it, lead back to that pose."""
    q = 0.7 * model.sample(1, seed=4).q[0]
    shown = model.surface.vertices(q).astype(np.float64)
    size = model.surface.scan.normalisation.scale
    from_mesh = model.estimate_state(TriangleMesh(shown, model.triangles))
    assert from_mesh.residual < 0.01 * size
    still = np.linalg.norm(shown - model.rest_vertices, axis=1).mean()
    cloud = model.surface.points(q)
    from_cloud = model.estimate_state(PointCloud(cloud))
    assert np.linalg.norm(from_cloud.vertices - shown, axis=1).mean() < 0.5 * still


def test_cancelling_stops_early(model):
    """Protects the node: a long prediction gives up when told to, and says so."""
    prediction = model.predict([push(model, 1.0)], horizon=HORIZON, step=STEP, cancelled=lambda: True)
    assert prediction.outcome == Outcome.CANCELLED


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"horizon": 0.0}, ErrorCode.INVALID_HORIZON),
        ({"horizon": -1.0}, ErrorCode.INVALID_HORIZON),
        ({"step": 0.0}, ErrorCode.INVALID_HORIZON),
        ({"step": float("nan")}, ErrorCode.INVALID_HORIZON),
        ({"initial_state": ObjectState(np.zeros(99), np.zeros(99))}, ErrorCode.INVALID_PARAMETER),
    ],
)
def test_bad_requests_are_refused(model, arguments, code):
    """Protects callers: each refused request names what was wrong."""
    with pytest.raises(NeurokError) as caught:
        model.predict([], **({"horizon": HORIZON, "step": STEP} | arguments))
    assert caught.value.code == code


def test_contacts_off_the_surface_are_refused(model):
    """Protects against contacts in another frame: the error says how far away and what would be accepted."""
    with pytest.raises(NeurokError, match="from the surface") as caught:
        model.predict([Push((5.0, 0.0, 0.0), (1.0, 0.0, 0.0), duration=0.1)], horizon=HORIZON, step=STEP)
    assert caught.value.code == ErrorCode.CONTACT_OFF_SURFACE
