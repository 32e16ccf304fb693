"""npz files of plain numbers that anyone may bring: read, never unpickled, and refused by name when they are wrong."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurok_model.errors import ErrorCode, NeurokError


def read_arrays(
    path: Path, names: Sequence[str], code: ErrorCode, optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """The arrays of an npz file that are asked for; optional ones where it has them.

    Raises:
        NeurokError: ``code``, naming the file, for one that cannot be read or lacks an array.
    """
    wanted = "an npz file with " + ", ".join(names)
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise NeurokError(code, f"{path}: file", "a single array", wanted)
            missing = [name for name in names if name not in file.files]
            if missing:
                raise NeurokError(code, f"{path}: file", f"no {', '.join(missing)}", wanted)
            return {name: file[name] for name in (*names, *optional) if name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, SyntaxError, TypeError, MemoryError) as error:
        if isinstance(error, NeurokError):
            raise
        reason = f"{type(error).__name__}: {error}"
        raise NeurokError(code, f"{path}: file", reason, "a readable npz file of plain numbers") from error
