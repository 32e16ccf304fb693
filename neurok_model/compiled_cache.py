"""What compiling an object gave, kept on disk: one entry for its map, one for the modes of its vertices."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.cache import DiskCache, content_key
from neurok_model.networks import NeurokNetworks
from neurok_model.reduction import CompilationSettings, CompiledMap
from neurok_model.scan import PreparedScan

SOURCES = ("geometry", "networks", "reduction")
"""Packages whose code decides what an object is compiled to."""

VERTEX_SUFFIX = "-vertices"


def object_key(
    prepared: PreparedScan,
    networks_digest: str,
    settings: CompilationSettings,
    seed: int,
    device: torch.device,
    correction: bytes,
) -> str:
    """The name of everything that is compiled from this scan: it changes with whatever the result depends on."""
    samples, box = prepared.samples, prepared.normalisation
    arrays = (
        prepared.vertices,
        prepared.triangles,
        samples.points,
        samples.normals,
        samples.area_share,
        prepared.close_points,
        prepared.close_normals,
        box.rotation,
        box.centre,
    )
    return content_key(
        {
            "scan": digest_of(*arrays) + repr(box.scale),
            "networks": networks_digest,
            "settings": settings,
            "seed": seed,
            "correction": hashlib.sha256(correction).hexdigest(),
            "device": device.type,
            "torch": torch.__version__,
            "sources": sources_digest(),
        }
    )


def networks_digest(networks: NeurokNetworks) -> str:
    """Digest of the weights and of the form of the networks."""
    digest = hashlib.blake2b(str(networks.configuration).encode(), digest_size=16)
    for name, tensor in sorted(networks.state_dict().items()):
        digest.update(name.encode() + digest_of(tensor.detach().cpu().numpy()).encode())
    return digest.hexdigest()


def digest_of(*arrays: np.ndarray) -> str:
    """Digest of the arrays' types, shapes and contents."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@cache
def sources_digest() -> str:
    """Digest of the code that compiles: an entry that other code wrote is not taken for one of this code."""
    digest = hashlib.blake2b(digest_size=16)
    root = Path(__file__).parent
    for path in [root / "encoding.py", *(path for name in SOURCES for path in sorted((root / name).rglob("*.py")))]:
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def load_map(store: DiskCache | None, key: str, device: torch.device) -> CompiledMap | None:
    """The compiled map of that key; None where there is no cache or no such entry."""
    tensors = None if store is None else store.load(key)
    return None if tensors is None else CompiledMap.from_dictionary(tensors).on(device)


def store_map(store: DiskCache | None, key: str, compiled: CompiledMap) -> None:
    """Keep a compiled map, where there is a cache."""
    if store is not None:
        store.store(key, compiled.to_dictionary())


def load_vertex_modes(store: DiskCache | None, key: str, device: torch.device) -> Float[Tensor, "n 3 r"] | None:
    """The modes of the vertices of that key; None where there is no cache or no such entry."""
    tensors = None if store is None else store.load(key + VERTEX_SUFFIX)
    return None if tensors is None else tensors["modes"].to(device)


def store_vertex_modes(store: DiskCache | None, key: str, modes: Float[Tensor, "n 3 r"]) -> None:
    """Keep the modes of the vertices, where there is a cache."""
    if store is not None:
        store.store(key + VERTEX_SUFFIX, {"modes": modes})
