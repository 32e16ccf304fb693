"""Optimisers: who moves which parameter, and continuing exactly where the state was taken."""

from __future__ import annotations

import pytest
import torch

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.networks import NetworkConfiguration, NeurokNetworks
from neurok_model.training.optimisers import Optimisers, hidden_matrices, make_optimisers

TINY = NetworkConfiguration(width=16, heads=2, context_tokens=4, context_layers=2, latent_tokens=2, handles=3)


def networks(seed: int = 0) -> NeurokNetworks:
    torch.manual_seed(seed)
    return NeurokNetworks(TINY)


def advance(model: NeurokNetworks, optimisers: Optimisers, steps: range) -> None:
    """Steps along gradients that depend on the step's number and on the weights."""
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        optimisers.zero_grad()
        loss = sum(((value - torch.randn(value.shape, generator=generator)) ** 2).sum() for value in model.parameters())
        loss.backward()
        optimisers.set_learning_rate(1.0 / (step + 1))
        optimisers.step()


def test_muon_gets_the_matrices_of_the_blocks_and_nothing_else():
    """Protects what Muon is meant for: no token, embedding, bias, gain or output layer is orthogonalised."""
    model = networks()
    chosen = {name for name, value in model.named_parameters() if any(value is one for one in hidden_matrices(model))}
    assert "decoder.blocks.0.attention.to_key_value.weight" in chosen
    assert "decoder.blocks.0.feed_forward.0.weight" in chosen
    assert "prior_encoder.read_first.attention.to_query.weight" in chosen
    assert all(name.endswith("weight") and ("attention" in name or "feed_forward" in name) for name in chosen)
    assert not any("tokens" in name or "embed" in name or "to_mean" in name or "to_motion" in name for name in chosen)


def test_muon_steps_are_as_long_as_adamw_steps():
    """Protects the shared learning rate: a full-rank update has a root mean square of 0.2 learning rates."""
    model = networks()
    weight = model.decoder.blocks[0].feed_forward[0].weight
    before = weight.detach().clone()
    optimisers = make_optimisers(model, "muon", 1e-3, 0.0, muon_learning_rate=1e-2)
    advance(model, optimisers, range(1))
    length = (weight.detach() - before).square().mean().sqrt().item()
    # Newton-Schulz leaves singular values between 0.5 and 1.5 (Jordan et al.), so the length is not exact.
    assert 0.1e-2 < length < 0.3e-2


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_restored_optimisers_continue_to_the_bit(kind):
    """Protects resuming: state taken after three steps and loaded elsewhere gives the same bits after six."""
    whole = networks()
    optimisers = make_optimisers(whole, kind, 1e-2, 0.01, 2e-2)
    advance(whole, optimisers, range(3))
    weights = {name: value.clone() for name, value in whole.state_dict().items()}
    state = {name: value.clone() for name, value in optimisers.state().items()}
    advance(whole, optimisers, range(3, 6))

    resumed = networks(seed=1)
    resumed.load_state_dict(weights)
    others = make_optimisers(resumed, kind, 1e-2, 0.01, 2e-2)
    others.load_state(state)
    advance(resumed, others, range(3, 6))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    fresh = make_optimisers(resumed, kind, 1e-2, 0.01, 2e-2)
    assert fresh.state() == {}, "a fresh optimiser has no moments, so the comparison above needed the loaded ones"


def test_state_of_another_optimiser_is_refused():
    """Protects a resumed run from silently forgetting its moments when the optimiser was changed meanwhile."""
    model = networks()
    muon = make_optimisers(model, "muon", 1e-2, 0.01, 2e-2)
    advance(model, muon, range(1))
    with pytest.raises(NeurokError) as refusal:
        make_optimisers(model, "adamw", 1e-2, 0.01, 2e-2).load_state(muon.state())
    assert refusal.value.code is ErrorCode.INVALID_CHECKPOINT
    with pytest.raises(NeurokError, match="adamw or muon"):
        make_optimisers(model, "sgd", 1e-2, 0.01, 2e-2)


def test_every_parameter_belongs_to_one_optimiser():
    """Protects learning: a parameter that no optimiser owns would stay at its initial value unnoticed."""
    model = networks()
    some = torch.optim.AdamW(list(model.parameters())[:-1])
    with pytest.raises(ValueError, match="exactly one"):
        Optimisers(model, {"adamw": some})
