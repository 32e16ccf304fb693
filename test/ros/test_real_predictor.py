"""As a user runs it: the node's own process, the shipped checkpoint, scans and pushes over Fast DDS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from node_process import REAL_NAMESPACE, ROOT, NodeProcess

from neurok_model import ObjectModel, Predictor, Push, TriangleMesh
from neurok_model.data.families import build_object
from neurok_model.geometry import PointCloud
from neurok_ros.client import NodeUnreachableError, PredictionError, PredictorClient

pytestmark = pytest.mark.ros

STEP, HORIZON = 0.02, 0.1
LAPTOP = 987_654
BRIEF_AGREEMENT = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def scan() -> TriangleMesh:
    """A laptop that no training run has seen, rounded to single precision as messages are."""
    thing = build_object("laptop", seed=LAPTOP)
    vertices = thing.pose(np.full((1, thing.degrees_of_freedom), 0.8)).vertices[0]
    return TriangleMesh(vertices.astype(np.float32).astype(np.float64), thing.triangles)


@pytest.fixture(scope="module")
def base() -> np.ndarray:
    """Which of the laptop's vertices are its base's."""
    return build_object("laptop", seed=LAPTOP).part_of_vertex == 0


@pytest.fixture(scope="module")
def library(scan: TriangleMesh) -> ObjectModel:
    """The same object in this process, without ROS."""
    return Predictor.load().encode(scan)


@pytest.fixture(scope="module")
def client(predictor_node: NodeProcess, scan: TriangleMesh) -> Iterator[PredictorClient]:
    """A client of a node that was sent the scan on its topic."""
    with PredictorClient(REAL_NAMESPACE, timeout=120.0) as one:
        one.publish_scan(scan, frame_id="table", stamped=True)
        one.wait_for_object()
        yield one


def lid(model: ObjectModel) -> np.ndarray:
    """A point of the surface near the lid's upper edge, in metres."""
    points = model.surface.scan.samples.points
    return points[points[:, 2].argmax()]


def test_results_are_those_of_the_library(client: PredictorClient, library: ObjectModel) -> None:
    """ROS adds transport, nothing else: object, motion, energies, batch, estimate and samples agree."""
    assert client.wait_for_object().object_id == library.object_id
    push = Push(lid(library), (1.0, 0.0, 0.0), 0.1)
    over_ros = client.predict([push], horizon=HORIZON, step=STEP)
    direct = library.predict([push], horizon=HORIZON, step=STEP)
    assert (over_ros.outcome, over_ros.object_id) == (direct.outcome, library.object_id)
    for name in ("times", "q", "qdot", "kinetic_energy", "potential_energy"):
        np.testing.assert_allclose(getattr(over_ros, name), getattr(direct, name), **BRIEF_AGREEMENT, err_msg=name)
    np.testing.assert_allclose(over_ros.vertices, direct.vertices(), **BRIEF_AGREEMENT)
    np.testing.assert_allclose(over_ros.residual, direct.residual, rtol=1e-5)

    tracked, actions = np.array([0, 7]), [[push], []]
    batch = client.predict_batch(actions, horizon=HORIZON, step=STEP, tracked_vertices=tracked, full_meshes=True)
    same = library.predict_batch(actions, horizon=HORIZON, step=STEP, tracked_vertices=tracked, full_meshes=True)
    np.testing.assert_allclose(batch.final_q, same.final_q, **BRIEF_AGREEMENT)
    np.testing.assert_allclose(batch.tracked_points, same.tracked, **BRIEF_AGREEMENT)
    np.testing.assert_allclose(batch.final_vertices, same.final_vertices, **BRIEF_AGREEMENT)

    moved = TriangleMesh(direct.vertices()[-1].astype(np.float64), library.triangles)
    estimate = client.estimate_state(moved, update_state=False)
    np.testing.assert_allclose(estimate.q, library.estimate_state(moved).state.q, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(client.sample_states(2, seed=4).q, library.sample(2, 4).q, **BRIEF_AGREEMENT)


def test_push_moves_the_object(client: PredictorClient, library: ObjectModel, base: np.ndarray) -> None:
    """Scan in, motion out: the pushed lid gives way in the direction of the push, and the base hardly moves; along the
    hinge, which nobody told of, there is nothing to push.
    """
    index = int(np.linalg.norm(library.rest_vertices - lid(library), axis=1).argmin())

    def shift(*force: float) -> np.ndarray:
        motion = client.predict([Push(lid(library), force, 0.1)], horizon=HORIZON, step=STEP)
        np.testing.assert_allclose(motion.vertices[0], library.rest_vertices, atol=1e-5)
        return motion.vertices[-1] - motion.vertices[0]

    across, along = shift(1.0, 0.0, 0.0), shift(0.0, 1.0, 0.0)
    assert np.isfinite(across).all()
    assert across[index, 0] > 1e-3
    assert np.linalg.norm(across[base], axis=1).max() < 0.2 * np.linalg.norm(across[index])
    assert np.linalg.norm(along[index]) < 0.1 * np.linalg.norm(across[index])


def test_clients_in_two_processes(client: PredictorClient, library: ObjectModel) -> None:
    """A process that joins late learns the object from the topic; both get their own answers at once."""
    count, point = 3, [str(coordinate) for coordinate in lid(library)]
    program = [sys.executable, str(Path(__file__).with_name("client_process.py")), REAL_NAMESPACE, str(count), *point]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    other = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=environment)
    own_push = Push(lid(library), (-0.5, 0.0, 0.0), 0.1)
    expected = library.predict([own_push], horizon=HORIZON, step=STEP).q[-1]
    asked = 0
    while other.poll() is None or asked == 0:
        end = client.predict([own_push], horizon=HORIZON, step=STEP, initial_state="rest").q[-1]
        np.testing.assert_allclose(end, expected, **BRIEF_AGREEMENT)
        asked += 1
    saw = json.loads(other.communicate()[0])
    assert other.returncode == 0
    assert (saw["object_id"], saw["vertices"]) == (library.object_id, len(library.rest_vertices))
    their_push = Push(lid(library), (0.5, 0.0, 0.0), 0.1)
    theirs = library.predict([their_push], horizon=HORIZON, step=STEP).q[-1]
    np.testing.assert_allclose(saw["ends"], [theirs] * count, **BRIEF_AGREEMENT)


def test_cloud_is_an_object_too(client: PredictorClient, scan: TriangleMesh) -> None:
    """A point cloud by service: no triangles, one vertex a point, and it can be pushed."""
    points = scan.vertices[np.unique(scan.triangles)]
    corners = scan.vertices[scan.triangles]
    weights = np.random.default_rng(0).dirichlet(np.ones(3), size=(8, len(corners)))
    points = np.concatenate([points, np.einsum("stk,tkc->stc", weights, corners).reshape(-1, 3)])
    known = client.set_object(PointCloud(points, viewpoint=np.array([1.0, 0.0, 1.0])))
    assert (known.vertex_count, known.triangle_count) == (len(points), 0)
    motion = client.predict([Push(points[points[:, 2].argmax()], (0, 1, 0), 0.1)], horizon=0.1, step=0.05)
    assert motion.vertices.shape == (3, len(points), 3)


def test_interrupt_during_predictions(client: PredictorClient, predictor_node: NodeProcess) -> None:
    """Runs last in this module: Control-C does not wait for long predictions, nor leave a traceback or a client."""
    ends: list[Exception] = []

    def keep_asking() -> None:
        try:
            while True:
                # A call that begins when the node has gone waits for another one, as long as it is told to.
                client.predict([], horizon=60.0, step=4e-4, with_vertices=False, timeout=15.0)
        except (NodeUnreachableError, PredictionError) as error:
            ends.append(error)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    time.sleep(0.5)
    began = time.monotonic()
    predictor_node.interrupt()
    assert predictor_node.wait(30.0) == 0
    assert time.monotonic() - began < 20.0
    assert "Traceback" not in predictor_node.log
    asking.join(30.0)
    assert len(ends) == 1, "the client is told that the node has gone"
    assert "did not answer within" not in str(ends[0]), "a call that was being answered does not run into its timeout"
