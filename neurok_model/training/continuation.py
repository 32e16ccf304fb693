"""Where a run begins: at random weights, at a checkpoint, or where it was interrupted."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.networks import NeurokNetworks, load_checkpoint
from neurok_model.training.configuration import TrainingConfiguration
from neurok_model.training.state import Progress

LEAST_TAKEN_OVER = 0.5
"""Share of the weights that a checkpoint of another form must give."""


def initial_networks(configuration: TrainingConfiguration) -> tuple[NeurokNetworks, int]:
    """Networks to start from, and the deformations that they have already seen.

    A checkpoint of another form gives what fits, by name and shape; the rest starts at random. A seed that the
    checkpoint was trained with already is warned about: batches are functions of it.

    Raises:
        NeurokError: ``INVALID_PARAMETER`` when less than half of the weights fit.
    """
    if configuration.initial is None:
        return NeurokNetworks(configuration.networks), 0
    networks, description = load_checkpoint(configuration.initial)
    if networks.configuration != configuration.networks:
        networks = _taken_over(networks, configuration)
    training = description["training"]
    if training.get("seed") == configuration.seed:
        seen = f"{configuration.initial.name} was trained with seed {configuration.seed} as well"
        warnings.warn(f"{seen}: another --seed draws objects that it has not seen", UserWarning, stacklevel=2)
    if "compute" in training:
        return networks, int(training["compute"]["deformations"])
    pairs = training.get("pairs", {})
    return networks, training.get("finished_steps", 0) * pairs.get("objects", 0) * pairs.get("targets", 0)


def _taken_over(source: NeurokNetworks, configuration: TrainingConfiguration) -> NeurokNetworks:
    """Random networks of the wanted form, with every tensor of the source that has a place in them."""
    networks = NeurokNetworks(configuration.networks)
    wanted = networks.state_dict()
    fitting = {
        name: value
        for name, value in source.state_dict().items()
        if name in wanted and wanted[name].shape == value.shape
    }
    share = sum(value.numel() for value in fitting.values()) / sum(value.numel() for value in wanted.values())
    if share < LEAST_TAKEN_OVER:
        before, after = source.configuration.to_dictionary(), configuration.networks.to_dictionary()
        raise NeurokError(
            ErrorCode.INVALID_PARAMETER,
            "initial",
            f"{configuration.initial} with {_listed(before, after)}, of which {share:.0%} of the weights fit",
            f"networks that share {LEAST_TAKEN_OVER:.0%} of their weights with those that are trained; "
            "`neurok train CHECKPOINT.json` takes their settings over",
        )
    networks.load_state_dict(wanted | fitting)
    return networks


def note_changes(saved: Progress, configuration: TrainingConfiguration) -> Progress:
    """Compare the settings of an interrupted run with those it is to be continued with.

    Returns:
        The run's progress with the new settings, and a note of what changed when anything did.

    Raises:
        NeurokError: ``INVALID_PARAMETER`` when they differ and ``accept_changes`` is not set.
    """
    new = configuration.to_dictionary()
    before, after = flat_settings(saved.settings), flat_settings(new)
    changed = {name: after.get(name) for name in sorted(before.keys() | after) if before.get(name) != after.get(name)}
    if not changed:
        return saved
    if not configuration.accept_changes:
        raise NeurokError(
            ErrorCode.INVALID_PARAMETER,
            "settings",
            _listed(saved.settings, new),
            f"those of the run in {configuration.output}, another --output, or --accept-changes",
        )
    return replace(saved, settings=new, changes=[*saved.changes, {"step": saved.step, "settings": changed}])


def _listed(before: dict[str, Any], after: dict[str, Any]) -> str:
    first, second = flat_settings(before), flat_settings(after)
    return ", ".join(
        f"{name} {first.get(name)} -> {second.get(name)}"
        for name in sorted(first.keys() | second)
        if first.get(name) != second.get(name)
    )


def flat_settings(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted name, tuples as lists, as JSON would give them back."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= flat_settings(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = list(value) if isinstance(value, tuple) else value
    return flat
