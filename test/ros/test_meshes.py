"""Meshes must arrive as they were sent, and no message may break the reader."""

import numpy as np
import pytest
from geometry_msgs.msg import Point
from hypothesis import given
from hypothesis import strategies as st
from refusals import value_or_refusal
from shape_msgs.msg import Mesh, MeshTriangle

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import TriangleMesh
from neurok_msgs.msg import TriangleMesh as TriangleMeshMessage
from neurok_ros.conversions.arrays import flat_array
from neurok_ros.conversions.meshes import mesh_from_message, mesh_from_shape, mesh_to_message, mesh_to_shape

PLATE = TriangleMesh(
    np.array([[0, 0, 0], [0.3, 0, 0], [0.3, 0.2, 0], [0, 0.2, 0.01]]), np.array([[0, 1, 2], [0, 2, 3]])
)


def test_mesh_survives_the_message() -> None:
    """Vertices to single precision, triangles exactly, in the same order."""
    message = mesh_to_message(PLATE.vertices, PLATE.triangles, object_id="plate")
    back = mesh_from_message(message)
    np.testing.assert_array_equal(back.vertices, PLATE.vertices.astype(np.float32))
    np.testing.assert_array_equal(back.triangles, PLATE.triangles)
    assert message.object_id == "plate"


def test_mesh_survives_the_shape_message() -> None:
    """shape_msgs/Mesh holds doubles: nothing is rounded."""
    back = mesh_from_shape(mesh_to_shape(PLATE))
    np.testing.assert_array_equal(back.vertices, PLATE.vertices)
    np.testing.assert_array_equal(back.triangles, PLATE.triangles)


def test_empty_shape_message_is_refused() -> None:
    """The reader must get over having no rows at all."""
    with pytest.raises(NeurokError) as caught:
        mesh_from_shape(Mesh())
    assert caught.value.code is ErrorCode.INVALID_MESH


@given(
    st.lists(st.floats(width=32), max_size=30),
    st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 9), max_size=18),
)
def test_any_message_is_a_mesh_or_a_refusal(vertices: list[float], triangles: list[int]) -> None:
    """Whatever numbers arrive, the outcome is a valid mesh or an error about it, never another exception."""
    message = TriangleMeshMessage(vertices=flat_array(vertices, np.float32), triangles=flat_array(triangles, np.uint32))
    mesh, code = value_or_refusal(lambda: mesh_from_message(message))
    assert code in (ErrorCode.OK, ErrorCode.INVALID_MESH, ErrorCode.IMPLAUSIBLE_SCALE)
    assert mesh is None or np.isfinite(mesh.vertices).all()
    assert mesh is None or mesh.triangles.max() < len(mesh.vertices)


@given(
    st.lists(st.tuples(*[st.floats()] * 3), max_size=8),
    st.lists(st.tuples(*[st.integers(0, 9)] * 3), max_size=8),
)
def test_any_shape_is_a_mesh_or_a_refusal(vertices: list[tuple], triangles: list[tuple]) -> None:
    """The same for shape_msgs/Mesh."""
    message = Mesh(
        vertices=[Point(x=x, y=y, z=z) for x, y, z in vertices],
        triangles=[MeshTriangle(vertex_indices=list(corners)) for corners in triangles],
    )
    mesh, code = value_or_refusal(lambda: mesh_from_shape(message))
    assert code in (ErrorCode.OK, ErrorCode.INVALID_MESH, ErrorCode.IMPLAUSIBLE_SCALE)
    assert mesh is None or mesh.triangles.max() < len(mesh.vertices)
