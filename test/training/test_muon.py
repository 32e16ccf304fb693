"""Muon: orthogonal steps, the same as PyTorch's own up to the precision of bfloat16."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from neurok_model.training import muon
from neurok_model.training.muon import Muon, orthogonalised

SHAPES = ((24, 8), (8, 24), (24, 8), (16, 16))


def matrices(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator) for shape in SHAPES]


def moved(optimiser: torch.optim.Optimizer, weights: list[Tensor], steps: int) -> list[Tensor]:
    """The weights after steps along gradients that depend on nothing else."""
    for step in range(steps):
        for weight, gradient in zip(weights, matrices(100 + step), strict=True):
            weight.grad = gradient
        optimiser.step()
    return [weight.detach().clone() for weight in weights]


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("shape", [(3, 6, 20), (3, 20, 6), (1, 12, 12)])
def test_singular_values_come_near_one_and_vectors_stay(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], half: bool
) -> None:
    """Protects the formula, U S V^T to U S' V^T, in both precisions."""
    monkeypatch.setattr(muon, "multiplies_bfloat16", lambda device: half)
    given = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    found = orthogonalised(given)
    assert found.dtype == (torch.bfloat16 if half else torch.float32)
    left, sizes, right = torch.linalg.svd(given, full_matrices=False)
    turned = left.mT @ found.float() @ right.mT
    values = turned.diagonal(dim1=1, dim2=2)
    well_conditioned = sizes > 0.1 * sizes.norm(dim=-1, keepdim=True)
    assert values[well_conditioned].min() > 0.4
    assert values.max() < 1.4
    assert (turned - torch.diag_embed(values)).abs().max() < (0.05 if half else 1e-4)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="PyTorch has its own since 2.9")
def test_steps_are_those_of_pytorch() -> None:
    """Protects runs that continue with another version: the same momentum, decay and length of step."""
    ours = [torch.nn.Parameter(weight) for weight in matrices(0)]
    theirs = [torch.nn.Parameter(weight) for weight in matrices(0)]
    settings = {"lr": 0.02, "weight_decay": 0.1, "momentum": 0.95}
    after = moved(Muon(ours, **settings), ours, 3)
    other = torch.optim.Muon(theirs, adjust_lr_fn="match_rms_adamw", **settings)
    for found, expected, before in zip(after, moved(other, theirs, 3), matrices(0), strict=True):
        assert (found - expected).norm() < 0.03 * (expected - before).norm()


def test_a_matrix_without_a_gradient_stays() -> None:
    """Protects parts of the networks that a step does not use."""
    weights = [torch.nn.Parameter(weight) for weight in matrices(0)]
    optimiser = Muon(weights, lr=0.1, weight_decay=0.1, momentum=0.9)
    weights[1].grad = torch.ones_like(weights[1])
    assert optimiser.step(lambda: 3.0) == 3.0
    changed = [not torch.equal(now, before) for now, before in zip(weights, matrices(0), strict=True)]
    assert changed == [False, True, False, False]


def test_vectors_are_refused() -> None:
    """Protects biases and gains, which have no singular values."""
    with pytest.raises(ValueError, match=r"\(3,\)"):
        Muon([torch.zeros(3)], lr=0.1, weight_decay=0.0, momentum=0.9)
