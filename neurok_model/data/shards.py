"""Shards: files of recorded sequences in HDF5, written whole or not at all, and checked when read.

A shard is put together in memory, written under a temporary name, flushed to disk and renamed. Its bytes
depend on its sequences alone: no times, no names of machines.
"""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.sequences import MotionSequence
from neurok_model.errors import ErrorCode, NeurokError

FORMAT_VERSION = 1
_REPAIR = "delete the file and generate again: whole shards are kept"


def write_shard(path: Path, sequences: Sequence[MotionSequence], attributes: dict[str, object] | None = None) -> None:
    """Write sequences to a file that appears only when it is whole.

    Args:
        path: where; its folder is made when missing.
        sequences: what to write.
        attributes: more facts about the shard, ready for JSON.

    Raises:
        NeurokError: INTERNAL when the disk is full or not writable; nothing is left behind then.
    """
    content = _packed(sequences, attributes or {})
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        allowed = f"{len(content)} free bytes on the disk" if full else "a folder that can be written to"
        raise NeurokError(ErrorCode.INTERNAL, "shard", f"{path} ({error.strerror})", allowed) from error


def _packed(sequences: Sequence[MotionSequence], attributes: dict[str, object]) -> bytes:
    memory = io.BytesIO()
    with h5py.File(memory, "w", libver=("v110", "v110"), track_order=False) as file:
        file.attrs["format"] = "neurok motion sequences"
        file.attrs["version"] = FORMAT_VERSION
        file.attrs["count"] = len(sequences)
        file.attrs["attributes"] = json.dumps(attributes, sort_keys=True)
        for index, sequence in enumerate(sequences):
            group = file.create_group(f"{index:06d}")
            group.attrs["description"] = json.dumps(sequence.description(), sort_keys=True)
            group.attrs["sha256"] = sequence.checksum()
            for name, array in sequence.arrays().items():
                compact = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if array.size else {}
                group.create_dataset(name, data=array, track_times=False, **compact)
    return memory.getvalue()


class Shard:
    """A shard opened for reading; several processes may have the same one open.

    Raises:
        NeurokError: INVALID_PARAMETER for a file that is missing, truncated, corrupt or of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "shard", str(path), "an existing file")
        try:
            # Nobody writes to a shard that can be seen, so that readers need no lock.
            self._file = h5py.File(path, "r", locking=False)
            version, self._count = int(self._file.attrs["version"]), int(self._file.attrs["count"])
            self.attributes: dict[str, Any] = json.loads(self._file.attrs["attributes"])
        except (OSError, KeyError, ValueError) as error:
            raise _corrupt(path, error) from error
        if version != FORMAT_VERSION:
            raise NeurokError(
                ErrorCode.INVALID_PARAMETER, "shard", f"{path} of version {version}", f"version {FORMAT_VERSION}"
            )

    def __len__(self) -> int:
        return self._count

    def family(self, index: int) -> str:
        """The family of one sequence, without reading its arrays."""
        return str(self._description(index)["family"])

    def read(self, index: int) -> MotionSequence:
        """One sequence, with its checksum verified.

        Raises:
            NeurokError: INVALID_PARAMETER when the stored bytes are not those that were written.
        """
        description = self._description(index)
        try:
            group = self._file[f"{index:06d}"]
            arrays: dict[str, np.ndarray] = {name: group[name][()] for name in group}
            physics = {str(name): float(value) for name, value in description["physics"].items()}
            sequence = MotionSequence(
                family=str(description["family"]),
                kind=ObjectKind(description["kind"]),
                seed=int(description["seed"]),
                rate=float(description["rate"]),
                degrees_of_freedom=int(description["degrees_of_freedom"]),
                at_rest=bool(description["at_rest"]),
                physics=physics,
                **arrays,
            )
            if sequence.checksum() != group.attrs["sha256"]:
                raise ValueError(f"checksum of sequence {index}")
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise _corrupt(self.path, error) from error
        return sequence

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _description(self, index: int) -> dict[str, Any]:
        if not 0 <= index < self._count:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "index", index, f"0 to {self._count - 1}")
        try:
            return dict(json.loads(self._file[f"{index:06d}"].attrs["description"]))
        except (OSError, KeyError, ValueError) as error:
            raise _corrupt(self.path, error) from error


def _corrupt(path: Path, error: Exception) -> NeurokError:
    reason = f"{path} ({type(error).__name__}: {error})"
    return NeurokError(ErrorCode.INVALID_PARAMETER, "shard", reason, f"a whole shard; {_REPAIR}")
