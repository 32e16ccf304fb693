"""Identification from observed pokes, and other physics for an object that is encoded already."""

from dataclasses import replace

import numpy as np
import pytest
from flexible_plate import flexible_plate, tip

from neurok_model import Impulse, PhysicsParameters, Push
from neurok_model.errors import NeurokError
from neurok_model.identification import MotionObservation

STEP = 1.0 / 60.0
TRUE = PhysicsParameters(mass=0.6, elastic_frequency=2.2, damping_rate=1.4)
STATED = PhysicsParameters(mass=1.0, elastic_frequency=0.0, damping_rate=0.5)


def observed(contacts, noise: float = 5e-4, seed: int = 0, seconds: float = 0.6) -> MotionObservation:
    """The true plate's motion as a camera sees it."""
    motion = flexible_plate(TRUE).predict(contacts, horizon=seconds, step=STEP)
    points = motion.vertices().astype(np.float64)
    points += np.random.default_rng(seed).normal(size=points.shape) * noise
    return MotionObservation(contacts, motion.times, points)


def poke(strength: float = 0.4, side: float = 1.0) -> list[Push]:
    place = tip(flexible_plate(TRUE)) * np.array([1.0, side, 1.0])
    return [Push(place, (0.0, 0.0, strength), duration=0.1)]


def test_mass_stiffness_and_damping_are_found_from_one_poke() -> None:
    """Protects identification: all three come out within their intervals and within 5 %, from wrong beginnings."""
    found = flexible_plate(STATED).identify([observed(poke())])
    for name in ("mass", "elastic_frequency", "damping_rate"):
        low, high = found.interval(name, deviations=3.0)
        assert low < getattr(TRUE, name) < high
        assert getattr(found.physics, name) == pytest.approx(getattr(TRUE, name), rel=0.05)
    assert found.residual < 0.2 * found.residual_before


def test_how_far_the_weight_bends_it_is_found_from_one_poke() -> None:
    """Protects the other way to state a stiffness: by the weight that the scanned pose carries."""
    true = PhysicsParameters(mass=0.6, sag=0.4, damping_rate=1.4)
    motion = flexible_plate(true).predict(poke(), horizon=0.6, step=STEP)
    seen = MotionObservation(poke(), motion.times, motion.vertices().astype(np.float64))
    found = flexible_plate(replace(STATED, sag=2.0)).identify([seen], ("mass", "sag", "damping_rate"))
    assert found.physics.sag == pytest.approx(0.4, rel=0.05)
    assert found.residual < 0.2 * found.residual_before


def test_more_pokes_and_less_noise_make_it_surer() -> None:
    """Protects the uncertainty: its size follows the data."""
    model = flexible_plate(STATED)
    one = model.identify([observed(poke(), noise=2e-3)])
    two = model.identify([observed(poke(), noise=2e-3), observed(poke(0.3, -1.0), noise=2e-3, seed=1)])
    clean = model.identify([observed(poke(), noise=2e-4)])
    assert np.trace(two.log_covariance) < np.trace(one.log_covariance)
    assert np.trace(clean.log_covariance) < 0.3 * np.trace(one.log_covariance)


def test_what_is_not_seen_stays_unknown() -> None:
    """Protects against false certainty: free swinging shows the frequency, but never the mass."""
    start = flexible_plate(TRUE)
    state = replace(start.rest_state, q=np.array([1.0, 0.3]))
    motion = start.predict([], horizon=0.6, step=STEP, initial_state=state)
    seen = MotionObservation([], motion.times, motion.vertices().astype(np.float64), initial_state=state)
    found = flexible_plate(STATED).identify([seen])
    low, high = found.interval("mass")
    assert high / low > 50.0
    low, high = found.interval("elastic_frequency")
    assert high / low < 1.2


def test_predictions_draw_from_the_uncertainty() -> None:
    """Protects planners that ask how sure the model is: futures spread with what is unknown, and hold the truth."""
    model = flexible_plate(STATED)
    found = model.identify([observed(poke(), noise=3e-3)])
    contacts = [Impulse(tip(model), (0.0, 0.0, -0.02))]
    prediction = model.predict(contacts, horizon=0.4, step=STEP, uncertainty=found, draws=12, seed=3)
    again = model.predict(contacts, horizon=0.4, step=STEP, uncertainty=found, draws=12, seed=3)
    assert prediction.spread is not None
    assert again.spread is not None
    corner = np.array([int(np.argmax(model.rest_vertices[:, 0] + model.rest_vertices[:, 1]))])
    deviation = prediction.spread.deviation(corner)[:, 0]
    assert np.array_equal(deviation, again.spread.deviation(corner)[:, 0])
    assert deviation[0] < 1e-7
    assert deviation[-1] > 1e-4
    truth = flexible_plate(TRUE).predict(contacts, horizon=0.4, step=STEP).points(corner)[:, 0]
    middle = prediction.spread.points(corner)[:, :, 0].mean(axis=0)
    assert (np.linalg.norm(truth - middle, axis=1) < 4.0 * deviation + 5e-4).all()
    known = model.predict(contacts, horizon=0.4, step=STEP)
    assert known.spread is None


def test_other_physics_without_encoding_again() -> None:
    """Protects with_physics: an object of another mass moves as one built with that mass."""
    contacts = [Impulse(tip(flexible_plate(TRUE)), (0.0, 0.0, 0.1))]
    changed = flexible_plate(STATED).with_physics(TRUE)
    ours = changed.predict(contacts, horizon=0.2, step=STEP)
    built = flexible_plate(TRUE).predict(contacts, horizon=0.2, step=STEP)
    np.testing.assert_allclose(ours.vertices(), built.vertices(), atol=1e-6)
    np.testing.assert_allclose(ours.kinetic_energy, built.kinetic_energy, rtol=1e-6)


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.identify([]),
        lambda model: model.identify([observed(poke())], parameters=["colour"]),
        lambda model: model.identify([observed(poke())], parameters=[]),
        lambda model: MotionObservation([], np.array([0.0, 0.1, 0.3]), np.zeros((3, 1, 3))),
        lambda model: MotionObservation([], np.array([0.0, 0.1]), np.full((2, 1, 3), np.nan)),
        lambda model: model.identify([MotionObservation([], np.array([0.0, 0.1]), np.zeros((2, 5, 3)))]),
    ],
)
def test_observations_without_meaning_are_refused(ask) -> None:
    """Protects callers with an error before anything is fitted."""
    with pytest.raises(NeurokError):
        ask(flexible_plate(STATED))
