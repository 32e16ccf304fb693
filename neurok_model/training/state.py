"""The resumable state of a run, without pickle: tensors in safetensors, the rest as JSON in its metadata."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.training.optimisers import Optimisers


@dataclass
class Progress:
    """How far a run is, apart from its tensors.

    Noise needs no state: like the data, it is drawn from generators that are seeded by the step.

    Attributes:
        step: steps done.
        deformations: deformations seen, those of the initial checkpoint included.
        seconds: time spent training, all continuations together, without evaluations.
        settings: the run's configuration, see ``TrainingConfiguration.to_dictionary``.
        changes: where a continuation changed settings: ``step`` and the new ``settings`` by dotted name.
    """

    step: int = 0
    deformations: int = 0
    seconds: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)


def save_state(
    path: Path, progress: Progress, networks: nn.Module, averaged: nn.Module, optimisers: Optimisers
) -> None:
    """Write everything that the next step depends on; the file appears whole or not at all."""
    tensors = {f"networks/{name}": value for name, value in networks.state_dict().items()}
    tensors |= {f"averaged/{name}": value for name, value in averaged.state_dict().items()}
    tensors |= {f"optimiser/{name}": value for name, value in optimisers.state().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    copies = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    save_file(copies, partial, metadata={"progress": json.dumps(asdict(progress))})
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(path)


def load_state(path: Path, networks: nn.Module, averaged: nn.Module, optimisers: Optimisers) -> Progress:
    """Restore the tensors that :func:`save_state` wrote and return how far the run was.

    Raises:
        NeurokError: ``INVALID_CHECKPOINT`` for a file that is damaged or belongs to other networks or optimisers.
    """
    try:
        with safe_open(path, framework="pt") as file:
            progress = Progress(**json.loads(file.metadata()["progress"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (a safe_open handle is not a mapping)
        networks.load_state_dict(_below("networks/", tensors))
        averaged.load_state_dict(_below("averaged/", tensors))
        optimisers.load_state(_below("optimiser/", tensors))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        if isinstance(error, NeurokError):
            raise
        raise NeurokError(
            ErrorCode.INVALID_CHECKPOINT, "state", f"{path}: {error}", "the state of a run with these networks"
        ) from error
    return progress


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
