"""Pairs of poses as npz files, so that anyone can bring their own.

A file holds ``rest_vertices`` [n, 3] and ``target_vertices`` [n, 3], metres, z up, and ``triangles`` [t, 3], vertex
indices that count from 0. Row i of both arrays of vertices is the same point of the object.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from neurok_model.array_files import read_arrays
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import TriangleMesh

NAMES = ("rest_vertices", "triangles", "target_vertices")


@dataclass(frozen=True)
class PosePair:
    """One object in two poses, metres."""

    rest_vertices: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "t 3"]
    target_vertices: Float[np.ndarray, "n 3"]


def write_pair(path: Path, pair: PosePair) -> None:
    """Write a pair; the folder is made when missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        rest_vertices=pair.rest_vertices,
        triangles=pair.triangles,
        target_vertices=pair.target_vertices,
    )


def read_pair(path: Path) -> PosePair:
    """Read and check a pair. Nothing in the file is ever unpickled.

    Raises:
        NeurokError: INVALID_MESH or IMPLAUSIBLE_SCALE, naming the file and the array that is wrong.
    """
    arrays = read_arrays(path, NAMES, ErrorCode.INVALID_MESH)
    rest, triangles, target = (arrays[name] for name in NAMES)
    for name in NAMES:
        wanted = "iu" if name == "triangles" else "fiu"
        if arrays[name].dtype.kind not in wanted:
            kind = "whole numbers" if name == "triangles" else "numbers"
            raise _refusal(path, name, f"type {arrays[name].dtype}", kind)
    try:
        checked = TriangleMesh(rest, triangles).validated()
    except NeurokError as error:
        field = "rest_" + error.field if error.field.startswith("vertices") else error.field
        raise NeurokError(error.code, f"{path}: {field}", error.value, error.allowed) from error
    if target.shape != rest.shape:
        raise _refusal(path, "target_vertices", f"shape {target.shape}", f"the shape of rest_vertices, {rest.shape}")
    target = target.astype(np.float64)
    finite = np.isfinite(target).all(axis=1)
    if not finite.all():
        index = int(np.argmin(finite))
        raise _refusal(path, f"target_vertices[{index}]", target[index].tolist(), "finite coordinates in metres")
    return PosePair(checked.vertices, checked.triangles, target)


def _refusal(path: Path, field: str, value: object, allowed: str) -> NeurokError:
    return NeurokError(ErrorCode.INVALID_MESH, f"{path}: {field}", value, allowed)
