"""Scans that cannot be an object are refused with a sentence; those that can are sampled fairly."""

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import PointCloud, TriangleMesh, drive_weights, sample_surface, triangle_components
from neurok_model.geometry.sampling import triangle_areas_and_normals
from neurok_model.scan import prepare_scan


def box_mesh(extents=(0.3, 0.2, 0.1), offset=(0.0, 0.0, 0.0)) -> TriangleMesh:
    box = trimesh.creation.box(extents)
    return TriangleMesh(np.asarray(box.vertices) + offset, np.asarray(box.faces, dtype=np.int64))


def joined(*meshes: TriangleMesh) -> TriangleMesh:
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return TriangleMesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]),
    )


def test_valid_scans_pass_unchanged():
    """Protects users' data: validation converts and checks, it never moves a vertex."""
    mesh = box_mesh()
    np.testing.assert_array_equal(mesh.validated().vertices, mesh.vertices)
    cloud = PointCloud(mesh.vertices, viewpoint=np.array([1.0, 0.0, 0.5]))
    np.testing.assert_array_equal(cloud.validated().points, mesh.vertices)
    np.testing.assert_array_equal(cloud.validated().viewpoint, [1.0, 0.0, 0.5])


def replaced(vertices=None, triangles=None) -> TriangleMesh:
    mesh = box_mesh()
    vertices = mesh.vertices if vertices is None else vertices
    return TriangleMesh(vertices, mesh.triangles if triangles is None else triangles)


def with_entry(array: np.ndarray, index, value) -> np.ndarray:
    changed = array.copy()
    changed[index] = value
    return changed


@pytest.mark.parametrize(
    ("mesh", "code", "named"),
    [
        (replaced(vertices=with_entry(box_mesh().vertices, (3, 1), np.nan)), ErrorCode.INVALID_MESH, "vertices[3]"),
        (replaced(vertices=with_entry(box_mesh().vertices, (0, 0), np.inf)), ErrorCode.INVALID_MESH, "vertices[0]"),
        (replaced(triangles=with_entry(box_mesh().triangles, (2, 1), 99)), ErrorCode.INVALID_MESH, "triangles[2]"),
        (replaced(triangles=with_entry(box_mesh().triangles, (1, 0), -1)), ErrorCode.INVALID_MESH, "triangles[1]"),
        (replaced(triangles=np.empty((0, 3), dtype=np.int64)), ErrorCode.INVALID_MESH, "triangles"),
        (replaced(vertices=np.zeros((2, 3))), ErrorCode.INVALID_MESH, "vertices"),
        (replaced(vertices=np.ones((8, 3))), ErrorCode.INVALID_MESH, "vertices"),
        (replaced(triangles=np.zeros((4, 3), dtype=np.int64) + [0, 1, 1]), ErrorCode.INVALID_MESH, "triangles"),
        (box_mesh((300.0, 200.0, 100.0)), ErrorCode.IMPLAUSIBLE_SCALE, "millimetres"),
        (box_mesh((3e-6, 2e-6, 1e-6)), ErrorCode.IMPLAUSIBLE_SCALE, "metres"),
    ],
)
def test_bad_meshes_are_refused_by_name(mesh, code, named):
    """Protects the user at the door: the error names the field, and says so when metres look like millimetres."""
    with pytest.raises(NeurokError) as caught:
        mesh.validated()
    assert caught.value.code == code
    assert named in str(caught.value)


@given(arrays(np.float64, st.tuples(st.integers(0, 6), st.integers(2, 4)), elements=st.floats(allow_nan=True)))
def test_any_cloud_is_either_valid_or_refused(points):
    """Protects the node: no array of numbers makes validation fail in another way than with its own error."""
    code, checked = ErrorCode.OK, None
    try:
        checked = PointCloud(points).validated()
    except NeurokError as error:
        code = error.code
    assert code in (ErrorCode.OK, ErrorCode.INVALID_POINT_CLOUD, ErrorCode.IMPLAUSIBLE_SCALE)
    if checked is not None:
        assert np.isfinite(checked.points).all()
        assert len(checked.points) >= 3


def test_components_see_through_split_vertices():
    """Protects driving: exporters split vertices at seams, and one body must stay one component."""
    box = box_mesh()
    soup = TriangleMesh(box.vertices[box.triangles].reshape(-1, 3), np.arange(36).reshape(12, 3))
    apart = joined(soup, box_mesh(offset=(0.0, 0.0, 0.5)))
    np.testing.assert_array_equal(triangle_components(apart), [0] * 12 + [1] * 12)


def test_samples_represent_area_even_of_tiny_parts():
    """Protects masses and drivers: shares follow area, and a knob with 0.01 % of the area still has points."""
    mesh = joined(box_mesh((1.0, 1.0, 1.0)), box_mesh((0.01, 0.01, 0.01), offset=(0.0, 0.0, 0.8)))
    component = triangle_components(mesh)
    samples = sample_surface(mesh, component, 1024, np.random.default_rng(0))
    areas, _ = triangle_areas_and_normals(mesh.vertices[mesh.triangles])
    assert len(samples.points) == 1024
    assert (samples.component == 1).sum() >= 4
    for part in (0, 1):
        expected = areas[component == part].sum() / areas.sum()
        assert samples.area_share[samples.component == part].sum() == pytest.approx(expected)
    top = (samples.component == 0) & (samples.points[:, 2] > 0.5 - 1e-9)
    assert samples.area_share[top].sum() == pytest.approx(1 / 6, rel=0.03)


def test_vertices_are_driven_by_their_own_part():
    """Protects drawers: a vertex never follows a closer point of another disconnected part."""
    vertices = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.011]])
    points = np.array([[0.0, 0.0, 0.01], [0.1, 0.0, 0.0], [0.0, 0.1, 0.01]])
    index, weight = drive_weights(vertices, np.array([0, 1]), points, np.array([1, 0, 1]), neighbours=2)
    assert set(index[0]) == {1}
    assert set(index[1]) <= {0, 2}
    np.testing.assert_allclose(weight.sum(axis=1), 1.0)
    assert weight[1][index[1] == 0].sum() > 0.9


def test_surface_points_do_not_depend_on_how_the_scan_is_turned():
    """Protects equivariance: a turned scan of several pieces gives the same points, turned."""
    both = joined(box_mesh(), box_mesh(offset=(0.0, 0.3, 0.1)))
    turn = Rotation.from_euler("z", 0.7).as_matrix()
    still = prepare_scan(both, seed=0)
    turned = prepare_scan(TriangleMesh(both.vertices @ turn.T, both.triangles), seed=0)
    np.testing.assert_allclose(turned.samples.points, still.samples.points @ turn.T, atol=1e-12)
    np.testing.assert_array_equal(turned.samples.component, still.samples.component)
