"""Watched motions to and from neurok_msgs/WatchedMotion."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from std_msgs.msg import Header

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.identification import MotionObservation
from neurok_msgs.msg import WatchedMotion
from neurok_ros.conversions.arrays import flat_array, numpy_view
from neurok_ros.conversions.contacts import action_from_message, action_to_message
from neurok_ros.conversions.transforms import RigidTransform
from neurok_ros.results import PredictionError

FARTHEST = 5.0
"""Longest sides of the object that a vertex may be from where it was scanned; what is farther is in another unit, or
was lost by whatever tracked it.
"""

FIRST_TIME = 1e-6
"""How far the first time may be from 0, as a share of the step."""


def motion_from_message(
    message: Any, transform: RigidTransform, vertices: Float[np.ndarray, "n 3"], name: str, with_action: bool
) -> MotionObservation:
    """Return the checked motion of a neurok_msgs/WatchedMotion in the object's frame.

    Args:
        message: the message.
        transform: from the message's frame to the object's.
        vertices: the scan's, in metres, in the object's frame.
        name: what to call the message in an error, for example ``"motions[0]"``.
        with_action: whether what was done to the object is read.

    Raises:
        NeurokError: ``INVALID_PARAMETER``, naming the field; ``INVALID_CONTACT`` for a contact that makes no sense.
    """
    times = _times(message, f"{name}.times")
    indices = _indices(message, len(vertices), f"{name}.vertex_indices")
    points = transform.points(_points(message, len(times), len(indices), f"{name}.points"))
    _check_distance(points, vertices[indices], float(np.ptp(vertices, axis=0).max()), f"{name}.points")
    contacts = action_from_message(message.action, transform, f"{name}.action") if with_action else []
    try:
        return MotionObservation(contacts, times, points, indices)
    except NeurokError as error:
        raise NeurokError(error.code, f"{name}.{error.field}", error.value, error.allowed) from None


def motion_to_message(observation: MotionObservation, frame_id: str, name: str) -> WatchedMotion:
    """Return a neurok_msgs/WatchedMotion; points are rounded to single precision.

    Args:
        observation: a motion that began in the scanned pose.
        frame_id: of its points and contacts; empty for the object's own.
        name: what to call it in an error, for example ``"motions[0]"``.

    Raises:
        PredictionError: ``INVALID_PARAMETER`` for one that began elsewhere, which the message cannot say.
    """
    if observation.initial_state is not None:
        raise PredictionError(
            ErrorCode.INVALID_PARAMETER,
            f"{name}.initial_state = {observation.initial_state}: allowed is None, a motion from the scanned pose on",
        )
    return WatchedMotion(
        header=Header(frame_id=frame_id),
        action=action_to_message(observation.contacts),
        times=flat_array(observation.times, np.float64),
        vertex_indices=flat_array([] if observation.indices is None else observation.indices, np.uint32),
        points=flat_array(observation.points, np.float32),
    )


def _times(message: Any, name: str) -> Float[np.ndarray, " frames"]:
    """The times, finite and from 0; whether they are even is checked by the observation."""
    times = numpy_view(message.times, np.float64).copy()
    allowed = "at least two finite times, evenly spaced from 0 s"
    if len(times) < 2 or not np.isfinite(times).all():
        raise NeurokError(ErrorCode.INVALID_PARAMETER, name, times.tolist(), allowed)
    if abs(times[0]) > FIRST_TIME * abs(times[1] - times[0]):
        raise NeurokError(ErrorCode.INVALID_PARAMETER, f"{name}[0]", f"{times[0]:g} s", "0 s, the scanned pose")
    return times


def _indices(message: Any, count: int, name: str) -> Int[np.ndarray, " p"]:
    """Which of the scan's vertices were tracked."""
    indices = numpy_view(message.vertex_indices, np.uint32).astype(np.int64)
    if len(indices) == 0:
        return np.arange(count)
    wrong = np.flatnonzero(indices >= count)
    if len(wrong):
        allowed = f"indices of vertices, 0 to {count - 1}"
        raise NeurokError(ErrorCode.INVALID_PARAMETER, f"{name}[{wrong[0]}]", int(indices[wrong[0]]), allowed)
    return indices


def _points(message: Any, frames: int, tracked: int, name: str) -> Float[np.ndarray, "frames p 3"]:
    """Positions of the tracked vertices in the message's frame, in double precision."""
    flat = numpy_view(message.points, np.float32)
    if len(flat) != frames * tracked * 3:
        shape = f"[T, p, 3] of {frames} times and {tracked} tracked vertices"
        allowed = f"{frames * tracked * 3} numbers, {shape}"
        raise NeurokError(ErrorCode.INVALID_PARAMETER, name, f"{len(flat)} numbers", allowed)
    points = flat.reshape(frames, tracked, 3).astype(np.float64)
    wrong = np.argwhere(~np.isfinite(points).all(axis=2))
    if len(wrong):
        frame, point = wrong[0]
        value = f"{points[frame, point].tolist()} in frame {frame} for tracked vertex {point}"
        raise NeurokError(
            ErrorCode.INVALID_PARAMETER, name, value, "finite positions; leave out vertices that are lost"
        )
    return points


def _check_distance(
    points: Float[np.ndarray, "frames p 3"], scanned: Float[np.ndarray, "p 3"], size: float, name: str
) -> None:
    """Refuse positions that cannot be the object's."""
    distance = np.linalg.norm(points - scanned, axis=2)
    frame, point = np.unravel_index(distance.argmax(), distance.shape)
    if distance[frame, point] > FARTHEST * size:
        far = f"{distance[frame, point]:.4g} m from where it was scanned"
        value = f"tracked vertex {point} in frame {frame} {far}"
        allowed = f"within {FARTHEST * size:.4g} m, {FARTHEST:g} longest sides, of it: metres, in the header's frame"
        raise NeurokError(ErrorCode.INVALID_PARAMETER, name, value, allowed)
