"""How the material around each vertex of a deforming surface turns, by local Procrustes fits."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.spatial.transform import Rotation


def local_rotations(
    reference: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    frames: Float[np.ndarray, "f n 3"],
) -> Float[np.ndarray, "f n 4"]:
    """Unit quaternions (w, x, y, z, with w >= 0) that turn the surface around each vertex into each frame.

    Around vertex v the rotation R maximises the sum over its edges e of e_frame . R e_reference plus the same
    for the vertex normal, which settles the flat and the thin neighbourhoods (Kabsch's algorithm). It is
    exact for rigid motions. Vertices without triangles keep the identity.

    Args:
        reference: vertex positions before the motion, metres.
        triangles: vertex indices.
        frames: vertex positions of each frame, metres.
    """
    corners = np.concatenate([triangles[:, [0, 1, 2]], triangles[:, [1, 2, 0]], triangles[:, [2, 0, 1]]])
    start, end = np.unique(np.concatenate([corners[:, [0, 1]], corners[:, [1, 0]]]), axis=0).T
    count = len(reference)
    gather = coo_matrix((np.ones(len(start)), (start, np.arange(len(start)))), shape=(count, len(start))).tocsr()
    edges = np.asarray(reference, dtype=np.float64)[end] - reference[start]
    length = np.sqrt(np.maximum(gather @ (edges**2).sum(axis=1), 0.0))[:, None]
    normals = _vertex_normals(reference, triangles) * length
    used = length[:, 0] > 0
    result = np.zeros((len(frames), count, 4))
    result[..., 0] = 1.0
    for index, frame in enumerate(np.asarray(frames, dtype=np.float64)):
        moved = frame[end] - frame[start]
        products = (moved[:, :, None] * edges[:, None, :]).reshape(-1, 9)
        covariance = (gather @ products).reshape(count, 3, 3)
        covariance += (_vertex_normals(frame, triangles) * length)[:, :, None] * normals[:, None, :]
        result[index, used] = _nearest_rotations(covariance[used])
    return result


def _vertex_normals(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"]) -> Float[np.ndarray, "n 3"]:
    corners = np.asarray(vertices, dtype=np.float64)[triangles]
    weighted = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(weighted[:, axis], 3), len(vertices)) for axis in range(3)], axis=1
    )
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-300))


def _nearest_rotations(covariance: Float[np.ndarray, "m 3 3"]) -> Float[np.ndarray, "m 4"]:
    left, _, right = np.linalg.svd(covariance)
    # A reflection fits worse than the best rotation only in the direction of the smallest singular value.
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    quaternions = np.roll(Rotation.from_matrix(left @ right).as_quat(), 1, axis=-1)
    return np.where(quaternions[:, :1] < 0, -quaternions, quaternions)
