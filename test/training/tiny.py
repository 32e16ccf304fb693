"""A run so small that its steps take milliseconds."""

from __future__ import annotations

from rich.console import Console

from neurok_model.data.pairs import PairConfiguration
from neurok_model.networks import NetworkConfiguration
from neurok_model.training import TrainingConfiguration
from neurok_model.training.schedule import ScheduleConfiguration

PAIRS = PairConfiguration(
    objects=4, targets=2, scan_points=64, deformation_points=48, query_points=48, families=("laptop", "elastic_bar")
)
NETWORKS = NetworkConfiguration(width=32, context_tokens=8, context_layers=2, latent_tokens=2, handles=4)
CONFIGURATION = TrainingConfiguration(
    steps=6,
    evaluate_every=3,
    evaluation_batches=1,
    workers=0,
    device="cpu",
    precision="float32",
    optimiser="adamw",
    learning_rate=7e-4,
    networks=NETWORKS,
    pairs=PAIRS,
    schedule=ScheduleConfiguration(warm_up_steps=5),
)
QUIET = Console(quiet=True)
