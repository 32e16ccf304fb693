"""Configurations on the command line and in files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from training.tiny import CONFIGURATION, QUIET

from neurok_model.cli import main
from neurok_model.data.augmentation import AugmentationConfiguration
from neurok_model.data.families import family_names
from neurok_model.data.pairs import PairConfiguration
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.networks import NetworkConfiguration, NeurokNetworks, load_checkpoint
from neurok_model.training import TrainingConfiguration, train
from neurok_model.training.ablations import ABLATIONS, ablated
from neurok_model.training.commands import parse_train
from neurok_model.training.configuration_file import parse_configuration, read_configuration
from neurok_model.training.presets import BASE, PRESETS, SMALL
from neurok_model.weights import packaged_checkpoint

FINITE = st.floats(min_value=0.0, max_value=1e6)
# Plain values: building the classes inside a strategy would let the shape checker draw random numbers there.
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "initial": st.none() | st.sampled_from([Path("a.safetensors"), Path("b c.safetensors")]),
        "steps": st.integers(1, 10**7),
        "seed": st.integers(0, 2**63),
        "optimiser": st.sampled_from(["adamw", "muon"]),
        "learning_rate": FINITE,
        "precision": st.sampled_from(["auto", "float32", "bfloat16"]),
    },
)
WIDTHS, HEADS = st.integers(1, 4096), st.text(max_size=20)
FAMILIES = st.lists(st.text(max_size=10), max_size=3).map(tuple)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["steps", "pairs", "x"]), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(["steps", "pairs", "networks", "learning_rate", "families", "initial", "training", "workers"])


def read_or_refused(read: Callable[[], TrainingConfiguration], named: str) -> None:
    """Either a configuration comes back, or the error that users see, with the file's name in it."""
    refusals = []
    try:
        result = read()
    except NeurokError as error:
        refusals.append(error)
    else:
        assert isinstance(result, TrainingConfiguration)
    assert all(one.code is ErrorCode.INVALID_PARAMETER and named in one.value for one in refusals)


@given(SETTINGS, WIDTHS, HEADS, FAMILIES, FINITE)
def test_configurations_survive_a_file(settings, width, head, families, tilt):
    """Protects repeating a run: what a checkpoint's JSON says is read back as the very same settings."""
    configuration = TrainingConfiguration(
        **settings,
        networks=NetworkConfiguration(width=width, head=head),
        pairs=PairConfiguration(families=families),
        augmentation=AugmentationConfiguration(tilt=tilt),
    )
    written = json.dumps(configuration.to_dictionary())
    assert parse_configuration(json.loads(written)) == configuration
    wrapped = {"format_version": 1, "networks": {}, "training": {**json.loads(written), "held_out": {"error": 0.1}}}
    assert parse_configuration(wrapped) == configuration


def test_checkpoints_do_not_say_where_files_lay():
    """Protects privacy and reuse: a checkpoint names the files that it came from, not the machine's folders."""
    configuration = TrainingConfiguration(
        initial=Path("/home/me/first.safetensors"), pairs=PairConfiguration(motions="/home/me/motions")
    )
    assert "/home" not in json.dumps(configuration.to_dictionary())
    assert "first.safetensors" in json.dumps(configuration.to_dictionary())


@given(st.dictionaries(FIELDS, JSON, max_size=4) | JSON)
def test_any_json_is_read_or_refused_with_a_sentence(content):
    """Protects users at the shell: whatever a file holds, it is a configuration or one readable error."""
    read_or_refused(lambda: parse_configuration(content), "configuration: ")


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused_with_a_sentence(tmp_path_factory, content):
    """Protects users at the shell from tracebacks about bytes, brackets and encodings."""
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    read_or_refused(lambda: read_configuration(path), "any.json: ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"steps": "8"}, "steps = '8'"),
        ({"steps": 8.5}, "steps = 8.5"),
        ({"pairs": {"objects": 3, "object": 4}}, "unknown settings pairs.object"),
        ({"shedule": {}}, "unknown settings shedule"),
        ({"optimiser": "sgd"}, "'adamw' or 'muon'"),
        ({"pairs": {"families": ["laptop", 3]}}, "pairs.families.1 = 3"),
        ([1, 2], "not an object"),
    ],
)
def test_mistakes_in_files_are_named(content, problem):
    """Protects against settings that are misspelt and silently ignored: the error names the setting."""
    with pytest.raises(NeurokError) as refusal:
        parse_configuration(content)
    assert problem in refusal.value.value


def test_files_and_presets_are_what_options_change(tmp_path):
    """Protects the command line: the first argument says what to start from, options change only what they name."""
    assert parse_train([]).configuration == SMALL
    assert parse_train(["base", "--steps", "7"]).configuration == replace(BASE, steps=7)
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"steps": 9, "pairs": {"objects": 5}}))
    configuration = parse_train([str(path), "--pairs.targets", "3", "--optimiser", "muon"]).configuration
    expected = PairConfiguration(objects=5, targets=3)
    assert configuration == TrainingConfiguration(steps=9, pairs=expected, optimiser="muon")
    with pytest.raises(NeurokError, match="before all options"):
        parse_train(["--steps", "7", "base"])


def test_the_shipped_checkpoint_says_how_to_repeat_its_run():
    """Protects the shipped weights' provenance: their JSON file is a configuration that can be trained."""
    configuration = read_configuration(packaged_checkpoint().with_suffix(".json"))
    configuration.check()
    assert set(configuration.pairs.families) <= set(family_names())


def test_stored_motions_are_asked_for_when_a_run_is_repeated(tmp_path):
    """Protects repeating a run: without the motions that it drew from, it would be another run unnoticed."""
    configuration = replace(CONFIGURATION, pairs=replace(CONFIGURATION.pairs, motions=str(tmp_path / "motions-seed-3")))
    path = tmp_path / "run.json"
    path.write_text(json.dumps(configuration.to_dictionary()))
    assert str(tmp_path) not in path.read_text(), "where they lay is nobody's business"
    with pytest.raises(NeurokError, match="motions-seed-3"):
        parse_train([str(path)])
    again = parse_train([str(path), "--pairs.motions", configuration.pairs.motions, "--device", "cpu"]).configuration
    assert replace(again, workers=0) == configuration


def test_presets_can_be_trained_and_committed():
    """Protects the presets: valid settings, and weights of at most 40 MB in half precision."""
    for preset in PRESETS.values():
        preset.check()
        parameters = sum(value.numel() for value in NeurokNetworks(preset.networks).parameters())
        assert 2 * parameters <= 40e6
        if preset is BASE:
            assert parameters > 17e6


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"steps": 0}, "steps"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"averaging": 1.0}, "averaging"),
        ({"pairs": PairConfiguration(variation=1.5)}, "pairs.variation"),
        ({"pairs": PairConfiguration(motion_share=-0.1)}, "pairs.motion_share"),
        ({"workers": -1}, "workers"),
        ({"networks": NetworkConfiguration(head="tail")}, "networks.head"),
        ({"pairs": PairConfiguration(families=("unicorn",))}, "pairs.families"),
    ],
)
def test_settings_that_cannot_be_trained_are_refused(change, name):
    """Protects users from errors deep inside: each impossible setting is named before anything starts."""
    with pytest.raises(NeurokError) as refusal:
        replace(CONFIGURATION, **change).check()
    assert refusal.value.field == name


def test_refusals_reach_the_shell_as_one_line(tmp_path, capsys):
    """Protects users at the shell: unknown presets, ablations and missing files are sentences and status 1."""
    for arguments in (["huge"], [str(tmp_path / "none.json")], ["small", "--ablation", "everything"]):
        assert main(["train", *arguments, "--output", str(tmp_path / "out")]) == 1
        assert "allowed is" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ABLATIONS)
def test_ablations_change_one_ingredient_and_no_compute(name):
    """Protects the ablation table: a row differs in what it is named after, and sees as many deformations."""
    changed = ablated(replace(SMALL, ablation=name))
    changed.check()
    differing = {key for key, value in asdict(changed).items() if value != asdict(SMALL)[key]} - {"ablation"}
    assert len(differing) == (0 if name == "none" else 1)
    assert differing <= {"networks", "augmentation", "schedule"}
    assert (changed.steps, changed.micro_batches, changed.pairs) == (SMALL.steps, SMALL.micro_batches, SMALL.pairs)
    sizes = [sum(one.numel() for one in NeurokNetworks(some.networks).parameters()) for some in (SMALL, changed)]
    # What tells the reach is an eighth of the weights, and none of the other networks hears of it.
    assert sizes[1] == pytest.approx(sizes[0], rel=0.15)


@pytest.mark.parametrize("name", ["dual_quaternions", "blend_skinning"])
def test_heads_of_ablations_can_be_trained(tmp_path, name):
    """Protects the ablation table: other heads train too, and the checkpoint holds the one that was trained."""
    path = train(replace(CONFIGURATION, steps=1, ablation=name, output=tmp_path), QUIET)
    networks, description = load_checkpoint(path)
    assert description["training"]["ablation"] == name
    assert networks.configuration == ablated(replace(CONFIGURATION, ablation=name)).networks != CONFIGURATION.networks
    # Read back, it is the run's own configuration again: the change is not applied twice.
    again = read_configuration(path.with_suffix(".json"))
    assert ablated(again).networks == networks.configuration
