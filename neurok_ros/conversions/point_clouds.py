"""Point clouds to and from sensor_msgs/PointCloud2."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import PointCloud
from neurok_ros.conversions.arrays import flat_array

try:
    from sensor_msgs_py.point_cloud2 import read_points as _read_points
except ImportError:  # not among the wheels: the reader below does the same for the fields needed here
    _read_points = None

POSITION_FIELDS = ("x", "y", "z")
NORMAL_FIELDS = ("normal_x", "normal_y", "normal_z")

_DTYPES = {
    PointField.INT8: "i1",
    PointField.UINT8: "u1",
    PointField.INT16: "i2",
    PointField.UINT16: "u2",
    PointField.INT32: "i4",
    PointField.UINT32: "u4",
    PointField.FLOAT32: "f4",
    PointField.FLOAT64: "f8",
}


def cloud_from_message(message: Any, viewpoint: Float[np.ndarray, " 3"] | None = None) -> PointCloud:
    """Return the checked cloud of a sensor_msgs/PointCloud2, in metres and in the message's frame.

    Points with a coordinate that is not finite mean "no return" (REP-117) and are left out. Normals are used
    when the cloud has all three of ``normal_x, normal_y, normal_z`` and all that remain are finite.

    Args:
        message: the message.
        viewpoint: where the camera stood, in the message's frame, when that is known.

    Raises:
        NeurokError: ``INVALID_POINT_CLOUD`` or ``IMPLAUSIBLE_SCALE``, naming the field.
    """
    names = [field.name for field in message.fields]
    wanted = POSITION_FIELDS + (NORMAL_FIELDS if set(NORMAL_FIELDS) <= set(names) else ())
    _check_layout(message, wanted)
    structured = _structured(message, wanted)
    points = np.stack([structured[name] for name in POSITION_FIELDS], axis=-1).astype(np.float64)
    finite = np.isfinite(points).all(axis=1)
    normals = None
    if len(wanted) > len(POSITION_FIELDS):
        candidates = np.stack([structured[name] for name in NORMAL_FIELDS], axis=-1).astype(np.float64)[finite]
        normals = candidates if np.isfinite(candidates).all() else None
    return PointCloud(points[finite], normals, viewpoint).validated()


def cloud_to_message(
    points: Float[np.ndarray, "n 3"],
    normals: Float[np.ndarray, "n 3"] | None = None,
    header: Header | None = None,
) -> PointCloud2:
    """Return an unorganised float32 PointCloud2 of points in metres, with normals when given."""
    columns = [np.asarray(points, np.float32)]
    names: tuple[str, ...] = POSITION_FIELDS
    if normals is not None:
        columns.append(np.asarray(normals, np.float32))
        names += NORMAL_FIELDS
    values = np.concatenate(columns, axis=1)
    step = 4 * len(names)
    return PointCloud2(
        header=header or Header(),
        height=1,
        width=len(values),
        fields=[
            PointField(name=name, offset=4 * column, datatype=PointField.FLOAT32, count=1)
            for column, name in enumerate(names)
        ],
        is_bigendian=False,
        point_step=step,
        row_step=step * len(values),
        data=flat_array(np.ascontiguousarray(values).view(np.uint8), np.uint8),
        is_dense=bool(np.isfinite(values).all()),
    )


def _check_layout(message: Any, wanted: tuple[str, ...]) -> None:
    """Raise unless every wanted field lies inside a point, and every point inside the data."""
    fields = {field.name: field for field in message.fields}
    for name in wanted:
        if name not in fields:
            raise _error("cloud.fields", sorted(fields), "fields x, y and z of type FLOAT32 or FLOAT64")
        field = fields[name]
        if field.datatype not in (PointField.FLOAT32, PointField.FLOAT64) or field.count > 1:
            raise _error(
                f"cloud.fields[{name}]",
                f"datatype {field.datatype}, count {field.count}",
                f"FLOAT32 ({PointField.FLOAT32}) or FLOAT64 ({PointField.FLOAT64}), count 1",
            )
        if field.offset + np.dtype(_DTYPES[field.datatype]).itemsize > message.point_step:
            raise _error(
                f"cloud.fields[{name}].offset",
                field.offset,
                f"a field inside point_step = {message.point_step} bytes",
            )
    if message.row_step < message.width * message.point_step:
        raise _error(
            "cloud.row_step",
            message.row_step,
            f"at least width * point_step = {message.width} * {message.point_step} bytes",
        )
    if len(message.data) < message.row_step * message.height:
        raise _error(
            "cloud.data",
            f"{len(message.data)} bytes",
            f"at least row_step * height = {message.row_step} * {message.height} bytes",
        )


def _is_plain(message: Any) -> bool:
    """Whether sensor_msgs_py reads this cloud right: it knows no padded rows and no unknown fields, and it swaps
    bytes in the message itself.
    """
    names = [field.name for field in message.fields]
    return (
        message.row_step == message.width * message.point_step
        and len(message.data) == message.row_step * message.height
        and not message.is_bigendian
        and len(set(names)) == len(names)
        and all(field.name and field.datatype in _DTYPES and field.count == 1 for field in message.fields)
        and all(
            field.offset + np.dtype(_DTYPES[field.datatype]).itemsize <= message.point_step for field in message.fields
        )
    )


def _structured(message: Any, wanted: tuple[str, ...]) -> np.ndarray:
    """Return the wanted fields as a structured array with one element per point."""
    if _read_points is not None and _is_plain(message):
        return np.asarray(_read_points(message, field_names=list(wanted), skip_nans=False)).reshape(-1)
    order = ">" if message.is_bigendian else "<"
    fields = {field.name: field for field in message.fields}
    dtype = np.dtype(
        {
            "names": list(wanted),
            "formats": [order + _DTYPES[fields[name].datatype] for name in wanted],
            "offsets": [fields[name].offset for name in wanted],
            "itemsize": message.point_step,
        }
    )
    if message.width * message.height == 0:
        return np.empty(0, dtype)
    points = np.ndarray(
        shape=(message.height, message.width),
        dtype=dtype,
        buffer=bytes(message.data),
        strides=(message.row_step, message.point_step),
    )
    return points.reshape(-1)


def _error(field: str, value: object, allowed: str) -> NeurokError:
    return NeurokError(ErrorCode.INVALID_POINT_CLOUD, field, value, allowed)
