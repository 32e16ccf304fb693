"""Scans and initial states to the fields of service requests."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import Header

from neurok_model.errors import ErrorCode
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.results import ObjectState
from neurok_msgs.msg import InitialState
from neurok_msgs.srv import SetObject
from neurok_ros.conversions.arrays import flat_array
from neurok_ros.conversions.meshes import mesh_to_message
from neurok_ros.conversions.point_clouds import cloud_to_message
from neurok_ros.results import PredictionError


def scan_request(request: Any, scan: TriangleMesh | PointCloud, frame_id: str) -> Any:
    """Put a scan into a SetObject or EstimateState request, and return the request."""
    header = Header(frame_id=frame_id)
    if isinstance(scan, TriangleMesh):
        request.kind = SetObject.Request.MESH
        request.mesh = mesh_to_message(scan.vertices, scan.triangles, header)
        return request
    request.kind = SetObject.Request.CLOUD
    request.cloud = cloud_to_message(scan.points, scan.normals, header)
    if scan.viewpoint is not None:
        x, y, z = (float(coordinate) for coordinate in scan.viewpoint)
        request.viewpoint, request.has_viewpoint = Point(x=x, y=y, z=z), True
    return request


def initial_state_to_message(state: ObjectState | str) -> InitialState:
    """Return a neurok_msgs/InitialState of "current", "rest" or a state.

    Raises:
        PredictionError: ``INVALID_PARAMETER`` for another word.
    """
    if isinstance(state, str):
        kinds = {"current": InitialState.CURRENT, "rest": InitialState.REST}
        if state not in kinds:
            raise PredictionError(
                ErrorCode.INVALID_PARAMETER,
                f"initial_state = {state}: allowed is 'current', 'rest' or a state",
            )
        return InitialState(kind=kinds[state])
    return InitialState(
        kind=InitialState.GIVEN, q=flat_array(state.q, np.float64), qdot=flat_array(state.qdot, np.float64)
    )
