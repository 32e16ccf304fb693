"""An object is refined by watched motions: checked before the work begins, then corrected, fitted and put where it was.

Knows nothing of ROS messages, but calls the fields by their names there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.identification import LEARNED_MODEL_ERROR, RANGES, MotionObservation, checked_names, parameter_of
from neurok_model.object_model import ObjectModel
from neurok_model.predictor import Predictor
from neurok_model.results import ObjectState
from neurok_ros.limits import Limits, check_horizon


@dataclass(frozen=True)
class Refined:
    """What watching an object made of it.

    Args:
        model: the object.
        misfit_before: root-mean-square distance between watched vertices and the nearest that the object could do, as a
            share of the watched motion.
        misfit: the same as it is now.
        parameters: value, and lower and upper bound of the 95 % interval, of every parameter that was fitted.
        timings: stages in milliseconds.
    """

    model: ObjectModel
    misfit_before: float
    misfit: float
    parameters: dict[str, tuple[float, float, float]]
    timings: dict[str, float]


def check_refinement(
    model: ObjectModel, observations: Sequence[MotionObservation], parameters: Sequence[str], limits: Limits
) -> None:
    """Refuse what would be refused only after seconds of work.

    Raises:
        NeurokError: ``INVALID_PARAMETER`` for no motion, or for parameters that cannot be fitted; where some are fitted
            ``REQUEST_TOO_LARGE`` for a motion over a limit, and ``CONTACT_OFF_SURFACE``.
    """
    if len(observations) == 0:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "motions", "none", "one motion or more")
    if len(parameters) == 0:
        return
    names = checked_names(parameters)
    if len(set(names)) < len(names):
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "parameters", ", ".join(names), "every parameter once")
    for index, observation in enumerate(observations):
        step, motion = observation.step, f"motions[{index}]"
        try:
            check_horizon(step * (len(observation.times) - 1), step, 1, limits)
            model.predict(observation.contacts, horizon=step, step=step, initial_state=model.rest_state)
        except NeurokError as error:
            is_contact = error.field.startswith("contacts")
            field = f"{motion}.action.{error.field}" if is_contact else f"{error.field} of {motion}.times"
            raise NeurokError(error.code, field, error.value, error.allowed) from None


def refined_model(
    predictor: Predictor, model: ObjectModel, observations: Sequence[MotionObservation], parameters: Sequence[str]
) -> Refined:
    """Refine an object, and fit physical parameters of what comes out, if any are named.

    Raises:
        NeurokError: what :meth:`neurok_model.Predictor.refine` and :meth:`neurok_model.ObjectModel.identify` raise.
    """
    better, misfit_before, misfit = predictor.refine(model, observations)
    timings = {"refine" if stage == "encode" else stage: spent for stage, spent in better.timings.items()}
    if len(parameters) == 0:
        return Refined(better, misfit_before, misfit, {}, timings)
    begin = time.perf_counter()
    found = better.identify(observations, parameters, LEARNED_MODEL_ERROR)
    fitted = {}
    for name in found.names:
        value, lower, upper = np.clip((found.value(name), *found.interval(name)), *RANGES[parameter_of(name)])
        fitted[name] = (float(value), float(lower), float(upper))
    better = better.with_physics(found.physics)
    timings["identify"] = 1e3 * (time.perf_counter() - begin)
    return Refined(better, misfit_before, misfit, fitted, timings)


def carried_state(model: ObjectModel, state: ObjectState, refined: ObjectModel) -> tuple[ObjectState, float]:
    """Return the state of a refined object that looks as the object does, and its root-mean-square distance in metres;
    rest, and 0, for rest.

    Args:
        model: the object before.
        state: its state.
        refined: the same scan with other coordinates.
    """
    if not (state.q.any() or state.qdot.any()):
        return refined.rest_state, 0.0
    vertices = model.surface.vertices(state.q).astype(np.float64)
    looks = TriangleMesh(vertices, model.triangles) if len(model.triangles) else PointCloud(vertices)
    estimate = refined.estimate_state(looks)
    return estimate.state, float(estimate.residual)
