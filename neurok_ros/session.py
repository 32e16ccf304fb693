"""The object that a node holds and the requests it serves, in arrays. Knows nothing of ROS messages."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.identification import MotionObservation
from neurok_model.mechanics import Contact, Outcome
from neurok_model.object_model import ObjectModel
from neurok_model.physics import PhysicsParameters
from neurok_model.predictor import Predictor
from neurok_model.results import ObjectState
from neurok_ros.limits import Limits, check_answer, check_horizon
from neurok_ros.refining import Refined, carried_state, check_refinement, refined_model

Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class HeldObject:
    """One object and its state; replaced as a whole, so that a request sees one consistent pair.

    Args:
        model: the encoded object.
        state: reduced coordinates and their velocity.
        residual: of the estimate that gave the state, in metres; 0 for rest.
        frame_id: the frame that the object was scanned in.
        digest: of the scan and the physics as they were stated, to recognise the same scan.
        refined: whether the model was refined since.
    """

    model: ObjectModel
    state: ObjectState
    residual: float
    frame_id: str
    digest: str
    refined: bool = False


@dataclass(frozen=True)
class Answer:
    """A result of the model with the time that it took.

    Args:
        value: the model's own result.
        vertices: what was decoded with it, or None.
        timings: stages in milliseconds; ``compute`` is all of the model's work.
    """

    value: Any
    vertices: Float[np.ndarray, "..."] | None
    timings: dict[str, float]


class ObjectSession:
    """Holds at most one object. Every method either succeeds or leaves object and state as they were.

    Args:
        predictor: encodes scans.
        limits: gives the limits that hold at the moment.
    """

    def __init__(self, predictor: Predictor, limits: Callable[[], Limits]) -> None:
        self.predictor = predictor
        self._limits = limits
        self._held: HeldObject | None = None
        self._lock = threading.Lock()

    @property
    def held(self) -> HeldObject | None:
        """The present object, if any."""
        return self._held

    def require(self, object_id: str = "") -> HeldObject:
        """Return the present object.

        Raises:
            NeurokError: ``NO_OBJECT``; ``UNKNOWN_OBJECT`` when ``object_id`` is neither empty nor its id.
        """
        held = self._held
        if held is None:
            raise NeurokError(
                ErrorCode.NO_OBJECT,
                "object",
                "none yet",
                "a request after a scan: publish one or call set_object",
            )
        if object_id not in ("", held.model.object_id):
            raise NeurokError(
                ErrorCode.UNKNOWN_OBJECT,
                "object_id",
                object_id,
                f"the present object '{held.model.object_id}', or an empty id for the same",
            )
        return held

    def set_object(
        self,
        scan: TriangleMesh | PointCloud,
        physics: PhysicsParameters,
        frame_id: str,
        keep_state: bool = False,
    ) -> tuple[HeldObject, dict[str, float]]:
        """Encode a scan and hold it at rest; a scan that is held already is not encoded again, unless what was learned
        by refining it shall be forgotten.

        Args:
            scan: in its frame, or already in the world's.
            physics: what the scan cannot tell.
            frame_id: the frame that the scan is in now.
            keep_state: whether a scan that is held already leaves the state, and what it was refined by, alone.

        Returns:
            The object, and the stages' milliseconds.

        Raises:
            NeurokError: what :meth:`neurok_model.Predictor.encode` raises.
        """
        digest = _digest(scan, physics, frame_id)
        held = self._held
        begin = time.perf_counter()
        if held is not None and held.digest == digest and (keep_state or not held.refined):
            model, timings = held.model, {}
        else:
            model = self.predictor.encode(scan, physics)
            timings = {**model.timings, "prepare": _prepare(model)}
        timings["compute"] = _milliseconds_since(begin)
        with self._lock:
            if not (keep_state and self._held is not None and self._held.digest == digest):
                self._held = HeldObject(model, model.rest_state, 0.0, frame_id, digest)
            return self._held, timings

    def refine(
        self, held: HeldObject, observations: Sequence[MotionObservation], parameters: Sequence[str]
    ) -> tuple[HeldObject, Refined]:
        """Refine the present object by watched motions, fit physical parameters to the same ones, and hold the result.

        It is at rest where the present one is, else in the state that looks the same.

        Args:
            held: the object.
            observations: in its frame, all from the scanned pose on.
            parameters: to fit, each once; may be empty.

        Raises:
            NeurokError: ``INVALID_PARAMETER``, ``CONTACT_OFF_SURFACE``, ``REQUEST_TOO_LARGE``; ``UNKNOWN_OBJECT`` when
                another object was set meanwhile; and what :meth:`neurok_model.Predictor.refine` and
                :meth:`neurok_model.ObjectModel.identify` raise.
        """
        begin = time.perf_counter()
        check_refinement(held.model, observations, parameters, self._limits())
        refined = refined_model(self.predictor, held.model, observations, parameters)
        refined.timings["prepare"] = _prepare(refined.model)
        with self._lock:
            # Estimated inside, since the state may have been reset meanwhile.
            present = self._require_still(held)
            state, residual = carried_state(held.model, present.state, refined.model)
            self._held = HeldObject(refined.model, state, residual, held.frame_id, held.digest, refined=True)
            refined.timings["compute"] = _milliseconds_since(begin)
            return self._held, refined

    def reset(self, object_id: str = "") -> HeldObject:
        """Put the present object back to rest, and return it.

        Raises:
            NeurokError: as :meth:`require`.
        """
        with self._lock:
            held = self.require(object_id)
            self._held = replace(held, state=held.model.rest_state, residual=0.0)
            return self._held

    def estimate(self, held: HeldObject, observation: TriangleMesh | PointCloud, update: bool) -> Answer:
        """Find the state at which the object looks like an observation, and keep it when ``update`` is set.

        Raises:
            NeurokError: what :meth:`neurok_model.ObjectModel.estimate_state` raises.
        """
        begin = time.perf_counter()
        estimate = held.model.estimate_state(observation, self._present_state(held))
        if update:
            with self._lock:
                if self._held is not None and self._held.model is held.model:
                    self._held = replace(self._held, state=estimate.state, residual=float(estimate.residual))
        return Answer(estimate, None, {"compute": _milliseconds_since(begin)})

    def _require_still(self, held: HeldObject) -> HeldObject:
        """Return the present object, which must be the same one, in whatever state.

        Raises:
            NeurokError: ``NO_OBJECT``; ``UNKNOWN_OBJECT`` when another one was set.
        """
        present = self.require()
        if present.model is not held.model:
            raise NeurokError(
                ErrorCode.UNKNOWN_OBJECT,
                "object_id",
                held.model.object_id,
                f"the present object '{present.model.object_id}', which replaced it while it was being refined",
            )
        return present

    def _present_state(self, held: HeldObject) -> ObjectState:
        """Return the newest state of the object, from which an observation is likely not far."""
        present = self._held
        return present.state if present is not None and present.model is held.model else held.state

    def predict(
        self,
        held: HeldObject,
        contacts: Sequence[Contact],
        horizon: float,
        step: float,
        initial_state: ObjectState,
        with_vertices: bool,
        cancelled: Cancelled | None = None,
    ) -> Answer:
        """Roll one action out; ``value`` is the Prediction, ``vertices`` [frames, n, 3] in metres or None.

        Raises:
            NeurokError: ``INVALID_HORIZON``, ``REQUEST_TOO_LARGE``, and what ObjectModel.predict raises.
        """
        frames = check_horizon(horizon, step, 1, self._limits())
        if with_vertices:
            check_answer(frames * held.model.rest_vertices.size * 4, self._limits())
        begin = time.perf_counter()
        prediction = held.model.predict(
            contacts, horizon=horizon, step=step, initial_state=initial_state, cancelled=cancelled
        )
        timings = dict(prediction.timings)
        vertices = None
        if with_vertices:
            decode_begin = time.perf_counter()
            vertices = prediction.vertices()
            timings["decode"] = _milliseconds_since(decode_begin)
        timings["compute"] = _milliseconds_since(begin)
        return Answer(prediction, vertices, timings)

    def predict_batch(
        self,
        held: HeldObject,
        actions: Sequence[Sequence[Contact]],
        horizon: float,
        step: float,
        initial_state: ObjectState,
        tracked_vertices: Int[np.ndarray, " p"],
        full_meshes: bool,
        cancelled: Cancelled | None = None,
    ) -> Answer:
        """Roll K candidate actions out; ``value`` is the BatchPrediction.

        Raises:
            NeurokError: ``INVALID_HORIZON``, ``REQUEST_TOO_LARGE``, ``INVALID_PARAMETER``, and what
                ObjectModel.predict_batch raises.
        """
        if len(actions) == 0:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "actions", "none", "one action or more")
        frames = check_horizon(horizon, step, len(actions), self._limits())
        check_vertex_indices(tracked_vertices, held, "tracked_vertices")
        size = len(actions) * frames * tracked_vertices.size * 3 * 4
        size += len(actions) * held.model.rest_vertices.size * 4 if full_meshes else 0
        check_answer(size, self._limits())
        begin = time.perf_counter()
        batch = held.model.predict_batch(
            actions,
            horizon=horizon,
            step=step,
            initial_state=initial_state,
            tracked_vertices=tracked_vertices if tracked_vertices.size else None,
            full_meshes=full_meshes,
            cancelled=cancelled,
        )
        return Answer(batch, batch.final_vertices, {**batch.timings, "compute": _milliseconds_since(begin)})

    def sample(self, held: HeldObject, count: int, seed: int) -> Answer:
        """Draw plausible poses; ``value`` is the SampledStates.

        Raises:
            NeurokError: ``INVALID_PARAMETER``, ``REQUEST_TOO_LARGE``.
        """
        if count < 1:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "count", count, "1 or more")
        check_answer(count * held.model.rest_vertices.size * 4, self._limits())
        begin = time.perf_counter()
        samples = held.model.sample(count, seed)
        return Answer(samples, samples.vertices, {"compute": _milliseconds_since(begin)})


def check_vertex_indices(indices: Int[np.ndarray, " p"], held: HeldObject, field: str) -> None:
    """Check that all indices name vertices of the object.

    Raises:
        NeurokError: ``INVALID_PARAMETER``.
    """
    count = len(held.model.rest_vertices)
    if indices.size and indices.max() >= count:
        raise NeurokError(
            ErrorCode.INVALID_PARAMETER, field, int(indices.max()), f"indices of vertices, 0 to {count - 1}"
        )


def goal_costs(
    final_points: Float[np.ndarray, "candidates g 3"],
    goal: Float[np.ndarray, "g 3"],
    outcomes: Int[np.ndarray, " candidates"],
) -> Float[np.ndarray, " candidates"]:
    """Return the root-mean-square distance to the goal in metres; infinite where the end says nothing."""
    costs = np.sqrt(((final_points - goal) ** 2).sum(axis=2).mean(axis=1))
    return np.where(np.isin(outcomes, (Outcome.DIVERGED, Outcome.CANCELLED)), np.inf, costs)


def _digest(scan: TriangleMesh | PointCloud, physics: PhysicsParameters, frame_id: str) -> str:
    if isinstance(scan, TriangleMesh):
        arrays: tuple[np.ndarray | None, ...] = (scan.vertices, scan.triangles)
    else:
        arrays = (scan.points, scan.normals, scan.viewpoint)
    digest = hashlib.sha256(repr((type(scan).__name__, physics, frame_id)).encode())
    for array in arrays:
        digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _prepare(model: ObjectModel) -> float:
    """Do what a model puts off until it is first asked, so that a robot's first prediction is as quick as the rest.

    Returns:
        The milliseconds that it took.
    """
    begin = time.perf_counter()
    step = 1.0 / 60.0
    model.predict([], horizon=step, step=step, initial_state=model.rest_state).vertices()
    model.predict_batch([[]], horizon=step, step=step, initial_state=model.rest_state)
    return _milliseconds_since(begin)


def _milliseconds_since(begin: float) -> float:
    return 1e3 * (time.perf_counter() - begin)
