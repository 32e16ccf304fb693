"""A tiny untrained model: what it says is arbitrary, but it says it consistently and in no time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from neurok_model.networks import NetworkConfiguration, NeurokNetworks, save_checkpoint
from neurok_model.predictor import Predictor


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    networks = NeurokNetworks(
        NetworkConfiguration(
            width=32, heads=2, context_tokens=8, context_layers=2, deformation_layers=1, decoder_layers=1,
            latent_tokens=2, latent_channels=3, handles=4, scan_points=128,
        )
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    save_checkpoint(path, networks, {"pairs": {"families": ["laptop"]}})
    return path


@pytest.fixture(scope="session")
def tiny_predictor(tiny_checkpoint: Path) -> Predictor:
    return Predictor.load(tiny_checkpoint, device="cpu")
