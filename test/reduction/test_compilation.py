"""Reduction on decoders whose answer is known: a hinge and a slide hidden in a larger latent."""

from __future__ import annotations

import pytest
import torch

from neurok_model.networks.latent_mass import PushResponse
from neurok_model.reduction import (
    CompilationSettings,
    CompiledMap,
    ExactEmbedding,
    active_subspace,
    compile_object,
)
from neurok_model.reduction.active_subspace import farthest_motion, leading_count
from neurok_model.reduction.watched_subspace import watched_subspace

LATENT = 10


SOURCE = torch.Generator().manual_seed(3)
HIDDEN_DIRECTIONS = torch.linalg.qr(torch.randn(LATENT, 2, generator=SOURCE))[0]
POINTS = torch.rand(60, 3, generator=SOURCE) - 0.5
MASSES = torch.full((60,), 0.05)


def hinge_and_slide(latents: torch.Tensor) -> torch.Tensor:
    """Points with x > 0 turn about z by one hidden coordinate; the others slide along y by the other."""
    angle, shift = (0.5 * latents @ HIDDEN_DIRECTIONS).unbind(-1)
    x, y, z = POINTS.unbind(-1)
    cosine, sine = torch.cos(angle)[:, None], torch.sin(angle)[:, None]
    turned = torch.stack((x * cosine - y * sine, x * sine + y * cosine, z.expand(len(latents), -1)), dim=-1)
    slid = POINTS + 0.2 * shift[:, None, None] * torch.tensor([0.0, 1.0, 0.0])
    return torch.where((POINTS[:, 0] > 0)[:, None], turned, slid) - POINTS


@pytest.mark.parametrize("method", ["gauss_newton", "scalar_norm"])
def test_active_subspace_finds_the_moving_directions(method):
    """Protects compactness: of ten latent dimensions exactly the two that move anything are kept."""
    torch.manual_seed(0)
    subspace = active_subspace(hinge_and_slide, torch.randn(20, LATENT), MASSES, method, energy=0.9999)
    assert subspace.basis.shape == (LATENT, 2)
    torch.testing.assert_close(subspace.basis.T @ subspace.basis, torch.eye(2), atol=1e-5, rtol=0)
    outside = subspace.basis - HIDDEN_DIRECTIONS @ (HIDDEN_DIRECTIONS.T @ subspace.basis)
    assert outside.norm() < 1e-3
    assert subspace.directions_for(0.9999) == 2


def test_a_light_part_that_moves_far_is_kept_and_a_heavy_one_that_hardly_moves_is_not():
    """Protects knobs: a tenth of the points, nearly without mass, beside a body that gives way by a centimetre."""
    knob = torch.arange(len(POINTS)) < len(POINTS) // 10
    masses = torch.where(knob, 0.001, 1.0)

    def displacement(latents: torch.Tensor) -> torch.Tensor:
        body = 1.0 * latents[:, :1] + 0.01 * latents[:, 1:2]
        moved = torch.where(knob, 0.1 * latents[:, 2:3], body)
        return moved[..., None] * torch.tensor((0.0, 1.0, 0.0))

    latents = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    by_energy = active_subspace(displacement, latents, masses, energy=0.999)
    assert by_energy.basis.shape == (4, 1)
    found = active_subspace(displacement, latents, masses, energy=1.0, least_motion=0.05)
    assert found.basis.shape == (4, 2)
    torch.testing.assert_close(found.basis[2, 1].abs(), torch.tensor(1.0), atol=1e-3, rtol=0)
    assert farthest_motion(displacement, torch.zeros(4), found.basis)[1] == pytest.approx(0.1, rel=1e-2)
    everything = active_subspace(displacement, latents, masses, energy=1.0, least_motion=100.0)
    assert everything.basis.shape == (4, 1)


def test_leading_count_is_the_smallest_that_reaches_the_share():
    """Protects the choice of k_q at exact shares and for a spectrum of zeros."""
    spectrum = torch.tensor([6.0, 3.0, 1.0, 0.0])
    assert [leading_count(spectrum, share) for share in (0.1, 0.6, 0.61, 0.9, 1.0)] == [1, 1, 2, 2, 3]
    assert leading_count(torch.zeros(3), 0.95) == 1


@pytest.fixture(scope="module")
def compiled():
    settings = CompilationSettings(samples=300, energy=0.999)
    generator = torch.Generator().manual_seed(0)
    return compile_object(hinge_and_slide, torch.zeros(LATENT), 0.3 * torch.ones(LATENT), MASSES, generator, settings)


def test_compiled_map_reproduces_the_decoder(compiled):
    """Protects every prediction: values, derivatives and the reported error agree with the decoder itself."""
    q = compiled.region.sample(40, torch.Generator().manual_seed(9))
    truth = hinge_and_slide(compiled.latents(q)) - hinge_and_slide(compiled.rest_latent[None])
    ours = torch.einsum("ncr,br->bnc", compiled.modes, compiled.value(q))
    error = (ours - truth).norm() / truth.norm()
    assert error < 0.01
    assert compiled.relative_error == pytest.approx(float(error), abs=0.005)
    metres = float((ours - truth).square().sum(-1).mean().sqrt())
    assert compiled.value_error_metres == pytest.approx(metres, rel=0.5)
    assert compiled.derivative_error < 0.02


def test_compiled_derivatives_are_those_of_the_exact_embedding(compiled):
    """Protects G and the second derivatives of the compiled object against the decoder's own."""
    basis = compiled.subspace.basis
    exact = ExactEmbedding(hinge_and_slide, compiled.rest_latent, basis, MASSES)
    q = compiled.region.sample(6, torch.Generator().manual_seed(2))
    velocity = torch.randn(6, 2, generator=torch.Generator().manual_seed(3))
    ours, theirs = compiled.jacobian(q), exact.jacobian(q)
    metric, expected = ours.mT @ ours, theirs.mT @ theirs
    assert (metric - expected).norm() < 0.02 * expected.norm()
    bend = exact.second_directional(q, velocity).unflatten(-1, (-1, 3))
    wanted = torch.einsum("n,ncr,bnc->br", MASSES.sqrt(), compiled.modes, bend)
    assert (compiled.second_directional(q, velocity) - wanted).norm() < 0.05 * wanted.norm()
    torch.testing.assert_close(exact.mass_moment @ exact.value(q)[0], (MASSES[:, None] * _moved(compiled, q)).sum(0))


def _moved(compiled, q):
    return hinge_and_slide(compiled.latents(q[:1]))[0] - hinge_and_slide(compiled.rest_latent[None])[0]


def test_a_compiled_map_survives_storage(compiled):
    """Protects caches on disk: the dictionary of tensors holds everything."""
    again = CompiledMap.from_dictionary(compiled.to_dictionary())
    q = compiled.region.sample(5, torch.Generator().manual_seed(4))
    assert torch.equal(again.value(q), compiled.value(q))
    assert torch.equal(again.modes, compiled.modes)
    assert again.region.radius == compiled.region.radius
    assert again.relative_error == compiled.relative_error
    assert torch.equal(again.latents(q), compiled.latents(q))


def test_rest_is_rest_and_modes_are_orthonormal_in_mass(compiled):
    """Protects the mechanics' assumptions: y(0) = 0 and Phi^T M Phi = I, so that G = (dy/dq)^T (dy/dq)."""
    assert compiled.value(torch.zeros(2)).abs().max() < 1e-6
    metric = torch.einsum("ncr,n,ncs->rs", compiled.modes, MASSES, compiled.modes)
    torch.testing.assert_close(metric, torch.eye(len(metric)), atol=1e-4, rtol=0)
    torch.testing.assert_close(compiled.mass_moment, torch.einsum("n,ncr->cr", MASSES, compiled.modes))


def test_modes_at_other_points_move_with_the_decoder(compiled):
    """Protects vertices: modes fitted for other points follow what the decoder says of those points."""
    chosen = torch.arange(0, 60, 7)
    modes = compiled.modes_at(lambda latents: hinge_and_slide(latents)[:, chosen])
    torch.testing.assert_close(modes, compiled.modes[chosen], atol=0.02, rtol=0.05)


def test_known_latents_are_among_the_coordinates():
    """Protects refined objects: what an object is known to do is a coordinate, however little of the surface moves."""
    found = active_subspace(hinge_and_slide, torch.randn(20, LATENT), MASSES, energy=0.5)
    assert found.basis.shape == (LATENT, 1)
    other = torch.linalg.qr(torch.cat((found.basis, torch.randn(LATENT, 1)), dim=1))[0][:, 1]
    known = torch.tensor([[0.1], [0.5], [1.0]]) * (other + 0.3 * found.basis[:, 0])
    basis = watched_subspace(found, known, hinge_and_slide, torch.zeros(LATENT), MASSES).basis
    torch.testing.assert_close(basis.mT @ basis, torch.eye(basis.shape[1]), atol=1e-5, rtol=0)
    torch.testing.assert_close(known @ basis @ basis.mT, known, atol=1e-5, rtol=0)
    settings = CompilationSettings(samples=200, test_samples=40, energy=0.5)
    start = (torch.Generator().manual_seed(0), settings)
    compiled = compile_object(hinge_and_slide, torch.zeros(LATENT), torch.zeros(LATENT), MASSES, *start, taken=known)
    q = known @ compiled.subspace.basis
    moved = torch.einsum("ncr,br->bnc", compiled.modes, compiled.value(q))
    truth = hinge_and_slide(known) - hinge_and_slide(torch.zeros(1, LATENT))
    assert (moved - truth).norm() < 0.02 * truth.norm()


@pytest.mark.parametrize(("lent", "kept"), [(None, [0, 3]), (3.0, [0, 3]), (0.5, [0, 2, 3])])
def test_what_was_watched_moves_in_no_other_way(lent: float | None, kept: list[int]) -> None:
    """Protects refined objects: a lid that was seen to turn about one edge turns about no other one, and does not
    slide unless the networks are sure of it, while the drawer beside it still can, however coordinates mix it all.
    """
    along = torch.linspace(0.1, 1.0, 10)
    motions = torch.zeros(4, 14, 3)
    motions[0, :10, 2] = along
    motions[1, :10, 2] = along - 1.1
    motions[2, :10, 0] = 0.4
    motions[3, 10:, 1] = 0.5
    mixing = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(2)))[0]

    def displacement(latents: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bk,knx->bnx", latents @ mixing.mT, motions)

    masses = torch.full((14,), 0.1)
    inertia = 0.1 * torch.einsum("inx,jnx->ij", motions, motions)
    response = None
    if lent is not None:
        heavier = inertia + torch.diag(torch.tensor([0.0, 20.0, lent, 0.0]) * inertia.diagonal())
        response = PushResponse(mixing.mT @ torch.linalg.inv(heavier) @ mixing, mixing.mT @ inertia @ mixing)
    everything = active_subspace(displacement, torch.randn(20, 4), masses)
    assert everything.basis.shape == (4, 4)
    known = torch.linspace(0.2, 1.0, 5)[:, None] * torch.tensor([1.0, 0.0, 0.0, 0.0]) @ mixing
    basis = watched_subspace(everything, known, displacement, torch.zeros(4), masses, response=response).basis
    assert basis.shape == (4, len(kept))
    torch.testing.assert_close((basis @ basis.mT), mixing[kept].mT @ mixing[kept], atol=1e-4, rtol=0)


def test_the_last_samples_are_for_what_is_nearly_good_enough():
    """Protects the time of compiling: a decoder too rough for any map costs no more than the usual samples."""

    def rough(latents: torch.Tensor) -> torch.Tensor:
        return hinge_and_slide(latents) + 0.1 * torch.sin(40.0 * latents @ HIDDEN_DIRECTIONS)[:, :1, None]

    def samples(displacement, usual: int) -> int:
        settings = CompilationSettings(samples=100, test_samples=40, usual_samples=usual, maximum_samples=400)
        start = (torch.zeros(LATENT), torch.zeros(LATENT), MASSES, torch.Generator().manual_seed(0), settings)
        return len(compile_object(displacement, *start).snapshot_q)

    assert samples(rough, 200) == 200
    assert samples(rough, 400) == 400
    assert samples(hinge_and_slide, 400) == 100
