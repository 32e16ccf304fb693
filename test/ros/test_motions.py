"""Watched motions must arrive as they were sent, and what cannot be one is refused by the name of its field."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import value_or_refusal

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.identification import MotionObservation
from neurok_model.mechanics import Push
from neurok_model.results import ObjectState
from neurok_msgs.msg import WatchedMotion
from neurok_ros.conversions.arrays import flat_array
from neurok_ros.conversions.motions import motion_from_message, motion_to_message
from neurok_ros.conversions.transforms import RigidTransform
from neurok_ros.results import PredictionError

VERTICES = np.array([[0, 0, 0], [0.3, 0, 0], [0.3, 0.2, 0], [0, 0.2, 0]], np.float32)
TIMES = np.array([0.0, 0.1, 0.2])
PUSH = Push((0.3, 0.2, 0.0), (0.0, 0.0, 2.0), 0.1)
QUARTER_TURN = RigidTransform(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.array([0.1, 0, 0]))


def lifted(indices: np.ndarray | None = None) -> MotionObservation:
    """The plate, or some of its corners, 5 cm higher in every frame."""
    chosen = VERTICES if indices is None else VERTICES[indices]
    points = chosen + np.arange(3)[:, None, None] * np.array([0, 0, 0.05])
    return MotionObservation([PUSH], TIMES, points, indices)


def received(message: Any, transform: RigidTransform | None = None, with_action: bool = True) -> MotionObservation:
    """What the node makes of a message."""
    return motion_from_message(message, transform or RigidTransform(), VERTICES, "motions[1]", with_action)


@pytest.mark.parametrize("indices", [None, np.array([2, 0])], ids=["all", "some"])
def test_motion_survives_the_message(indices: np.ndarray | None) -> None:
    """Times exactly, points to single precision, contacts and vertices in the same order."""
    sent = lifted(indices)
    message = motion_to_message(sent, "table", "motions[0]")
    back = received(message)
    assert message.header.frame_id == "table"
    np.testing.assert_array_equal(back.times, sent.times)
    np.testing.assert_array_equal(back.points, sent.points.astype(np.float32))
    np.testing.assert_array_equal(back.vertices(4), sent.vertices(4))
    np.testing.assert_array_equal(back.contacts[0].force, PUSH.force)
    assert received(message, with_action=False).contacts == []


def test_points_and_contacts_are_brought_into_the_object_frame() -> None:
    """Watched by a camera that stands elsewhere, it is the same motion."""
    here = lifted()
    back_to_there = RigidTransform(QUARTER_TURN.rotation.T, -QUARTER_TURN.rotation.T @ QUARTER_TURN.translation)
    push = Push(back_to_there.points(PUSH.point), back_to_there.vectors(PUSH.force), PUSH.duration)
    there = MotionObservation([push], TIMES, back_to_there.points(here.points))
    back = received(motion_to_message(there, "camera", "motions[0]"), QUARTER_TURN)
    np.testing.assert_allclose(back.points, here.points, atol=1e-7)
    np.testing.assert_allclose(back.contacts[0].point, PUSH.point, atol=1e-12)


def test_motions_from_elsewhere_are_not_sent() -> None:
    """The message says that motions begin in the scanned pose."""
    state = ObjectState(np.ones(2), np.zeros(2))
    sent = MotionObservation([], TIMES, lifted().points, initial_state=state)
    with pytest.raises(PredictionError, match=r"motions\[3\].initial_state = .*allowed is None") as caught:
        motion_to_message(sent, "", "motions[3]")
    assert caught.value.code is ErrorCode.INVALID_PARAMETER


def with_point(value: float, scale: float = 1.0) -> Any:
    """The points as a flat field, scaled, with one number replaced."""
    points = lifted().points * scale
    points[1, 2, 0] = value
    return flat_array(points, np.float32)


BAD: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "one time": (lambda: {"times": [0.0]}, r"motions\[1\].times = \[0.0\]: .*at least two"),
    "no times": (lambda: {"times": []}, r"motions\[1\].times = "),
    "NaN time": (lambda: {"times": [0.0, 0.1, np.nan]}, r"motions\[1\].times = .*nan.*finite"),
    "late begin": (lambda: {"times": [1.0, 1.1, 1.2]}, r"motions\[1\].times\[0\] = 1 s: .*0 s"),
    "uneven times": (lambda: {"times": [0.0, 0.1, 0.3]}, r"motions\[1\].times = .*evenly spaced"),
    "backwards": (lambda: {"times": [0.0, -0.1, -0.2]}, r"motions\[1\].times = .*evenly spaced"),
    "too few points": (lambda: {"points": with_point(0.3)[:-1]}, r"motions\[1\].points = 35 numbers: .*36 .*3 times"),
    "points of all": (lambda: {"vertex_indices": [0, 1]}, r"motions\[1\].points = 36 numbers: .*18 .*2 tracked"),
    "no such vertex": (lambda: {"vertex_indices": [0, 1, 4, 2]}, r"motions\[1\].vertex_indices\[2\] = 4: .*0 to 3"),
    "lost vertex": (lambda: {"points": with_point(np.nan)}, r"motions\[1\].points = .*nan.* frame 1 .* vertex 2"),
    "infinite": (lambda: {"points": with_point(np.inf)}, r"motions\[1\].points = .*inf.*finite"),
    "far away": (lambda: {"points": with_point(7.0)}, r"motions\[1\].points = .*vertex 2 in frame 1 6.7 m .*1.5 m"),
    "millimetres": (lambda: {"points": with_point(300, 1e3)}, r"motions\[1\].points = .*metres"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_fields_are_named(case: str) -> None:
    """With their index, their value and what is allowed."""
    fields, sentence = BAD[case]
    message = motion_to_message(lifted(), "", "motions[0]")
    for name, value in fields().items():
        setattr(message, name, value)
    with pytest.raises(NeurokError, match=sentence) as caught:
        received(message)
    assert caught.value.code is ErrorCode.INVALID_PARAMETER


def test_bad_contacts_are_named_where_they_are_read() -> None:
    """A contact that makes no sense stops only a fit that needs it."""
    message = motion_to_message(lifted(), "", "motions[0]")
    message.action.contacts[0].duration = 0.0
    with pytest.raises(NeurokError, match=r"motions\[1\].action.contacts\[0\].duration = 0.0") as caught:
        received(message)
    assert caught.value.code is ErrorCode.INVALID_CONTACT
    assert received(message, with_action=False).contacts == []


NUMBERS = st.floats(width=32) | st.sampled_from([0.0, 0.1, 0.2, 0.3])


@given(
    st.lists(st.floats(), max_size=4) | st.integers(0, 4).map(lambda count: [0.1 * step for step in range(count)]),
    st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 4), max_size=4),
    st.lists(NUMBERS, max_size=36) | st.integers(0, 4).map(lambda frames: np.tile(VERTICES, (frames, 1)).ravel()),
)
def test_any_message_is_a_motion_or_a_refusal(times: list[float], indices: list[int], points: list[float]) -> None:
    """Whatever numbers arrive, the outcome is a motion of the scan's vertices or an error about a field of it."""
    message = WatchedMotion(
        times=flat_array(times, np.float64),
        vertex_indices=flat_array(indices, np.uint32),
        points=flat_array(points, np.float32),
    )
    motion, code = value_or_refusal(lambda: received(message))
    assert code in (ErrorCode.OK, ErrorCode.INVALID_PARAMETER)
    if motion is not None:
        assert motion.points.shape == (len(times), len(indices) or 4, 3)
        assert np.isfinite(motion.points).all()
        assert motion.step > 0.0
