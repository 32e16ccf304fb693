"""Training with one ingredient left out or changed, everything else and the compute being equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from neurok_model.data.augmentation import NO_AUGMENTATION
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.training.configuration import TrainingConfiguration

FACTOR = 4.0
"""How much stronger or weaker the divergence weight is made; twice as large a motion is then worth a dimension."""


@dataclass(frozen=True)
class Ablation:
    """One row of the ablation table.

    Attributes:
        title: how tables call it.
        apply: the change.
    """

    title: str
    apply: Callable[[TrainingConfiguration], TrainingConfiguration]


def _divergence_times(factor: float) -> Callable[[TrainingConfiguration], TrainingConfiguration]:
    def change(configuration: TrainingConfiguration) -> TrainingConfiguration:
        schedule = configuration.schedule
        scaled = replace(
            schedule,
            squeeze_divergence=factor * schedule.squeeze_divergence,
            final_divergence=factor * schedule.final_divergence,
        )
        return replace(configuration, schedule=scaled)

    return change


def _scheduled(**changes: Any) -> Callable[[TrainingConfiguration], TrainingConfiguration]:
    return lambda configuration: replace(configuration, schedule=replace(configuration.schedule, **changes))


def _networks(**changes: Any) -> Callable[[TrainingConfiguration], TrainingConfiguration]:
    return lambda configuration: replace(configuration, networks=replace(configuration.networks, **changes))


ABLATIONS = {
    "none": Ablation("full", lambda configuration: configuration),
    "augmentation": Ablation(
        "without augmentation", lambda configuration: replace(configuration, augmentation=NO_AUGMENTATION)
    ),
    "dual_quaternions": Ablation("without dual quaternions (plain displacements)", _networks(head="displacement")),
    "blend_skinning": Ablation("without blend skinning (a dual quaternion per point)", _networks(head="pointwise")),
    "nested_dropout": Ablation("without nested dropout", _scheduled(nested_share=0.0)),
    "spread": Ablation("without counting directions", _scheduled(spread=0.0)),
    "tangents": Ablation("without comparing tangents", _scheduled(tangents=0.0)),
    "bodies": Ablation("without comparing bodies", _scheduled(bodies=0.0)),
    "dense_points": Ablation("without a close look at neighbourhoods", _networks(dense_points=0)),
    "reach": Ablation("without the reach of coordinates", _networks(reach=False)),
    "latent_mass": Ablation("without latent mass", _networks(latent_mass=False)),
    "gates": Ablation("without gates", _networks(gates=False)),
    "mobility": Ablation("without mobility of points", _networks(mobility=False)),
    "squeeze": Ablation(
        "without the squeeze",
        lambda configuration: replace(
            configuration,
            schedule=replace(configuration.schedule, squeeze_divergence=configuration.schedule.final_divergence),
        ),
    ),
    "stronger_divergence": Ablation("divergence weight times 4", _divergence_times(FACTOR)),
    "weaker_divergence": Ablation("divergence weight divided by 4", _divergence_times(1.0 / FACTOR)),
}
"""By the name that ``neurok train --ablation NAME`` takes. Reduction is not among them: it is left out when a
checkpoint is evaluated, not when it is trained."""


def ablation_named(name: str) -> Ablation:
    """Look an ablation up.

    Raises:
        NeurokError: ``INVALID_PARAMETER`` for an unknown name.
    """
    if name not in ABLATIONS:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "ablation", name, "one of " + ", ".join(ABLATIONS))
    return ABLATIONS[name]


def ablated(configuration: TrainingConfiguration) -> TrainingConfiguration:
    """What a run really computes with: its settings with the named ingredient left out.

    Checkpoints carry the settings before this step together with the name, so that repeating a run from its own
    JSON file does not apply the change twice.

    Raises:
        NeurokError: ``INVALID_PARAMETER`` for an unknown name.
    """
    return ablation_named(configuration.ablation).apply(configuration)
