"""What single precision must not cost: short steps whose displacements are small beside the positions."""

import torch
from point_bodies import still

from neurok_model.mechanics import Elastic, Embedding, LagrangianSystem, RolloutSettings, State, rollout
from neurok_model.reduction import SmoothMap


def _form(dtype: torch.dtype) -> SmoothMap:
    generator = torch.Generator().manual_seed(0)
    shapes = ((24, 3), (24,), (10, 24), (10, 3))
    return SmoothMap(*(torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes))


def test_closed_forms_are_the_automatic_ones() -> None:
    """Protects the smooth map's written-out difference and kinetic slope against the definitions."""
    form, generator = _form(torch.float64), torch.Generator().manual_seed(1)
    q, v = (torch.randn(5, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    assert torch.allclose(form.difference(q, 0.3 * v), Embedding.difference(form, q, 0.3 * v), atol=1e-12)
    assert torch.allclose(form.kinetic_slope(q, v), Embedding.kinetic_slope(form, q, v), atol=1e-10)


def test_differences_of_neighbours_keep_their_digits() -> None:
    """Protects velocities in single precision: a displacement of 1e-5 is known to six digits, not to two."""
    generator = torch.Generator().manual_seed(2)
    q = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    change = 1e-5 * torch.randn(50, 3, generator=generator, dtype=torch.float64)
    exact = _form(torch.float64).difference(q, change)
    single = _form(torch.float32).difference(q.float(), change.float()).double()
    assert (single - exact).norm() < 1e-5 * exact.norm()


def test_energy_is_kept_in_single_precision() -> None:
    """Protects GPU users: half a second in 480 steps drifts no more than 0.1 % in float32."""
    for dtype in (torch.float32, torch.float64):
        form = _form(dtype)
        system = LagrangianSystem(form, (Elastic(6.0, torch.zeros(10, dtype=dtype)),), latent_mass=0.05)
        start = State(torch.zeros(1, 3, dtype=dtype), torch.tensor([[0.5, -0.3, 0.4]], dtype=dtype))
        settings = RolloutSettings(maximum_step=1.0 / 960.0, maximum_refinements=0)
        result = rollout(system, start, still(), 0.5, 1.0 / 60.0, settings=settings)
        assert result.substeps.item() == 16
        assert result.energy_drift.item() < 1e-3
