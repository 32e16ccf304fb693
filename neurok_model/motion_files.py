"""Watched motions as npz files.

A file holds ``times`` [f] in seconds, evenly spaced from 0 on, and ``vertices`` [f, p, 3], where vertices of the scan
were then, metres, in its frame. ``indices`` [p] says which these are, all of them when left out. What was done, where
that is known: ``points`` [c, 3] in metres, ``forces`` [c, 3] in newtons, and ``starts`` [c] and ``durations`` [c] in
seconds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurok_model.array_files import read_arrays
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.identification import MotionObservation
from neurok_model.mechanics import Push

CONTACTS = ("points", "forces", "starts", "durations")


def read_motion(path: Path) -> MotionObservation:
    """Read and check a motion.

    Raises:
        NeurokError: INVALID_PARAMETER or INVALID_CONTACT, naming the file and the array that is wrong.
    """
    arrays = read_arrays(path, ("times", "vertices"), ErrorCode.INVALID_PARAMETER, ("indices", *CONTACTS))
    for name, array in arrays.items():
        whole = name == "indices"
        if array.dtype.kind not in ("iu" if whole else "fiu"):
            kind = "whole numbers" if whole else "numbers"
            raise _refusal(path, name, f"type {array.dtype}", kind)
    times, vertices, indices = arrays["times"], arrays["vertices"], arrays.get("indices")
    if times.ndim != 1:
        raise _refusal(path, "times", f"shape {times.shape}", "[f]")
    if vertices.ndim != 3 or vertices.shape[0] != len(times) or vertices.shape[2] != 3:
        raise _refusal(path, "vertices", f"shape {vertices.shape}", f"[{len(times)}, p, 3]")
    if indices is not None and indices.shape != vertices.shape[1:2]:
        raise _refusal(path, "indices", f"shape {indices.shape}", f"[{vertices.shape[1]}]")
    try:
        return MotionObservation(
            _contacts(path, arrays),
            times.astype(np.float64),
            vertices.astype(np.float64),
            None if indices is None else indices.astype(np.int64),
        )
    except NeurokError as error:
        if error.field.startswith(str(path)):
            raise
        field = "vertices" if error.field == "points" else error.field
        raise NeurokError(error.code, f"{path}: {field}", error.value, error.allowed) from error


def _contacts(path: Path, arrays: dict[str, np.ndarray]) -> list[Push]:
    """The pushes of a file; none where nothing is said of them."""
    given = [name for name in CONTACTS if name in arrays]
    if not given:
        return []
    if len(given) < len(CONTACTS):
        missing = [name for name in CONTACTS if name not in given]
        raise _refusal(path, missing[0], "nothing", f"one of each, where there are {', '.join(given)}")
    count = len(arrays["points"]) if arrays["points"].ndim else 0
    for name in CONTACTS:
        wanted = (count, 3) if name in ("points", "forces") else (count,)
        if arrays[name].shape != wanted:
            raise _refusal(path, name, f"shape {arrays[name].shape}", f"shape {wanted}")
    rows = zip(*(arrays[name].astype(np.float64) for name in CONTACTS), strict=True)
    return [Push(tuple(point), tuple(force), float(duration), float(start)) for point, force, start, duration in rows]


def _refusal(path: Path, field: str, value: object, allowed: str) -> NeurokError:
    return NeurokError(ErrorCode.INVALID_PARAMETER, f"{path}: {field}", value, allowed)
