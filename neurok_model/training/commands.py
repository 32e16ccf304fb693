"""The ``neurok train`` command."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.training.configuration import TrainingConfiguration
from neurok_model.training.configuration_file import motions_needed
from neurok_model.training.presets import PRESETS, configuration_named
from neurok_model.training.train import train


@dataclass(frozen=True)
class Train:
    """Train the three networks on objects generated on the fly; an interrupted run continues where it was.

    Options change what START says, so START comes first; `neurok train base --help` shows the values of `base`.
    """

    start: tyro.conf.Positional[str] = "small"
    """small (two hours on two CPU cores), base (half an hour on one large GPU), or a JSON file: one with settings, or
    the one beside a checkpoint, to repeat or to continue its run."""
    configuration: Annotated[TrainingConfiguration, tyro.conf.arg(name="")] = field(
        default_factory=TrainingConfiguration
    )

    def run(self, console: Console) -> None:
        """Train to the last step."""
        checkpoint = train(self.configuration, console)
        if os.environ.get("RANK", "0") == "0":  # One of the processes that torchrun may have started.
            console.print(f"checkpoint: {checkpoint}")


def parse_train(arguments: list[str]) -> Train:
    """Read the arguments after ``neurok train``; those that are left out come from the named preset or file.

    Raises:
        NeurokError: for an unknown preset, an unreadable file, a preset that is not named first, or a file whose run
            drew from stored motions when none are named.
    """
    start = arguments[0] if arguments and not arguments[0].startswith("-") else "small"
    default = Train(start, configuration_named(start))
    command = tyro.cli(Train, args=arguments, prog="neurok train", default=default)
    if command.start != start:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "start", command.start, "named before all options")
    needed = "" if start in PRESETS else motions_needed(Path(start))
    if needed and not command.configuration.pairs.motions:
        allowed = f"a folder with the stored motions {needed!r} that the run of {start} drew from"
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "pairs.motions", "''", allowed)
    return command
