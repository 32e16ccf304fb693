"""Fitting the smooth map: the derivatives of the method, and that it finds what there is to find."""

from __future__ import annotations

import torch

from neurok_model.reduction import FitSamples, SmoothMap, fit_smooth_map, initial_inner_weights
from neurok_model.reduction.fitting import STEEPEST, added_units


def random_map() -> SmoothMap:
    torch.manual_seed(1)
    shapes = ((7, 3), (7,), (5, 7), (5, 3))
    return SmoothMap(*(torch.randn(shape, dtype=torch.float64) for shape in shapes))


def drawn_samples(form: SmoothMap, count: int, tangents: int, seed: int = 5) -> FitSamples:
    q = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return FitSamples(q, form.value(q), form.jacobian(q[:tangents]).mT, tangent_weight=0.7)


def test_closed_form_derivatives_match_finite_differences():
    """Protects the mass matrix and the Coriolis term: both derivatives of the compiled form are exact."""
    form = random_map()
    q, v = torch.randn(2, 4, 3, dtype=torch.float64)
    h = 1e-5
    columns = [(form.value(q + h * e) - form.value(q - h * e)) / (2 * h) for e in torch.eye(3, dtype=torch.float64)]
    torch.testing.assert_close(form.jacobian(q), torch.stack(columns, dim=-1), rtol=1e-6, atol=1e-8)
    h = 1e-4
    second = (form.value(q + h * v) - 2 * form.value(q) + form.value(q - h * v)) / h**2
    torch.testing.assert_close(form.second_directional(q, v), second, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(form.value_and_jacobian(q)[0], form.value(q))


def test_sensitivity_is_the_derivative_of_the_design():
    """Protects the search direction: every unit's features, values and tangents, by the unit's own weights."""
    form = random_map()
    samples = drawn_samples(form, 6, 3)
    analytic = samples.sensitivity(form.inner, form.bias)
    step = 1e-6
    for unit in range(7):
        for weight in range(4):
            inner, bias = [torch.stack((tensor, tensor)) for tensor in (form.inner, form.bias)]
            target = bias[:, unit] if weight == 3 else inner[:, unit, weight]
            target += torch.tensor([step, -step], dtype=torch.float64)
            ahead, behind = (samples.design(inner[side], bias[side])[:, unit] for side in (0, 1))
            torch.testing.assert_close(analytic[:, unit, weight], (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-8)


def test_fit_recovers_a_map_of_its_own_form():
    """Protects the least squares: a function that the form can represent is found, in values and derivatives."""
    form = random_map()
    fitted = fit_smooth_map(drawn_samples(form, 60, 20), form.inner, form.bias, ridge=1e-14)
    fresh = torch.randn(10, 3, dtype=torch.float64)
    torch.testing.assert_close(fitted.value(fresh), form.value(fresh), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(fitted.jacobian(fresh), form.jacobian(fresh), rtol=1e-4, atol=1e-5)
    assert fitted.value(torch.zeros(3, dtype=torch.float64)).abs().max() == 0.0


def test_refining_the_inner_weights_pays():
    """Protects variable projection: at the same size it must beat random inner weights by far."""
    generator = torch.Generator().manual_seed(5)
    form = random_map()
    samples = drawn_samples(form, 200, 4)
    inner, bias = initial_inner_weights(samples.q, 16, generator)
    fresh = torch.randn(100, 3, generator=generator, dtype=torch.float64)
    errors = [
        float((fit_smooth_map(samples, inner, bias, count).value(fresh) - form.value(fresh)).norm())
        for count in (0, 25)
    ]
    assert errors[1] < 0.2 * errors[0]


def test_a_map_that_has_grown_fits_no_worse():
    """Protects the choice of size: added units begin beside the old ones, whose fit is the starting point."""
    generator = torch.Generator().manual_seed(6)
    form = random_map()
    samples = drawn_samples(form, 150, 4)
    small = fit_smooth_map(samples, *initial_inner_weights(samples.q, 4, generator), 25)
    grown = fit_smooth_map(samples, *added_units(small, samples.q, 12, generator), 25)
    assert grown.inner.shape == (12, 3)
    error = [float((each.value(samples.q) - samples.y).norm()) for each in (small, grown)]
    assert error[1] < 0.5 * error[0]


def test_samples_without_motion_are_fitted_too():
    """Protects objects that do not move: nothing to fit gives a map that stays at zero, not an exception."""
    q = torch.randn(30, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    samples = FitSamples(q, torch.zeros(30, 2).double(), torch.zeros(4, 2, 2).double())
    fitted = fit_smooth_map(samples, *initial_inner_weights(q, 4, torch.Generator().manual_seed(0)), 5)
    assert fitted.value(q).abs().max() == 0.0


def test_no_unit_is_steeper_than_motions_can_cross() -> None:
    """Protects the length of integration steps: a step in the samples is drawn as a ramp, not as a cliff."""
    q = torch.linspace(-2.0, 2.0, 200, dtype=torch.float64)[:, None]
    samples = FitSamples(q, (q > 0.3).double(), torch.zeros(0, 1, 1, dtype=torch.float64))
    inner, bias = initial_inner_weights(q, 4, torch.Generator().manual_seed(0))
    form = fit_smooth_map(samples, inner, bias, iterations=40)
    assert form.inner.norm(dim=1).max() <= STEEPEST * (1.0 + 1e-9)
    assert (form.value(q) - samples.y).abs()[(q - 0.3).abs() > 0.5].max() < 0.2
