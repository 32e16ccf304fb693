"""Everything that determines a training run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from neurok_model.data.augmentation import AugmentationConfiguration
from neurok_model.data.families import family_names
from neurok_model.data.pairs import PairConfiguration
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.networks import NetworkConfiguration
from neurok_model.networks.decoder import HEADS
from neurok_model.training.optimisers import OptimiserName
from neurok_model.training.schedule import ScheduleConfiguration

MACHINE_SETTINGS = ("output", "workers", "threads", "device", "accept_changes")
"""Settings that say where and how fast a run computes, not what: they are not written into checkpoints."""


@dataclass(frozen=True)
class TrainingConfiguration:
    """A training run.

    Args:
        output: folder for checkpoints, curves and the resumable state.
        initial: checkpoint (safetensors) whose weights the run starts from, with a fresh optimiser; random weights
            when left out. Of networks of another form it takes what fits. A run that is continued ignores it.
        only: train nothing but the encoder of the reach or of the latent mass, for a checkpoint that lacks it.
        ablation: name of the ingredient that is left out, see ``neurok_model/training/ablations.py``.
        steps: optimisation steps of the whole run.
        seed: seed of weights, data and noise.
        micro_batches: batches of ``pairs.objects`` whose gradients are averaged in every step. Several processes
            share them, so that their number changes nothing but the time.
        optimiser: "adamw", or "muon" for the matrices inside transformer blocks and AdamW for the rest.
        learning_rate: AdamW's peak of the cosine schedule.
        muon_learning_rate: Muon's peak of the same schedule.
        weight_decay: decoupled weight decay.
        gradient_limit: largest norm of the gradient; longer ones are clipped. Usual norms are 5 to 20, and a
            limit below them slows learning down, because the largest motions make the longest gradients.
        averaging: decay of the exponential moving average of the weights, which is what is saved and judged.
        precision: "bfloat16" (matrix products in half the bits; weights, sums and optimiser in float32),
            "float32", or "auto": bfloat16 where the hardware multiplies it, on CUDA and on CPUs with AVX512-BF16 or
            AMX.
        evaluate_every: steps between held-out evaluations and checkpoints.
        evaluation_batches: held-out batches per evaluation.
        workers: data processes per training process, 0 for none, "auto" for as many as there are idle cores. The
            batches are the same for any number.
        threads: PyTorch threads of each training process.
        device: "auto" (CUDA, else CPU), "cpu" or "cuda".
        accept_changes: continue although the interrupted run had other settings; what changed is recorded.
        networks: architecture.
        pairs: contents of a batch.
        augmentation: variation of the scans.
        schedule: weights over time.
    """

    output: Path = Path("out/train")
    initial: Path | None = None
    only: Literal["all", "reach", "latent_mass"] = "all"
    ablation: str = "none"
    steps: int = 4000
    seed: int = 0
    micro_batches: int = 1
    optimiser: OptimiserName = "muon"
    learning_rate: float = 1e-3
    muon_learning_rate: float = 6e-3
    weight_decay: float = 0.01
    gradient_limit: float = 30.0
    averaging: float = 0.995
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    evaluate_every: int = 250
    evaluation_batches: int = 12
    workers: int | Literal["auto"] = "auto"
    threads: int = 1
    device: str = "auto"
    accept_changes: bool = False
    networks: NetworkConfiguration = field(default_factory=NetworkConfiguration)
    pairs: PairConfiguration = field(default_factory=PairConfiguration)
    augmentation: AugmentationConfiguration = field(default_factory=AugmentationConfiguration)
    schedule: ScheduleConfiguration = field(default_factory=ScheduleConfiguration)

    def to_dictionary(self) -> dict[str, Any]:
        """Plain values for JSON, without :data:`MACHINE_SETTINGS`."""
        values = asdict(self)
        for name in MACHINE_SETTINGS:
            del values[name]
        # Where files lie is the machine's business, and a checkpoint must be usable without them.
        values["initial"] = None if self.initial is None else self.initial.name
        values["stored_motions"] = Path(self.pairs.motions).name
        values["pairs"]["motions"] = ""
        return values

    def with_named_families(self) -> TrainingConfiguration:
        """The same with every family named, so that families added later do not change what the run draws from."""
        if self.pairs.families:
            return self
        return replace(self, pairs=replace(self.pairs, families=tuple(family_names())))

    def check(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            NeurokError: ``INVALID_PARAMETER``, naming the setting.
        """
        at_least_one = ("steps", "micro_batches", "evaluate_every", "evaluation_batches", "threads")
        for name in at_least_one:
            _require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        for name in ("learning_rate", "muon_learning_rate", "gradient_limit"):
            _require(getattr(self, name) > 0.0, name, getattr(self, name), "a number over 0")
        _require(self.weight_decay >= 0.0, "weight_decay", self.weight_decay, "0 or more")
        _require(0.0 <= self.averaging < 1.0, "averaging", self.averaging, "0 <= averaging < 1")
        for name in ("motion_share", "variation"):
            share = getattr(self.pairs, name)
            _require(0.0 <= share <= 1.0, f"pairs.{name}", share, "0 to 1")
        _require(self.seed >= 0, "seed", self.seed, "0 or more")
        _require(self.workers == "auto" or self.workers >= 0, "workers", self.workers, "auto, or 0 or more")
        lacking = self.only != "all" and not getattr(self.networks, self.only)
        _require(not lacking, "only", self.only, "a part that the networks have")
        _require(self.networks.head in HEADS, "networks.head", self.networks.head, " or ".join(HEADS))
        unknown = sorted(set(self.pairs.families) - set(family_names()))
        _require(not unknown, "pairs.families", ", ".join(unknown), "names that `neurok data families` lists")


def _require(condition: bool, name: str, value: object, allowed: str) -> None:
    if not condition:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, name, value, allowed)
