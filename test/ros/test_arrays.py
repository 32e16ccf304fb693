"""Flat arrays of messages must carry every number unchanged, and say so when their length makes no sense."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from neurok_model.errors import ErrorCode, NeurokError
from neurok_ros.conversions.arrays import flat_array, numpy_view, rows

KINDS = [np.float32, np.float64, np.uint32, np.int32, np.uint8]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_numbers_survive_bit_by_bit(kind: type[np.generic], data: st.DataObject) -> None:
    """NaN, infinities, negative zeros and empty arrays arrive as they were sent."""
    values = data.draw(arrays.arrays(kind, arrays.array_shapes(min_dims=1, min_side=0)))
    flat = flat_array(values, kind)
    assert flat.itemsize == np.dtype(kind).itemsize
    assert numpy_view(flat, kind).tobytes() == np.ascontiguousarray(values).tobytes()


def test_non_contiguous_arrays_are_written_row_by_row() -> None:
    """A transposed or strided array must not be copied in memory order."""
    values = np.arange(12, dtype=np.float32).reshape(3, 4).T[::2]
    assert list(flat_array(values, np.float32)) == [0, 4, 8, 2, 6, 10]


def test_view_does_not_copy() -> None:
    """A mesh of many megabytes is looked at where it lies."""
    flat = flat_array(np.arange(9), np.float32)
    flat[0] = 7.0
    view = numpy_view(flat, np.float32)
    assert view[0] == 7.0
    assert np.shares_memory(view, np.frombuffer(flat, np.float32))


def test_messages_accept_the_arrays() -> None:
    """The generated setters check type codes; each of ours must be the one that they want."""
    from sensor_msgs.msg import PointCloud2

    from neurok_msgs.msg import TriangleMesh
    from neurok_msgs.srv import PredictBatch

    TriangleMesh(vertices=flat_array([1.0], np.float32), triangles=flat_array([1], np.uint32))
    PredictBatch.Response(outcomes=flat_array([1], np.uint8), costs=flat_array([1.0], np.float64))
    PointCloud2(data=flat_array([1], np.uint8))


@given(st.integers(0, 20), st.integers(1, 4))
def test_length_must_be_whole_rows(length: int, width: int) -> None:
    """A mesh with half a vertex is refused by name; anything else keeps its order."""
    flat = flat_array(np.arange(length), np.float32)
    if length % width:
        with pytest.raises(NeurokError, match=f"vertices = {length} numbers") as caught:
            rows(flat, np.float32, (width,), "vertices", ErrorCode.INVALID_MESH)
        assert caught.value.code is ErrorCode.INVALID_MESH
    else:
        result = rows(flat, np.float32, (width,), "vertices", ErrorCode.INVALID_MESH)
        assert result.tolist() == np.arange(length).reshape(-1, width).tolist()
