"""The region in which an object may be trusted, against draws from the prior that it stands for."""

from __future__ import annotations

import pytest
import torch

from neurok_model.reduction import PriorRegion

DRAWS = 100_000


def _prior(dimension: int, distance: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A prior with correlated coordinates whose mean lies ``distance`` standard deviations from rest."""
    generator = torch.Generator().manual_seed(dimension)
    half = torch.randn(dimension, dimension, generator=generator, dtype=torch.float64)
    precision = half @ half.mT + 0.5 * torch.eye(dimension, dtype=torch.float64)
    direction = torch.randn(dimension, generator=generator, dtype=torch.float64)
    return distance * direction / (direction @ precision @ direction).sqrt(), precision


@pytest.mark.parametrize("dimension", [2, 3, 5])
@pytest.mark.parametrize("distance", [0.0, 0.4, 3.0, 8.0])
def test_the_region_holds_95_percent_of_the_prior_and_the_rest_pose(dimension: int, distance: float) -> None:
    """Protects what "implausible" means: 95 % of the prior is inside wherever the scan stands, and so is the scan."""
    mean, precision = _prior(dimension, distance)
    region = PriorRegion.of_probability(mean, precision)
    normal = torch.randn(DRAWS, dimension, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    drawn = mean + torch.linalg.solve_triangular(torch.linalg.cholesky(precision).mT, normal.mT, upper=True).mT
    inside = (region.distance(drawn) <= region.radius).double().mean()
    assert float(inside) == pytest.approx(0.95, abs=0.005)
    if distance > 0.0:
        beyond = -1.5 * mean / distance
        assert float(region.distance(beyond)) <= region.radius * (1.0 + 1e-6)
    assert float(region.distance(torch.zeros(dimension, dtype=torch.float64))) < region.radius


def test_along_a_line_the_region_is_an_interval() -> None:
    """Protects objects of one coordinate: from the margin beyond rest to the prior's far quantile."""
    region = PriorRegion.of_probability(torch.tensor([6.0]).double(), torch.eye(1).double())
    edges = torch.tensor([[-1.5], [6.0 + 1.959964]]).double()
    torch.testing.assert_close(region.distance(edges), region.radius * torch.ones(2).double(), rtol=1e-5, atol=0.0)


def test_a_far_rest_pose_does_not_widen_the_region_across() -> None:
    """Protects the compiled map's samples: across the line from rest to the mean the region stays the prior's."""
    mean, precision = _prior(4, 7.0)
    region = PriorRegion.of_probability(mean, precision)
    centred = PriorRegion.of_probability(torch.zeros(4).double(), precision)
    assert region.radius < 1.2 * centred.radius


def test_draws_follow_the_prior_and_stay_inside() -> None:
    """Protects sampled states: they come from the prior, not from the line that leads to the scan."""
    mean, precision = _prior(3, 8.0)
    region = PriorRegion.of_probability(mean, precision)
    drawn = region.sample(20_000, torch.Generator().manual_seed(1))
    assert float(region.distance(drawn).max()) <= region.radius * (1.0 + 1e-6)
    offset = drawn.mean(0) - mean
    assert float((offset @ precision @ offset).sqrt()) < 0.1
    again = region.sample_ball(2000, torch.Generator().manual_seed(1), reach=5.0)
    distances = region.distance(again)
    assert float(distances.max()) <= 5.0 * (1.0 + 1e-6)
    assert float(distances.mean()) == pytest.approx(2.5, abs=0.1)


@pytest.mark.parametrize("rest", [(0.0, 0.0, 0.0), (-1.7, 0.3, 1.2), (-1.6, -1.6, -1.6), (-4.0, 0.0, 0.5)])
def test_coordinates_moved_alone_end_at_their_limits(rest: tuple[float, ...]) -> None:
    """Protects the stops of joints, wherever the scan stands; a scan beyond a limit keeps its margin."""
    scanned = torch.tensor(rest, dtype=torch.float64)
    region = PriorRegion.within_limits(scanned, torch.eye(3, dtype=torch.float64), 1.73)
    for index, place in enumerate(rest):
        end = max(1.73, abs(place) + 0.25)
        for stop in (-end, end):
            alone = torch.zeros(3, dtype=torch.float64)
            alone[index] = stop - place
            assert float(region.distance(alone)) == pytest.approx(region.radius, rel=1e-9)


def test_limits_of_reduced_coordinates_are_a_cut_of_the_whole() -> None:
    """Protects objects with more latent dimensions than coordinates: the cut has the whole's edge, and its prior."""
    generator = torch.Generator().manual_seed(4)
    basis = torch.linalg.qr(torch.randn(5, 2, generator=generator, dtype=torch.float64))[0]
    rest = torch.tensor((-1.5, 0.2, 0.9, 0.0, -0.4), dtype=torch.float64)
    whole = PriorRegion.within_limits(rest, torch.eye(5, dtype=torch.float64), 1.73)
    cut = PriorRegion.within_limits(rest, basis, 1.73)
    q = 0.7 * torch.randn(200, 2, generator=generator, dtype=torch.float64)
    inside = whole.distance(q @ basis.mT) <= whole.radius
    assert torch.equal(cut.distance(q) <= cut.radius, inside)
    assert 0.1 < inside.double().mean() < 0.9
    torch.testing.assert_close(cut.prior_mean, -basis.mT @ rest)


def test_an_object_in_the_middle_of_one_coordinate_has_an_interval_of_standard_deviations() -> None:
    """Protects the units: along one coordinate distances count in standard deviations of the prior."""
    region = PriorRegion.within_limits(torch.tensor([-1.0]).double(), torch.eye(1).double(), 1.73)
    assert region.radius == pytest.approx(1.73)
    torch.testing.assert_close(
        region.distance(torch.tensor([[1.0], [0.0]]).double()), torch.tensor([0.0, 1.0]).double()
    )


@pytest.mark.parametrize("factor", [0.3, 1.0, 2.5])
def test_a_longer_reach_moves_one_end(factor):
    """Protects what identification fits: along a direction the far end moves by the factor, the near one stays, and
    without a direction both go, and the prior with them.
    """
    generator = torch.Generator().manual_seed(1)
    root = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    identity = torch.eye(3, dtype=torch.float64)
    region = PriorRegion(0.3 * root[0], root @ root.mT + identity, 2.5, 0.1 * root[1], identity)
    along = root[2] / root[2].norm()

    def ends(some: PriorRegion, direction: torch.Tensor) -> list[float]:
        """How far the region goes from rest both ways, by bisection."""
        found = []
        for way in (direction, -direction):
            lower, upper = 0.0, 100.0
            for _ in range(60):
                middle = 0.5 * (lower + upper)
                inside = float(some.distance(middle * way)) < some.radius
                lower, upper = (middle, upper) if inside else (lower, middle)
            found.append(lower)
        return found

    ahead, behind = ends(region, along)
    assert ends(region.reaching(factor, along), along) == pytest.approx([factor * ahead, behind])
    wider = region.reaching(factor)
    assert ends(wider, along) == pytest.approx([factor * ahead, factor * behind])
    torch.testing.assert_close(wider.prior_mean, factor * region.prior_mean)
