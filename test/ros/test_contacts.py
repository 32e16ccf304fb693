"""Contacts must arrive as they were sent, in the object's frame, and bad ones be refused by name."""

import numpy as np
import pytest
from geometry_msgs.msg import Point, Vector3
from hypothesis import given
from hypothesis import strategies as st
from refusals import value_or_refusal

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import ImposedVelocity, Impulse, Push
from neurok_msgs.msg import Contact
from neurok_ros.conversions.contacts import (
    action_from_message,
    action_to_message,
    contact_array,
    contact_from_message,
)
from neurok_ros.conversions.transforms import RigidTransform, rotation_matrix

HERE = RigidTransform()
QUARTER_TURN = RigidTransform(
    rotation_matrix(np.array([np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)])), np.array([1.0, 0.0, 0.0])
)


def test_actions_survive_the_message() -> None:
    """Every kind of contact, with every field."""
    push = Push((0.1, 0.2, 0.3), (1.0, 2.0, 3.0), 0.25, 0.5)
    strike = Impulse((0.3, 0.2, 0.1), (0.0, 0.0, -2.0), 0.125)
    grasp = ImposedVelocity([[0, 0, 0], [0.5, 0, 0]], (0, 0, 1), (0, 1, 0), (0.25, 0, 0), 0.5, 0.75)
    back_push, back_strike, back_grasp = action_from_message(action_to_message([push, strike, grasp]), HERE)
    np.testing.assert_array_equal(back_push.point, push.point)
    np.testing.assert_array_equal(back_push.force, push.force)
    assert (back_push.duration, back_push.start) == (0.25, 0.5)
    np.testing.assert_array_equal(back_strike.impulse, strike.impulse)
    assert back_strike.start == 0.125
    for name in ("points", "linear", "angular", "origin", "duration", "start"):
        np.testing.assert_array_equal(getattr(back_grasp, name), getattr(grasp, name))


def test_impulse_is_force_times_duration() -> None:
    """A strike may be told as a force over a short time."""
    message = Contact(force=Vector3(z=200.0), duration=0.01, mode=Contact.IMPULSE)
    np.testing.assert_allclose(contact_from_message(message, HERE, "c").impulse, [0, 0, 2])


def test_points_move_and_forces_only_turn() -> None:
    """A quarter turn about z and a metre along x: x becomes y; only positions are shifted."""
    message = contact_array([Push((1.0, 0.0, 0.0), (1.0, 0.0, 0.0), 0.1)])
    (push,) = action_from_message(message, QUARTER_TURN)
    np.testing.assert_allclose(push.point, [1.0, 1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(push.force, [0.0, 1.0, 0.0], atol=1e-12)


def test_grasp_without_reference_turns_about_its_points() -> None:
    """The reference of zeros must not be taken for a point when it was not given."""
    message = action_to_message([ImposedVelocity([[2.0, 0, 0], [4.0, 0, 0]], (0, 0, 1))])
    message.imposed_velocities[0].has_reference = False
    (grasp,) = action_from_message(message, HERE)
    np.testing.assert_array_equal(grasp.origin, [3.0, 0, 0])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"duration": 0.0}, "duration"),
        ({"duration": -1.0}, "duration"),
        ({"duration": float("nan")}, "duration"),
        ({"start": -0.1}, "start"),
        ({"mode": 7}, "mode"),
        ({"point": Point(x=float("nan"))}, "point"),
        ({"force": Vector3(y=float("inf"))}, "force"),
    ],
)
def test_bad_contacts_are_refused_by_name(change: dict, field: str) -> None:
    """The error says which contact and which of its fields."""
    message = Contact(force=Vector3(z=1.0), duration=0.1)
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(NeurokError) as caught:
        contact_from_message(message, HERE, "contacts[2]")
    assert caught.value.code is ErrorCode.INVALID_CONTACT
    assert caught.value.field == f"contacts[2].{field}"


def test_grasp_without_points_is_refused() -> None:
    """The converter must get over an empty list of points."""
    message = action_to_message([ImposedVelocity([[0, 0, 0]], (0, 0, 1))])
    message.imposed_velocities[0].points = []
    with pytest.raises(NeurokError, match=r"^action.imposed_velocities\[0\].points"):
        action_from_message(message, HERE)


@pytest.mark.filterwarnings("ignore:.*matmul:RuntimeWarning")
@given(st.lists(st.floats(), min_size=8, max_size=8), st.integers(0, 255))
def test_any_message_is_a_contact_or_a_refusal(numbers: list[float], mode: int) -> None:
    """Whatever numbers arrive, the outcome is a finite contact or an error about it."""
    message = Contact(
        point=Point(x=numbers[0], y=numbers[1], z=numbers[2]),
        force=Vector3(x=numbers[3], y=numbers[4], z=numbers[5]),
        start=numbers[6],
        duration=numbers[7],
        mode=mode,
    )
    contact, code = value_or_refusal(lambda: contact_from_message(message, QUARTER_TURN, "contacts[0]"))
    assert code in (ErrorCode.OK, ErrorCode.INVALID_CONTACT)
    assert contact is None or np.isfinite(contact.point).all()
