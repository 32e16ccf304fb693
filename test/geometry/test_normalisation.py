"""Normalisation removes where an object stands, how it is turned about gravity and how large it is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from neurok_model.geometry import Normalisation
from neurok_model.geometry.normalisation import footprint_angle

POINTS = np.random.default_rng(0).random((60, 3)) ** 1.5 * (1.0, 0.5, 0.3)
"""A lopsided box, so that its heading is not a matter of chance."""


@given(st.floats(-7.0, 7.0), st.floats(0.01, 50.0), arrays(np.float64, 3, elements=st.floats(-10.0, 10.0)))
def test_similar_scans_look_the_same(angle, scale, offset):
    """Protects equivariance: what the networks see depends on shape alone, not on place, heading or size."""
    moved = scale * POINTS @ Rotation.from_euler("z", angle).as_matrix().T + offset
    ours, other = Normalisation.of(POINTS).apply(POINTS), Normalisation.of(moved).apply(moved)
    np.testing.assert_allclose(ours, other, atol=1e-6)


def test_the_heavier_side_faces_along_x():
    """Protects the heading: the surface decides it, not how finely one side of it is meshed."""
    box = Normalisation.of(POINTS, np.array([(0.5, 0.45, 0.1)]))
    heavy = box.apply(np.array([(0.5, 0.45, 0.1)]))[0]
    assert heavy[0] > abs(heavy[1])


def test_box_is_upright_centred_and_of_unit_size():
    """Protects the networks' coordinates: longest side 1, centred, and gravity stays along z."""
    box = Normalisation.of(POINTS)
    seen = box.apply(POINTS)
    np.testing.assert_allclose(seen.max(axis=0), -seen.min(axis=0), atol=1e-12)
    assert np.isclose(np.ptp(seen, axis=0).max(), 1.0)
    np.testing.assert_allclose(box.rotation @ (0.0, 0.0, 1.0), (0.0, 0.0, 1.0))
    assert np.isclose(np.linalg.det(box.rotation), 1.0)


@given(arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.floats(-5.0, 5.0)))
def test_any_footprint_has_an_angle(footprint):
    """Protects encoding from thin, collinear and repeated points: there is always a finite angle below 90 degrees."""
    assert 0.0 <= footprint_angle(footprint) < np.pi / 2 + 1e-9


def test_the_smallest_rectangle_is_found():
    """Protects alignment: a turned rectangle's own sides are found, not its diagonal."""
    corners = np.array([(0, 0), (3, 0), (3, 1), (0, 1)], dtype=float)
    turned = corners @ Rotation.from_euler("z", 0.4).as_matrix()[:2, :2].T
    assert np.isclose(footprint_angle(turned), 0.4)
