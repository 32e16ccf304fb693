"""What training says about points that cannot move."""

import math

import pytest
import torch

from neurok_model.training.mobility import mobility_error, movable


def one_object(moving: int, points: int = 4):
    """Fields of a joint that moves the first points only."""
    displacement = torch.zeros(1, 2, points, 3)
    tangents = torch.zeros(1, 2, 3, points, 3)
    tangents[0, :, 1, :moving, 2] = 2.0
    return displacement, tangents


def test_points_that_any_joint_or_deformation_moves_are_movable():
    """Protects parts that no deformation of a batch happens to move, and those held shut in the compared poses."""
    displacement, tangents = one_object(2)
    assert movable(displacement, tangents).tolist() == [[True, True, False, False]]
    displacement[0, 1, 2, 0] = 0.1
    assert movable(displacement, tangents).tolist() == [[True, True, True, False]]


def test_the_error_is_the_surprise_of_the_truth():
    """Protects the meaning of the figure against the hand-computed case, and objects of which nothing is known."""
    displacement, tangents = one_object(2)
    mobility = torch.tensor([[0.5, 0.8, 0.1, 0.25]])
    expected = -sum(math.log(share) for share in (0.5, 0.8, 0.9, 0.75)) / 4
    assert mobility_error(mobility, displacement, tangents).item() == pytest.approx(expected, rel=1e-5)
    unknown = torch.cat((tangents, torch.zeros_like(tangents)))
    both = mobility_error(mobility.expand(2, -1), displacement.expand(2, -1, -1, -1), unknown)
    assert both.item() == pytest.approx(expected, rel=1e-5)
    assert mobility_error(mobility, displacement, torch.zeros_like(tangents)).item() == 0.0


def test_certain_mistakes_keep_a_finite_error():
    """Protects a run from one point of which the decoder was wrongly sure."""
    displacement, tangents = one_object(4)
    mobility = torch.zeros(1, 4, requires_grad=True)
    error = mobility_error(mobility, displacement, tangents)
    error.backward()
    assert math.isfinite(error.item())
    assert torch.isfinite(mobility.grad).all()
