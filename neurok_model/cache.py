"""Compiled objects on disk, by the hash of what they were made from: the same scan never costs twice.

An entry is one safetensors file, whose header holds its metadata as JSON; nothing is ever unpickled. Files appear whole
or not at all, so any number of processes may share a folder. Whatever is wrong with the folder or an entry costs the
time that the cache would have saved, a warning, and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

FORMAT_VERSION = 1

DEFAULT_LIMIT = 512 * 1024**2
"""Bytes that a cache may hold when nothing else is said."""

SUFFIX = ".safetensors"

PARTIAL = ".writing-"
"""What the names of files that are being written begin with."""

ABANDONED = 3600.0
"""Age, in seconds, at which such a file was left behind by a process that ended."""


def default_directory() -> Path:
    """The user's own cache folder: $XDG_CACHE_HOME/neurok, or ~/.cache/neurok."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "neurok"


def content_key(parts: Mapping[str, object]) -> str:
    """A hexadecimal name for an entry made from ``parts``: text, numbers, bytes, or what ``str`` tells apart."""
    digest = hashlib.blake2b(digest_size=20)
    for name in sorted(parts):
        value = parts[name]
        raw = value if isinstance(value, bytes) else str(value).encode()
        digest.update(f"{name}:{len(raw)}:".encode() + raw)
    return digest.hexdigest()


def cache_called(name: str, limit: int = DEFAULT_LIMIT) -> DiskCache | None:
    """The cache that a user asks for: "auto" (the user's own folder), "off" (None), or the path of a folder."""
    if name == "off":
        return None
    return DiskCache(default_directory() if name in ("auto", "") else Path(name).expanduser(), limit)


@dataclass(frozen=True)
class DiskCache:
    """A folder of entries that forgets those not used for longest.

    Attributes:
        directory: where; made when first written to.
        limit: bytes that all entries together may take; an entry larger than that is not kept.
    """

    directory: Path
    limit: int = DEFAULT_LIMIT

    def load(self, key: str) -> dict[str, Tensor] | None:
        """The tensors of an entry, on the CPU; None where there is none, or none that can be read.

        An entry that is damaged is removed, with a warning.
        """
        path = self._path(key)
        try:
            with safe_open(path, framework="pt") as file:
                metadata = json.loads((file.metadata() or {})["neurok"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if metadata != _metadata(key, tensors):
                raise ValueError("its contents are not those that were written")
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
            self._warn(f"entry {key} cannot be read and is made again: {error}")
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return tensors

    def store(self, key: str, tensors: Mapping[str, Tensor]) -> bool:
        """Keep an entry, then forget what is over the limit; returns whether it was kept.

        A folder that cannot be written to, or a full disk, is warned of.
        """
        # Cloned, because the format refuses tensors that share memory.
        owned = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        if sum(tensor.numel() * tensor.element_size() for tensor in owned.values()) > self.limit:
            return False
        temporary: str | None = None
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=PARTIAL, dir=self.directory)
            os.close(handle)
            save_file(owned, temporary, metadata={"neurok": json.dumps(_metadata(key, owned), sort_keys=True)})
            os.replace(temporary, self._path(key))
        except (OSError, SafetensorError) as error:
            self._warn(f"an entry could not be written: {error}")
            return False
        finally:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
        self._forget()
        return True

    def _path(self, key: str) -> Path:
        return self.directory / f"{key}{SUFFIX}"

    def _forget(self) -> None:
        """Remove the entries not used for longest until the rest is within the limit."""
        entries = []
        for path in self.directory.glob(f"{PARTIAL}*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - ABANDONED:
                    path.unlink()
        for path in self.directory.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):  # Another process may have removed it.
                status = path.stat()
                entries.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= self.limit:
                return
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            total -= size

    def _warn(self, what: str) -> None:
        warnings.warn(f"cache of compiled objects in {self.directory}: {what}", RuntimeWarning, stacklevel=3)


def _metadata(key: str, tensors: Mapping[str, Tensor]) -> dict[str, object]:
    """What an entry says of itself, with a digest of its contents: a changed bit would otherwise go unnoticed."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return {"format_version": FORMAT_VERSION, "key": key, "digest": digest.hexdigest()}
