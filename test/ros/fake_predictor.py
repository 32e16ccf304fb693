"""A stand-in for the trained model: every object is a rigid lid on a vertical slide, with one coordinate.

For tests of the node's own behaviour, which must not depend on what a network learned. The coordinate q is
the height in metres by which all vertices are lifted; mass and forces act as on a free body without gravity.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.mechanics import (
    Contact,
    ImposedVelocity,
    Impulse,
    Outcome,
    Push,
    contact_points,
    step_count,
)
from neurok_model.physics import PhysicsParameters
from neurok_model.results import ObjectState, SampledStates, StateEstimate

REACH = 0.05
"""Largest distance of a contact from a vertex, metres."""

FAULTY_MASS = 666.0
"""A scan with this mass makes the stand-in fail as a program with a fault would."""


class SlidingModel:
    """One object."""

    dimension = 1
    compile_error = 0.0

    def __init__(self, scan: TriangleMesh | PointCloud, physics: PhysicsParameters) -> None:
        is_mesh = isinstance(scan, TriangleMesh)
        self.rest_vertices = np.asarray(scan.vertices if is_mesh else scan.points, np.float32)
        self.triangles = np.asarray(scan.triangles if is_mesh else np.empty((0, 3)), np.int32)
        self.physics = physics
        self.object_id = f"sliding{len(self.rest_vertices)}m{physics.mass:g}x{float(self.rest_vertices[0, 0]):g}"
        self.timings = {"encode": 1.0, "compile": 2.0}
        self.rest_state = ObjectState(np.zeros(1), np.zeros(1))
        self.surface = SimpleNamespace(vertices=self.lifted, vertex_modes=lambda: None)

    def lifted(self, q: np.ndarray, indices: np.ndarray | None = None) -> np.ndarray:
        """Vertices of states q [..., 1]."""
        chosen = self.rest_vertices if indices is None else self.rest_vertices[indices]
        height = np.zeros((*np.shape(q)[:-1], 1, 3), np.float32)
        height[..., 2] = np.asarray(q, np.float32)
        return chosen + height

    def predict(
        self,
        contacts: Sequence[Contact],
        *,
        horizon: float,
        step: float,
        initial_state: ObjectState,
        cancelled: Callable[[], bool] | None = None,
    ) -> Any:
        """Integrate in closed form; sleep a millisecond per frame so that long horizons take long."""
        times = np.arange(step_count(horizon, step) + 1) * step
        outcome = Outcome.OK
        for _ in times:
            if cancelled is not None and cancelled():
                outcome = Outcome.CANCELLED
                break
            time.sleep(0.001)
        height, speed = self._motion(contacts, times, initial_state)
        return SimpleNamespace(
            times=times,
            q=height[:, None],
            qdot=speed[:, None],
            kinetic_energy=0.5 * self.physics.mass * speed**2,
            potential_energy=np.zeros_like(times),
            outcome=outcome,
            residual=0.25,
            energy_drift=0.0,
            timings={"contact_fit": 0.1, "integrate": 0.2},
            vertices=lambda: self.lifted(height[:, None]),
        )

    def predict_batch(
        self,
        actions: Sequence[Sequence[Contact]],
        *,
        horizon: float,
        step: float,
        initial_state: ObjectState,
        tracked_vertices: np.ndarray | None = None,
        full_meshes: bool = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> Any:
        """Every candidate by itself."""
        times = np.arange(step_count(horizon, step) + 1) * step
        motions = [self._motion(contacts, times, initial_state) for contacts in actions]
        q = np.stack([height for height, _ in motions])[..., None]
        qdot = np.stack([speed for _, speed in motions])[..., None]
        return SimpleNamespace(
            times=times,
            final_q=q[:, -1],
            final_qdot=qdot[:, -1],
            outcome=np.zeros(len(actions), np.int64),
            residual=np.zeros(len(actions)),
            tracked=None if tracked_vertices is None else self.lifted(q, tracked_vertices),
            final_vertices=self.lifted(q[:, -1]) if full_meshes else None,
            timings={"contact_fit": 0.1, "integrate": 0.2, "decode": 0.1},
        )

    def estimate_state(
        self, observation: TriangleMesh | PointCloud, initial_state: ObjectState | None = None
    ) -> StateEstimate:
        """The difference in mean height."""
        seen = observation.vertices if isinstance(observation, TriangleMesh) else observation.points
        q = np.array([seen[:, 2].mean() - self.rest_vertices[:, 2].mean()], np.float64)
        return StateEstimate(ObjectState(q, np.zeros(1)), 0.001, self.lifted(q))

    def sample(self, count: int, seed: int) -> SampledStates:
        """Heights from a standard normal distribution."""
        q = np.random.default_rng(seed).normal(size=(count, 1))
        return SampledStates(q, self.lifted(q))

    def _motion(
        self, contacts: Sequence[Contact], times: np.ndarray, state: ObjectState
    ) -> tuple[np.ndarray, np.ndarray]:
        standing = self.lifted(state.q)
        height, speed = state.q[0] + state.qdot[0] * times, np.full_like(times, state.qdot[0])
        for index, contact in enumerate(contacts):
            for point in contact_points(contact):
                if np.linalg.norm(standing - point, axis=1).min() > REACH:
                    raise NeurokError(
                        ErrorCode.CONTACT_OFF_SURFACE, f"contacts[{index}].point", point, f"within {REACH} m"
                    )
            since = np.clip(times - contact.start, 0.0, None)
            if isinstance(contact, Push):
                acting = np.minimum(since, contact.duration)
                gained = contact.force[2] / self.physics.mass * acting
                height = height + 0.5 * gained * acting + gained * (since - acting)
                speed = speed + gained
            elif isinstance(contact, Impulse):
                gained = contact.impulse[2] / self.physics.mass * (since > 0)
                height, speed = height + gained * since, speed + gained
            elif isinstance(contact, ImposedVelocity):
                height, speed = height + contact.linear[2] * since, speed + contact.linear[2]
        return height, speed


class SlidingPredictor:
    """Encodes scans to sliding lids."""

    checkpoint_name = "sliding"
    device = torch.device("cpu")

    def encode(self, scan: TriangleMesh | PointCloud, physics: PhysicsParameters) -> SlidingModel:
        """Check the scan as the real one does."""
        checked = scan.validated()
        if physics.mass == FAULTY_MASS:
            raise RuntimeError("a fault of the program")
        return SlidingModel(checked, physics)


def load_sliding(checkpoint: str, device: str, seed: int) -> Any:
    """Stand in for ``neurok_ros.node.load_predictor``."""
    if checkpoint == "missing":
        raise NeurokError(ErrorCode.INVALID_CHECKPOINT, "checkpoint", checkpoint, "a file that exists")
    return SlidingPredictor()
