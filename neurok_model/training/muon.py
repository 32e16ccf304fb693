"""Muon in the precision that the processor is fast in.

PyTorch's own (``torch.optim.Muon``, since 2.9) orthogonalises in bfloat16 everywhere. A CPU without instructions for it
emulates them: of a training step of ``small`` that took 70 % of the time. Here it is bfloat16 where that is fast and
float32 elsewhere, and matrices of one shape are orthogonalised together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.device import multiplies_bfloat16

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration (Jordan et al., 2024): singular values from nearly 0 to 1 end up between 0.5 and 1.5."""

ITERATIONS = 5

SMALLEST_NORM = 1e-7
"""What a matrix is divided by at least."""


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; steps have the size of AdamW's (Liu et al., 2025).

        B <- mu B + (1 - mu) g,    W <- (1 - r d) W - 0.2 r sqrt(max(rows, columns)) orthogonalised((1 - mu) g + mu B)

    Args:
        parameters: matrices.
        lr: r.
        weight_decay: d.
        momentum: mu.

    Raises:
        ValueError: for a parameter that is not a matrix.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float, momentum: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        shapes = [tuple(one.shape) for group in self.param_groups for one in group["params"] if one.ndim != 2]
        if shapes:
            raise ValueError(f"Muon is for matrices, not for parameters of shape {shapes[0]}")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move every matrix that has a gradient.

        Args:
            closure: evaluates the loss again, with gradients; its value is returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            alike: dict[tuple[torch.Size, torch.device], list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike.setdefault((parameter.shape, parameter.device), []).append(parameter)
            for some in alike.values():
                self._move(some, group)
        return loss

    def _move(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """One step of matrices of one shape."""
        ahead = []
        for parameter in parameters:
            assert parameter.grad is not None
            state = self.state[parameter]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(parameter.grad)
            state["momentum_buffer"].lerp_(parameter.grad, 1.0 - group["momentum"])
            ahead.append(parameter.grad.lerp(state["momentum_buffer"], group["momentum"]))
        rate = 0.2 * group["lr"] * math.sqrt(max(parameters[0].shape))
        for parameter, update in zip(parameters, orthogonalised(torch.stack(ahead)), strict=True):
            parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
            parameter.sub_(update.to(parameter.dtype), alpha=rate)


def orthogonalised(matrices: Float[Tensor, "m rows columns"]) -> Float[Tensor, "m rows columns"]:
    """Matrices U S V^T with their singular values S brought near 1, by Newton and Schulz' iteration."""
    first, third, fifth = COEFFICIENTS
    wide = matrices.bfloat16() if multiplies_bfloat16(matrices.device) else matrices.float()
    tall = wide.shape[1] > wide.shape[2]
    if tall:
        wide = wide.mT
    wide = wide / wide.norm(dim=(1, 2), keepdim=True).clamp_min(SMALLEST_NORM)
    for _ in range(ITERATIONS):
        gram = wide @ wide.mT
        wide = torch.baddbmm(wide, torch.baddbmm(gram, gram, gram, beta=third, alpha=fifth), wide, beta=first)
    return wide.mT if tall else wide
