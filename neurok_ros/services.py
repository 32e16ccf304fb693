"""The node's services: each turns a message into arrays, has the worker do the work, and answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup

from neurok_model.errors import ErrorCode, NeurokError
from neurok_msgs.srv import EstimateState, Predict, PredictBatch, Refine, Reset, SampleStates, SetObject
from neurok_ros.conversions.arrays import flat_array, numpy_view, rows
from neurok_ros.conversions.contacts import action_from_message
from neurok_ros.conversions.motions import motion_from_message
from neurok_ros.conversions.status import ok_status, status_from_error, timings_to_messages
from neurok_ros.conversions.trajectories import (
    outcome_to_message,
    state_to_message,
    trajectory_to_message,
)
from neurok_ros.requests import initial_state, scan_from_request
from neurok_ros.runtime import Runtime
from neurok_ros.session import HeldObject, check_vertex_indices, goal_costs
from neurok_ros.showing import show_later

Handler = Callable[[Any, Any], dict[str, float]]
"""Fills the response of a request, and returns the stages' milliseconds."""


class Services:
    """Serves requests. Every service has a callback group of its own.

    A callback waits for the worker, and so occupies a thread of the executor; since a group runs one callback
    at a time, the services together never take more threads than there are services.

    Args:
        runtime: the configured node.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._services = [
            self._create(SetObject, "set_object", self._set_object),
            self._create(Predict, "predict", self._predict),
            self._create(PredictBatch, "predict_batch", self._predict_batch),
            self._create(EstimateState, "estimate_state", self._estimate_state),
            self._create(SampleStates, "sample_states", self._sample_states),
            self._create(Refine, "refine", self._refine),
            self._create(Reset, "reset", self._reset, on_worker=False),
        ]

    def destroy(self) -> None:
        """Remove the services."""
        for service in self._services:
            self._runtime.node.destroy_service(service)

    def _create(self, kind: Any, name: str, handler: Handler, on_worker: bool = True) -> Any:
        def serve(request: Any, response: Any) -> Any:
            try:
                self._runtime.require_active()
                if on_worker:
                    timings, queued = self._runtime.worker.run(lambda: _timed(handler, request, response))
                else:
                    timings, queued = _timed(handler, request, response), 0.0
            except Exception as error:
                self._runtime.report(name, error)
                return kind.Response(status=status_from_error(error))
            timings["queue"] = queued
            self._runtime.diagnostics.served(name, timings)
            response.status = ok_status()
            if hasattr(response, "timings"):
                response.timings = timings_to_messages(timings)
            return response

        return self._runtime.node.create_service(kind, name, serve, callback_group=MutuallyExclusiveCallbackGroup())

    def _set_object(self, request: Any, response: Any) -> dict[str, float]:
        runtime = self._runtime
        scan, header = scan_from_request(request)
        runtime.check_age(header)
        transform, frame_id = runtime.scan_frame(header)
        held, timings = runtime.session.set_object(
            transform.scan(scan), runtime.settings.physics(request.mass), frame_id
        )
        runtime.outputs.object_changed(held, runtime.header(frame_id))
        response.object_id = held.model.object_id
        response.dimension = held.model.dimension
        response.vertex_count = len(held.model.rest_vertices)
        response.triangle_count = len(held.model.triangles)
        return timings

    def _predict(self, request: Any, response: Any) -> dict[str, float]:
        runtime = self._runtime
        held = runtime.session.require(request.object_id)
        transform = runtime.into_object_frame(request.header, held)
        contacts = action_from_message(request.action, transform)
        answer = runtime.session.predict(
            held,
            contacts,
            request.horizon,
            request.step,
            initial_state(request.initial_state, held),
            request.with_vertices,
            runtime.worker.cancelled,
        )
        prediction = answer.value
        response.outcome = outcome_to_message(prediction.outcome)
        response.trajectory = trajectory_to_message(
            prediction,
            answer.vertices,
            len(held.model.rest_vertices),
            held.model.object_id,
            runtime.header(held.frame_id),
        )
        response.residual = float(prediction.residual)
        response.energy_drift = float(prediction.energy_drift)
        show_later(runtime, held, answer, contacts)
        return answer.timings

    def _predict_batch(self, request: Any, response: Any) -> dict[str, float]:
        runtime = self._runtime
        held = runtime.session.require(request.object_id)
        transform = runtime.into_object_frame(request.header, held)
        tracked = numpy_view(request.tracked_vertices, np.uint32).astype(np.int64)
        goal_vertices, goal = _goal(request, held)
        answer = runtime.session.predict_batch(
            held,
            [
                action_from_message(action, transform, f"actions[{index}]")
                for index, action in enumerate(request.actions)
            ],
            request.horizon,
            request.step,
            initial_state(request.initial_state, held),
            np.concatenate((tracked, goal_vertices)),
            request.full_meshes,
            runtime.worker.cancelled,
        )
        batch = answer.value
        response.dimension = held.model.dimension
        response.final_q = flat_array(batch.final_q, np.float64)
        response.final_qdot = flat_array(batch.final_qdot, np.float64)
        response.outcomes = flat_array(batch.outcome, np.uint8)
        response.residuals = flat_array(batch.residual, np.float64)
        response.times = flat_array(batch.times, np.float64)
        response.vertex_count = len(held.model.rest_vertices)
        if len(tracked):
            response.tracked_points = flat_array(batch.tracked[:, :, : len(tracked)], np.float32)
        if answer.vertices is not None:
            response.final_vertices = flat_array(answer.vertices, np.float32)
        response.best = -1
        if len(goal_vertices):
            costs = goal_costs(batch.tracked[:, -1, len(tracked) :], transform.points(goal), batch.outcome)
            response.costs = flat_array(costs, np.float64)
            response.best = int(np.argmin(costs)) if np.isfinite(costs).any() else -1
        return answer.timings

    def _estimate_state(self, request: Any, response: Any) -> dict[str, float]:
        runtime = self._runtime
        held = runtime.session.require(request.object_id)
        observation, header = scan_from_request(request)
        transform = runtime.into_object_frame(header, held)
        answer = runtime.session.estimate(held, transform.scan(observation), request.update_state)
        estimate, own_header = answer.value, runtime.header(held.frame_id)
        response.state = state_to_message(estimate.state, estimate.residual, held.model.object_id, own_header)
        if request.update_state:
            runtime.outputs.state_changed(runtime.session.require(), own_header)
        return answer.timings

    def _sample_states(self, request: Any, response: Any) -> dict[str, float]:
        held = self._runtime.session.require(request.object_id)
        answer = self._runtime.session.sample(held, request.count, request.seed)
        response.dimension = held.model.dimension
        response.q = flat_array(answer.value.q, np.float64)
        response.vertex_count = len(held.model.rest_vertices)
        if request.with_vertices:
            response.vertices = flat_array(answer.vertices, np.float32)
        return answer.timings

    def _refine(self, request: Any, response: Any) -> dict[str, float]:
        runtime = self._runtime
        held = runtime.session.require(request.object_id)
        observations = []
        for index, motion in enumerate(request.motions):
            name, header = f"motions[{index}]", motion.header
            transform = runtime.frames.transform(
                held.frame_id, header.frame_id, header.stamp, f"{name}.header.frame_id"
            )
            observations.append(
                motion_from_message(motion, transform, held.model.rest_vertices, name, bool(request.parameters))
            )
        held, refined = runtime.session.refine(held, observations, list(request.parameters))
        runtime.outputs.object_changed(held, runtime.header(held.frame_id))
        response.object_id = held.model.object_id
        response.dimension = held.model.dimension
        response.misfit_before = float(refined.misfit_before)
        response.misfit = float(refined.misfit)
        response.parameters = list(refined.parameters)
        fitted = np.array(list(refined.parameters.values())).reshape(-1, 3)
        response.values, response.lower, response.upper = (flat_array(column, np.float64) for column in fitted.T)
        return refined.timings

    def _reset(self, request: Any, response: Any) -> dict[str, float]:
        runtime = self._runtime
        held = runtime.session.reset(request.object_id)
        header = runtime.header(held.frame_id)
        response.state = state_to_message(held.state, held.residual, held.model.object_id, header)
        runtime.outputs.state_changed(held, header)
        return {}


def _timed(handler: Handler, request: Any, response: Any) -> dict[str, float]:
    """Run a handler; what it took beyond the model's work is the stage ``convert``."""
    begin = time.perf_counter()
    timings = handler(request, response)
    total = 1e3 * (time.perf_counter() - begin)
    return {**timings, "convert": total - timings.get("compute", 0.0)}


def _goal(request: Any, held: HeldObject) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices [g] and wanted positions [g, 3] of a request's goal, in the request's frame."""
    indices = numpy_view(request.goal_vertices, np.uint32).astype(np.int64)
    positions = rows(request.goal_positions, np.float32, (3,), "goal_positions", ErrorCode.INVALID_PARAMETER)
    if len(positions) != len(indices) or not np.isfinite(positions).all():
        raise NeurokError(
            ErrorCode.INVALID_PARAMETER,
            "goal_positions",
            f"{len(positions)} positions",
            f"one finite position for each of the {len(indices)} goal_vertices",
        )
    check_vertex_indices(indices, held, "goal_vertices")
    return indices, positions.astype(np.float64)
