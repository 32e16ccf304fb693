"""The search reaches known poses of a deformation made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from neurok_model.evaluation.evidence import Evidence, Matcher, Matches
from neurok_model.evaluation.levenberg_marquardt import Deformation, SearchSettings, search

TRUE = torch.tensor([1.1, 0.25], dtype=torch.float64)
"""Angle (radians) and slide."""


class HingeAndSlide(Deformation):
    """Two boards of points: one turns about the y axis, the other slides along y."""

    def __init__(self, precision: float = 1.0) -> None:
        generator = torch.Generator().manual_seed(0)
        self.lid = torch.rand(150, 3, generator=generator, dtype=torch.float64) * torch.tensor([1.0, 1.0, 0.05])
        self.tray = torch.rand(150, 3, generator=generator, dtype=torch.float64) - torch.tensor([1.2, 0.0, 0.5])
        self.mean = torch.zeros(2, dtype=torch.float64)
        self.precision = precision * torch.eye(2, dtype=torch.float64)

    def positions(self, coordinates: Tensor) -> Tensor:
        angle, slide = coordinates[:, 0, None], coordinates[:, 1, None]
        x, y, z = self.lid.unbind(-1)
        turned = torch.stack(
            (x * angle.cos() + z * angle.sin(), y.expand(len(angle), -1), z * angle.cos() - x * angle.sin()), dim=-1
        )
        slid = self.tray + torch.stack((0 * slide, slide, 0 * slide), dim=-1)
        return torch.cat((turned, slid), dim=1)

    def jacobian(self, coordinates: Tensor) -> Tensor:
        return torch.func.vmap(torch.func.jacrev(lambda c: self.positions(c[None])[0]))(coordinates)


@pytest.fixture
def hinge() -> HingeAndSlide:
    return HingeAndSlide()


def evidence(hinge: HingeAndSlide, coordinates: Tensor = TRUE) -> Evidence:
    rest, target = (hinge.positions(c[None])[0].numpy() for c in (torch.zeros(2, dtype=torch.float64), coordinates))
    return Evidence(rest, targets=target)


def test_reaches_the_target(hinge: HingeAndSlide) -> None:
    """With known correspondences angle and slide come out to rounding, from the rest pose alone."""
    found = search(hinge, evidence(hinge).matcher(), torch.zeros(1, 2), SearchSettings(prior_weight=0.0, tolerance=0.0))
    torch.testing.assert_close(found.coordinates, TRUE, atol=1e-7, rtol=0.0)
    assert found.squared_distance < 1e-14


def test_best_of_several_starts(hinge: HingeAndSlide) -> None:
    """A start on the far side of the turn may fail; the best start decides."""
    starts = torch.tensor([[-2.9, 3.0], [0.0, 0.0], [2.5, -1.0]])
    found = search(hinge, evidence(hinge).matcher(), starts, SearchSettings(prior_weight=0.0))
    torch.testing.assert_close(found.coordinates, TRUE, atol=1e-4, rtol=0.0)


@pytest.mark.parametrize("complete", [True, False])
def test_reaches_the_target_without_correspondences(hinge: HingeAndSlide, complete: bool) -> None:
    """From an unordered cloud, whole or with every point of low x missing, matched anew in every iteration."""
    known = evidence(hinge, torch.tensor([0.4, 0.1], dtype=torch.float64))
    assert known.targets is not None
    seen = known.targets[::-1]
    if not complete:
        seen = seen[seen[:, 0] > -0.8]
    cloud = Evidence(known.points, seen=np.ascontiguousarray(seen), complete=complete)
    starts = torch.tensor([[0.0, 0.0], [0.8, 0.2], [-0.5, 0.0]])
    found = search(hinge, cloud.matcher(), starts, SearchSettings(prior_weight=1e-8, tolerance=1e-9))
    torch.testing.assert_close(found.coordinates, torch.tensor([0.4, 0.1], dtype=torch.float64), atol=1e-3, rtol=0.0)


def test_prior_decides_what_is_not_observed(hinge: HingeAndSlide) -> None:
    """Where nothing of the tray is seen, its slide stays at the prior's mean."""
    hinge.mean = torch.tensor([0.0, -0.3], dtype=torch.float64)
    seen = evidence(hinge).targets
    assert seen is not None
    cloud = Evidence(evidence(hinge).points, seen=seen[:150])
    found = search(hinge, cloud.matcher(), torch.tensor([[0.8, 0.4]]), SearchSettings(prior_weight=1e-6))
    assert found.coordinates[1] == pytest.approx(-0.3, abs=1e-3)
    assert found.coordinates[0] == pytest.approx(1.1, abs=0.05)


def test_linear_problem_against_its_normal_equations() -> None:
    """For a linear deformation and a Gaussian prior the minimum has a closed form."""
    generator = torch.Generator().manual_seed(1)
    basis = torch.randn(60, 3, 4, generator=generator, dtype=torch.float64)
    wanted = torch.randn(60, 3, generator=generator, dtype=torch.float64)

    class Linear(Deformation):
        mean = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
        precision = torch.diag(torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64))

        def positions(self, coordinates: Tensor) -> Tensor:
            return torch.einsum("nck,fk->fnc", basis, coordinates)

        def jacobian(self, coordinates: Tensor) -> Tensor:
            return basis.expand(len(coordinates), -1, -1, -1)

    weight = 0.05
    matcher = Matcher(Evidence(np.zeros((60, 3)), targets=wanted.numpy()))
    found = search(Linear(), matcher, torch.zeros(1, 4), SearchSettings(prior_weight=weight, tolerance=0.0))
    flat = basis.flatten(0, 1)
    curvature = flat.T @ flat / 60 + weight * Linear.precision
    exact = torch.linalg.solve(curvature, flat.T @ wanted.flatten() / 60 + weight * Linear.precision @ Linear.mean)
    torch.testing.assert_close(found.coordinates, exact, atol=1e-7, rtol=0.0)


def test_matches_of_a_cloud_by_hand() -> None:
    """Two points at 0 and 10 on a line, seen at 1, 2 and 9: the mean squared Chamfer distance, both ways."""
    line = np.array([[0.0, 0, 0], [10, 0, 0]])
    seen = np.array([[1.0, 0, 0], [2, 0, 0], [9, 0, 0]])
    whole = Matcher(Evidence(line, seen=seen, complete=True))(line)
    assert whole.cost == pytest.approx(0.5 * (1 + 4 + 1) / 3 + 0.5 * (1 + 1) / 2)
    part = Matcher(Evidence(line, seen=seen))(line)
    assert part.cost == pytest.approx((1 + 4 + 1) / 3)
    np.testing.assert_allclose(part.weight, [2 / 3, 1 / 3])
    np.testing.assert_allclose(part.wanted[:, 0], [1.5, 9.0])


def test_loss_is_linear_far_away() -> None:
    """Pseudo-Huber: d² for d far below the width w, 2 w d - 2 w² far above it, and its weights are its slopes."""
    points = np.array([[0.0, 0, 0], [0, 1, 0]])

    def matches(distance: float) -> Matches:
        return Matcher(Evidence(points, targets=points + [distance, 0.0, 0.0]), width=0.1)(points)

    assert matches(1e-3).cost == pytest.approx(1e-6, rel=1e-3)
    assert matches(50.0).cost == pytest.approx(2 * 0.1 * 50.0 - 2 * 0.1**2, rel=1e-4)
    for distance in (0.01, 0.1, 2.0):
        slope = (matches(distance + 1e-5).cost - matches(distance - 1e-5).cost) / 2e-5
        assert 2.0 * distance * matches(distance).weight.sum() == pytest.approx(slope, rel=1e-5)
    assert matches(0.3).squared_distance == pytest.approx(0.09)


def test_one_part_that_cannot_follow_leaves_the_others_alone(hinge: HingeAndSlide) -> None:
    """When the tray's target is out of its reach, sideways, the lid still finds its angle."""
    known = evidence(hinge)
    assert known.targets is not None
    targets = known.targets.copy()
    targets[150:, 0] -= 0.5
    found = search(hinge, Evidence(known.points, targets=targets).matcher(), torch.zeros(1, 2))
    torch.testing.assert_close(found.coordinates, TRUE, atol=5e-3, rtol=0.0)
