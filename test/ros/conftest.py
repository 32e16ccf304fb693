"""Lets the ROS tests share their helpers as plain modules, and the processes they talk to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from node_process import REAL_NAMESPACE, SLIDING_NODE, NodeProcess


@pytest.fixture(scope="session")
def sliding_node() -> Iterator[NodeProcess]:
    """A process with the real node and the stand-in model, in the namespace `neurok`."""
    with NodeProcess([str(SLIDING_NODE)]) as process:
        yield process


@pytest.fixture(scope="module")
def predictor_node() -> Iterator[NodeProcess]:
    """A process as a user starts it, with the shipped checkpoint.

    In a namespace of its own: beside the stand-in's node it would answer the same services.
    """
    remap = ["-r", f"__ns:=/{REAL_NAMESPACE}"]
    with NodeProcess(["-m", "neurok_ros.predictor"], extra_arguments=remap, namespace=REAL_NAMESPACE) as process:
        yield process
