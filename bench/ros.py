"""What ROS adds to a prediction: service round trips minus the model's own work, in milliseconds.

    python bench/ros.py --json out/bench/ros.json

The node runs in its own process with the shipped checkpoint, the client in this one, both over Fast DDS with the
shipped profile. The object is a plate of 5,000 vertices, and a prediction has 30 frames: 1.8 MB an answer.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("ROS_DOMAIN_ID", str(random.SystemRandom().randint(1, 101)))
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from neurok_model.geometry import TriangleMesh  # noqa: E402
from neurok_model.mechanics import Push  # noqa: E402
from neurok_ros.client import NodeUnreachableError, PredictorClient  # noqa: E402

ROWS, COLUMNS = 50, 100
FRAMES, STEP = 30, 1.0 / 60.0
HORIZON = (FRAMES - 1) * STEP
CANDIDATES = 64
WARM_UP = 3


def plate() -> TriangleMesh:
    """An upright plate of 0.2 m by 0.4 m with 5,000 vertices."""
    y, z = np.meshgrid(np.linspace(0.0, 0.4, COLUMNS), np.linspace(0.0, 0.2, ROWS))
    vertices = np.stack([np.zeros(y.size), y.ravel(), z.ravel()], axis=1)
    corner = (np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS - 1)).ravel()
    lower = np.stack([corner, corner + 1, corner + COLUMNS + 1], axis=1)
    upper = np.stack([corner, corner + COLUMNS + 1, corner + COLUMNS], axis=1)
    return TriangleMesh(vertices, np.concatenate([lower, upper]))


def measure(client: PredictorClient, repeats: int) -> dict[str, dict[str, float]]:
    """Return the overhead of each kind of request: round trip minus compute, and the round trip itself."""
    push = Push((0.0, 0.2, 0.2), (0.05, 0.0, 0.0), 0.05)
    common = {"horizon": HORIZON, "step": STEP, "initial_state": "rest"}
    requests: dict[str, Callable[[], dict[str, float]]] = {
        "reset": lambda: client.reset().timings,
        "predict, states only": lambda: client.predict([push], with_vertices=False, **common).timings,
        f"predict, {FRAMES} frames of {ROWS * COLUMNS} vertices": lambda: client.predict([push], **common).timings,
        f"predict_batch, {CANDIDATES} candidates": lambda: (
            client.predict_batch([[push]] * CANDIDATES, **common).timings
        ),
    }
    results = {}
    for name, request in requests.items():
        timings = [request() for _ in range(WARM_UP + repeats)][WARM_UP:]
        overhead = [one["round_trip"] - one.get("compute", 0.0) for one in timings]
        results[name] = {
            "overhead_median_ms": float(np.median(overhead)),
            "overhead_90_percent_ms": float(np.percentile(overhead, 90)),
            "round_trip_median_ms": float(np.median([one["round_trip"] for one in timings])),
            "node_conversion_median_ms": float(np.median([one.get("convert", 0.0) for one in timings])),
        }
    return results


def print_table(results: dict[str, dict[str, float]]) -> None:
    """Print one line per kind of request."""
    print(f"{'request':44s} {'overhead, median':>17s} {'90 %':>9s} {'round trip':>11s}   (ms)")
    for name, row in results.items():
        print(
            f"{name:44s} {row['overhead_median_ms']:17.2f} {row['overhead_90_percent_ms']:9.2f} "
            f"{row['round_trip_median_ms']:11.2f}"
        )


def wait_until_ready(client: PredictorClient, node: subprocess.Popen[bytes]) -> None:
    """Wait for the node's services, as long as its process lives."""
    while True:
        try:
            return client.wait_until_ready(timeout=1.0)
        except NodeUnreachableError:
            if node.poll() is not None:
                raise SystemExit("the node died; its complaint is above") from None


def main() -> None:
    """Start the node, measure, print the table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--repeats", type=int, default=50, help="measured requests of each kind")
    options = parser.parse_args()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    node = subprocess.Popen([sys.executable, "-m", "neurok_ros.predictor"], env=environment)
    try:
        with PredictorClient(timeout=300.0) as client:
            wait_until_ready(client, node)
            client.set_object(plate())
            results = measure(client, options.repeats)
    finally:
        node.send_signal(signal.SIGINT)
        node.wait(30)
    print_table(results)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(
            json.dumps({"frames": FRAMES, "vertices": ROWS * COLUMNS, "requests": results}, indent=2)
        )


if __name__ == "__main__":
    main()
