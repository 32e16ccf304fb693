"""A node that holds an object ends when it is told to, whatever it is doing. Real processes, the shipped checkpoint."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from node_process import NodeProcess

from neurok_model.data.families import build_object
from neurok_model.geometry import TriangleMesh
from neurok_model.mechanics import Push
from neurok_ros.client import NodeUnreachableError, PredictionError, PredictorClient

pytestmark = pytest.mark.ros

NAMESPACE = "ending"
SIGNALS = [signal.SIGINT, signal.SIGTERM]
GENEROUS = 60.0
"""Seconds within which the process has to end, on however slow a machine."""


@pytest.fixture(scope="module")
def scan() -> TriangleMesh:
    """A laptop that no training run has seen."""
    thing = build_object("laptop", seed=987_654)
    vertices = thing.pose(np.full((1, thing.degrees_of_freedom), 0.8)).vertices[0]
    return TriangleMesh(vertices, thing.triangles)


@pytest.fixture
def node() -> Iterator[NodeProcess]:
    """A process as a user starts it, which has to compute every object."""
    remap = ["-r", f"__ns:=/{NAMESPACE}"]
    program = ["-m", "neurok_ros.predictor"]
    with NodeProcess(program, {"cache": "'off'"}, extra_arguments=remap, namespace=NAMESPACE) as process:
        yield process


def lift(scan: TriangleMesh) -> Push:
    """A push at the highest point."""
    return Push(scan.vertices[scan.vertices[:, 2].argmax()], (1.0, 0.0, 0.0), 0.1)


def shared_memory(process_id: int | str) -> set[Path]:
    """Segments of Fast DDS that a process has mapped; none of a process that is gone or not ours."""
    try:
        lines = Path(f"/proc/{process_id}/maps").read_text().splitlines()
    except OSError:
        return set()
    return {Path(line.split()[-1]) for line in lines if "/dev/shm/fastrtps_" in line and "port" not in line}


def end(node: NodeProcess, how: signal.Signals) -> None:
    """Send the signal; the process has to end by itself, with status 0 and without a traceback."""
    node.process.send_signal(how)
    assert node.wait(GENEROUS) == 0, node.log
    assert "Traceback" not in node.log


@pytest.mark.parametrize("how", SIGNALS)
def test_while_it_holds_an_object(node: NodeProcess, scan: TriangleMesh, how: signal.Signals) -> None:
    """After an object and a prediction, idle: it ends, and leaves no shared memory behind."""
    with PredictorClient(NAMESPACE, timeout=300.0) as client:
        client.set_object(scan)
        client.predict([lift(scan)], horizon=0.1, step=0.02)
        mapped = shared_memory(node.process.pid)
    assert mapped
    end(node, how)
    others = set().union(*(shared_memory(process.name) for process in Path("/proc").glob("[0-9]*")))
    assert not [path for path in mapped - others if path.exists()]


@pytest.mark.parametrize("how", SIGNALS)
def test_while_it_encodes(node: NodeProcess, scan: TriangleMesh, how: signal.Signals) -> None:
    """Encoding cannot be stopped midway; the end does not wait for it, nor the client for its timeout."""
    with PredictorClient(NAMESPACE, timeout=10.0 * GENEROUS) as client:

        def ask() -> None:
            with contextlib.suppress(NodeUnreachableError, PredictionError):  # done in time on a fast machine
                client.set_object(scan)

        client.wait_until_ready(GENEROUS)
        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.3)
        end(node, how)
        asking.join(GENEROUS)
        assert not asking.is_alive()


def test_while_it_predicts(node: NodeProcess, scan: TriangleMesh) -> None:
    """A second signal, as launch sends it after the terminal's, changes nothing."""
    with PredictorClient(NAMESPACE, timeout=300.0) as client:
        client.set_object(scan)
        ends: list[Exception] = []

        def ask() -> None:
            try:
                while True:
                    client.predict([lift(scan)], horizon=60.0, step=4e-4, with_vertices=False, timeout=GENEROUS / 2)
            except (NodeUnreachableError, PredictionError) as error:
                ends.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.5)
        node.interrupt()
        end(node, signal.SIGINT)
        asking.join(GENEROUS)
        assert len(ends) == 1
