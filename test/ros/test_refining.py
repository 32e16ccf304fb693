"""Refining replaces the held object wholly or not at all. The model is a stand-in, and nothing of ROS runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from fake_predictor import SlidingModel, SlidingPredictor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import TriangleMesh
from neurok_model.identification import IdentifiedPhysics, MotionObservation
from neurok_model.mechanics import Push
from neurok_model.physics import PhysicsParameters
from neurok_model.predictor import RefinedModel
from neurok_model.results import ObjectState, StateEstimate
from neurok_ros.limits import Limits
from neurok_ros.session import ObjectSession

PLATE = TriangleMesh(
    np.array([[0, 0, 0], [0.3, 0, 0], [0.3, 0.2, 0], [0, 0.2, 0]], float), np.array([[0, 1, 2], [0, 2, 3]])
)
PHYSICS = PhysicsParameters()
LIMITS = Limits(horizon=10.0, candidate_seconds=50.0, candidate_steps=1000, answer_bytes=1_000_000)
LIFTED = TriangleMesh(PLATE.vertices + [0, 0, 0.1], PLATE.triangles)
MOTION = MotionObservation([], np.array([0.0, 0.1]), np.stack([PLATE.vertices, LIFTED.vertices]))
STATED, FITTED = 1.0, 2.0
"""Masses in kilograms."""


class RefinedSlidingModel(SlidingModel):
    """A lid whose coordinate is half of its height: states of the model before are not states of this one."""

    def __init__(self, scan: TriangleMesh, physics: PhysicsParameters) -> None:
        super().__init__(scan, physics)
        self.object_id += "refined"

    def lifted(self, q: np.ndarray, indices: np.ndarray | None = None) -> np.ndarray:
        return super().lifted(2.0 * np.asarray(q), indices)

    def estimate_state(self, observation: TriangleMesh, initial_state: ObjectState | None = None) -> StateEstimate:
        found = super().estimate_state(observation, initial_state)
        return replace(found, state=ObjectState(0.5 * found.state.q, found.state.qdot))

    def identify(
        self, observations: Sequence[MotionObservation], parameters: Sequence[str], model_error: float
    ) -> IdentifiedPhysics:
        """Twice the mass, give or take five per cent."""
        if "damping_rate" in parameters:
            raise RuntimeError("a fault of the program")
        physics = replace(self.physics, mass=FITTED)
        return IdentifiedPhysics(physics, ("mass",), np.log([FITTED]), np.array([[0.05**2]]), 0.001, 0.01)

    def with_physics(self, physics: PhysicsParameters) -> RefinedSlidingModel:
        return RefinedSlidingModel(PLATE, physics)


class RefiningPredictor(SlidingPredictor):
    """Refines lids; does something else on the way, when told to."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], object] = lambda: None
        self.refined = 0

    def refine(self, model: SlidingModel, observations: Sequence[MotionObservation]) -> RefinedModel:
        self.refined += 1
        self.meanwhile()
        return RefinedModel(RefinedSlidingModel(PLATE, model.physics), 0.5, 0.1)


@pytest.fixture
def predictor() -> RefiningPredictor:
    return RefiningPredictor()


@pytest.fixture
def session(predictor: RefiningPredictor) -> ObjectSession:
    """A session that holds the plate at rest."""
    session = ObjectSession(predictor, lambda: LIMITS)
    session.set_object(PLATE, PHYSICS, "table")
    return session


def test_refined_object_replaces_the_present_one(session: ObjectSession) -> None:
    """Another id, the same frame, at rest as before; and the stages tell where the time went."""
    before = session.require()
    held, refined = session.refine(before, [MOTION], [])
    assert session.held is held
    assert (held.frame_id, held.residual, held.state.q.tolist()) == ("table", 0.0, [0.0])
    assert held.model.object_id not in ("", before.model.object_id)
    assert (refined.misfit_before, refined.misfit, refined.parameters) == (0.5, 0.1, {})
    assert {"refine", "compile", "prepare", "compute"} == set(refined.timings)
    with pytest.raises(NeurokError) as caught:
        session.require(before.model.object_id)
    assert caught.value.code is ErrorCode.UNKNOWN_OBJECT


def test_parameters_are_fitted_to_the_refined_object(session: ObjectSession) -> None:
    """The held object has them; each is told with its interval."""
    held, refined = session.refine(session.require(), [MOTION], ["mass"])
    assert held.model.physics.mass == FITTED
    value, lower, upper = refined.parameters["mass"]
    assert value == FITTED
    assert np.log([lower, upper]) == pytest.approx(np.log(FITTED) + np.array([-1.96, 1.96]) * 0.05)
    assert "identify" in refined.timings


def test_the_state_goes_on_looking_the_same(session: ObjectSession) -> None:
    """The coordinates of a lid that was seen open are others afterwards; it stands where it stood."""
    session.estimate(session.require(), LIFTED, update=True)
    held, _ = session.refine(session.require(), [MOTION], [])
    assert held.state.q == pytest.approx(0.05)
    np.testing.assert_allclose(held.model.surface.vertices(held.state.q), LIFTED.vertices, atol=1e-6)
    assert held.residual == 0.001


def test_a_reset_meanwhile_is_kept(session: ObjectSession, predictor: RefiningPredictor) -> None:
    """A reset does not wait for the worker; what it did is not undone."""
    session.estimate(session.require(), LIFTED, update=True)
    predictor.meanwhile = session.reset
    held, _ = session.refine(session.require(), [MOTION], [])
    assert (held.state.q.tolist(), held.residual) == ([0.0], 0.0)


def test_another_object_meanwhile_stays(session: ObjectSession, predictor: RefiningPredictor) -> None:
    """What was refined is gone by then: refused in words."""
    predictor.meanwhile = lambda: session.set_object(LIFTED, PHYSICS, "table")
    before = session.require()
    with pytest.raises(NeurokError, match="which replaced it while it was being refined") as caught:
        session.refine(before, [MOTION], [])
    assert caught.value.code is ErrorCode.UNKNOWN_OBJECT
    np.testing.assert_allclose(session.require().model.rest_vertices, LIFTED.vertices, atol=1e-6)


def test_failures_leave_object_and_state(session: ObjectSession, predictor: RefiningPredictor) -> None:
    """Also one that comes late, when the object was refined already."""
    session.estimate(session.require(), LIFTED, update=True)
    before = session.require()
    with pytest.raises(RuntimeError, match="a fault"):
        session.refine(before, [MOTION], ["damping_rate"])
    assert predictor.refined == 1
    assert session.held is before


def test_scans_that_repeat_keep_what_was_learned(session: ObjectSession) -> None:
    """A camera's topic repeats itself; who sets the object by service begins again."""
    original = session.require().model
    held, _ = session.refine(session.require(), [MOTION], ["mass"])
    assert session.set_object(PLATE, PHYSICS, "table", keep_state=True)[0] is held
    again = session.set_object(PLATE, PHYSICS, "table")[0]
    assert again.model.object_id == original.object_id
    assert again.model.physics.mass == STATED
    assert session.set_object(PLATE, PHYSICS, "table")[0].model is again.model, "which is not encoded again"


OFF = MotionObservation([Push((0, 0, 5.0), (0, 0, 1), 0.1)], MOTION.times, MOTION.points)
LONG = MotionObservation([], np.array([0.0, 11.0]), MOTION.points)
REFUSALS = {
    "no motions": ([], [], ErrorCode.INVALID_PARAMETER, r"motions = none: .*one motion or more"),
    "unknown parameter": ([MOTION], ["colour"], ErrorCode.INVALID_PARAMETER, r"parameters = colour: .*reach"),
    "parameter twice": ([MOTION], ["mass", "mass"], ErrorCode.INVALID_PARAMETER, r"parameters = mass, mass: .*once"),
    "off the surface": ([MOTION, OFF], ["mass"], ErrorCode.CONTACT_OFF_SURFACE, r"motions\[1\].action.contacts\[0\]"),
    "too long": (
        [LONG],
        ["mass"],
        ErrorCode.REQUEST_TOO_LARGE,
        r"horizon of motions\[0\].times = 11: .*limits.horizon",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_come_before_the_work(session: ObjectSession, predictor: RefiningPredictor, case: str) -> None:
    """Nobody waits for seconds to be told that a name was misspelt."""
    motions, parameters, code, sentence = REFUSALS[case]
    with pytest.raises(NeurokError, match=sentence) as caught:
        session.refine(session.require(), motions, parameters)
    assert caught.value.code is code
    assert predictor.refined == 0


def test_contacts_and_length_do_not_matter_where_nothing_is_fitted(session: ObjectSession) -> None:
    """Only where the vertices went is looked at."""
    assert session.refine(session.require(), [OFF, LONG], [])[1].misfit == 0.1
