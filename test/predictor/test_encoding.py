"""Encoding: what the scan's position, size and order may and may not change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neurok_model import PhysicsParameters
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.mechanics import Push

SAMPLES = 5


def test_rest_is_the_scan(model, laptop):
    """Protects the user's mesh: q = 0 gives back the scanned vertices, in metres, whatever the network says."""
    rest = model.surface.vertices(model.rest_state.q)
    np.testing.assert_allclose(rest, laptop.vertices, atol=1e-6)
    np.testing.assert_array_equal(model.triangles, laptop.triangles)


def test_translation_carries_over_exactly(predictor, model, laptop):
    """Protects scans in any frame: an object moved by a metre moves the same way, a metre away."""
    offset = np.array([1.0, -2.0, 0.5])
    moved = predictor.encode(TriangleMesh(laptop.vertices + offset, laptop.triangles), model.physics)
    q = model.sample(SAMPLES, seed=0).q
    size = model.surface.scan.normalisation.scale
    np.testing.assert_allclose(moved.surface.vertices(q), model.surface.vertices(q) + offset, atol=2e-3 * size)


def test_uniform_scale_carries_over_exactly(predictor, model, laptop):
    """Protects objects of any size: twice the size, twice the displacement at the same q."""
    physics = replace(model.physics, mass=model.physics.mass / 4.0)
    scaled = predictor.encode(TriangleMesh(2.0 * laptop.vertices, laptop.triangles), physics)
    q = model.sample(SAMPLES, seed=0).q
    np.testing.assert_allclose(
        scaled.surface.vertices(q), 2.0 * model.surface.vertices(q), atol=4e-3 * model.surface.scan.normalisation.scale
    )


@pytest.mark.parametrize("degrees", [30.0, 90.0, 135.0])
def test_turning_about_gravity_carries_over(predictor, model, laptop, degrees):
    """Protects scans in any heading: scan and push turned together give the turned motion, to a hundredth of it."""
    turn = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    turned = predictor.encode(TriangleMesh(laptop.vertices @ turn.T, laptop.triangles), model.physics)
    edge = model.rest_vertices[np.argmax(model.rest_vertices[:, 2])].astype(np.float64)
    push = np.array([1.0, 0.0, 0.0])
    ours = model.predict([Push(edge, push, duration=0.1)], horizon=0.3, step=1 / 60)
    other = turned.predict([Push(turn @ edge, turn @ push, duration=0.1)], horizon=0.3, step=1 / 60)
    motion = ours.vertices()[-1] - model.rest_vertices
    back = (other.vertices()[-1] - turned.rest_vertices) @ turn
    assert np.linalg.norm(back - motion, axis=1).mean() < 0.01 * np.linalg.norm(motion, axis=1).mean()


def test_every_vertex_can_be_touched(model):
    """Protects contacts: the scan's own vertices are on the surface, however coarsely it is sampled."""
    model.surface.contact_modes(model.rest_state.q)(model.rest_vertices.astype(np.float64))


def test_the_same_scan_gives_the_same_bytes(predictor, model, laptop):
    """Protects reproducibility: encoding twice gives the same object id and the same coordinates, bit for bit."""
    again = predictor.encode(laptop, model.physics)
    assert again.object_id == model.object_id
    q = model.sample(SAMPLES, seed=0).q
    np.testing.assert_array_equal(again.surface.vertices(q), model.surface.vertices(q))
    assert predictor.encode(laptop, PhysicsParameters(mass=3.0)).object_id != model.object_id


def test_compiled_map_follows_the_decoder(model):
    """Protects every prediction: the compiled map's error against the network is measured and small."""
    assert 0.0 < model.compile_error < 0.1


def test_clouds_are_encoded_too(predictor, laptop):
    """Protects depth-camera users: points without normals or triangles give an object of those points."""
    rng = np.random.default_rng(0)
    corner = laptop.vertices[laptop.triangles[rng.integers(len(laptop.triangles), size=3000)]]
    share = rng.dirichlet((1.0, 1.0, 1.0), size=3000)
    points = np.einsum("nc,ncd->nd", share, corner)
    model = predictor.encode(PointCloud(points, viewpoint=np.array([1.0, 0.0, 1.0])))
    assert model.triangles.shape == (0, 3)
    np.testing.assert_allclose(model.surface.vertices(model.rest_state.q), points, atol=1e-6)


def test_a_scan_in_millimetres_is_refused(predictor, laptop):
    """Protects against the most common mistake in the field, by name."""
    with pytest.raises(NeurokError, match="millimetres") as caught:
        predictor.encode(TriangleMesh(1000.0 * laptop.vertices, laptop.triangles))
    assert caught.value.code == ErrorCode.IMPLAUSIBLE_SCALE
