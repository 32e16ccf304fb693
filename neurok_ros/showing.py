"""Puts predictions on the topics that show them, when somebody listens."""

from __future__ import annotations

from collections.abc import Sequence

from neurok_model.mechanics import Contact
from neurok_ros.conversions.trajectories import trajectory_to_message
from neurok_ros.limits import check_answer
from neurok_ros.runtime import Runtime
from neurok_ros.session import Answer, HeldObject

STREAM = "showing"


def show_later(runtime: Runtime, held: HeldObject, answer: Answer, contacts: Sequence[Contact]) -> None:
    """Have the worker publish a prediction, after what it is doing now; newer ones replace it.

    Args:
        runtime: the configured node.
        held: the object.
        answer: a prediction; decoded here when it has no vertices yet.
        contacts: what acted on the object.
    """
    if not runtime.outputs.wants_predictions():
        return
    header = runtime.header(held.frame_id)

    def show() -> None:
        try:
            prediction, vertices, model = answer.value, answer.vertices, held.model
            if vertices is None:
                check_answer(4 * len(prediction.times) * model.rest_vertices.size, runtime.settings.limits())
                vertices = prediction.vertices()
            message = trajectory_to_message(prediction, vertices, len(model.rest_vertices), model.object_id, header)
            outcome = f"{prediction.outcome.name.lower()}, residual {prediction.residual:.2f}"
            runtime.outputs.predicted(held, message, vertices, contacts, outcome)
        except Exception as error:
            runtime.report("prediction", error)

    runtime.worker.offer(STREAM, show)
