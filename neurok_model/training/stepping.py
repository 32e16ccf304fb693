"""One optimisation step: several micro-batches, one update of the weights and of their moving average."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurok_model.data.pairs import PairBatch
from neurok_model.networks import NeurokNetworks
from neurok_model.training.configuration import TrainingConfiguration
from neurok_model.training.objective import LossTerms, ObjectiveWeights, objective
from neurok_model.training.optimisers import make_optimisers
from neurok_model.training.processes import Processes

NOISE = 3
"""Stream of the posterior's noise and of nested dropout; the splits of the data use the numbers below it."""
MEASURES = (*LossTerms._fields, "squared_motion", "gradient_norm")
"""What :meth:`Stepper.advance` returns, in this order."""


class ObjectiveOfNetworks(nn.Module):
    """The objective as a module, because distributed data parallelism wraps one forward pass."""

    def __init__(self, networks: NeurokNetworks, deformation_points: int) -> None:
        super().__init__()
        self.networks = networks
        self.deformation_points = deformation_points

    def forward(self, batch: PairBatch, weights: ObjectiveWeights, generator: torch.Generator) -> LossTerms:
        """See :func:`neurok_model.training.objective.objective`."""
        return objective(self.networks, batch, self.deformation_points, weights, generator)


class Stepper:
    """The networks of a run, their moving average, and what changes both.

    Args:
        configuration: the run.
        processes: who shares the micro-batches of a step.
        networks: what to train; random or from a checkpoint.
    """

    def __init__(self, configuration: TrainingConfiguration, processes: Processes, networks: NeurokNetworks) -> None:
        self.configuration = configuration
        self.processes = processes
        self.networks = networks.to(processes.device).train()
        if configuration.only != "all":
            _leave_only(self.networks, f"{configuration.only}_encoder.")
        self.averaged = copy.deepcopy(self.networks).requires_grad_(False).eval()
        self.optimisers = make_optimisers(
            self.networks,
            configuration.optimiser,
            configuration.learning_rate,
            configuration.weight_decay,
            configuration.muon_learning_rate,
        )
        self._objective = processes.prepare(ObjectiveOfNetworks(self.networks, configuration.pairs.deformation_points))

    def advance(self, step: int, batches: Iterator[PairBatch]) -> Float[Tensor, " measures"]:
        """Do step number ``step`` (from 0) with this process's share of its micro-batches.

        Returns:
            :data:`MEASURES`, means over the micro-batches of this process.
        """
        configuration, processes = self.configuration, self.processes
        weights = configuration.schedule.weights(step, configuration.steps)
        if configuration.only == "latent_mass":
            weights = weights._replace(tangent_share=1.0)
        self.optimisers.set_learning_rate(configuration.schedule.learning_rate_factor(step, configuration.steps))
        self.optimisers.zero_grad()
        mine = range(processes.rank, configuration.micro_batches, processes.count)
        sums = torch.zeros(len(MEASURES) - 1, device=processes.device)
        for part in mine:
            batch = next(batches)
            generator = noise_generator(configuration.seed, step * configuration.micro_batches + part)
            with processes.accumulating(self._objective, last=part == mine[-1]):
                with processes.mixed_precision():
                    terms: LossTerms = self._objective(batch, weights, generator)
                processes.backward(terms.total / len(mine))
            motion = batch.displacement[:, :, configuration.pairs.deformation_points :].square().sum(-1).mean()
            sums += torch.stack([value.detach().float() for value in (*terms, motion)])
        norm = nn.utils.clip_grad_norm_(self.networks.parameters(), configuration.gradient_limit)
        self.optimisers.step()
        self._average(step + 1)
        return torch.cat((sums / len(mine), norm[None]))

    @torch.no_grad()
    def _average(self, steps_done: int) -> None:
        """Move the average towards the weights; quickly at first, when it would remember the random start."""
        decay = min(self.configuration.averaging, steps_done / (steps_done + 10.0))
        for average, current in zip(self.averaged.parameters(), self.networks.parameters(), strict=True):
            average.lerp_(current, 1.0 - decay)


def _leave_only(networks: nn.Module, prefix: str) -> None:
    """Freeze every parameter whose name does not begin with the prefix."""
    for name, parameter in networks.named_parameters():
        parameter.requires_grad_(name.startswith(prefix))


def noise_generator(seed: int, number: int) -> torch.Generator:
    """The source of noise of micro-batch ``number``: nothing has to be saved for it, and any process can draw it."""
    entropy = np.random.SeedSequence((seed, NOISE, number)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(entropy[0] >> np.uint64(1)))
