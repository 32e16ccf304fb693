"""A client in its own process: joins late, learns the object from the node, pushes it, prints what it saw."""

from __future__ import annotations

import json
import sys

from neurok_model import Push
from neurok_ros.client import PredictorClient

FORCE = (0.5, 0.0, 0.0)
"""Newtons."""


def main(namespace: str, count: int, point: tuple[float, ...]) -> None:
    """Predict ``count`` times under a force at one point of the object that the node in ``namespace`` holds."""
    with PredictorClient(namespace, timeout=60.0) as client:
        mesh = client.wait_for_object()
        push = Push(point, FORCE, 0.1)
        motions = [client.predict([push], horizon=0.1, step=0.02, initial_state="rest") for _ in range(count)]
    ends = [motion.q[-1].tolist() for motion in motions]
    print(json.dumps({"object_id": mesh.object_id, "vertices": len(mesh.vertices), "ends": ends}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), tuple(map(float, sys.argv[3:])))
