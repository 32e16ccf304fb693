"""The lifecycle and the action. The model is a stand-in."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from node_process import NodeProcess
from rclpy.action import ActionClient

from neurok_model.errors import ErrorCode
from neurok_model.geometry import TriangleMesh
from neurok_model.mechanics import Outcome, Push
from neurok_msgs.action import Rollout
from neurok_ros.client import NodeUnreachableError, PredictionError, PredictorClient
from neurok_ros.connection import Connection
from neurok_ros.conversions.contacts import action_to_message

pytestmark = pytest.mark.ros

PLATE = TriangleMesh(
    np.array([[0, 0, 0], [0.3, 0, 0], [0.3, 0.2, 0], [0, 0.2, 0]], float), np.array([[0, 1, 2], [0, 2, 3]])
)
LIFT = Push((0.3, 0.2, 0.0), (0.0, 0.0, 2.0), 0.1)


@pytest.fixture(scope="module")
def connection(sliding_node: NodeProcess) -> Iterator[Connection]:
    """For lifecycle services and the action, which the client does not offer."""
    one = Connection("neurok", {}, 20.0)
    yield one
    one.close()


@pytest.fixture
def client(sliding_node: NodeProcess) -> Iterator[PredictorClient]:
    """A client of a node that holds the plate."""
    with PredictorClient(timeout=20.0) as one:
        one.set_object(PLATE)
        yield one


def finished(future: Any, timeout: float = 20.0) -> Any:
    """Wait for a future of rclpy."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    assert done.wait(timeout)
    return future.result()


def ask(connection: Connection, kind: Any, name: str, request: Any) -> Any:
    """Call a service once."""
    client = connection.node.create_client(kind, name)
    assert client.wait_for_service(20.0)
    return finished(client.call_async(request))


def change(connection: Connection, transition: int) -> None:
    """Ask for a lifecycle transition, which must succeed."""
    request = ChangeState.Request(transition=Transition(id=transition))
    assert ask(connection, ChangeState, "predictor/change_state", request).success


def state(connection: Connection) -> int:
    """The node's lifecycle state."""
    return ask(connection, GetState, "predictor/get_state", GetState.Request()).current_state.id


def test_object_survives_a_pause(connection: Connection, client: PredictorClient) -> None:
    """Inactive: refused in words. Active again: the same object, without a new scan."""
    object_id = client.set_object(PLATE).object_id
    assert state(connection) == State.PRIMARY_STATE_ACTIVE
    change(connection, Transition.TRANSITION_DEACTIVATE)
    with pytest.raises(PredictionError, match="lifecycle set") as caught:
        client.predict([], horizon=0.1, step=0.1)
    assert caught.value.code is ErrorCode.NOT_ACTIVE
    change(connection, Transition.TRANSITION_ACTIVATE)
    assert client.predict([], horizon=0.1, step=0.1).object_id == object_id


def test_clean_up_forgets_and_can_be_undone(connection: Connection, client: PredictorClient) -> None:
    """Unconfigured: no services. Configured again: no object, and a scan is accepted."""
    change(connection, Transition.TRANSITION_DEACTIVATE)
    change(connection, Transition.TRANSITION_CLEANUP)
    time.sleep(0.5)
    with pytest.raises(NodeUnreachableError):
        client.predict([], horizon=0.1, step=0.1, timeout=0.5)
    change(connection, Transition.TRANSITION_CONFIGURE)
    change(connection, Transition.TRANSITION_ACTIVATE)
    for ask_for in (
        lambda: client.predict([LIFT], horizon=0.1, step=0.01),
        lambda: client.predict_batch([[LIFT]], horizon=0.1, step=0.01),
        lambda: client.estimate_state(PLATE),
        lambda: client.sample_states(1),
        lambda: client.refine([]),
        client.reset,
    ):
        with pytest.raises(PredictionError, match="set_object") as caught:
            ask_for()
        assert caught.value.code is ErrorCode.NO_OBJECT
    client.set_object(PLATE)


def goal(horizon: float, step: float) -> Rollout.Goal:
    """A goal with one push."""
    return Rollout.Goal(action=action_to_message([LIFT]), horizon=horizon, step=step)


def test_rollout_with_feedback(connection: Connection, client: PredictorClient) -> None:
    """Progress rises from 0 to 1 while services go on answering; the result is that of the service."""
    feedback: list[Rollout.Feedback] = []
    action = ActionClient(connection.node, Rollout, "rollout")
    assert action.wait_for_server(20.0)
    handle = finished(action.send_goal_async(goal(2.0, 0.001), lambda one: feedback.append(one.feedback)))
    short = client.predict([LIFT], horizon=0.1, step=0.1)
    assert short.outcome is Outcome.OK
    result = finished(handle.get_result_async(), 60.0)
    assert result.status == GoalStatus.STATUS_SUCCEEDED
    assert result.result.status.code == ErrorCode.OK
    progress = [one.progress for one in feedback]
    assert len(progress) > 3
    assert progress == sorted(progress)
    assert 0.0 <= progress[0] < progress[-1] <= 1.0
    expected = client.predict([LIFT], horizon=2.0, step=0.01).q[-1, 0]
    assert result.result.trajectory.q[-1] == pytest.approx(expected)
    action.destroy()


def test_rollout_can_be_cancelled(connection: Connection, client: PredictorClient) -> None:
    """Cancelling takes effect at once, also for a goal that waits behind another."""
    action = ActionClient(connection.node, Rollout, "rollout")
    assert action.wait_for_server(20.0)
    handles = [finished(action.send_goal_async(goal(50.0, 0.001))) for _ in range(2)]
    for handle in handles:
        assert finished(handle.cancel_goal_async()).goals_canceling
    for handle in handles:
        result = finished(handle.get_result_async())
        assert result.status == GoalStatus.STATUS_CANCELED
        assert result.result.outcome.value == Outcome.CANCELLED
    action.destroy()


def test_bad_goals_are_aborted_in_words(connection: Connection, client: PredictorClient) -> None:
    """The result carries the code and the sentence."""
    action = ActionClient(connection.node, Rollout, "rollout")
    assert action.wait_for_server(20.0)
    handle = finished(action.send_goal_async(goal(-1.0, 0.001)))
    result = finished(handle.get_result_async())
    assert result.status == GoalStatus.STATUS_ABORTED
    assert result.result.status.code == ErrorCode.INVALID_HORIZON
    assert "horizon = -1.0" in result.result.status.message
    action.destroy()
