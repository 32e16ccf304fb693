"""One task of inverse kinematics: an object as it was scanned, and another pose that it really takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from neurok_model.geometry import PointCloud, TriangleMesh


@dataclass(frozen=True)
class PoseTask:
    """An object in two poses, with the same triangles.

    Attributes:
        family: what the results are grouped by.
        name: which object, which pair of poses.
        rest: vertices of M0, metres, z up.
        target: vertices of the pose to find, metres.
        triangles: vertex indices, counter-clockwise seen from outside.
        scan: what the model is shown of M0; the mesh itself, or a cloud of it.
    """

    family: str
    name: str
    rest: Float[np.ndarray, "n 3"]
    target: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "t 3"]
    scan: TriangleMesh | PointCloud

    @classmethod
    def of_mesh(
        cls,
        family: str,
        name: str,
        rest: Float[np.ndarray, "n 3"],
        target: Float[np.ndarray, "n 3"],
        triangles: Int[np.ndarray, "t 3"],
    ) -> PoseTask:
        """A task whose scan is the mesh of M0."""
        return cls(family, name, rest, target, triangles, TriangleMesh(rest, triangles))
