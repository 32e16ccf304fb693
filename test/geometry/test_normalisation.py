"""Normalisation removes where an object stands, how it is turned about gravity and how large it is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from neurok_model.geometry import Normalisation
from neurok_model.geometry.normalisation import footprint_angle

POINTS = np.random.default_rng(0).random((60, 3)) * (1.0, 0.5, 0.3)


@given(st.floats(-7.0, 7.0), st.floats(0.01, 50.0), arrays(np.float64, 3, elements=st.floats(-10.0, 10.0)))
def test_similar_scans_look_the_same_up_to_quarter_turns(angle, scale, offset):
    """Protects equivariance: what the networks see depends on shape alone, except for four orientations."""
    moved = scale * POINTS @ Rotation.from_euler("z", angle).as_matrix().T + offset
    ours, other = Normalisation.of(POINTS).apply(POINTS), Normalisation.of(moved).apply(moved)
    quarter_turns = [ours @ Rotation.from_euler("z", k * np.pi / 2).as_matrix().T for k in range(4)]
    assert min(np.abs(turned - other).max() for turned in quarter_turns) < 1e-6


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
