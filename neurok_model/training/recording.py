"""What a run leaves behind: curves for TensorBoard, the same as JSON lines, and checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from neurok_model.networks import NeurokNetworks, save_checkpoint


class Recorder:
    """Files of one run. Entries after the step that a run continues from are forgotten, because it repeats them.

    Args:
        output: the run's folder.
        step: steps done so far.
    """

    def __init__(self, output: Path, step: int) -> None:
        self.checkpoint = output / "neurok.safetensors"
        self._log = output / "log.jsonl"
        output.mkdir(parents=True, exist_ok=True)
        if self._log.exists():
            lines = self._log.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
            self._log.write_text("".join(kept), encoding="utf-8")
        self._curves = SummaryWriter(str(output / "curves"), purge_step=step + 1)

    def training(self, step: int, values: dict[str, float]) -> None:
        """Add a point to the curves of training."""
        for name, value in values.items():
            self._curves.add_scalar(f"training/{name}", value, step)

    def evaluation(self, step: int, values: dict[str, float], held_out: dict[str, float]) -> None:
        """Add a line to the log, and held-out figures (those of families have a slash) to the curves."""
        for name, value in held_out.items():
            measure, _, family = name.partition("/")
            self._curves.add_scalar(f"held_out_{measure}/{family}" if family else f"held_out/{name}", value, step)
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **held_out, **values}) + "\n")
        self._curves.flush()

    def save(self, networks: NeurokNetworks, description: dict[str, Any]) -> None:
        """Write the checkpoint and its JSON file."""
        save_checkpoint(self.checkpoint, networks, description)

    def close(self) -> None:
        """Finish the files."""
        self._curves.close()
