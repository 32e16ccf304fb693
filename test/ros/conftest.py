"""Lets the ROS tests share their helpers as plain modules, and the processes they talk to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from node_process import SLIDING_NODE, NodeProcess


@pytest.fixture(scope="session")
def sliding_node() -> Iterator[NodeProcess]:
    """A process with the real node and the stand-in model."""
    with NodeProcess([str(SLIDING_NODE)]) as process:
        yield process


@pytest.fixture(scope="module")
def predictor_node() -> Iterator[NodeProcess]:
    """A process as a user starts it: the real node and the shipped checkpoint."""
    with NodeProcess(["-m", "neurok_ros.predictor"]) as process:
        yield process
