"""Unit quaternions (w, x, y, z) as NumPy arrays, for posing generated objects."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def quaternion_product(
    left: Float[np.ndarray, "... 4"], right: Float[np.ndarray, "... 4"]
) -> Float[np.ndarray, "... 4"]:
    """Hamilton product: the rotation ``right`` followed by the rotation ``left``."""
    lw, lx, ly, lz = np.moveaxis(left, -1, 0)
    rw, rx, ry, rz = np.moveaxis(right, -1, 0)
    return np.stack(
        [
            lw * rw - lx * rx - ly * ry - lz * rz,
            lw * rx + lx * rw + ly * rz - lz * ry,
            lw * ry - lx * rz + ly * rw + lz * rx,
            lw * rz + lx * ry - ly * rx + lz * rw,
        ],
        axis=-1,
    )


def quaternion_conjugate(quaternion: Float[np.ndarray, "... 4"]) -> Float[np.ndarray, "... 4"]:
    """The inverse rotation of a unit quaternion."""
    return quaternion * np.array([1.0, -1.0, -1.0, -1.0])


def quaternion_from_axis_angle(
    axis: Float[np.ndarray, "... 3"], angle: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "... 4"]:
    """Rotation by ``angle`` radians about the unit vector ``axis``."""
    half = 0.5 * np.asarray(angle, dtype=np.float64)
    vector = np.sin(half)[..., None] * axis
    return np.concatenate([np.cos(half)[..., None], vector], axis=-1)


def quaternion_from_rotation_vector(vector: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 4"]:
    """Exponential map of rotation vectors in radians; exact at zero."""
    half = 0.5 * np.linalg.norm(vector, axis=-1, keepdims=True)
    # numpy's sinc(x) is sin(pi x) / (pi x), so this is sin(half) / (2 half) without a division by zero.
    return np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * vector], axis=-1)


def rotation_matrix(quaternion: Float[np.ndarray, "... 4"]) -> Float[np.ndarray, "... 3 3"]:
    """Rotation matrices of unit quaternions."""
    w, x, y, z = np.moveaxis(quaternion, -1, 0)
    entries = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return np.stack(entries, axis=-1).reshape(*w.shape, 3, 3)
