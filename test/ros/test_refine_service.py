"""The node in its own process refines what it holds, over Fast DDS. The networks are small and untrained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from node_process import Listener, NodeProcess
from predictor.tiny_objects import box_scan, tiny_networks

from neurok_model import Predictor, TriangleMesh
from neurok_model.errors import ErrorCode
from neurok_model.identification import RANGES, MotionObservation
from neurok_model.mechanics import Push
from neurok_model.networks import save_checkpoint
from neurok_msgs.msg import ObjectState, WatchedMotion
from neurok_msgs.srv import Refine
from neurok_ros.client import ObjectInformation, PredictionError, PredictorClient
from neurok_ros.connection import Connection
from neurok_ros.conversions.arrays import flat_array
from neurok_ros.conversions.motions import motion_to_message
from neurok_ros.quality import LATCHED

pytestmark = pytest.mark.ros

NAMESPACE = "tiny"
PATIENCE = 300.0
"""Seconds to wait for an answer on a machine that has more to do."""

FRAMES, STEP = 7, 0.05
BOX = box_scan()
UPPER = BOX.vertices[:, 2] > 0.01


def slid(indices: np.ndarray | None = None, length: float = 0.1) -> MotionObservation:
    """The upper half of the box, or some of the box's vertices, slides sideways, pushed at a corner."""
    way = np.linspace(0.0, length, FRAMES)[:, None, None] * np.array([1.0, 0, 0])
    points = BOX.vertices + way * UPPER[:, None]
    push = Push(BOX.vertices[UPPER][0], (1.0, 0.0, 0.0), 0.1)
    return MotionObservation(
        [push], STEP * np.arange(FRAMES), points if indices is None else points[:, indices], indices
    )


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node as a user starts it with a checkpoint of their own."""
    path: Path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    save_checkpoint(path, tiny_networks(), {})
    parameters = {"checkpoint": str(path), "device": "cpu", "cache": "'off'"}
    remap = ["-r", f"__ns:=/{NAMESPACE}"]
    with NodeProcess(["-m", "neurok_ros.predictor"], parameters, remap, NAMESPACE) as process:
        yield process


@pytest.fixture(scope="module")
def client(node: NodeProcess) -> Iterator[PredictorClient]:
    """One client for the module."""
    with PredictorClient(NAMESPACE, timeout=PATIENCE) as one:
        yield one


@pytest.fixture(scope="module")
def connection(node: NodeProcess) -> Iterator[Connection]:
    """For topics that the client does not use, and requests that it would not send."""
    one = Connection(NAMESPACE, {"refine": Refine}, PATIENCE)
    yield one
    one.close()


@pytest.fixture(scope="module")
def box(client: PredictorClient) -> ObjectInformation:
    """The box, which the first test refines and the others go on with."""
    return client.set_object(BOX, frame_id="table")


def test_refined_object_replaces_the_scanned_one(
    client: PredictorClient, connection: Connection, box: ObjectInformation
) -> None:
    """It follows better, is published, can be predicted, and the one before is not known any more."""
    states = Listener(connection, ObjectState, "state", LATCHED)
    refined = client.refine([slid(), slid(np.flatnonzero(UPPER))], ["reach"], frame_id="table")
    assert refined.object_id != box.object_id
    assert 0.0 <= refined.misfit <= refined.misfit_before
    ends = list(refined.parameters)
    assert ends == [f"reach[{index}]" for index in range(len(ends))]
    assert len(ends) in (2, 4)
    for value, lower, upper in refined.parameters.values():
        assert RANGES["reach"][0] <= lower <= value <= upper <= RANGES["reach"][1]
    assert {"refine", "compile", "identify", "prepare", "compute", "queue", "round_trip"} <= set(refined.timings)

    assert client.wait_for_object(refined.object_id).frame_id == "table"
    state = states.wait_for(lambda all_: bool(all_) and all_[-1].object_id == refined.object_id)[-1]
    assert len(state.q) == refined.dimension
    assert not np.any(state.q)

    motion = client.predict(slid().contacts, horizon=0.1, step=STEP, object_id=refined.object_id)
    assert motion.q.shape == (3, refined.dimension)
    np.testing.assert_allclose(motion.vertices[0], BOX.vertices, atol=1e-5)
    with pytest.raises(PredictionError, match=refined.object_id) as caught:
        client.predict([], horizon=0.1, step=STEP, object_id=box.object_id)
    assert caught.value.code is ErrorCode.UNKNOWN_OBJECT


def test_results_are_those_of_the_library(client: PredictorClient, box: ObjectInformation) -> None:
    """ROS adds transport, nothing else: the same misfits, and the same motion under the same push."""
    client.set_object(BOX, frame_id="table")
    over_ros = client.refine([slid(length=0.12)])
    predictor = Predictor(tiny_networks(), "tiny")
    scan = TriangleMesh(BOX.vertices.astype(np.float32).astype(np.float64), BOX.triangles)
    direct = predictor.refine(predictor.encode(scan), [slid(length=0.12)])
    assert over_ros.misfit_before == pytest.approx(direct.misfit_before, rel=1e-3)
    assert over_ros.misfit == pytest.approx(direct.misfit, rel=1e-3)
    push = Push(BOX.vertices[UPPER][0], (30.0, 0.0, 0.0), 0.1)
    moved = client.predict([push], horizon=0.2, step=STEP).vertices
    expected = direct.model.predict([push], horizon=0.2, step=STEP).vertices()
    way = np.linalg.norm(expected[-1] - expected[0], axis=1).max()
    assert way > 1e-3, "it has to move for the comparison to mean anything"
    np.testing.assert_allclose(moved, expected, atol=0.02 * way)


def test_the_same_scan_on_its_topic_leaves_the_refined_object(
    client: PredictorClient, connection: Connection, box: ObjectInformation
) -> None:
    """A repeating publisher must not undo what was learned; the service does, and the id tells."""
    refined = client.refine([slid(length=0.08)])
    reports = Listener(connection, DiagnosticArray, "/diagnostics")
    client.publish_scan(BOX, frame_id="table")
    reports.wait_for(lambda all_: "milliseconds.scan/mesh.compute" in keys(all_), PATIENCE)
    assert client.predict([], horizon=0.1, step=STEP).object_id == refined.object_id
    assert client.set_object(BOX, frame_id="table").object_id == box.object_id


def keys(messages: list[DiagnosticArray]) -> set[str]:
    """What the node of this module has reported so far."""
    statuses = [status for message in messages for status in message.status]
    return {pair.key for status in statuses if status.name.startswith(f"/{NAMESPACE}/") for pair in status.values}


def changed(**fields: Any) -> Callable[[], list[WatchedMotion]]:
    """Two motions, the second of which has some fields replaced."""

    def make() -> list[WatchedMotion]:
        messages = [motion_to_message(slid(), "", "motions[0]") for _ in range(2)]
        for name, value in fields.items():
            setattr(messages[1], name, value)
        return messages

    return make


def with_instant_push() -> list[WatchedMotion]:
    """A push of no duration, which the library's own class would refuse to build."""
    messages = changed()()
    messages[0].action.contacts[0].duration = 0.0
    return messages


def in_frame(name: str) -> list[WatchedMotion]:
    """The second motion in a frame of that name."""
    messages = changed()()
    messages[1].header.frame_id = name
    return messages


INVALID = ErrorCode.INVALID_PARAMETER
BAD = {
    "no motions": (list, [], INVALID, r"motions = none"),
    "points too short": (changed(points=flat_array([0.0] * 9, np.float32)), [], INVALID, r"motions\[1\].points = 9 "),
    "points not finite": (
        changed(points=flat_array(slid().points + np.nan, np.float32)), [], INVALID, r"motions\[1\].points = .*nan"
    ),
    "millimetres": (
        changed(points=flat_array(1000 * slid().points, np.float32)), [], INVALID, r"motions\[1\].points = .*metres"
    ),
    "one time": (changed(times=[0.0]), [], INVALID, r"motions\[1\].times = "),
    "uneven times": (changed(times=[0, 1, 2, 3, 4, 5, 7.0]), [], INVALID, r"motions\[1\].times = .*evenly"),
    "no such vertex": (changed(vertex_indices=[10**6]), [], INVALID, r"motions\[1\].vertex_indices\[0\] = 1000000"),
    "unknown frame": (lambda: in_frame("nowhere"), [], ErrorCode.UNKNOWN_FRAME, r"motions\[1\].header.frame_id = 'now"),
    "unknown parameter": (changed(), ["colour"], INVALID, r"parameters = colour"),
    "bad contact": (
        with_instant_push, ["mass"], ErrorCode.INVALID_CONTACT, r"motions\[0\].action.contacts\[0\].duration = 0.0"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_motions_are_refused(
    client: PredictorClient, connection: Connection, box: ObjectInformation, case: str
) -> None:
    """The field is named with its motion, and the object stays."""
    motions, parameters, code, sentence = BAD[case]
    held = client.set_object(BOX, frame_id="table").object_id
    with pytest.raises(PredictionError, match=sentence) as caught:
        connection.call("refine", Refine.Request(motions=motions(), parameters=parameters), None)
    assert caught.value.code is code
    assert client.predict([], horizon=0.1, step=STEP).object_id == held


def test_another_object_is_not_refined(client: PredictorClient, box: ObjectInformation) -> None:
    """Who names an object means that one."""
    with pytest.raises(PredictionError, match="object_id = teapot") as caught:
        client.refine([slid()], object_id="teapot")
    assert caught.value.code is ErrorCode.UNKNOWN_OBJECT
