"""The whole demonstration through real ROS processes, with a stand-in for the trained model."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from demo.demonstration import ask_node, candidate_paths, shown, summarise, write_pictures
from demo.node_process import NodeProcess, NodeStoppedError
from demo.objects import DemoObject
from demo.scene import View
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.mechanics import Push
from neurok_ros.client import NodeUnreachableError

SLIDING_NODE = Path(__file__).parents[1] / "ros" / "sliding_node.py"
"""A node whose objects slide up and down without friction (see ``test/ros/fake_predictor.py``)."""

MASS, FORCE, DURATION, HORIZON = 2.0, 4.0, 0.1, 0.2


def ball(kind: str) -> DemoObject:
    """A ball that is pushed upwards at its lowest point."""
    sphere = trimesh.creation.icosphere(subdivisions=2, radius=0.1)
    mesh = TriangleMesh(np.asarray(sphere.vertices), np.asarray(sphere.faces))
    outwards = mesh.vertices / 0.1
    return DemoObject(
        name=f"ball_{kind}",
        title="ball",
        scan=mesh if kind == "mesh" else PointCloud(mesh.vertices, outwards),
        push=Push((0.0, 0.0, -0.1), (0.0, 0.0, FORCE), DURATION),
        candidate_force=FORCE,
        horizon=HORIZON,
        view=View(),
        parameters={"mass": MASS},
    )


@pytest.mark.ros
@pytest.mark.parametrize("kind", ["mesh", "cloud"])
def test_results_come_from_the_node(kind: str, tmp_path: Path) -> None:
    """Scan, parameters, push and answer pass through ROS unchanged: the ball rises as mechanics says it must."""
    thing, told = ball(kind), []
    results = ask_node(thing, tmp_path / "node.log", told.append, program=[str(SLIDING_NODE)])
    summary = summarise(thing, results)
    speed = FORCE / MASS * DURATION
    risen = 0.5 * speed * DURATION + speed * (HORIZON - DURATION)
    assert summary.pushed_point_displacement_m == pytest.approx(risen, rel=1e-3)
    assert (summary.outcome, summary.input, results.checkpoint, results.device) == (
        "OK",
        kind,
        "sliding",
        "cpu",
    )
    assert (summary.latency_ms.encode, summary.latency_ms.compile) == (1.0, 2.0)
    assert summary.latency_ms.ros_overhead > 0.0
    upwards = np.array([push.force[2] for push in results.pushes])
    paths = candidate_paths(results)
    np.testing.assert_allclose(paths[:, 0], [push.point for push in results.pushes], atol=1e-6)
    np.testing.assert_allclose(paths[:, -1, 2] - paths[:, 0, 2], risen * upwards / FORCE, atol=1e-5)
    assert told[0] == "starting the node"
    if kind == "mesh":  # drawing clouds is tested by itself
        write_pictures(thing, results, tmp_path, told.append)
        endings = (".gif", "_film.png", "_energy.png", "_pushes.png")
        assert {f"{thing.name}{ending}" for ending in endings} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.ros
def test_a_node_that_cannot_start_is_told_at_once(tmp_path: Path) -> None:
    """Waiting minutes for a node that has ended would hide its own explanation."""
    log = tmp_path / "node.log"
    with NodeProcess({"device": "abacus"}, log, ["-c", "print('no such device'); raise SystemExit(3)"]) as node:
        node._process.wait(30)
        with pytest.raises(NodeStoppedError, match=r"(?s)status 3.*no such device"):
            node.require_running()


def test_a_scan_that_gets_lost_is_published_again() -> None:
    """Protects the demonstration where the network drops a cloud, which no one would send again."""
    sent: list[object] = []

    class Losing:
        def publish_scan(self, scan: object) -> None:
            sent.append(scan)

        def wait_for_object(self, timeout: float | None = None) -> str:
            if len(sent) < 3:
                raise NodeUnreachableError("nothing came")
            return "the object"

    assert shown(Losing(), "the scan") == "the object"
    assert sent == ["the scan"] * 3


def test_a_node_that_shows_nothing_is_given_up() -> None:
    """Protects whoever waits: after the last attempt the error says what is missing."""

    class Deaf:
        def publish_scan(self, scan: object) -> None:
            pass

        def wait_for_object(self, timeout: float | None = None) -> str:
            raise NodeUnreachableError("nothing came")

    with pytest.raises(NodeUnreachableError, match="nothing came"):
        shown(Deaf(), "the scan")
