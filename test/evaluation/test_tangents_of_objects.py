"""Evaluating small motions about the scan of whole objects: the figures of `neurok eval tangents`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rich.console import Console

from neurok_model.data import build_object
from neurok_model.data.splits import numbered_seed
from neurok_model.evaluation.tangents import TangentEvaluation, evaluate_tangents
from neurok_model.geometry import TriangleMesh
from neurok_model.mechanics import Impulse
from neurok_model.physics import PhysicsParameters
from neurok_model.predictor import Predictor

QUIET = Console(quiet=True)


def test_figures_of_an_object_that_was_learnt() -> None:
    """Protects the meaning of the figures: shares of a laptop lie between 0 and 1, and pushes are answered better than
    by standing still.
    """
    result = evaluate_tangents(TangentEvaluation(families=("laptop",), instances=1), QUIET)
    full, reduced = result["families"]["laptop"]["full"], result["families"]["laptop"]["reduced"]
    assert math.isnan(full["response"])
    for figures in (full, reduced):
        assert 0.0 <= figures["missing"] < 0.5
        assert 0.0 <= figures["spurious"] < 0.5
    assert 0.0 <= reduced["response"] < 1.0
    assert reduced["response_without"] >= 0.0
    assert result["overall"]["reduced"] == reduced


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_latent_mass_makes_answers_smaller_never_larger(share: float) -> None:
    """Protects a push's energy: an impulse f gives f J (G + E)^-1 J f / 2, which latent mass can only lessen."""
    built = build_object("laptop", numbered_seed("test", 0))
    scan = TriangleMesh(built.pose(np.zeros((1, built.degrees_of_freedom))).vertices[0], built.triangles)
    physics = PhysicsParameters(gravity=(0.0, 0.0, 0.0), damping_rate=0.0, learned_latent_mass=share)
    model = Predictor.load(device="cpu", seed=0).encode(scan, physics)
    bare = model.with_physics(PhysicsParameters(gravity=(0.0, 0.0, 0.0), damping_rate=0.0, learned_latent_mass=0.0))
    top = scan.vertices[np.argmax(scan.vertices[:, 2])]
    strike = [Impulse(top, (0.0, 0.05, 0.02))]
    gained = [m.predict(strike, horizon=0.02, step=0.01).work[-1] for m in (model, bare)]
    assert 0.0 < gained[0] <= gained[1] * (1.0 + 1e-9)
