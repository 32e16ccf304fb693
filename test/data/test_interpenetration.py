"""Moving parts keep out of each other: the measure itself, what holds parts back, and the families."""

from __future__ import annotations

import numpy as np
import pytest

from neurok_model.data import build_object
from neurok_model.data.interpenetration import deepest_penetration
from neurok_model.data.kinematic_tree import ArticulatedObject, KinematicTree
from neurok_model.data.shapes import box

CLEAR_FAMILIES = ("book", "bucket", "capped_stick", "cart", "clock", "dishwasher", "door_cabinet", "drawer_chest",
                  "eyeglasses", "fan", "flap_box", "fridge", "kettle", "laptop", "lidded_box", "microwave", "monitor",
                  "oven", "pocket_knife", "room_door", "safe", "sliding_cabinet", "suitcase", "table", "toaster",
                  "toilet", "washing_machine", "window")  # fmt: skip


def _cupboard() -> ArticulatedObject:
    """A rack behind a flap: free when the flap is past 1.2 rad, shut below 1.0 rad."""
    tree = KinematicTree()
    tree.base.add(box([0.0, 0.0, 0.5], [0.4, 0.4, 0.02]))
    flap = tree.hinge(tree.base, [0.3, 0.0, 0.0], [0.0, 1.0, 0.0], (0.0, 1.5)).add(box([0.3, 0, 0.2], [0.02, 0.4, 0.4]))
    rack = tree.slide(tree.base, [1.0, 0.0, 0.0], (0.0, 0.5)).add(box([0.0, 0.0, 0.2], [0.3, 0.3, 0.1]))
    tree.gate(rack, flap, 1.0, 1.2)
    return ArticulatedObject("cupboard", tree.parts, tree.limits, tree.gates)


def test_depth_is_how_far_a_corner_is_inside() -> None:
    """A rack pushed 0.05 m through the front of a shut flap of 0.02 m reaches its middle, 0.01 m deep."""
    found = deepest_penetration(_cupboard(), np.array([[0.0, 0.15], [0.0, 0.1]]), points=4000)
    assert found is not None
    assert {found.part, found.other} == {1, 2}
    assert found.state in (0, 1)
    assert found.depth == pytest.approx(0.01, abs=0.001)
    free = deepest_penetration(_cupboard(), np.array([[1.5, 0.4], [0.0, 0.0]]))
    assert free is not None
    assert free.depth == pytest.approx(0.0, abs=1e-9)


def test_what_is_behind_something_stays_shut() -> None:
    """States are cut to what the gate allows, linearly between its ends, and nothing else about them changes."""
    cupboard = _cupboard()
    states = np.array([[0.5, 0.4], [1.1, 0.4], [1.3, 0.4], [1.1, 0.1]])
    np.testing.assert_allclose(cupboard.admissible(states), [[0.5, 0.0], [1.1, 0.25], [1.3, 0.4], [1.1, 0.1]])
    rng = np.random.default_rng(0)
    for drawn in (cupboard.sample_states(rng, 200), cupboard.uniform_states(rng, 200)):
        assert (drawn[drawn[:, 0] < 1.0, 1] == 0.0).all()
        assert drawn[:, 1].max() > 0.3


@pytest.mark.parametrize("family", CLEAR_FAMILIES)
def test_parts_do_not_pass_through_each_other(family: str) -> None:
    """Doors, flaps, racks and lids add at most 2.5 % of the object's size to what their parts overlap when shut."""
    for seed in (1, 2, 5):
        built = build_object(family, seed)
        assert isinstance(built, ArticulatedObject)
        states = built.uniform_states(np.random.default_rng(seed), 6)
        worst = deepest_penetration(built, np.concatenate([states, built.admissible(built.state_range.T)]), points=150)
        size = float(np.ptp(built.reference_vertices, axis=0).max())
        assert worst is None or worst.depth < 0.025 * size, worst
