"""Checkpoints: weights as safetensors, everything else as JSON beside them. Nothing is ever unpickled."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.networks.configuration import NetworkConfiguration
from neurok_model.networks.neurok import NeurokNetworks

FORMAT_VERSION = 1

ABSENT_SETTINGS = {"mobility": False, "dense_points": 0, "reach": False, "latent_mass": False}
"""What settings say that checkpoints written before them do not have: that the networks lack the part."""


def save_checkpoint(
    path: Path,
    networks: NeurokNetworks,
    training: dict[str, Any] | None = None,
    precision: torch.dtype = torch.float16,
) -> None:
    """Write ``path`` (safetensors) and ``path`` with suffix .json (configuration and how it was trained).

    Both files appear whole or not at all.
    """
    tensors = {name: value.detach().cpu().to(precision).contiguous() for name, value in networks.state_dict().items()}
    description = {
        "format_version": FORMAT_VERSION,
        "networks": networks.configuration.to_dictionary(),
        "training": training or {},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(tensors, partial)
    partial.replace(path)
    partial.write_text(json.dumps(description, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path.with_suffix(".json"))


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> tuple[NeurokNetworks, dict[str, Any]]:
    """Rebuild the networks (float32, evaluation mode) from a checkpoint written by :func:`save_checkpoint`.

    Returns:
        The networks and the JSON description.

    Raises:
        NeurokError: ``INVALID_CHECKPOINT`` when a file is missing, damaged or of another format.
    """
    try:
        description = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        known = {field.name for field in fields(NetworkConfiguration)}
        values = description["networks"]
        unknown = sorted(set(values) - known)
        if description["format_version"] != FORMAT_VERSION or unknown:
            raise NeurokError(
                ErrorCode.INVALID_CHECKPOINT,
                "checkpoint",
                f"{path.name}: format {description['format_version']}, unknown settings {unknown}",
                f"format {FORMAT_VERSION}, written by this version of neurok_model",
            )
        networks = NeurokNetworks(NetworkConfiguration(**{**ABSENT_SETTINGS, **values}))
        tensors = {name: value.float() for name, value in load_file(path).items()}
        networks.load_state_dict(tensors)
    except (OSError, KeyError, TypeError, json.JSONDecodeError, RuntimeError, SafetensorError) as error:
        if isinstance(error, NeurokError):
            raise
        raise NeurokError(
            ErrorCode.INVALID_CHECKPOINT,
            "checkpoint",
            f"{path}: {error}",
            "a .safetensors file with its .json file beside it, as `neurok train` writes them",
        ) from error
    return networks.to(device).eval(), description
