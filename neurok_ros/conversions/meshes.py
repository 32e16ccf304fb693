"""Triangle meshes to and from neurok_msgs/TriangleMesh and shape_msgs/Mesh."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Point
from jaxtyping import Float, Int
from shape_msgs.msg import Mesh as ShapeMessage
from shape_msgs.msg import MeshTriangle
from std_msgs.msg import Header

from neurok_model.errors import ErrorCode
from neurok_model.geometry import TriangleMesh
from neurok_msgs.msg import TriangleMesh as TriangleMeshMessage
from neurok_ros.conversions.arrays import flat_array, rows, three


def mesh_from_message(message: Any) -> TriangleMesh:
    """Return the checked mesh of a neurok_msgs/TriangleMesh, in metres and in the message's frame.

    Raises:
        NeurokError: ``INVALID_MESH`` or ``IMPLAUSIBLE_SCALE``, naming the field.
    """
    vertices = rows(message.vertices, np.float32, (3,), "vertices", ErrorCode.INVALID_MESH)
    triangles = rows(message.triangles, np.uint32, (3,), "triangles", ErrorCode.INVALID_MESH)
    return TriangleMesh(vertices.astype(np.float64), triangles.astype(np.int64)).validated()


def mesh_to_message(
    vertices: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    header: Header | None = None,
    object_id: str = "",
) -> TriangleMeshMessage:
    """Return a neurok_msgs/TriangleMesh of vertices in metres and triangles (t = 0 for a point cloud)."""
    return TriangleMeshMessage(
        header=header or Header(),
        object_id=object_id,
        vertices=flat_array(vertices, np.float32),
        triangles=flat_array(triangles, np.uint32),
    )


def mesh_from_shape(message: Any) -> TriangleMesh:
    """Return the checked mesh of a shape_msgs/Mesh, in metres. Slow: it holds one object per vertex.

    Raises:
        NeurokError: ``INVALID_MESH`` or ``IMPLAUSIBLE_SCALE``, naming the field.
    """
    vertices = np.array([three(vertex) for vertex in message.vertices]).reshape(-1, 3)
    triangles = np.array([np.asarray(triangle.vertex_indices) for triangle in message.triangles])
    return TriangleMesh(vertices, triangles.reshape(-1, 3).astype(np.int64)).validated()


def mesh_to_shape(mesh: TriangleMesh) -> ShapeMessage:
    """Return a shape_msgs/Mesh. Slow: hundreds of milliseconds for 20,000 vertices."""
    return ShapeMessage(
        vertices=[Point(x=float(x), y=float(y), z=float(z)) for x, y, z in mesh.vertices],
        triangles=[MeshTriangle(vertex_indices=[int(index) for index in row]) for row in mesh.triangles],
    )
