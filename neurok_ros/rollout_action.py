"""The action `rollout`: long predictions with feedback and cancel, beside the services."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup

from neurok_model.mechanics import Outcome
from neurok_msgs.action import Rollout
from neurok_ros.conversions.contacts import action_from_message
from neurok_ros.conversions.status import ok_status, status_from_error, timings_to_messages
from neurok_ros.conversions.trajectories import outcome_to_message, trajectory_to_message
from neurok_ros.requests import initial_state
from neurok_ros.runtime import Runtime
from neurok_ros.showing import show_later
from neurok_ros.worker import Worker

FEEDBACK_PERIOD = 0.1
"""Seconds between two feedback messages."""


class RolloutAction:
    """Serves one goal at a time on a thread of its own, so that services stay quick; later goals wait.

    Args:
        runtime: the configured node.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._worker = Worker("rollout")
        self._lock = threading.Lock()
        self._waiting: deque[Any] = deque()
        self._running = False
        self._server = ActionServer(
            runtime.node,
            Rollout,
            "rollout",
            execute_callback=self._execute,
            callback_group=ReentrantCallbackGroup(),
            handle_accepted_callback=self._accepted,
            cancel_callback=lambda goal: CancelResponse.ACCEPT,
        )

    def destroy(self) -> None:
        """Cancel what runs, and remove the server."""
        self._worker.close()
        self._server.destroy()

    def _accepted(self, goal: Any) -> None:
        with self._lock:
            if self._running:
                self._waiting.append(goal)
                return
            self._running = True
        goal.execute()

    def _execute(self, goal: Any) -> Any:
        try:
            return self._roll_out(goal)
        except Exception as error:
            self._runtime.report("rollout", error)
            goal.abort()
            return Rollout.Result(status=status_from_error(error))
        finally:
            with self._lock:
                next_goal = self._waiting.popleft() if self._waiting else None
                self._running = next_goal is not None
            if next_goal is not None:
                next_goal.execute()

    def _roll_out(self, goal: Any) -> Any:
        runtime, request = self._runtime, goal.request
        runtime.require_active()
        held = runtime.session.require(request.object_id)
        transform = runtime.into_object_frame(request.header, held)
        contacts = action_from_message(request.action, transform)
        progress = _Progress(goal, request.horizon, request.step, self._worker)
        start = initial_state(request.initial_state, held)
        with progress:
            answer, queued = self._worker.run(
                lambda: runtime.session.predict(
                    held,
                    contacts,
                    request.horizon,
                    request.step,
                    start,
                    request.with_vertices,
                    progress.asked,
                )
            )
        prediction = answer.value
        result = Rollout.Result(
            status=ok_status(),
            outcome=outcome_to_message(prediction.outcome),
            trajectory=trajectory_to_message(
                prediction,
                answer.vertices,
                len(held.model.rest_vertices),
                held.model.object_id,
                runtime.header(held.frame_id),
            ),
            residual=float(prediction.residual),
            energy_drift=float(prediction.energy_drift),
            timings=timings_to_messages({**answer.timings, "queue": queued}),
        )
        runtime.diagnostics.served("rollout", answer.timings)
        show_later(runtime, held, answer, contacts)
        if prediction.outcome is Outcome.CANCELLED and goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.succeed()
        return result


class _Progress:
    """Counts how often the integrator asks whether to go on, and publishes it as feedback.

    Args:
        goal: the goal handle.
        horizon: in seconds.
        step: in seconds.
        worker: where the rollout runs; when it closes, the rollout stops too.
    """

    def __init__(self, goal: Any, horizon: float, step: float, worker: Worker) -> None:
        self._goal = goal
        self._horizon = horizon
        self._steps = max(1.0, horizon / step) if step > 0.0 else 1.0
        self._worker = worker
        self._asked = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._publish, name="rollout_feedback", daemon=True)

    def asked(self) -> bool:
        """Note one time step, and return whether to stop."""
        self._asked += 1
        return bool(self._goal.is_cancel_requested or self._worker.cancelled())

    def __enter__(self) -> _Progress:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _publish(self) -> None:
        while not self._ended.wait(FEEDBACK_PERIOD):
            share = min(self._asked / self._steps, 1.0)
            self._goal.publish_feedback(Rollout.Feedback(progress=share, time=share * self._horizon))
