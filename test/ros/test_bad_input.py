"""Whatever a client sends, the node answers with a code and a sentence, and keeps the object and state it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped, WrenchStamped
from node_process import Listener, NodeProcess
from refusals import value_or_refusal
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from neurok_model.errors import ErrorCode
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.mechanics import Push
from neurok_model.results import ObjectState
from neurok_msgs.msg import ContactArray, InitialState
from neurok_msgs.msg import TriangleMesh as TriangleMeshMessage
from neurok_msgs.srv import Predict, PredictBatch, SetObject
from neurok_ros.client import PredictionError, PredictorClient
from neurok_ros.connection import Connection
from neurok_ros.conversions.contacts import action_to_message
from neurok_ros.conversions.meshes import mesh_to_message
from neurok_ros.conversions.point_clouds import cloud_to_message
from neurok_ros.quality import NEWEST

pytestmark = pytest.mark.ros

VERTICES = np.array([[0, 0, 0], [0.3, 0, 0], [0.3, 0.2, 0], [0, 0.2, 0]], float)
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])
LIFT = Push((0.3, 0.2, 0.0), (0.0, 0.0, 2.0), 0.1)
HELD_HEIGHT = 0.1
"""The state that no bad input may change, metres."""

HELD_LIFT = Push((0.3, 0.2, HELD_HEIGHT), (0.0, 0.0, 2.0), 0.1)

NAN = float("nan")


@pytest.fixture(scope="module")
def connection(sliding_node: NodeProcess) -> Iterator[Connection]:
    """For requests that the client would not send."""
    services = {"set_object": SetObject, "predict": Predict, "predict_batch": PredictBatch}
    one = Connection("neurok", services, 20.0)
    yield one
    one.close()


@pytest.fixture(scope="module")
def held(sliding_node: NodeProcess) -> Iterator[tuple[PredictorClient, str]]:
    """A client, and the id of an object that is held in a state other than rest."""
    with PredictorClient(timeout=20.0) as client:
        object_id = client.set_object(TriangleMesh(VERTICES, TRIANGLES), frame_id="table").object_id
        client.estimate_state(TriangleMesh(VERTICES + [0, 0, HELD_HEIGHT], TRIANGLES))
        yield client, object_id


@pytest.fixture(autouse=True)
def nothing_changes(held: tuple[PredictorClient, str]) -> Iterator[None]:
    """After every test of this module the object and the state are what they were."""
    yield
    client, object_id = held
    motion = client.predict([], horizon=0.1, step=0.1)
    assert motion.object_id == object_id
    assert motion.q[0, 0] == pytest.approx(HELD_HEIGHT, abs=1e-7)


def changed(index: int, value: float) -> np.ndarray:
    """The vertices with one coordinate replaced."""
    vertices = VERTICES.copy()
    vertices[index, 1] = value
    return vertices


def mesh(vertices: np.ndarray, triangles: Any = TRIANGLES) -> TriangleMesh:
    """A mesh that may be nonsense."""
    return TriangleMesh(vertices, np.asarray(triangles, np.int64).reshape(-1, 3))


SCANS = {
    "NaN vertex": (mesh(changed(2, NAN)), ErrorCode.INVALID_MESH, r"vertices\[2\] = .*nan.*finite"),
    "infinite vertex": (mesh(changed(1, np.inf)), ErrorCode.INVALID_MESH, r"vertices\[1\] = .*inf.*finite"),
    "index out of range": (
        mesh(VERTICES, [[0, 1, 2], [0, 2, 4]]),
        ErrorCode.INVALID_MESH,
        r"triangles\[1\] = .*4.*0 to 3",
    ),
    "no triangles": (mesh(VERTICES, []), ErrorCode.INVALID_MESH, r"triangles = .*t >= 1"),
    "no vertices": (mesh(VERTICES[:0], []), ErrorCode.INVALID_MESH, r"vertices = .*n >= 3"),
    "all vertices equal": (mesh(np.ones((4, 3))), ErrorCode.INVALID_MESH, r"vertices = 4 equal points"),
    "no area": (mesh(VERTICES, [[0, 0, 2], [1, 1, 3]]), ErrorCode.INVALID_MESH, r"triangles = .*area"),
    "millimetres": (mesh(VERTICES * 1000), ErrorCode.IMPLAUSIBLE_SCALE, r"300 m.*millimetres: divide"),
    "kilometres": (mesh(VERTICES * 1e6), ErrorCode.IMPLAUSIBLE_SCALE, r"vertices = longest side .*20"),
    "microns": (mesh(VERTICES * 1e-6), ErrorCode.IMPLAUSIBLE_SCALE, r"vertices = longest side .*metres"),
    "two points": (PointCloud(VERTICES[:2]), ErrorCode.INVALID_POINT_CLOUD, r"points = .*n >= 3"),
    "no returns": (PointCloud(VERTICES * NAN), ErrorCode.INVALID_POINT_CLOUD, r"points = .*n >= 3"),
    "all points equal": (PointCloud(np.ones((9, 3))), ErrorCode.INVALID_POINT_CLOUD, r"9 equal points"),
    "cloud in millimetres": (PointCloud(VERTICES * 1000), ErrorCode.IMPLAUSIBLE_SCALE, r"millimetres"),
}


@pytest.mark.parametrize("case", SCANS)
@pytest.mark.parametrize("service", ["set_object", "estimate_state"])
def test_bad_scans(held: tuple[PredictorClient, str], case: str, service: str) -> None:
    """The error names the field, its value and what is allowed; the same for a new object and an observation."""
    scan, code, sentence = SCANS[case]
    with pytest.raises(PredictionError, match=sentence) as caught:
        getattr(held[0], service)(scan)
    assert caught.value.code is code


Ask = Callable[[PredictorClient], Any]

REQUESTS: dict[str, tuple[Ask, ErrorCode, str]] = {
    "contact off the surface": (
        lambda c: c.predict([HELD_LIFT, Push((0, 0, 5.0), (0, 0, 1), 0.1)], horizon=0.1, step=0.1),
        ErrorCode.CONTACT_OFF_SURFACE,
        r"contacts\[1\].point",
    ),
    "zero horizon": (
        lambda c: c.predict([], horizon=0.0, step=0.1),
        ErrorCode.INVALID_HORIZON,
        r"horizon = 0.0 s: .*more than 0",
    ),
    "negative horizon": (
        lambda c: c.predict([], horizon=-1.0, step=0.1),
        ErrorCode.INVALID_HORIZON,
        r"horizon = -1.0 s",
    ),
    "NaN horizon": (lambda c: c.predict([], horizon=NAN, step=0.1), ErrorCode.INVALID_HORIZON, r"horizon = nan"),
    "zero step": (
        lambda c: c.predict([], horizon=1.0, step=0.0),
        ErrorCode.INVALID_HORIZON,
        r"step = 0.0 s: .*more than 0",
    ),
    "negative step in a batch": (
        lambda c: c.predict_batch([[]], horizon=1.0, step=-0.1),
        ErrorCode.INVALID_HORIZON,
        r"step = -0.1 s",
    ),
    "too long": (
        lambda c: c.predict([], horizon=1000.0, step=0.1),
        ErrorCode.REQUEST_TOO_LARGE,
        r"horizon = 1000: .*60 s .*limits.horizon",
    ),
    "too large a batch": (
        lambda c: c.predict_batch([[]] * 20, horizon=50.0, step=0.1),
        ErrorCode.REQUEST_TOO_LARGE,
        r"number of actions = 1000: .*limits.candidate_seconds",
    ),
    "too many steps": (
        lambda c: c.predict([], horizon=50.0, step=1e-5),
        ErrorCode.REQUEST_TOO_LARGE,
        r"limits.candidate_steps",
    ),
    "too large an answer": (
        lambda c: c.sample_states(4_000_000_000),
        ErrorCode.REQUEST_TOO_LARGE,
        r"limits.answer_megabytes",
    ),
    "no samples": (lambda c: c.sample_states(0), ErrorCode.INVALID_PARAMETER, r"count = 0: .*1 or more"),
    "no actions": (
        lambda c: c.predict_batch([], horizon=0.1, step=0.1),
        ErrorCode.INVALID_PARAMETER,
        r"actions = none: .*one action or more",
    ),
    "unknown object": (
        lambda c: c.predict([], horizon=0.1, step=0.1, object_id="teapot"),
        ErrorCode.UNKNOWN_OBJECT,
        r"object_id = teapot: .*sliding4m1x0",
    ),
    "reset of an unknown object": (
        lambda c: c.reset(object_id="teapot"),
        ErrorCode.UNKNOWN_OBJECT,
        r"object_id = teapot",
    ),
    "unknown frame": (
        lambda c: c.predict([LIFT], horizon=0.1, step=0.1, frame_id="nowhere"),
        ErrorCode.UNKNOWN_FRAME,
        r"header.frame_id = 'nowhere': .*'table'",
    ),
    "observation in an unknown frame": (
        lambda c: c.estimate_state(mesh(VERTICES), frame_id="nowhere"),
        ErrorCode.UNKNOWN_FRAME,
        r"'nowhere'",
    ),
    "state of another size": (
        lambda c: c.predict([], horizon=0.1, step=0.1, initial_state=ObjectState(np.zeros(3), np.zeros(3))),
        ErrorCode.INVALID_PARAMETER,
        r"initial_state.q = .*1 finite numbers",
    ),
    "NaN velocity": (
        lambda c: c.predict([], horizon=0.1, step=0.1, initial_state=ObjectState(np.zeros(1), np.array([NAN]))),
        ErrorCode.INVALID_PARAMETER,
        r"initial_state.qdot = .*nan",
    ),
    "tracked vertex out of range": (
        lambda c: c.predict_batch([[]], horizon=0.1, step=0.1, tracked_vertices=np.array([1, 4])),
        ErrorCode.INVALID_PARAMETER,
        r"tracked_vertices = 4: .*0 to 3",
    ),
    "goal for a vertex out of range": (
        lambda c: c.predict_batch([[]], horizon=0.1, step=0.1, goal=(np.array([9]), np.zeros((1, 3)))),
        ErrorCode.INVALID_PARAMETER,
        r"goal_vertices = 9: .*0 to 3",
    ),
    "goal with too few positions": (
        lambda c: c.predict_batch([[]], horizon=0.1, step=0.1, goal=(np.array([0, 1]), np.zeros((1, 3)))),
        ErrorCode.INVALID_PARAMETER,
        r"goal_positions = 1 positions: .*2 goal_vertices",
    ),
    "negative mass": (
        lambda c: c.set_object(mesh(VERTICES), mass=-1.0),
        ErrorCode.INVALID_PARAMETER,
        r"mass = -1.0: .*above 0",
    ),
    "a fault of the program": (
        lambda c: c.set_object(mesh(VERTICES), mass=666.0),
        ErrorCode.INTERNAL,
        r"RuntimeError: a fault of the program.*report it",
    ),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_bad_requests(held: tuple[PredictorClient, str], case: str) -> None:
    """Each with its code, and a sentence with field, value and what is allowed."""
    ask, code, sentence = REQUESTS[case]
    with pytest.raises(PredictionError, match=sentence) as caught:
        ask(held[0])
    assert caught.value.code is code


def old_header(frame_id: str = "table") -> Header:
    """A stamp of the year 1970."""
    header = Header(frame_id=frame_id)
    header.stamp.sec = 5
    return header


def half_a_vertex() -> SetObject.Request:
    """Ten numbers are no vertices."""
    message = mesh_to_message(VERTICES, TRIANGLES)
    message.vertices = message.vertices[:10]
    return SetObject.Request(mesh=message)


RAW_REQUESTS = {
    "old predict": (
        "predict",
        lambda: Predict.Request(header=old_header(), horizon=0.1, step=0.1),
        ErrorCode.STALE_MESSAGE,
        r"header.stamp = .* s old: .*10 s .*max_message_age",
    ),
    "old scan": (
        "set_object",
        lambda: SetObject.Request(mesh=mesh_to_message(VERTICES, TRIANGLES, old_header())),
        ErrorCode.STALE_MESSAGE,
        r"header.stamp",
    ),
    "half a vertex": ("set_object", half_a_vertex, ErrorCode.INVALID_MESH, r"vertices = 10 numbers: .*multiple of 3"),
    "unknown kind of scan": (
        "set_object",
        lambda: SetObject.Request(kind=9),
        ErrorCode.INVALID_PARAMETER,
        r"kind = 9: .*MESH \(0\) or CLOUD \(1\)",
    ),
    "cloud without fields": (
        "set_object",
        lambda: SetObject.Request(kind=SetObject.Request.CLOUD),
        ErrorCode.INVALID_POINT_CLOUD,
        r"cloud.fields = .*x, y and z",
    ),
    "unknown kind of state": (
        "predict",
        lambda: Predict.Request(horizon=0.1, step=0.1, initial_state=InitialState(kind=7)),
        ErrorCode.INVALID_PARAMETER,
        r"initial_state.kind = 7",
    ),
    "contact without duration": (
        "predict_batch",
        lambda: PredictBatch.Request(horizon=0.1, step=0.1, actions=[action_to_message([]), instant_push()]),
        ErrorCode.INVALID_CONTACT,
        r"actions\[1\].contacts\[0\].duration = 0.0: .*more than 0 s",
    ),
}


def instant_push() -> Any:
    """A push of no duration, which the library's own class would refuse to build."""
    message = action_to_message([LIFT])
    message.contacts[0].duration = 0.0
    return message


@pytest.mark.parametrize("case", RAW_REQUESTS)
def test_bad_messages(connection: Connection, case: str) -> None:
    """What only a foreign client would send."""
    service, request, code, sentence = RAW_REQUESTS[case]
    with pytest.raises(PredictionError, match=sentence) as caught:
        connection.call(service, request(), None)
    assert caught.value.code is code


def bad_cloud() -> PointCloud2:
    """Too short for what it promises."""
    message = cloud_to_message(VERTICES)
    message.data = message.data[:20]
    return message


TOPICS = {
    "scan/mesh": (lambda: mesh_to_message(changed(0, NAN), TRIANGLES), ErrorCode.INVALID_MESH),
    "scan/points": (bad_cloud, ErrorCode.INVALID_POINT_CLOUD),
    "contacts": (lambda: ContactArray(header=old_header()), ErrorCode.STALE_MESSAGE),
    "wrench": (lambda: WrenchStamped(header=Header(frame_id="nowhere")), ErrorCode.UNKNOWN_FRAME),
    "contact_twist": (lambda: TwistStamped(header=Header(frame_id="table")), ErrorCode.CONTACT_OFF_SURFACE),
}


@pytest.mark.parametrize("topic", TOPICS)
def test_bad_topics_are_told_in_the_diagnostics(connection: Connection, topic: str) -> None:
    """A topic has no answer: code, sentence and topic are published on /diagnostics at once."""
    make, code = TOPICS[topic]
    message = make()
    reports = Listener(connection, DiagnosticArray, "/diagnostics")
    publisher = connection.node.create_publisher(type(message), topic, NEWEST)
    connection.publish(publisher, message)

    def told(messages: list[DiagnosticArray]) -> bool:
        values = {pair.key: pair.value for report in messages for pair in report.status[0].values}
        return values.get("last_refusal.input") == topic and values["last_refusal.code"] == str(int(code))

    told_by = reports.wait_for(told)[-1].status[0]
    assert code.name in told_by.message
    assert {pair.key: pair.value for pair in told_by.values}["last_refusal.message"]


def test_random_messages(held: tuple[PredictorClient, str], connection: Connection) -> None:
    """Two hundred meshes and contacts of random numbers: each is answered, and none is a fault of the program."""
    rng = np.random.default_rng(0)
    special = np.array([0.0, -0.0, 1e-30, 1e30, NAN, np.inf, -np.inf, 0.1, -1.0, 1e300])
    for _ in range(100):
        vertices = rng.choice(special[:8], 3 * rng.integers(0, 5) + rng.integers(0, 2)).astype(np.float32)
        triangles = rng.integers(0, 6, 3 * rng.integers(0, 4)).astype(np.uint32)
        message = TriangleMeshMessage(vertices=vertices.tolist(), triangles=triangles.tolist())
        with pytest.raises(PredictionError) as caught:
            connection.call("set_object", SetObject.Request(mesh=message), None)
        assert caught.value.code in (ErrorCode.INVALID_MESH, ErrorCode.IMPLAUSIBLE_SCALE)
    for _ in range(100):
        action = action_to_message([LIFT])
        contact = action.contacts[0]
        contact.point.x, contact.force.y, contact.duration, contact.start = rng.choice(special, 4).tolist()
        horizon, step = rng.choice(special, 2).tolist()
        request = Predict.Request(action=action, horizon=horizon, step=step)
        _, code = value_or_refusal(lambda request=request: connection.call("predict", request, None))
        assert code is not ErrorCode.INTERNAL


def test_bad_contact_array_is_left_alone(held: tuple[PredictorClient, str]) -> None:
    """A contact off the surface on a topic: no prediction comes, and the next good one is served."""
    client, _ = held
    client.publish_contacts([Push((0, 0, 9.0), (0, 0, 1), 0.1)])
    assert client.latest_prediction(timeout=0.5) is None
    client.publish_contacts([Push((0.3, 0.2, HELD_HEIGHT), (0, 0, 1), 0.1)], frame_id="table")
    assert client.latest_prediction(timeout=20.0) is not None
