"""The ``neurok`` command."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from neurok_model.errors import NeurokError
from neurok_model.evaluation.reconstruction import ReconstructionEvaluation, evaluate_reconstruction
from neurok_model.training import TrainingConfiguration, TrainingStopped, train


@dataclass(frozen=True)
class Train:
    """Train the three networks on objects generated on the fly; an interrupted run continues where it was."""

    configuration: Annotated[TrainingConfiguration, tyro.conf.arg(name="")] = field(
        default_factory=TrainingConfiguration
    )

    def run(self, console: Console) -> None:
        """Train to the last step."""
        console.print(f"checkpoint: {train(self.configuration, console)}")


@dataclass(frozen=True)
class EvaluateReconstruction:
    """Held-out reconstruction error beside predicting no motion, per family."""

    configuration: Annotated[ReconstructionEvaluation, tyro.conf.arg(name="")] = field(
        default_factory=ReconstructionEvaluation
    )
    json: Path | None = None
    """File for the machine-readable result."""

    def run(self, console: Console) -> None:
        """Evaluate, print a table and write the JSON file."""
        result = evaluate_reconstruction(self.configuration, console)
        table = Table("family", "error", "no motion", title="longest side of the scan = 1")
        for name in ["overall", *sorted(result["families"])]:
            row = result["overall"] if name == "overall" else result["families"][name]
            table.add_row(name, f"{row['error']:.4f}", f"{row['no_motion']:.4f}")
        console.print(table)
        _write_json(self.json, result)


Command = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[EvaluateReconstruction, tyro.conf.subcommand("eval-reconstruction")]
)


def main(arguments: list[str] | None = None) -> int:
    """Run the ``neurok`` command and return its exit status."""
    command = tyro.cli(Command, args=arguments, prog="neurok", description=__doc__)
    console = Console()
    try:
        command.run(console)
    except (NeurokError, TrainingStopped) as error:
        Console(stderr=True).print(f"[red]{error}")
        return 1
    return 0


def _write_json(path: Path | None, result: object) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
