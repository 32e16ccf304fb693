"""Small untrained networks: what they say is arbitrary, but smooth, large enough to bend, and there in no time."""

from __future__ import annotations

import numpy as np
import torch
import trimesh

from neurok_model import Predictor, TriangleMesh
from neurok_model.cache import DiskCache
from neurok_model.networks import NetworkConfiguration, NeurokNetworks
from neurok_model.reduction import CompilationSettings

QUICK = CompilationSettings(
    maximum_dimension=3, subspace_samples=16, samples=200, maximum_samples=200, test_samples=48, hidden=(8, 16)
)
"""Enough for a smooth decoder of three directions."""


def tiny_networks(head: str = "blend_skinning", seed: int = 0) -> NeurokNetworks:
    torch.manual_seed(seed)
    networks = NeurokNetworks(
        NetworkConfiguration(
            head=head, width=32, heads=2, context_tokens=8, context_layers=2, deformation_layers=1, decoder_layers=1,
            latent_tokens=2, latent_channels=2, handles=4, scan_points=128, neighbours=6, neighbour_width=8,
        )
    )  # fmt: skip
    return networks.eval()


def tiny_predictor(
    head: str = "blend_skinning",
    seed: int = 0,
    cache: DiskCache | None = None,
    settings: CompilationSettings = QUICK,
    memory_limit: int = 2**32,
) -> Predictor:
    return Predictor(tiny_networks(head, seed), "tiny", 0, cache, settings, memory_limit)


def box_scan(width: float = 0.2) -> TriangleMesh:
    box = trimesh.creation.box((width, 0.1, 0.3)).subdivide().subdivide()
    return TriangleMesh(np.asarray(box.vertices), np.asarray(box.faces))
