"""The resumable state of a run, without pickle: tensors in safetensors, the rest in its metadata."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


def save_state(
    path: Path,
    step: int,
    networks: nn.Module,
    averaged: nn.Module,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
) -> None:
    """Write everything that the next step depends on; the file appears whole or not at all."""
    tensors: dict[str, Tensor] = {"generator": generator.get_state()}
    tensors |= {f"networks/{name}": value for name, value in networks.state_dict().items()}
    tensors |= {f"averaged/{name}": value for name, value in averaged.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{index}/{name}": torch.as_tensor(value) for name, value in moments.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    copies = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    save_file(copies, partial, metadata={"step": str(step)})
    partial.replace(path)


def load_state(
    path: Path,
    networks: nn.Module,
    averaged: nn.Module,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
) -> int:
    """Restore what :func:`save_state` wrote and return the number of the next step."""
    with safe_open(path, framework="pt") as file:
        step = int(file.metadata()["step"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (a safe_open handle is not a mapping)
    networks.load_state_dict(_below("networks/", tensors))
    averaged.load_state_dict(_below("averaged/", tensors))
    generator.set_state(tensors["generator"])
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _below("optimiser/", tensors).items():
        index, moment = name.split("/")
        moments.setdefault(int(index), {})[moment] = value
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    return step


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
