"""The node in its own process, over Fast DDS: what it serves and publishes. The model is a stand-in."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped, WrenchStamped
from node_process import Listener, NodeProcess
from rcl_interfaces.srv import SetParametersAtomically
from sensor_msgs.msg import PointCloud2
from visualization_msgs.msg import Marker, MarkerArray

from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.mechanics import ImposedVelocity, Impulse, Outcome, Push
from neurok_model.results import ObjectState as State
from neurok_msgs.msg import ObjectState
from neurok_msgs.msg import TriangleMesh as TriangleMeshMessage
from neurok_ros.client import NodeUnreachableError, PredictorClient
from neurok_ros.connection import Connection
from neurok_ros.conversions.meshes import mesh_to_shape
from neurok_ros.quality import LATCHED, NEWEST

pytestmark = pytest.mark.ros

PLATE = TriangleMesh(
    np.array([[0, 0, 0], [0.3, 0, 0], [0.3, 0.2, 0], [0, 0.2, 0]], float), np.array([[0, 1, 2], [0, 2, 3]])
)
CORNER = (0.3, 0.2, 0.0)
LIFT = Push(CORNER, (0.0, 0.0, 2.0), 0.1)


@pytest.fixture(scope="module")
def client(sliding_node: NodeProcess) -> Iterator[PredictorClient]:
    """One client for the module."""
    with PredictorClient(timeout=20.0) as one:
        yield one


@pytest.fixture(scope="module")
def connection(sliding_node: NodeProcess) -> Iterator[Connection]:
    """A second participant, for topics that the client does not use."""
    one = Connection("neurok", {}, 20.0)
    yield one
    one.close()


@pytest.fixture
def plate(client: PredictorClient) -> str:
    """The plate as present object, at rest; gives its id."""
    return client.set_object(PLATE).object_id


def test_scan_on_a_topic_becomes_the_object(client: PredictorClient) -> None:
    """scan/mesh in, object/mesh out, with the same vertices and triangles."""
    scan = TriangleMesh(PLATE.vertices + [2.0, 0, 0], PLATE.triangles)
    client.publish_scan(scan, frame_id="table", stamped=True)
    mesh = client.wait_for_object("sliding4m1x2")
    assert mesh.frame_id == "table"
    np.testing.assert_array_equal(mesh.vertices, scan.vertices.astype(np.float32))
    np.testing.assert_array_equal(mesh.triangles, scan.triangles)


def test_late_subscriber_gets_the_object(client: PredictorClient, plate: str) -> None:
    """object/mesh and state are transient local: whoever joins later still learns them."""
    with PredictorClient(timeout=20.0) as late:
        assert late.wait_for_object(plate).object_id == plate


def test_predict_returns_what_the_model_predicts(client: PredictorClient, plate: str) -> None:
    """2 N for 0.1 s on 1 kg: 0.2 m/s, and 0.01 m at the push's end."""
    motion = client.predict([LIFT], horizon=0.2, step=0.01)
    assert motion.object_id == plate
    assert motion.times.shape == (21,)
    np.testing.assert_allclose(motion.qdot[-1], 0.2)
    np.testing.assert_allclose(motion.q[10], 0.01)
    np.testing.assert_allclose(motion.vertices[-1, :, 2], motion.q[-1, 0], rtol=1e-6)
    np.testing.assert_allclose(motion.kinetic_energy[-1], 0.02)
    assert motion.outcome is Outcome.OK
    assert motion.residual == 0.25
    assert {"contact_fit", "integrate", "decode", "compute", "queue", "round_trip"} <= set(motion.timings)
    assert client.predict([LIFT], horizon=0.2, step=0.01, with_vertices=False).vertices is None


def test_initial_states(client: PredictorClient, plate: str) -> None:
    """A prediction begins where it is told to, and never moves the state that the node holds."""
    lifted = TriangleMesh(PLATE.vertices + [0, 0, 0.1], PLATE.triangles)
    client.estimate_state(lifted)
    begins = {
        "current": client.predict([], horizon=0.1, step=0.1).q[0, 0],
        "rest": client.predict([], horizon=0.1, step=0.1, initial_state="rest").q[0, 0],
        "given": client.predict([], horizon=0.1, step=0.1, initial_state=State(np.array([0.5]), np.array([1.0]))).q[
            -1, 0
        ],
    }
    np.testing.assert_allclose([begins["current"], begins["rest"], begins["given"]], [0.1, 0.0, 0.6], atol=1e-7)
    assert client.estimate_state(PLATE, update_state=False).q == pytest.approx(0.0, abs=1e-7)
    assert client.predict([], horizon=0.1, step=0.1).q[0, 0] == pytest.approx(0.1, abs=1e-7)
    assert client.reset().q == 0.0
    assert client.predict([], horizon=0.1, step=0.1).q[0, 0] == 0.0


def test_batch_with_goal(client: PredictorClient, plate: str) -> None:
    """Costs are distances to the goal, the best candidate is the nearest; paths belong to their vertices."""
    actions = [[Impulse(CORNER, (0, 0, lift))] for lift in (0.0, 1.0, 2.0)] + [[ImposedVelocity([CORNER], (0, 0, 3.0))]]
    goal = np.array([2, 0]), np.array([[0.3, 0.2, 0.19], [0.0, 0.0, 0.19]])
    batch = client.predict_batch(
        actions, horizon=0.1, step=0.05, tracked_vertices=np.array([1]), full_meshes=True, goal=goal
    )
    np.testing.assert_allclose(batch.final_q[:, 0], [0, 0.1, 0.2, 0.3], atol=1e-9)
    np.testing.assert_allclose(batch.costs, [0.19, 0.09, 0.01, 0.11], atol=1e-6)
    assert batch.best == 2
    assert batch.tracked_points.shape == (4, 3, 1, 3)
    np.testing.assert_allclose(batch.tracked_points[3, :, 0], [[0.3, 0, z] for z in (0, 0.15, 0.3)], atol=1e-6)
    np.testing.assert_allclose(batch.final_vertices[2, :, 2], 0.2, rtol=1e-6)
    plain = client.predict_batch(actions, horizon=0.1, step=0.05)
    assert (plain.tracked_points, plain.final_vertices, plain.costs, plain.best) == (None, None, None, None)


def test_samples_are_reproducible(client: PredictorClient, plate: str) -> None:
    """The same seed draws the same poses."""
    first, second = client.sample_states(3, seed=5), client.sample_states(3, seed=5, with_vertices=False)
    np.testing.assert_array_equal(first.q, second.q)
    assert first.vertices.shape == (3, 4, 3)
    assert second.vertices is None


def test_second_cloud_is_an_observation(client: PredictorClient, connection: Connection, plate: str) -> None:
    """scan/points does not replace an object that is there, but moves its state."""
    states = Listener(connection, ObjectState, "state", LATCHED)
    client.publish_scan(PointCloud(PLATE.vertices + [0, 0, 0.05]))
    seen = states.wait_for(lambda all_: bool(all_) and all_[-1].residual > 0)[-1]
    assert seen.object_id == plate
    assert seen.q[0] == pytest.approx(0.05, abs=1e-6)


def test_contacts_on_a_topic_are_predicted_and_shown(
    client: PredictorClient, connection: Connection, plate: str
) -> None:
    """Contacts in; prediction, an animated mesh, points and markers out."""
    frames = Listener(connection, TriangleMeshMessage, "prediction/mesh", NEWEST)
    points = Listener(connection, PointCloud2, "prediction/points", NEWEST)
    markers = Listener(connection, MarkerArray, "markers", NEWEST)
    client.publish_contacts([LIFT])
    motion = client.latest_prediction(timeout=20.0)
    assert motion is not None
    np.testing.assert_allclose(motion.vertices[-1, :, 2], motion.q[-1, 0], rtol=1e-6)
    shown = frames.wait_for(lambda all_: bool(all_) and all_[-1].vertices[2] == motion.vertices[-1, 0, 2])
    heights = [message.vertices[2] for message in shown]
    assert heights == sorted(heights), "frames are shown in the order of time"
    assert shown[-1].object_id == plate
    points.wait_for(lambda all_: len(all_) > 0)
    drawn = markers.wait_for(lambda all_: len(all_) > 0)[0].markers
    assert [marker.type for marker in drawn[1:]] == [
        Marker.TRIANGLE_LIST,
        Marker.ARROW,
        Marker.TEXT_VIEW_FACING,
    ]


def test_objects_may_change_while_a_prediction_is_shown(
    client: PredictorClient, connection: Connection, plate: str
) -> None:
    """Scans and pushes in quick turn, with somebody watching: the node lives and serves."""
    Listener(connection, TriangleMeshMessage, "prediction/mesh", NEWEST)
    for turn in range(20):
        moved = TriangleMesh(PLATE.vertices + [0.01 * turn, 0, 0], PLATE.triangles)
        object_id = client.set_object(moved).object_id
        corner = tuple(moved.vertices[2])
        motion = client.predict([Push(corner, (0, 0, 1), 0.1)], horizon=0.1, step=0.02)
        assert motion.object_id == object_id
        time.sleep(0.01 * (turn % 5))


@pytest.mark.parametrize("kind", ["wrench", "contact_twist"])
def test_sensor_topics_act_at_their_frame(
    client: PredictorClient, connection: Connection, plate: str, kind: str
) -> None:
    """The frame's origin is the plate's first corner; the prediction begins there."""
    message_type = WrenchStamped if kind == "wrench" else TwistStamped
    message = message_type()
    (message.wrench.force if kind == "wrench" else message.twist.linear).z = 1.0
    before = client.latest_prediction()
    publisher = connection.node.create_publisher(message_type, kind, 1)
    connection.publish(publisher, message)
    deadline = time.monotonic() + 20.0
    while client.latest_prediction(timeout=1.0) is before:
        assert time.monotonic() < deadline
        publisher.publish(message)
        time.sleep(0.1)
    motion = client.latest_prediction()
    expected = 0.1 if kind == "wrench" else 1.0  # 1 N for the parameter's 0.1 s on 1 kg; or 1 m/s at once
    assert motion.qdot[-1, 0] == pytest.approx(expected)


def test_shape_messages_are_scans(client: PredictorClient, connection: Connection) -> None:
    """For those who have only shape_msgs/Mesh."""
    bigger = TriangleMesh(PLATE.vertices + [1.0, 0, 0], PLATE.triangles)
    message = mesh_to_shape(bigger)
    publisher = connection.node.create_publisher(type(message), "scan/shape", NEWEST)
    connection.publish(publisher, message)
    assert client.wait_for_object("sliding4m1x1").vertices[0, 0] == 1.0


def test_services_answer_during_a_long_prediction(client: PredictorClient, plate: str) -> None:
    """While one client waits for a long prediction, another can reset, and parameters can be read."""
    began, done = time.monotonic(), threading.Event()

    def long_prediction() -> None:
        client.predict([], horizon=4.0, step=0.001, with_vertices=False)
        done.set()

    thread = threading.Thread(target=long_prediction)
    with PredictorClient(timeout=20.0) as other:
        other.wait_until_ready()
        thread.start()
        time.sleep(0.3)
        for _ in range(5):
            other.reset(timeout=2.0)
        assert not done.is_set(), "the prediction was not long enough to show anything"
    thread.join(60.0)
    assert done.is_set()
    assert time.monotonic() - began > 3.0


def test_two_clients_at_once(client: PredictorClient, plate: str) -> None:
    """Answers go to those who asked."""
    wrong = []

    def ask(lift: float) -> None:
        with PredictorClient(timeout=30.0) as one:
            for _ in range(10):
                motion = one.predict([Impulse(CORNER, (0, 0, lift))], horizon=0.1, step=0.02)
                if abs(motion.q[-1, 0] - 0.1 * lift) > 1e-9:
                    wrong.append(motion)

    threads = [threading.Thread(target=ask, args=(lift,)) for lift in (1.0, 2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
        assert not thread.is_alive()
    assert not wrong


def test_client_times_out_in_words(client: PredictorClient, plate: str) -> None:
    """A call that takes too long, and a node that is not there, are told apart; the client stays usable."""
    with pytest.raises(NodeUnreachableError, match="larger timeout"):
        client.predict([], horizon=2.0, step=0.001, timeout=0.2)
    assert client.predict([], horizon=0.1, step=0.1).outcome is Outcome.OK
    with (
        PredictorClient("elsewhere", timeout=0.2) as lonely,
        pytest.raises(NodeUnreachableError, match=r"/elsewhere/predict .*python -m neurok_ros.predictor"),
    ):
        lonely.predict([], horizon=0.1, step=0.1)


def test_diagnostics_tell_what_is_running(client: PredictorClient, connection: Connection, plate: str) -> None:
    """Model, device, object, memory, latencies."""
    client.predict([], horizon=0.1, step=0.1)
    reports = Listener(connection, DiagnosticArray, "/diagnostics")

    def complete(messages: list[DiagnosticArray]) -> bool:
        values = {pair.key: pair.value for pair in messages[-1].status[0].values} if messages else {}
        return (
            values.get("checkpoint") == "sliding"
            and values.get("object") == plate
            and float(values.get("memory_megabytes", 0)) > 10
            and "milliseconds.predict.compute" in values
        )

    reports.wait_for(complete)


def test_parameters_are_refused_while_running(connection: Connection) -> None:
    """The reason reaches whoever sets it (ros2 param set)."""
    from rcl_interfaces.msg import Parameter, ParameterValue

    request = SetParametersAtomically.Request(
        parameters=[Parameter(name="mass", value=ParameterValue(type=3, double_value=-1.0))]
    )
    client = connection.node.create_client(SetParametersAtomically, "predictor/set_parameters_atomically")
    assert client.wait_for_service(20.0)
    answered = threading.Event()
    future = client.call_async(request)
    future.add_done_callback(lambda _: answered.set())
    assert answered.wait(20.0)
    assert not future.result().result.successful
    assert "mass" in future.result().result.reason
