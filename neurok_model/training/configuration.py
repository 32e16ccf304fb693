"""Everything that determines a training run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from neurok_model.data.augmentation import AugmentationConfiguration
from neurok_model.data.pairs import PairConfiguration
from neurok_model.networks import NetworkConfiguration
from neurok_model.training.schedule import ScheduleConfiguration


@dataclass(frozen=True)
class TrainingConfiguration:
    """A training run.

    Args:
        output: folder for checkpoints, curves and the resumable state.
        steps: optimisation steps of the whole run.
        seed: seed of weights, data and noise.
        learning_rate: peak of the cosine schedule.
        weight_decay: of AdamW.
        gradient_limit: largest norm of the gradient; longer ones are clipped. Usual norms are 5 to 20, and a
            limit below them slows learning down, because the largest motions make the longest gradients.
        averaging: decay of the exponential moving average of the weights, which is what is saved and judged.
        evaluate_every: steps between held-out evaluations and checkpoints.
        evaluation_batches: held-out batches per evaluation.
        workers: data processes; the batches are the same for any number.
        threads: PyTorch threads of the main process.
        device: "auto" (CUDA, else CPU), "cpu" or "cuda".
        networks: architecture.
        pairs: contents of a batch.
        augmentation: variation of the scans.
        schedule: weights over time.
    """

    output: Path = Path("out/train")
    steps: int = 4000
    seed: int = 0
    learning_rate: float = 7e-4
    weight_decay: float = 0.01
    gradient_limit: float = 30.0
    averaging: float = 0.998
    evaluate_every: int = 250
    evaluation_batches: int = 12
    workers: int = 1
    threads: int = 1
    device: str = "auto"
    networks: NetworkConfiguration = field(default_factory=NetworkConfiguration)
    pairs: PairConfiguration = field(default_factory=PairConfiguration)
    augmentation: AugmentationConfiguration = field(default_factory=AugmentationConfiguration)
    schedule: ScheduleConfiguration = field(default_factory=ScheduleConfiguration)

    def to_dictionary(self) -> dict[str, Any]:
        """Plain values for JSON, without what does not change the result."""
        values = asdict(self)
        for name in ("output", "workers", "threads", "device"):
            del values[name]
        return values
