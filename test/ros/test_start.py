"""What the node does when it cannot start as it was told to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from fake_predictor import load_sliding
from rclpy.parameter import Parameter

from neurok_ros.node import PredictorNode
from neurok_ros.predictor import run

pytestmark = pytest.mark.ros


@pytest.fixture
def context() -> Iterator[rclpy.Context]:
    """A ROS context for one test."""
    one = rclpy.Context()
    rclpy.init(context=one)
    yield one
    rclpy.shutdown(context=one)


def test_bad_parameters_stop_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    """A parameter file with a bad value: exit status 2, and a sentence with name, value and range."""
    assert run(["--ros-args", "-p", "mass:=-2.0"], load=load_sliding) == 2
    complaint = capsys.readouterr().err
    assert "The node cannot start: mass" in complaint
    assert "0.0001 to 10000 kg" in complaint
    assert "-2.0" in complaint


def test_parameters_of_another_type_stop_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    """A text where a number belongs."""
    assert run(["--ros-args", "-p", "gravity:=down"], load=load_sliding) == 2
    assert "3 finite numbers m/s^2" in capsys.readouterr().err


def test_missing_checkpoint_is_told(context: rclpy.Context, capfd: pytest.CaptureFixture[str]) -> None:
    """The node stays unconfigured and alive, and says what is wrong; it can be configured again."""
    overrides = [Parameter("checkpoint", value="missing")]
    node = PredictorNode(load_sliding, context=context, parameter_overrides=overrides, namespace="elsewhere")
    assert not node.start()
    assert "checkpoint = missing: allowed is a file that exists" in capfd.readouterr().err
    node._load = lambda checkpoint, device, seed: load_sliding("", device, seed)
    assert node.start()
    node.release()
    node.destroy_node()


def test_release_is_idempotent(context: rclpy.Context) -> None:
    """An interrupt may come at any time: before, during and after configuration."""
    node = PredictorNode(load_sliding, context=context, namespace="elsewhere")
    node.release()
    assert node.start()
    node.release()
    node.release()
    node.destroy_node()
