"""The objective and its schedule against their definitions."""

from __future__ import annotations

import pytest
import torch

from neurok_model.networks import KinematicPrior, Posterior
from neurok_model.training.objective import divergence_per_dimension
from neurok_model.training.schedule import ScheduleConfiguration


def test_divergence_against_torch_distributions():
    """Protects the objective: our closed form is the divergence of the two Gaussians."""
    torch.manual_seed(0)
    scan = torch.empty(2, 1, 3)
    prior = KinematicPrior(torch.randn(2, 5), torch.empty(2, 1, 1), scan, scan)
    posterior = Posterior(torch.randn(2, 3, 5), torch.randn(2, 3, 5) - 1.0)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(posterior.mean, posterior.log_deviation.exp()),
        torch.distributions.Normal(prior.mean[:, None], 1.0),
    )
    torch.testing.assert_close(divergence_per_dimension(posterior, prior), expected)


def test_schedule_frees_squeezes_and_relaxes():
    """Protects the recipe: no pressure first, most in the squeeze, the final weight and nested dropout at the end."""
    schedule = ScheduleConfiguration(
        free_until=0.3,
        squeezed_from=0.4,
        squeezed_until=0.6,
        relaxed_from=0.7,
        nested_from=0.7,
        free_divergence=1e-5,
        squeeze_divergence=4e-3,
        final_divergence=1e-3,
        nested_share=0.5,
    )
    weights = [schedule.weights(step, 1000) for step in (0, 300, 350, 500, 650, 900)]
    # Between phases the weight is interpolated geometrically: half-way lies the geometric mean.
    expected = [1e-5, 1e-5, 2e-4, 4e-3, 2e-3, 1e-3]
    assert [w.divergence for w in weights] == pytest.approx(expected)
    assert [w.nested_dropout for w in weights] == [0.0, 0.0, 0.0, 0.0, 0.0, 0.5]


def test_learning_rate_warms_up_and_falls_like_a_cosine():
    """Protects the recipe: linear growth first, the peak's half at half-time, the floor at the end."""
    schedule = ScheduleConfiguration(warm_up_steps=100, final_learning_rate=0.02)
    factors = [schedule.learning_rate_factor(step, 10_000) for step in (0, 49, 5000, 9999)]
    assert factors == pytest.approx([0.01, 0.5, 0.51, 0.02], rel=1e-3)
