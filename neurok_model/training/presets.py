"""Configurations to start from, by the name that ``neurok train NAME`` takes."""

from __future__ import annotations

from pathlib import Path

from neurok_model.data.pairs import PairConfiguration
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.networks import NetworkConfiguration
from neurok_model.training.configuration import TrainingConfiguration
from neurok_model.training.configuration_file import read_configuration
from neurok_model.training.schedule import ScheduleConfiguration

SMALL = TrainingConfiguration(steps=12_000, evaluation_batches=24)
"""About 5 million parameters: two hours on two CPU cores that multiply bfloat16, three on others."""

BASE = TrainingConfiguration(
    steps=20_000,
    averaging=0.998,
    evaluate_every=1000,
    evaluation_batches=24,
    networks=NetworkConfiguration(
        width=240, heads=6, context_tokens=64, context_layers=4, deformation_layers=2, decoder_layers=4, handles=24
    ),
    pairs=PairConfiguration(objects=64, targets=4, deformation_points=128, query_points=256),
    schedule=ScheduleConfiguration(warm_up_steps=500),
)
"""About 19 million parameters, 39 MB in half precision: meant for half an hour on one large GPU with 16 CPU cores
beside it."""

PRESETS = {"small": SMALL, "base": BASE}


def configuration_named(start: str) -> TrainingConfiguration:
    """A preset, or the configuration in a JSON file.

    Args:
        start: "small", "base", or the path of a file that :func:`read_configuration` reads.

    Raises:
        NeurokError: ``INVALID_PARAMETER`` for another name, or a file that holds no configuration.
    """
    if start in PRESETS:
        return PRESETS[start]
    path = Path(start)
    if path.suffix != ".json":
        raise NeurokError(
            ErrorCode.INVALID_PARAMETER, "start", start, f"{', '.join(PRESETS)}, or a .json file with a configuration"
        )
    return read_configuration(path)
