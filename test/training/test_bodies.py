"""What training says about points that move as one body."""

import math

import numpy as np
import pytest
import torch
from training.tiny import CONFIGURATION, PAIRS

from neurok_model.data.augmentation import NO_AUGMENTATION
from neurok_model.data.families import build_object
from neurok_model.data.pairs import PairBatches, PairConfiguration
from neurok_model.networks import NeurokNetworks
from neurok_model.training.bodies import LEAST_PROBABILITY, body_error
from neurok_model.training.objective import ObjectiveWeights, objective

ALL = torch.ones(1, 4, dtype=torch.bool)
TWO = torch.tensor([[1, 1, 2, 2]])


def following(*handles: int, count: int = 3) -> torch.Tensor:
    """Points that follow one handle each."""
    return torch.nn.functional.one_hot(torch.tensor([handles]), count).float()


def test_a_handle_per_body_costs_nothing():
    """Protects the optimum: whichever handle takes which body, two handles moving one body alike included."""
    right = following(0, 0, 2, 2)
    assert body_error(right, TWO, ALL).item() == pytest.approx(0.0, abs=0.01)
    shared = right.clone()
    shared[0, :2] = torch.tensor((0.5, 0.5, 0.0))
    assert body_error(shared, TWO, ALL).item() == pytest.approx(0.0, abs=0.01)


def test_the_error_is_that_of_the_pairs():
    """Protects the formula against cases done by hand: bodies that share a handle, and a body cut in two."""
    mixed = body_error(following(0, 0, 0, 0), TWO, ALL).item()
    assert mixed == pytest.approx(-math.log(LEAST_PROBABILITY), rel=0.05)
    torn = body_error(following(0, 1, 2, 2), TWO, ALL).item()
    # Of the eight ordered pairs within bodies (points with themselves included) two are torn.
    assert torn == pytest.approx(-math.log(LEAST_PROBABILITY) / 4, rel=0.05)


def test_only_points_that_move_with_a_known_body_count():
    """Protects bases, which have their mobility, and soft objects, which have no bodies."""
    wrong = following(0, 0, 0, 1)
    assert body_error(wrong, torch.full((1, 4), -1), ALL).item() == 0.0
    assert body_error(wrong, TWO, torch.tensor([[True, True, False, False]])).item() == pytest.approx(0.0, abs=0.01)
    both = body_error(wrong.expand(2, -1, -1), torch.cat((TWO, -torch.ones_like(TWO))), ALL.expand(2, -1))
    assert both.item() == pytest.approx(body_error(wrong, TWO, ALL).item())


def test_handles_shared_by_two_bodies_still_feel_which_way_is_apart():
    """Protects learning: near a complete mistake there is a slope, and it is finite at a complete one."""
    regions = torch.tensor([[[0.99, 0.01], [0.98, 0.02]]]).requires_grad_()
    body_error(regions, torch.tensor([[1, 2]]), ALL[:, :2]).backward()
    assert regions.grad[0, 0, 1] > regions.grad[0, 1, 1]
    certain = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]]).requires_grad_()
    body_error(certain, torch.tensor([[1, 2]]), ALL[:, :2]).backward()
    assert certain.grad.isfinite().all()


def test_parts_without_a_joint_between_them_are_one_body():
    """Protects the truth that training is told: vertices share a number if and only if nothing moves between them."""
    instance = build_object("desk_lamp", 3)
    states = instance.uniform_states(np.random.default_rng(0), 4)
    bodies, frames = instance.body_of_vertex(states), instance.pose(states).vertices
    for body in np.unique(bodies):
        rows = np.flatnonzero(bodies == body)
        lengths = np.linalg.norm(frames[:, rows] - frames[:, rows[:1]], axis=-1)
        np.testing.assert_allclose(lengths, np.broadcast_to(lengths[:1], lengths.shape), atol=1e-6)
    assert len(np.unique(bodies)) == 1 + instance.degrees_of_freedom


def test_batches_know_bodies_of_rigid_parts_alone():
    """Protects soft objects from being told that they consist of bodies."""
    pairs = PairConfiguration(
        objects=8, targets=2, scan_points=64, deformation_points=16, query_points=16, families=("laptop", "elastic_bar")
    )
    batches = PairBatches(pairs, NO_AUGMENTATION, "train", 0, 1)
    soft = batches[0].family == batches.families.index("elastic_bar")
    assert (batches[0].body[soft] == -1).all()
    assert (batches[0].body[~soft] >= 0).all()
    assert 0 < soft.sum() < len(soft)


def test_the_objective_tells_bodies_to_the_handles():
    """Protects the objective: the weight adds its share, and what chooses the regions hears of it."""
    torch.manual_seed(0)
    networks = NeurokNetworks(CONFIGURATION.networks)
    batch = PairBatches(PAIRS, NO_AUGMENTATION, "train", 0, 1)[0]
    total = []
    for weight in (0.0, 0.5):
        weights = ObjectiveWeights(divergence=0.0, nested_dropout=0.0, bodies=weight)
        terms = objective(networks, batch, PAIRS.deformation_points, weights, torch.Generator().manual_seed(0))
        total.append(terms.total)
    assert terms.body_error.item() > 0.0
    added = total[1] - total[0]
    assert added.item() == pytest.approx(0.5 * terms.body_error.item(), rel=1e-4)
    added.backward()
    assert networks.decoder.head.to_query[0][0].weight.grad.abs().max() > 1e-6
