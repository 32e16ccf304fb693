"""Which families a checkpoint was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def trained_families(description: Mapping[str, Any]) -> frozenset[str]:
    """Families named by a checkpoint's description: those it was told to draw, else those it was validated on.

    Args:
        description: what :func:`neurok_model.networks.load_checkpoint` returns beside the networks.
    """
    training = description.get("training", {})
    named = training.get("pairs", {}).get("families", ())
    held_out = (key.removeprefix("error/") for key in training.get("held_out", {}) if key.startswith("error/"))
    return frozenset(named or held_out)
