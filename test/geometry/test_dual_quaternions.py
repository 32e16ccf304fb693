"""Dual quaternions are rigid motions: what must hold whatever the numbers."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from neurok_model.geometry import dual_quaternions as dq

numbers = st.floats(-3.0, 3.0, allow_nan=False)
vectors = arrays(np.float64, (5, 3), elements=numbers)
rotation_vectors = arrays(np.float64, (5, 3), elements=st.floats(-3.0, 3.0))


def unit_quaternion(rotation_vector: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.roll(Rotation.from_rotvec(rotation_vector).as_quat(), 1, axis=-1).copy())


@given(rotation_vectors, vectors)
def test_rotation_and_translation_survive_the_round_trip(rotation_vector, translation):
    """Protects the encoding of deformations: nothing is lost between a rigid motion and its eight numbers."""
    rotation, translation = unit_quaternion(rotation_vector), torch.from_numpy(translation)
    back = dq.to_rotation_translation(dq.from_rotation_translation(rotation, translation))
    torch.testing.assert_close(back[0], rotation)
    torch.testing.assert_close(back[1], translation)


@given(rotation_vectors, vectors, vectors)
def test_transform_agrees_with_rotation_matrices(rotation_vector, translation, points):
    """Protects the convention (w, x, y, z) and the order rotate-then-translate, against SciPy."""
    encoded = dq.from_rotation_translation(unit_quaternion(rotation_vector), torch.from_numpy(translation))
    expected = Rotation.from_rotvec(rotation_vector).apply(points) + translation
    torch.testing.assert_close(dq.transform_points(encoded, torch.from_numpy(points)), torch.from_numpy(expected))


@given(rotation_vectors, vectors, vectors)
def test_motion_carries_rest_exactly_to_displaced(rotation_vector, rest, displaced):
    """Protects the training target: a point's dual quaternion reproduces its displacement, with w >= 0."""
    rest, displaced = torch.from_numpy(rest), torch.from_numpy(displaced)
    encoded = dq.from_motion(unit_quaternion(rotation_vector), rest, displaced)
    torch.testing.assert_close(dq.transform_points(encoded, rest), displaced)
    assert bool((encoded[..., 0] >= 0).all())


@given(rotation_vectors, vectors, vectors, st.floats(0.1, 10.0))
def test_length_of_a_dual_quaternion_does_not_matter(rotation_vector, translation, points, factor):
    """Protects blending: sums of dual quaternions are not of unit length and still mean a rigid motion."""
    encoded = dq.from_rotation_translation(unit_quaternion(rotation_vector), torch.from_numpy(translation))
    points = torch.from_numpy(points)
    torch.testing.assert_close(dq.transform_points(factor * encoded, points), dq.transform_points(encoded, points))


def test_centred_motion_keeps_its_centre():
    """Protects the handles: a rotation about a centre moves the centre by the translation alone."""
    generator = torch.Generator().manual_seed(0)
    rotation = torch.nn.functional.normalize(torch.randn(7, 4, generator=generator), dim=-1)
    translation, centre = torch.randn(2, 7, 3, generator=generator)
    moved = dq.transform_points(dq.from_centred_motion(rotation, translation, centre), centre)
    torch.testing.assert_close(moved, centre + translation)


def test_the_exponential_is_the_rotation_about_an_axis_by_an_angle():
    """Protects hinges: a rotation vector turns by its length about its direction, as SciPy has it."""
    vectors = torch.randn(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * 1.5
    expected = np.roll(Rotation.from_rotvec(vectors.numpy()).as_quat(), 1, axis=-1)
    found = dq.exponential(vectors).numpy()
    np.testing.assert_allclose(found * np.sign((found * expected).sum(-1, keepdims=True)), expected, atol=1e-9)


def test_the_exponential_is_smooth_where_nothing_turns():
    """Protects the mechanics at rest: derivatives at no rotation are those of the series, not infinite."""
    zero = torch.zeros(3, dtype=torch.float64)
    jacobian = torch.func.jacfwd(dq.exponential)(zero)
    torch.testing.assert_close(jacobian[1:], 0.5 * torch.eye(3, dtype=torch.float64), atol=1e-9, rtol=0)
    curvature = torch.func.jacfwd(torch.func.jacfwd(dq.exponential))(zero)
    torch.testing.assert_close(curvature[0], -0.25 * torch.eye(3, dtype=torch.float64), atol=1e-6, rtol=0)
