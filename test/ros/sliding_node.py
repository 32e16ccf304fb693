"""A process with the real node and the stand-in model of fake_predictor.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fake_predictor import load_sliding

from neurok_ros.environment import prepare
from neurok_ros.predictor import leave, run

if __name__ == "__main__":
    prepare()
    leave(run(load=load_sliding))
