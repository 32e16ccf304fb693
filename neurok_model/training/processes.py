"""The processes that train together: one, or those that torchrun started on one or several machines."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from neurok_model.device import choose_device, multiplies_bfloat16
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.training.configuration import TrainingConfiguration

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Processes:
    """All processes of a run as one of them sees them, through Lightning Fabric.

    Without torchrun there is one process. With it, gradients are averaged by PyTorch's distributed data parallelism,
    over NCCL on CUDA and gloo on CPUs.

    Attributes:
        rank: number of this process.
        count: number of all processes.
        on_this_machine: number of processes on this machine.
        device: where this process computes.

    Raises:
        NeurokError: ``INVALID_PARAMETER`` for a device that is not there, or ``micro_batches`` that the processes
            cannot share evenly.
    """

    def __init__(self, configuration: TrainingConfiguration) -> None:
        device = choose_device(configuration.device)
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.on_this_machine = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        if configuration.micro_batches % self.count:
            raise NeurokError(
                ErrorCode.INVALID_PARAMETER,
                "micro_batches",
                configuration.micro_batches,
                f"a multiple of the {self.count} processes",
            )
        self._fabric = _make_fabric(device, self.on_this_machine, self.count // self.on_this_machine)
        self._fabric.launch()
        self.rank: int = self._fabric.global_rank
        self.device: torch.device = self._fabric.device
        self._autocast = _lower_precision(configuration.precision, self.device)

    @property
    def first(self) -> bool:
        """Whether this is the process that evaluates, writes and shows progress."""
        return self.rank == 0

    @property
    def precision(self) -> str:
        """What matrix products are computed in."""
        return "bfloat16" if self._autocast else "float32"

    @property
    def device_name(self) -> str:
        """What computes, in words."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"

    def require_same_step(self, step: int) -> None:
        """Make sure that all processes continue at the same step.

        Raises:
            NeurokError: ``INVALID_PARAMETER`` when they found different states, on disks of different machines.
        """
        first = self.from_first(step)
        if step != first:
            raise NeurokError(
                ErrorCode.INVALID_PARAMETER,
                "output",
                f"a folder with step {step} here and step {first} for process 0",
                "a folder that all processes share",
            )

    def prepare(self, module: nn.Module) -> Any:
        """Move a module to the process's device; gradients through what is returned are averaged over all processes."""
        return self._fabric.setup_module(module)

    def accumulating(self, module: Any, last: bool) -> AbstractContextManager[None]:
        """Context of one micro-batch, forward and backward; gradients are exchanged only at the ``last`` one."""
        return self._fabric.no_backward_sync(module, enabled=not last)

    def mixed_precision(self) -> AbstractContextManager[None]:
        """Context of a forward pass: matrix products in the chosen precision."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._autocast)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss."""
        self._fabric.backward(loss)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over all processes."""
        if self.count == 1:
            return values
        mean = self._fabric.all_reduce(values, reduce_op="mean")
        assert isinstance(mean, Tensor)
        return mean

    def from_first(self, value: Any) -> Any:
        """What the first process says, in all; also keeps the others waiting for it."""
        return value if self.count == 1 else self._fabric.broadcast(value)


def _make_fabric(device: torch.device, processes: int, machines: int) -> Fabric:
    # Imported here: every use of the library and of the command line would pay for it otherwise.
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
    from lightning_fabric.strategies.ddp import DDPStrategy

    several = processes * machines > 1
    # Named, because Fabric would otherwise also listen to a batch system that happens to run one process.
    environment = TorchElasticEnvironment() if several else LightningEnvironment()
    chosen: Any = processes if several or device.index is None else [device.index]
    return Fabric(
        accelerator=device.type,
        devices=chosen,
        num_nodes=machines,
        # The encoder of the latent mass is idle until tangents are compared.
        strategy=DDPStrategy(find_unused_parameters=True) if several else "auto",
        plugins=environment,
        precision="32-true",
    )


def _lower_precision(name: str, device: torch.device) -> bool:
    return name == "bfloat16" or (name == "auto" and multiplies_bfloat16(device))
