"""The nearest scan points, by whichever way they are found."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurok_model.networks.nearest import nearest


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(6, 40))
def test_trees_find_what_all_distances_find(seed, count, size):
    """Protects the CPU's way against the plain definition, for one neighbour as for many."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(2, 7, 3, generator=generator, dtype=torch.float64)
    among = torch.rand(2, size, 3, generator=generator, dtype=torch.float64)
    expected = torch.cdist(points, among).topk(count, dim=-1, largest=False).indices
    assert torch.equal(nearest(points, among, count), expected)


def test_every_object_is_searched_on_its_own():
    """Protects batches: a neighbour in another object's scan is none."""
    among = torch.stack((torch.eye(3), 10.0 + torch.eye(3)))
    points = torch.stack((torch.eye(3)[:1] * 1.1, 10.0 + torch.eye(3)[2:]))
    assert nearest(points, among, 1).tolist() == [[[0]], [[2]]]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_both_devices_agree():
    """Protects checkpoints that are trained on one device and used on the other."""
    points, among = torch.rand(2, 9, 3), torch.rand(2, 50, 3)
    assert torch.equal(nearest(points.cuda(), among.cuda(), 5).cpu(), nearest(points, among, 5))
