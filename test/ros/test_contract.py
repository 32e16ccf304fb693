"""What is written in more than one place must say the same in all of them."""

import re
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from rclpy.parameter import Parameter

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import Outcome
from neurok_model.physics import PhysicsParameters
from neurok_msgs.msg import Outcome as OutcomeMessage
from neurok_msgs.msg import Status
from neurok_ros.conversions.answers import raise_for_status
from neurok_ros.conversions.status import ok_status, status_from_error
from neurok_ros.parameters import SPECIFICATIONS, ParameterSpecification, refuse_bad_values
from neurok_ros.results import PredictionError
from neurok_ros.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("code", ErrorCode)
def test_error_codes_are_those_of_the_message(code: ErrorCode) -> None:
    """The library's numbers are the contract's numbers."""
    assert getattr(Status, code.name) == code


@pytest.mark.parametrize("outcome", Outcome)
def test_outcomes_are_those_of_the_message(outcome: Outcome) -> None:
    """The same for outcomes."""
    assert getattr(OutcomeMessage, outcome.name) == outcome


def test_messages_have_no_other_codes() -> None:
    """A code that only the message knows could not be told by the client."""
    for path, enumeration in (("msg/msg/Status.msg", ErrorCode), ("msg/msg/Outcome.msg", Outcome)):
        lines = (ROOT / path).read_text().splitlines()
        names = [line.split()[1].split("=")[0] for line in lines if line.startswith("uint8 ") and "=" in line]
        assert names == [member.name for member in enumeration]


def test_refusals_reach_the_caller() -> None:
    """Code and sentence survive the message; faults of the program are told as such."""
    error = NeurokError(ErrorCode.INVALID_HORIZON, "horizon", -1.0, "more than 0 s")
    with pytest.raises(PredictionError, match=r"INVALID_HORIZON: horizon = -1.0: .* 0 s") as caught:
        raise_for_status(status_from_error(error))
    assert caught.value.code is ErrorCode.INVALID_HORIZON
    with pytest.raises(PredictionError, match=r"INTERNAL: KeyError.*report") as caught:
        raise_for_status(status_from_error(KeyError("x")))
    raise_for_status(ok_status())


def test_codes_of_a_newer_node_are_understood_as_internal() -> None:
    """A client must not fail on a number that it does not know."""
    with pytest.raises(PredictionError, match="INTERNAL: something new"):
        raise_for_status(Status(code=200, message="something new"))


def flattened(tree: dict, prefix: str = "") -> dict:
    """Turn nested parameters into dotted names."""
    flat = {}
    for name, value in tree.items():
        flat |= flattened(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def test_parameter_file_lists_every_parameter_with_its_default() -> None:
    """config/predictor.yaml is the documentation that users edit; lists that default to nothing are comments."""
    text = (ROOT / "config/predictor.yaml").read_text()
    written = flattened(yaml.safe_load(text)["/**"]["ros__parameters"])
    defaults = {one.name: one.default for one in SPECIFICATIONS if one.default != []}
    assert written == defaults
    for one in SPECIFICATIONS:
        if one.default == []:
            assert f"# {one.name}:" in text


PHYSICAL = [one for one in SPECIFICATIONS if one.name in {field.name for field in fields(PhysicsParameters)}]


@pytest.mark.parametrize("specification", PHYSICAL, ids=lambda one: one.name)
def test_parameters_of_the_object_reach_its_physics(specification: ParameterSpecification) -> None:
    """A parameter that is declared and then forgotten changes nothing, and nobody would notice."""
    changed = {
        bool: lambda value: not value,
        float: lambda value: 0.5 * value + 0.3,
        list: lambda value: [1.0, 2.0, 3.0],
    }
    value = changed[type(specification.default)](specification.default)
    values = {one.name: one.default for one in SPECIFICATIONS} | {specification.name: value}
    node = SimpleNamespace(get_parameter=lambda name: SimpleNamespace(value=values[name]))
    found = getattr(Settings(node).physics(), specification.name)
    assert (list(found) if isinstance(value, list) else found) == value
    assert value != specification.default


@pytest.mark.parametrize("specification", SPECIFICATIONS, ids=lambda one: one.name)
def test_defaults_are_allowed_and_described(specification: ParameterSpecification) -> None:
    """No default may be refused, and the descriptor says what is allowed."""
    assert specification.refusal(specification.default) is None
    descriptor = specification.descriptor()
    assert specification.meaning in descriptor.description
    assert specification.allowed in descriptor.additional_constraints


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("mass", -1.0, r"mass = -1.0: allowed is 0.0001 to 10000 kg"),
        ("mass", float("nan"), r"mass = nan"),
        ("gravity", [0.0, 1.0], r"gravity = .*allowed is 3 finite numbers m/s\^2"),
        ("gravity", [0.0, 1.0, float("inf")], "gravity"),
        ("contact_point", [1.0], "0 or 3 finite numbers m"),
        ("points_reliability", "maybe", "'best_effort', 'reliable'"),
    ],
)
def test_bad_parameters_are_refused_with_the_reason(name: str, value: object, reason: str) -> None:
    """Name, value, and what is allowed with its unit."""
    result = refuse_bad_values([Parameter(name, value=value)])
    assert not result.successful
    assert re.search(reason, result.reason)
