"""The weights that come with the package."""

from __future__ import annotations

from pathlib import Path

DEFAULT_CHECKPOINT = "neurok_small.safetensors"


def packaged_checkpoint() -> Path:
    """Path of the checkpoint that is used when none is named."""
    return Path(__file__).with_name(DEFAULT_CHECKPOINT)
