"""Unit dual quaternions as rigid motions, and their linear blending.

A rigid motion x -> R x + t is stored as eight numbers: the rotation quaternion r = (w, x, y, z) and the dual
part d = 1/2 (0, t) r. Blending sums weighted dual quaternions and renormalises (Kavan et al., "Geometric
skinning with approximate dual quaternion blending", 2008). All functions broadcast over leading dimensions
and are smooth, so that they can be differentiated in forward mode twice.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def quaternion_product(left: Float[Tensor, "*#b 4"], right: Float[Tensor, "*#b 4"]) -> Float[Tensor, "*b 4"]:
    """Hamilton product of quaternions (w, x, y, z)."""
    lw, lx, ly, lz = left.unbind(-1)
    rw, rx, ry, rz = right.unbind(-1)
    return torch.stack(
        (
            lw * rw - lx * rx - ly * ry - lz * rz,
            lw * rx + lx * rw + ly * rz - lz * ry,
            lw * ry - lx * rz + ly * rw + lz * rx,
            lw * rz + lx * ry - ly * rx + lz * rw,
        ),
        dim=-1,
    )


def conjugate(quaternion: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 4"]:
    """The inverse rotation of a unit quaternion."""
    return quaternion * quaternion.new_tensor((1.0, -1.0, -1.0, -1.0))


def rotate(quaternion: Float[Tensor, "*#b 4"], vectors: Float[Tensor, "*#b 3"]) -> Float[Tensor, "*b 3"]:
    """Rotate vectors by unit quaternions: v + 2 u x (u x v + w v), u the vector part."""
    scalar, vector = quaternion[..., :1], quaternion[..., 1:]
    vector, vectors = torch.broadcast_tensors(vector, vectors)
    inner = torch.linalg.cross(vector, vectors) + scalar * vectors
    return vectors + 2.0 * torch.linalg.cross(vector, inner)


def from_rotation_translation(
    rotation: Float[Tensor, "*#b 4"], translation: Float[Tensor, "*#b 3"]
) -> Float[Tensor, "*b 8"]:
    """Dual quaternion of x -> R x + t, from a unit quaternion and a translation."""
    padded = torch.nn.functional.pad(translation, (1, 0))
    dual = 0.5 * quaternion_product(padded, rotation)
    return torch.cat((rotation.expand_as(dual), dual), dim=-1)


def to_rotation_translation(
    dual_quaternion: Float[Tensor, "*b 8"],
) -> tuple[Float[Tensor, "*b 4"], Float[Tensor, "*b 3"]]:
    """Unit rotation quaternion and translation of a dual quaternion of any non-zero length."""
    real, dual = dual_quaternion[..., :4], dual_quaternion[..., 4:]
    inverse_length = (real * real).sum(-1, keepdim=True).clamp_min(1e-12).rsqrt()
    rotation = real * inverse_length
    translation = 2.0 * quaternion_product(dual * inverse_length, conjugate(rotation))[..., 1:]
    return rotation, translation


def transform_points(dual_quaternion: Float[Tensor, "*#b 8"], points: Float[Tensor, "*#b 3"]) -> Float[Tensor, "*b 3"]:
    """Apply the rigid motion of a dual quaternion (normalised here) to points."""
    rotation, translation = to_rotation_translation(dual_quaternion)
    return rotate(rotation, points) + translation


def from_motion(
    rotation: Float[Tensor, "*#b 4"], rest: Float[Tensor, "*#b 3"], displaced: Float[Tensor, "*#b 3"]
) -> Float[Tensor, "*b 8"]:
    """Dual quaternion that rotates by ``rotation`` and carries ``rest`` exactly to ``displaced``.

    The sign is chosen with a non-negative scalar part, so that equal motions have equal numbers.
    """
    rotation = torch.where(rotation[..., :1] < 0, -rotation, rotation)
    return from_rotation_translation(rotation, displaced - rotate(rotation, rest))


def from_centred_motion(
    rotation: Float[Tensor, "*#b 4"], translation: Float[Tensor, "*#b 3"], centre: Float[Tensor, "*#b 3"]
) -> Float[Tensor, "*b 8"]:
    """Dual quaternion of x -> R (x - c) + c + t: a rotation about ``centre``, then a translation."""
    return from_rotation_translation(rotation, centre + translation - rotate(rotation, centre))


def exponential(rotation_vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 4"]:
    """Unit quaternion of a rotation vector (axis times angle, radians).

    A tiny constant under the root keeps first and second derivatives finite at no rotation; it changes an angle of
    zero to 1e-6.
    """
    half = 0.5 * ((rotation_vector * rotation_vector).sum(-1, keepdim=True) + 1e-12).sqrt()
    return torch.cat((half.cos(), 0.5 * rotation_vector * (half.sin() / half)), dim=-1)
