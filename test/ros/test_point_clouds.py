"""Point clouds come in many layouts; all of them must be read right, and broken ones refused by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import value_or_refusal
from sensor_msgs.msg import PointCloud2, PointField

from neurok_model.errors import ErrorCode, NeurokError
from neurok_ros.conversions import point_clouds
from neurok_ros.conversions.arrays import flat_array
from neurok_ros.conversions.point_clouds import cloud_from_message, cloud_to_message

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(-0.2, 0.2, (12, 3)).astype(np.float32)
NORMALS = np.tile(np.array([0, 0, 1], np.float32), (12, 1))


def test_cloud_survives_the_message() -> None:
    """Points and normals arrive as they were sent."""
    back = cloud_from_message(cloud_to_message(POINTS, NORMALS))
    np.testing.assert_array_equal(back.points, POINTS)
    np.testing.assert_array_equal(back.normals, NORMALS)
    assert cloud_from_message(cloud_to_message(POINTS)).normals is None


def organised(order: str, kind: str, padding: int) -> PointCloud2:
    """A 3 x 4 image of points with a colour between the coordinates and rows with padding."""
    dtype = np.dtype(
        {
            "names": ["z", "rgb", "x", "y"],
            "formats": [order + kind, order + "u4", order + kind, order + kind],
            "offsets": [4, 0, 16, 24],
            "itemsize": 40,
        }
    )
    image = np.zeros((3, 4), dtype)
    for axis, name in enumerate("xyz"):
        image[name] = POINTS[:, axis].reshape(3, 4)
    image["rgb"] = 0xDEADBEEF
    data = b"".join(row.tobytes() + b"\xff" * padding for row in image)
    code = PointField.FLOAT32 if kind == "f4" else PointField.FLOAT64
    return PointCloud2(
        height=3,
        width=4,
        fields=[
            PointField(name="rgb", offset=0, datatype=PointField.UINT32, count=1),
            *(PointField(name=name, offset=dtype.fields[name][1], datatype=code, count=1) for name in "xyz"),
        ],
        is_bigendian=order == ">",
        point_step=40,
        row_step=160 + padding,
        data=flat_array(np.frombuffer(data, np.uint8), np.uint8),
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("padding", [0, 24])
@pytest.mark.parametrize("reader", ["own", "installed"])
def test_every_layout_is_read(
    order: str, kind: str, padding: int, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Field order, offsets, byte order, precision and padding as drivers use them."""
    if reader == "own":
        monkeypatch.setattr(point_clouds, "_read_points", None)
    elif point_clouds._read_points is None:
        pytest.skip("sensor_msgs_py is not installed: it comes with a full ROS 2")
    np.testing.assert_array_equal(cloud_from_message(organised(order, kind, padding)).points, POINTS)


def test_points_without_return_are_left_out() -> None:
    """Depth cameras mark missing pixels by NaN (REP-117); the rest of the cloud, and its normals, stay."""
    holed = POINTS.copy()
    holed[[2, 5]] = np.nan
    holed[7, 1] = np.inf
    back = cloud_from_message(cloud_to_message(holed, NORMALS))
    np.testing.assert_array_equal(back.points, np.delete(POINTS, [2, 5, 7], axis=0))
    assert len(back.normals) == 9


def test_unusable_normals_are_not_used() -> None:
    """One NaN normal among good points: the points count, normals are estimated later."""
    broken = NORMALS.copy()
    broken[3] = np.nan
    assert cloud_from_message(cloud_to_message(POINTS, broken)).normals is None


def test_viewpoint_is_handed_on() -> None:
    """The camera's position decides which side of the surface is outside."""
    back = cloud_from_message(cloud_to_message(POINTS), np.array([0.0, 0.0, 1.0]))
    np.testing.assert_array_equal(back.viewpoint, [0, 0, 1])


BROKEN = {
    "no z": (lambda m: m.fields.pop(), "cloud.fields"),
    "integers": (lambda m: setattr(m.fields[0], "datatype", PointField.INT32), r"cloud.fields\[x\]"),
    "unknown type": (lambda m: setattr(m.fields[0], "datatype", 99), r"cloud.fields\[x\]"),
    "two values": (lambda m: setattr(m.fields[1], "count", 2), r"cloud.fields\[y\]"),
    "outside the point": (lambda m: setattr(m.fields[2], "offset", 9), r"cloud.fields\[z\].offset"),
    "overlapping rows": (lambda m: setattr(m, "row_step", 3), "cloud.row_step"),
    "short data": (lambda m: setattr(m, "data", m.data[:-1]), "cloud.data"),
    "more rows than data": (lambda m: setattr(m, "height", 2), "cloud.data"),
    "no points": (lambda m: setattr(m, "width", 0), "points"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_clouds_are_refused_by_name(case: str) -> None:
    """The error names the field that is wrong."""
    message = cloud_to_message(POINTS)
    change, field = BROKEN[case]
    change(message)
    with pytest.raises(NeurokError, match=f"^{field} = ") as caught:
        cloud_from_message(message)
    assert caught.value.code is ErrorCode.INVALID_POINT_CLOUD


FIELDS = st.builds(
    PointField,
    name=st.sampled_from(["x", "y", "z", "normal_x", "normal_y", "normal_z", "rgb"]),
    offset=st.integers(0, 40),
    datatype=st.integers(0, 255),
    count=st.integers(0, 3),
)


@given(
    st.lists(FIELDS, max_size=8),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 48),
    st.integers(0, 250),
    st.binary(max_size=600),
    st.booleans(),
)
def test_any_message_is_a_cloud_or_a_refusal(
    fields: list[PointField], height: int, width: int, point_step: int, row_step: int, data: bytes, big: bool
) -> None:
    """Whatever bytes arrive, the outcome is a valid cloud or an error about it, never another exception."""
    message = PointCloud2(
        height=height,
        width=width,
        fields=fields,
        is_bigendian=big,
        point_step=point_step,
        row_step=row_step,
        data=flat_array(np.frombuffer(data, np.uint8), np.uint8),
    )
    cloud, code = value_or_refusal(lambda: cloud_from_message(message))
    assert code in (ErrorCode.OK, ErrorCode.INVALID_POINT_CLOUD, ErrorCode.IMPLAUSIBLE_SCALE)
    assert cloud is None or np.isfinite(cloud.points).all()


@given(st.binary(min_size=36, max_size=36 * 4), st.booleans())
def test_any_bytes_in_a_good_layout_are_a_cloud_or_a_refusal(data: bytes, big: bool) -> None:
    """Random bytes are random floats: huge, tiny, NaN."""
    message = cloud_to_message(np.zeros((len(data) // 12, 3), np.float32))
    message.data = flat_array(np.frombuffer(data[: len(data) // 12 * 12], np.uint8), np.uint8)
    message.is_bigendian = big
    cloud, code = value_or_refusal(lambda: cloud_from_message(message))
    assert code in (ErrorCode.OK, ErrorCode.INVALID_POINT_CLOUD, ErrorCode.IMPLAUSIBLE_SCALE)
    assert cloud is None or len(cloud.points) >= 3
