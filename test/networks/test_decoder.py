"""The decoder is what the mechanics differentiates: its derivatives, both heads, and what binding must not change."""

import pytest
import torch

from neurok_model.networks import NetworkConfiguration, NeurokNetworks

HEADS = ["blend_skinning", "pointwise", "displacement"]
SMALL = {"width": 32, "context_tokens": 6, "latent_tokens": 3, "latent_channels": 2, "handles": 5, "neighbours": 4}


def bound_decoder(head: str, dtype=torch.float64, points: int = 12, seed: int = 0):
    torch.manual_seed(seed)
    networks = NeurokNetworks(NetworkConfiguration(head=head, **SMALL)).to(dtype).requires_grad_(False)
    for parameter in networks.decoder.head.parameters():
        parameter.mul_(3.0)  # Large enough motions for curvature to matter.
    positions = torch.rand(1, points, 3, dtype=dtype) - 0.5
    normals = torch.nn.functional.normalize(torch.randn(1, points, 3, dtype=dtype), dim=-1)
    prior = networks.prior_encoder(positions, normals)
    return networks.decoder.bind(positions, normals, prior), prior


@pytest.mark.parametrize("head", HEADS)
def test_nested_forward_derivatives_match_finite_differences(head):
    """Protects the Coriolis term: fused or layer-normalised kernels give silently wrong second derivatives."""
    bound, prior = bound_decoder(head)
    z, v = prior.mean, torch.randn(1, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def displacement(latent):
        return bound.displacement(latent[None])[0]

    def along(latent):
        return torch.func.jvp(displacement, (latent,), (v,))[1]

    first, second = torch.func.jvp(along, (z,), (v,))
    h = 1e-4
    before, here, after = (displacement(z + step * v) for step in (-h, 0.0, h))
    torch.testing.assert_close(first, (after - before) / (2 * h), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(second, (after - 2 * here + before) / h**2, rtol=1e-4, atol=1e-5)
    assert second.norm() > 1e-3


@pytest.mark.parametrize("head", HEADS)
def test_latents_and_points_do_not_see_each_other(head):
    """Protects batching: a latent's result is the same alone as among others."""
    bound, prior = bound_decoder(head)
    latents = prior.mean[:, None] + torch.randn(1, 4, 6, dtype=torch.float64)
    together = bound.displacement(latents)
    alone = torch.cat([bound.displacement(latents[:, i : i + 1]) for i in range(4)], dim=1)
    torch.testing.assert_close(together, alone)


def test_readings_of_one_scan_make_one_decoder():
    """Protects encoding: equal readings change nothing, and of different ones every part is the mean."""
    torch.manual_seed(0)
    networks = NeurokNetworks(NetworkConfiguration(**SMALL)).double().requires_grad_(False)
    points = torch.rand(1, 12, 3, dtype=torch.float64) - 0.5
    normals = torch.nn.functional.normalize(torch.randn(1, 12, 3, dtype=torch.float64), dim=-1)

    def read(orders: list[list[int]]):
        prior = networks.prior_encoder(points[0, orders], normals[0, orders])
        bound = networks.decoder.bind(points.expand(len(orders), -1, -1), normals.expand(len(orders), -1, -1), prior)
        return bound, networks.reach(prior, bound)

    first, second = list(range(8)), list(range(4, 12))
    latents = torch.randn(1, 4, 6, dtype=torch.float64)
    alone, _ = read([first])
    same, reach = read([first, first])
    torch.testing.assert_close(same.mean_of_objects().displacement(latents), alone.displacement(latents))
    torch.testing.assert_close(reach.mean_of_objects().whitening[0], reach.whitening[1])
    different, _ = read([first, second])
    one = different.mean_of_objects()
    assert not torch.allclose(one.bound[0][0], alone.bound[0][0])
    torch.testing.assert_close(one.bound[0][0], 0.5 * (different.bound[0][0] + different.bound[0][1]))
    torch.testing.assert_close(one.own_tokens[0], 0.5 * (different.own_tokens[0] + different.own_tokens[1]))
    torch.testing.assert_close(one.gates[0], 0.5 * (different.gates[0] + different.gates[1]))
    torch.testing.assert_close(one.points, points)


@pytest.mark.parametrize("head", HEADS)
def test_a_vertex_on_a_surface_point_moves_with_it(head):
    """Protects driving: a vertex with one driver gets exactly that driver's rigid motion, for every head."""
    bound, prior = bound_decoder(head)
    index = torch.tensor([[4, 4], [7, 7]])
    weight = torch.tensor([[0.25, 0.75], [1.0, 0.0]], dtype=torch.float64)
    driven = bound.driven(bound.points[:, [4, 7]], index, weight)
    latents = prior.mean[:, None] + 1.0
    torch.testing.assert_close(driven.displacement(latents), bound.displacement(latents)[:, :, [4, 7]])


def test_blend_weights_make_drive_averaging_exact():
    """Protects the fast path: averaging blend weights equals averaging the drivers' dual quaternions."""
    bound, prior = bound_decoder("blend_skinning")
    index, weight = torch.tensor([[1, 5, 9]]), torch.tensor([[0.2, 0.5, 0.3]], dtype=torch.float64)
    latents = prior.mean[:, None]
    averaged = (bound.dual_quaternions(latents)[:, :, index] * weight[..., None]).sum(-2)
    torch.testing.assert_close(bound.driven(bound.points[:, :1], index, weight).dual_quaternions(latents), averaged)


def test_mobility_tells_what_stands_still():
    """Protects bases, which must not give way when the rest of the object moves, and vertices beside them."""
    bound, prior = bound_decoder("blend_skinning")
    weights, pivots, modes = bound.bound
    shares = weights / weights.sum(dim=-1, keepdim=True)
    latents = prior.mean[:, None] + torch.tensor([-1.0, 1.0], dtype=torch.float64)[:, None]

    def displacement(mobility):
        bound.bound = (shares * mobility[:, None], pivots, modes)
        return bound.displacement(latents)

    full = displacement(torch.ones(12, dtype=torch.float64))
    mixed = displacement((torch.arange(12) % 2).double())
    assert mixed[:, :, ::2].abs().max() == 0.0
    torch.testing.assert_close(mixed[:, :, 1::2], full[:, :, 1::2])
    assert full[:, :, ::2].norm() > 0.1
    index, weight = torch.tensor([[0, 1]]), torch.tensor([[0.25, 0.75]], dtype=torch.float64)
    between = bound.driven(bound.points[:, 1:2], index, weight).dual_quaternions(latents)
    still = torch.eye(8, dtype=torch.float64)[0]
    expected = 0.25 * still + 0.75 * bound.dual_quaternions(latents)[:, :, 1:2]
    torch.testing.assert_close(between, expected)
