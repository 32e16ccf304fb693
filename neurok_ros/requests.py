"""What all requests have in common: their age, their scan, their initial state."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.results import ObjectState
from neurok_msgs.msg import InitialState
from neurok_msgs.srv import SetObject
from neurok_ros.conversions.arrays import numpy_view, three
from neurok_ros.conversions.meshes import mesh_from_message
from neurok_ros.conversions.point_clouds import cloud_from_message
from neurok_ros.session import HeldObject


def check_age(stamp: Any, now_nanoseconds: int, oldest: float) -> None:
    """Check that a message is not older than ``oldest`` seconds; a zero stamp, or a zero limit, passes.

    Raises:
        NeurokError: ``STALE_MESSAGE``.
    """
    nanoseconds = stamp.sec * 1_000_000_000 + stamp.nanosec
    if nanoseconds == 0 or oldest == 0.0:
        return
    age = (now_nanoseconds - nanoseconds) * 1e-9
    if age > oldest:
        raise NeurokError(
            ErrorCode.STALE_MESSAGE,
            "header.stamp",
            f"{age:.3f} s old",
            f"at most {oldest:g} s (parameter max_message_age), or a zero stamp for a message without time",
        )


def scan_from_request(request: Any) -> tuple[TriangleMesh | PointCloud, Any]:
    """Return the scan of a SetObject or EstimateState request, and its header.

    Raises:
        NeurokError: ``INVALID_PARAMETER`` for an unknown kind, and what the conversions raise.
    """
    if request.kind == SetObject.Request.MESH:
        return mesh_from_message(request.mesh), request.mesh.header
    if request.kind == SetObject.Request.CLOUD:
        viewpoint = three(request.viewpoint) if request.has_viewpoint else None
        return cloud_from_message(request.cloud, viewpoint), request.cloud.header
    raise NeurokError(
        ErrorCode.INVALID_PARAMETER,
        "kind",
        request.kind,
        f"MESH ({SetObject.Request.MESH}) or CLOUD ({SetObject.Request.CLOUD})",
    )


def initial_state(message: Any, held: HeldObject) -> ObjectState:
    """Return the state that a neurok_msgs/InitialState stands for.

    Raises:
        NeurokError: ``INVALID_PARAMETER``, naming the field.
    """
    if message.kind == InitialState.CURRENT:
        return held.state
    if message.kind == InitialState.REST:
        return held.model.rest_state
    if message.kind == InitialState.GIVEN:
        return ObjectState(
            _coordinates(message.q, held, "initial_state.q"),
            _coordinates(message.qdot, held, "initial_state.qdot"),
        )
    raise NeurokError(
        ErrorCode.INVALID_PARAMETER,
        "initial_state.kind",
        message.kind,
        f"CURRENT ({InitialState.CURRENT}), REST ({InitialState.REST}) or GIVEN ({InitialState.GIVEN})",
    )


def _coordinates(field: Any, held: HeldObject, name: str) -> np.ndarray:
    values = numpy_view(field, np.float64)
    if values.shape != (held.model.dimension,) or not np.isfinite(values).all():
        raise NeurokError(ErrorCode.INVALID_PARAMETER, name, values.tolist(), f"{held.model.dimension} finite numbers")
    return values.copy()
