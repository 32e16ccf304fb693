"""The ``neurok`` command."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.console import Console

from neurok_model.commands import Compactness, Predict, Reconstruction
from neurok_model.data.commands import Families, Generate, Inspect, Validate
from neurok_model.errors import NeurokError
from neurok_model.evaluation.ablation import AblationTable
from neurok_model.evaluation.commands import InverseKinematics, Plausibility, Tangents, Triangulation, Watching
from neurok_model.evaluation.mechanics_commands import Energy, Forward
from neurok_model.training import TrainingInterrupted, TrainingStopped
from neurok_model.training.commands import Train, parse_train


@dataclass(frozen=True)
class Evaluate:
    """Measure a checkpoint on instances that training never draws."""

    what: Annotated[
        Annotated[InverseKinematics, tyro.conf.subcommand("ik", prefix_name=False)]
        | Annotated[Plausibility, tyro.conf.subcommand("plausibility", prefix_name=False)]
        | Annotated[Triangulation, tyro.conf.subcommand("triangulation", prefix_name=False)]
        | Annotated[Tangents, tyro.conf.subcommand("tangents", prefix_name=False)]
        | Annotated[Watching, tyro.conf.subcommand("watching", prefix_name=False)]
        | Annotated[Reconstruction, tyro.conf.subcommand("reconstruction", prefix_name=False)]
        | Annotated[Compactness, tyro.conf.subcommand("compactness", prefix_name=False)]
        | Annotated[AblationTable, tyro.conf.subcommand("ablation", prefix_name=False)]
        | Annotated[Energy, tyro.conf.subcommand("energy", prefix_name=False)]
        | Annotated[Forward, tyro.conf.subcommand("forward", prefix_name=False)],
        tyro.conf.arg(name=""),
    ]

    def run(self, console: Console) -> None:
        """Run the chosen evaluation."""
        self.what.run(console)


@dataclass(frozen=True)
class Data:
    """Generate, list, draw and check objects in motion."""

    what: Annotated[
        Annotated[Generate, tyro.conf.subcommand("generate", prefix_name=False)]
        | Annotated[Families, tyro.conf.subcommand("families", prefix_name=False)]
        | Annotated[Inspect, tyro.conf.subcommand("inspect", prefix_name=False)]
        | Annotated[Validate, tyro.conf.subcommand("validate", prefix_name=False)],
        tyro.conf.arg(name=""),
    ]

    def run(self, console: Console) -> None:
        """Run the chosen command."""
        self.what.run(console)


Command = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Predict, tyro.conf.subcommand("predict")]
    | Annotated[Evaluate, tyro.conf.subcommand("eval")]
    | Annotated[Data, tyro.conf.subcommand("data")]
)


def parse(arguments: list[str]) -> Command:
    """Read the command line; what ``train`` does by default depends on its first argument."""
    if arguments[:1] == ["train"]:
        return parse_train(arguments[1:])
    return tyro.cli(Command, args=arguments, prog="neurok", description=__doc__)


def main(arguments: list[str] | None = None) -> int:
    """Run the ``neurok`` command and return its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    console = Console()
    try:
        parse(arguments).run(console)
    except TrainingInterrupted as interruption:
        console.print(str(interruption))
        return interruption.status
    except (NeurokError, TrainingStopped) as error:
        Console(stderr=True, style="red").print(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
