"""One object from scan to pictures, through the node."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from jaxtyping import Float

from demo.attachment import Attachment, attach
from demo.node_process import PREDICTOR, NodeProcess
from demo.node_report import NodeReport
from demo.objects import SEED, DemoObject
from demo.pictures import (
    Energies,
    PushOverview,
    write_animation,
    write_energy_plot,
    write_film_strip,
    write_push_overview,
)
from demo.pushes import pushes_all_over
from demo.scene import Force, Motion
from demo.summary import Latencies, ObjectSummary
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.mechanics import Push
from neurok_ros.client import (
    NodeUnreachableError,
    ObjectMesh,
    PredictedBatch,
    PredictedMotion,
    PredictorClient,
)

STEP = 1.0 / 60.0
CANDIDATES = 64
REPEATS = 5
SECONDS_TO_START = 180.0

SCAN_SECONDS, SCAN_ATTEMPTS = 15.0, 4
"""How long the node is given to show the object of a scan before the scan is published again, and how often that is."""

SECONDS_OF_A_FIRST_START = 300.0
"""How long the last attempt waits: on a fresh machine the node's machine code is made first, which takes minutes where
that is slow and busy.
"""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Results:
    """What the node answered for one object.

    Attributes:
        checkpoint: name of the model.
        device: where it runs.
        mesh: the object as the node holds it.
        motion: under the push that is shown.
        pushes: the candidates.
        pushed: the material point that each candidate pushes.
        batch: the motions under the candidates.
        latencies: milliseconds.
    """

    checkpoint: str
    device: str
    mesh: ObjectMesh
    motion: PredictedMotion
    pushes: list[Push]
    pushed: Attachment
    batch: PredictedBatch
    latencies: Latencies


def ask_node(
    thing: DemoObject,
    log: Path,
    progress: Progress,
    checkpoint: Path | None = None,
    program: Sequence[str] = PREDICTOR,
) -> Results:
    """Start a node with the object's parameters, publish its scan and ask for predictions.

    Args:
        thing: what is scanned and pushed.
        log: receives what the node prints.
        progress: told what happens.
        checkpoint: of the model; the shipped one when left out.
        program: arguments to Python that start the node.

    Raises:
        NodeStoppedError: when the node ends.
        NodeUnreachableError: when it does not answer.
        PredictionError: when it refuses a request.
    """
    parameters = dict(thing.parameters)
    if checkpoint is not None:
        parameters["checkpoint"] = checkpoint.resolve()
    with (
        NodeProcess(parameters, log, program) as node,
        NodeReport() as report,
        PredictorClient() as client,
    ):
        progress("starting the node")
        _wait_until_ready(client, node)
        progress(f"publishing the {thing.input} and waiting for the encoded object")
        mesh = shown(client, thing.scan)
        topic = "scan/mesh" if thing.input == "mesh" else "scan/points"
        progress(f"asking for one push over {thing.horizon:g} s, and for {CANDIDATES} others")
        motions = [
            client.predict([thing.push], horizon=thing.horizon, step=STEP, initial_state="rest") for _ in range(REPEATS)
        ]
        pushes = pushes_all_over(thing.scan, CANDIDATES, thing.candidate_force, thing.push.duration, SEED)
        pushed = attach(np.stack([push.point for push in pushes]), mesh.vertices, mesh.triangles)
        batches = [
            client.predict_batch(
                [[push] for push in pushes],
                horizon=thing.horizon,
                step=STEP,
                initial_state="rest",
                tracked_vertices=pushed.vertices.ravel(),
                full_meshes=with_meshes,
            )
            for with_meshes in (False, True)
        ]
        latencies = Latencies(
            encode=report.latency(topic, "encode"),
            compile=report.latency(topic, "compile"),
            predict=median(motion.timings["compute"] for motion in motions),
            predict_batch=batches[0].timings["compute"],
            ros_overhead=median(motion.timings["round_trip"] - motion.timings["compute"] for motion in motions),
        )
        return Results(
            checkpoint=report.value("checkpoint"),
            device=report.value("device"),
            mesh=mesh,
            motion=motions[-1],
            pushes=pushes,
            pushed=pushed,
            batch=batches[-1],
            latencies=latencies,
        )


def summarise(thing: DemoObject, results: Results) -> ObjectSummary:
    """Condense what the node answered into the entry of ``summary.json``."""
    motion = results.motion
    return ObjectSummary(
        name=thing.name,
        input=thing.input,
        outcome=motion.outcome.name,
        residual=motion.residual,
        energy_drift=motion.energy_drift,
        pushed_point_displacement_m=float(_drawn_motion(thing, results).displacement_of_pushed_point.max()),
        latency_ms=results.latencies,
    )


def write_pictures(thing: DemoObject, results: Results, folder: Path, progress: Progress) -> None:
    """Write film strip, animation, energy plot and overview of the candidates into a folder."""
    progress("drawing")
    motion = _drawn_motion(thing, results)
    force = float(np.linalg.norm(thing.push.force))
    title = f"{thing.title}: {force:g} N for {thing.push.duration:g} s"
    write_film_strip(folder / f"{thing.name}_film.png", motion, title)
    write_animation(folder / f"{thing.name}.gif", motion)
    energies = Energies(
        results.motion.times,
        results.motion.kinetic_energy,
        results.motion.potential_energy,
        thing.push.start + thing.push.duration,
    )
    write_energy_plot(folder / f"{thing.name}_energy.png", energies, title)
    batch = results.batch
    if batch.final_vertices is None:
        raise ValueError("the batch has no final meshes")
    paths = candidate_paths(results)
    overview = PushOverview(
        rest_vertices=results.mesh.vertices,
        triangles=results.mesh.triangles,
        points=np.stack([push.point for push in results.pushes]),
        directions=np.stack([push.force for push in results.pushes]),
        displacements=np.linalg.norm(paths - paths[:, :1], axis=-1).max(axis=1),
        final_points=paths[:, -1],
        final_vertices=batch.final_vertices,
        view=thing.view,
    )
    title = f"{thing.title}: {len(paths)} candidates of {thing.candidate_force:g} N predicted in one call"
    write_push_overview(folder / f"{thing.name}_pushes.png", overview, title)


def candidate_paths(results: Results) -> Float[np.ndarray, "candidates frames 3"]:
    """Where the point that a candidate pushes goes under that candidate, metres."""
    if results.batch.tracked_points is None:
        raise ValueError("the batch has no tracked points")
    count = len(results.pushes)
    candidates, frames = results.batch.tracked_points.shape[:2]
    corners = results.batch.tracked_points.reshape(candidates, frames, count, 3, 3)
    own = corners[np.arange(count), :, np.arange(count)]
    return np.einsum("mc,mfcd->mfd", results.pushed.weights, own)


def _drawn_motion(thing: DemoObject, results: Results) -> Motion:
    if results.motion.vertices is None:
        raise ValueError("the prediction has no vertices")
    push = thing.push
    attached = attach(push.point[None], results.mesh.vertices, results.mesh.triangles)
    return Motion(
        times=results.motion.times,
        vertices=results.motion.vertices,
        triangles=results.mesh.triangles,
        force=Force(
            path=attached.positions(results.motion.vertices)[:, 0],
            direction=push.force,
            begin=push.start,
            end=push.start + push.duration,
        ),
        view=thing.view,
    )


def shown(client: PredictorClient, scan: TriangleMesh | PointCloud) -> ObjectMesh:
    """Publish a scan until the node has its object, as a camera would: the node takes clouds best-effort, so that one
    alone may get lost.

    Raises:
        NodeUnreachableError: when the object does not come.
    """
    for _ in range(SCAN_ATTEMPTS - 1):
        client.publish_scan(scan)
        with contextlib.suppress(NodeUnreachableError):
            return client.wait_for_object(timeout=SCAN_SECONDS)
    client.publish_scan(scan)
    return client.wait_for_object(timeout=SECONDS_OF_A_FIRST_START)


def _wait_until_ready(client: PredictorClient, node: NodeProcess) -> None:
    """Wait for the node's services, but not for a node that has ended."""
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        node.require_running()
        try:
            client.wait_until_ready(timeout=2.0)
            return
        except NodeUnreachableError:
            if time.monotonic() > deadline:
                raise
