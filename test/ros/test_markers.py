"""What RViz is given must stand for the whole object, however large it is."""

import numpy as np
import pytest
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from neurok_model.mechanics import ImposedVelocity, Impulse, Push
from neurok_ros.conversions.markers import contact_markers, decimate, object_marker


def grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """A square metre of 2 * side^2 triangles."""
    x, y = np.meshgrid(np.linspace(0, 1, side + 1), np.linspace(0, 1, side + 1))
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    corner = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).ravel()
    lower = np.stack([corner, corner + 1, corner + side + 1], axis=1)
    upper = np.stack([corner + 1, corner + side + 2, corner + side + 1], axis=1)
    return vertices, np.concatenate([lower, upper])


def test_small_meshes_are_drawn_as_they_are() -> None:
    """Nothing is lost when there is nothing to save."""
    vertices, triangles = grid(5)
    assert len(decimate(vertices, triangles, 50).triangles) == 50


@pytest.mark.parametrize("largest", [500, 40, 1])
def test_large_meshes_keep_their_extent(largest: int) -> None:
    """At most so many triangles, none of them degenerate, and they still span most of the object."""
    vertices, triangles = grid(60)
    kept = decimate(vertices, triangles, largest).triangles
    assert len(kept) <= largest
    assert all(len(set(corners)) == 3 for corners in kept.tolist())
    if largest >= 40:
        assert np.ptp(vertices[kept.reshape(-1)], axis=0)[:2].min() > 0.7


def test_clouds_become_points() -> None:
    """An object without triangles is drawn by a subset of its points."""
    points = np.random.default_rng(0).uniform(size=(5000, 3))
    shape = decimate(points, np.empty((0, 3), np.int64), 300)
    marker = object_marker(points, shape, Header(frame_id="table"))
    assert marker.type == Marker.POINTS
    assert 50 < len(marker.points) <= 300
    assert marker.header.frame_id == "table"


def test_mesh_becomes_a_triangle_list() -> None:
    """RViz wants three points a triangle, at unit scale."""
    vertices, triangles = grid(3)
    marker = object_marker(vertices, decimate(vertices, triangles, 100), Header())
    assert marker.type == Marker.TRIANGLE_LIST
    assert len(marker.points) == 3 * len(triangles)
    assert marker.scale.x == 1.0
    assert [marker.points[0].x, marker.points[0].y] == vertices[triangles[0, 0], :2].tolist()


def test_arrows_end_where_the_contact_is() -> None:
    """One arrow per contact of any kind, pointing along its force or velocity."""
    contacts = [
        Push((1, 0, 0), (0, 0, 5), 0.1),
        Impulse((0, 1, 0), (0, 0, 5)),
        ImposedVelocity([[0, 0, 0], [0, 0, 2]], (0, 0, 5)),
    ]
    markers = contact_markers(contacts, Header())
    assert len({marker.id for marker in markers}) == 3
    for marker, end in zip(markers, [(1, 0, 0), (0, 1, 0), (0, 0, 1)], strict=True):
        tail, head = marker.points
        assert (head.x, head.y, head.z) == end
        assert head.z > tail.z
