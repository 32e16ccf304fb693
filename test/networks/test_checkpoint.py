"""Checkpoints: what is saved is what is loaded, and damage is reported, never executed."""

import json
from dataclasses import replace

import pytest
import torch

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.networks import NetworkConfiguration, NeurokNetworks, load_checkpoint, save_checkpoint
from neurok_model.networks.checkpoint import ABSENT_SETTINGS

TINY = NetworkConfiguration(width=16, heads=2, context_tokens=4, latent_tokens=2, latent_channels=2, handles=3)


def saved(folder, precision=torch.float32):
    torch.manual_seed(0)
    networks = NeurokNetworks(TINY)
    save_checkpoint(folder / "tiny.safetensors", networks, {"seed": 3}, precision)
    return networks


def test_round_trip_is_exact(tmp_path):
    """Protects results: weights, architecture and training record survive saving."""
    networks = saved(tmp_path)
    loaded, description = load_checkpoint(tmp_path / "tiny.safetensors")
    assert loaded.configuration == TINY
    assert description["training"] == {"seed": 3}
    for name, value in networks.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value, rtol=0, atol=0)


def test_half_precision_is_loaded_as_float32(tmp_path):
    """Protects small repositories and CPU users: weights are stored in half precision and used in single."""
    saved(tmp_path, torch.float16)
    loaded, _ = load_checkpoint(tmp_path / "tiny.safetensors")
    assert {value.dtype for value in loaded.parameters()} == {torch.float32}


@pytest.mark.parametrize(("part", "absent"), sorted(ABSENT_SETTINGS.items()))
def test_a_checkpoint_from_before_a_part_is_rebuilt_without_it(tmp_path, part, absent):
    """Protects weights that users have: a part that was added later is not made up for them."""
    torch.manual_seed(0)
    before = NeurokNetworks(replace(TINY, **{part: absent}))
    save_checkpoint(tmp_path / "tiny.safetensors", before, precision=torch.float32)
    path = tmp_path / "tiny.json"
    values = json.loads(path.read_text())
    del values["networks"][part]
    path.write_text(json.dumps(values))
    loaded, _ = load_checkpoint(tmp_path / "tiny.safetensors")
    assert set(loaded.state_dict()) == set(before.state_dict())


@pytest.mark.parametrize("damage", ["missing", "truncated", "not_json", "other_format", "unknown_setting", "pickle"])
def test_damaged_checkpoints_are_refused(tmp_path, damage):
    """Protects users from half-copied files and from foreign formats, with one error that says what to do."""
    saved(tmp_path)
    weights, description = tmp_path / "tiny.safetensors", tmp_path / "tiny.json"
    values = json.loads(description.read_text())
    if damage == "missing":
        description.unlink()
    elif damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "not_json":
        description.write_text("{")
    elif damage == "other_format":
        description.write_text(json.dumps(values | {"format_version": 99}))
    elif damage == "unknown_setting":
        description.write_text(json.dumps(values | {"networks": values["networks"] | {"surprise": 1}}))
    else:
        torch.save({"weights": torch.zeros(3)}, weights)
    with pytest.raises(NeurokError) as caught:
        load_checkpoint(weights)
    assert caught.value.code == ErrorCode.INVALID_CHECKPOINT
