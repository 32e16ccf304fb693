"""Held-out reconstruction: how well the latent holds the motion of objects that training never draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from neurok_model.data.augmentation import NO_AUGMENTATION, AugmentationConfiguration
from neurok_model.data.pairs import PairBatches, PairConfiguration
from neurok_model.device import choose_device
from neurok_model.networks import load_checkpoint
from neurok_model.training.held_out import held_out_error
from neurok_model.weights import packaged_checkpoint


@dataclass(frozen=True)
class ReconstructionEvaluation:
    """What to evaluate.

    Args:
        checkpoint: safetensors file; the packaged weights when left out.
        batches: number of held-out batches of the test split.
        seed: seed of the batches.
        augment: judge on corrupted, turned scans instead of clean ones as generated.
        device: "auto", "cpu" or "cuda".
    """

    checkpoint: Path | None = None
    batches: int = 100
    seed: int = 1
    augment: bool = False
    device: str = "auto"


def evaluate_reconstruction(configuration: ReconstructionEvaluation, console: Console) -> dict[str, Any]:
    """Reconstruct test-split deformations from the posterior's mean.

    Returns:
        ``overall`` and ``families``, each holding ``error`` and ``no_motion`` (mean distance, longest side of
        the scan = 1); ``overall.explained``, the share of the squared motion that is reconstructed; ``settings``,
        among them the folder of stored ``motions`` that training drew from too, empty when it is not there.
    """
    path = configuration.checkpoint or packaged_checkpoint()
    device = choose_device(configuration.device)
    networks, description = load_checkpoint(path, device)
    pairs = PairConfiguration(**_tuples(description["training"].get("pairs", {}))).evenly()
    if pairs.motions and not Path(pairs.motions).is_dir():
        # Stored motions need not travel with the weights.
        pairs = replace(pairs, motions="")
    augmentation = AugmentationConfiguration() if configuration.augment else NO_AUGMENTATION
    batches = PairBatches(pairs, augmentation, "test", configuration.seed, configuration.batches)
    with console.status(f"reconstructing {configuration.batches} batches"), torch.inference_mode():
        flat = held_out_error(networks, batches, device)
    families = {
        name: {"error": flat[f"error/{name}"], "no_motion": flat[f"no_motion/{name}"]}
        for name in batches.families
        if f"error/{name}" in flat
    }
    return {
        "overall": {name: flat[name] for name in ("error", "no_motion", "explained")},
        "families": families,
        "settings": {
            "checkpoint": path.name,
            "batches": configuration.batches,
            "seed": configuration.seed,
            "augment": configuration.augment,
            "motions": pairs.motions,
        },
    }


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
