"""Pairs of poses as npz files, so that anyone can bring their own.

A file holds ``rest_vertices`` [n, 3] and ``target_vertices`` [n, 3], metres, z up, and ``triangles`` [t, 3], vertex
indices that count from 0. Row i of both arrays of vertices is the same point of the object.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

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
    arrays = _arrays(path)
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


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise _refusal(path, "file", "a single array", "an npz file with " + ", ".join(NAMES))
            missing = [name for name in NAMES if name not in file.files]
            if missing:
                raise _refusal(path, "file", f"no {', '.join(missing)}", "an npz file with " + ", ".join(NAMES))
            return {name: file[name] for name in NAMES}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, SyntaxError, TypeError, MemoryError) as error:
        if isinstance(error, NeurokError):
            raise
        reason = f"{type(error).__name__}: {error}"
        raise _refusal(path, "file", reason, "a readable npz file of plain numbers") from error


def _refusal(path: Path, field: str, value: object, allowed: str) -> NeurokError:
    return NeurokError(ErrorCode.INVALID_MESH, f"{path}: {field}", value, allowed)
