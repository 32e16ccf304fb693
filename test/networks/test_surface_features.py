"""What a point sees of the scan around it: its neighbours, in no particular order."""

from dataclasses import replace

import torch

from neurok_model.networks.configuration import NetworkConfiguration
from neurok_model.networks.surface_features import SurfaceFeatures

CONFIGURATION = NetworkConfiguration(width=16, heads=2, neighbours=4, neighbour_width=8, dense_points=0)
DENSE = replace(CONFIGURATION, scan_points=12, dense_points=30, dense_neighbours=3)


def scene(configuration=CONFIGURATION):
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    features = SurfaceFeatures(configuration).double()
    scan = torch.rand(2, 30, 3, generator=generator, dtype=torch.float64)
    normals = torch.nn.functional.normalize(torch.randn(2, 30, 3, generator=generator, dtype=torch.float64), dim=-1)
    return features, scan, normals


def test_the_order_of_the_scan_does_not_matter():
    """Protects scans as sets of points: how a camera numbers them must change nothing."""
    features, scan, normals = scene()
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    here, there = scan[:, :5], normals[:, :5]
    shuffled = features(here, there, scan[:, order], normals[:, order])
    torch.testing.assert_close(features(here, there, scan, normals), shuffled)


def test_neighbours_matter_and_the_rest_does_not():
    """Protects locality: moving a far scan point changes nothing, turning the nearest one's normal does."""
    features, scan, normals = scene()
    point, normal = scan[:, :1] + 0.001, normals[:, :1]
    before = features(point, normal, scan, normals)
    distance = (scan - point).norm(dim=-1)
    far, near = distance.argmax(dim=1), distance.argmin(dim=1)
    objects = torch.arange(2)
    moved = scan.clone()
    moved[objects, far] += 0.5 * (scan[objects, far] - point[:, 0])
    torch.testing.assert_close(features(point, normal, moved, normals), before)
    turned = normals.clone()
    turned[objects, near] *= -1.0
    assert (features(point, normal, scan, turned) - before).norm() > 1e-3


def test_scans_smaller_than_the_neighbourhood_are_described_too():
    """Protects tiny clouds: fewer scan points than neighbours are no error."""
    features, scan, normals = scene()
    assert features(scan[:, :2], normals[:, :2], scan[:, :3], normals[:, :3]).shape == (2, 2, 16)


def test_a_close_look_changes_nothing_before_it_is_trained():
    """Protects weights of networks without it: training goes on from what they computed."""
    plain, scan, normals = scene()
    close, _, _ = scene(DENSE)
    close.load_state_dict(plain.state_dict(), strict=False)
    few = slice(None, DENSE.scan_points)
    expected = plain(scan[:, :5], normals[:, :5], scan[:, few], normals[:, few])
    torch.testing.assert_close(close(scan[:, :5], normals[:, :5], scan, normals), expected)


def test_a_trained_close_look_sees_the_points_between():
    """Protects what the denser scan is for: its points beyond the first count, in the close neighbourhood only."""
    features, scan, normals = scene(DENSE)
    torch.nn.init.normal_(features.embed_closely.weight)
    point, normal = scan[:, 20:21] + 0.001, normals[:, 20:21]
    before = features(point, normal, scan, normals)
    turned = normals.clone()
    turned[:, 20] *= -1.0
    assert (features(point, normal, scan, turned) - before).norm() > 1e-3
    far = (scan - point).norm(dim=-1)[:, DENSE.scan_points :].argmax(dim=1) + DENSE.scan_points
    elsewhere = normals.clone()
    elsewhere[torch.arange(2), far] *= -1.0
    torch.testing.assert_close(features(point, normal, scan, elsewhere), before)
