"""RViz markers: the object as a decimated mesh or as points, contacts as arrows, the outcome as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import Point
from jaxtyping import Float, Int
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker

from neurok_model.mechanics import Contact, ImposedVelocity, Push

OBJECT_COLOUR = (0.35, 0.55, 0.85, 1.0)
CONTACT_COLOUR = (0.90, 0.30, 0.15, 1.0)
ARROW_METRES_PER_UNIT = 0.02
"""Length of an arrow per newton, newton second or metre per second."""


@dataclass(frozen=True)
class DecimatedMesh:
    """Which vertices, and which triangles between them, stand for the whole mesh.

    Args:
        vertices: indices into the object's vertices.
        triangles: corners as indices into the object's vertices; none for a point cloud.
    """

    vertices: Int[np.ndarray, " m"]
    triangles: Int[np.ndarray, "t 3"]


def decimate(
    vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"], largest_count: int
) -> DecimatedMesh:
    """Cluster vertices in a grid that is coarsened until few enough triangles (or points) remain.

    The choice is made once, at rest; each cluster is then drawn at its representative vertex, so that a frame
    costs one indexing. Crude, but it keeps up with the animation and is only looked at.

    Args:
        vertices: at rest, in metres.
        triangles: corners; none for a point cloud.
        largest_count: how many triangles (points) may remain.
    """
    if max(len(triangles), 1 if len(triangles) else len(vertices)) <= largest_count:
        return DecimatedMesh(np.arange(len(vertices)), np.asarray(triangles))
    lowest, extent = vertices.min(axis=0), float(np.ptp(vertices, axis=0).max())
    cells_per_side = 256
    while True:
        cells = np.minimum((vertices - lowest) / extent * cells_per_side, cells_per_side - 1).astype(np.int64)
        _, representative, cluster = np.unique(cells, axis=0, return_index=True, return_inverse=True)
        corners = representative[cluster.reshape(-1)][triangles]
        distinct = (
            (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2]) & (corners[:, 2] != corners[:, 0])
        )
        kept = np.unique(corners[distinct], axis=0)
        count = len(kept) if len(triangles) else len(representative)
        if count <= largest_count or cells_per_side == 1:
            return DecimatedMesh(representative, kept)
        cells_per_side = max(1, int(cells_per_side * 0.7))


def object_marker(vertices: Float[np.ndarray, "n 3"], shape: DecimatedMesh, header: Header) -> Marker:
    """Return the object as a triangle list, or as a list of points when it has no triangles."""
    has_triangles = len(shape.triangles) > 0
    marker = _marker(header, "object", 0, Marker.TRIANGLE_LIST if has_triangles else Marker.POINTS, OBJECT_COLOUR)
    size = 1.0 if has_triangles else 0.01 * float(np.ptp(vertices, axis=0).max())
    marker.scale.x = marker.scale.y = marker.scale.z = size
    drawn = vertices[shape.triangles.reshape(-1)] if has_triangles else vertices[shape.vertices]
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in drawn.tolist()]
    return marker


def contact_markers(contacts: Sequence[Contact], header: Header) -> list[Marker]:
    """Return one arrow per contact: it ends at the surface; its length shows how strong the contact is."""
    markers = []
    for index, contact in enumerate(contacts):
        if isinstance(contact, ImposedVelocity):
            point, vector = np.mean(contact.points, axis=0), np.asarray(contact.linear)
        else:
            point, vector = contact.point, contact.force if isinstance(contact, Push) else contact.impulse
        marker = _marker(header, "contacts", index, Marker.ARROW, CONTACT_COLOUR)
        tail = np.asarray(point) - ARROW_METRES_PER_UNIT * np.asarray(vector)
        marker.points = [Point(x=x, y=y, z=z) for x, y, z in (tail.tolist(), np.asarray(point).tolist())]
        marker.scale.x, marker.scale.y = 0.005, 0.012
        markers.append(marker)
    return markers


def text_marker(text: str, position: Float[np.ndarray, " 3"], height: float, header: Header) -> Marker:
    """Return a text that faces the viewer.

    Args:
        text: what to say.
        position: where, in metres.
        height: of a letter, in metres.
        header: the frame.
    """
    marker = _marker(header, "outcome", 0, Marker.TEXT_VIEW_FACING, (1.0, 1.0, 1.0, 1.0))
    marker.text = text
    marker.scale.z = height
    marker.pose.position.x, marker.pose.position.y, marker.pose.position.z = (float(x) for x in position)
    return marker


def clear_marker(header: Header) -> Marker:
    """Return the marker that removes all earlier ones of this topic."""
    return Marker(header=header, action=Marker.DELETEALL)


def _marker(
    header: Header, namespace: str, identifier: int, kind: int, colour: tuple[float, float, float, float]
) -> Marker:
    red, green, blue, alpha = colour
    marker = Marker(header=header, ns=namespace, id=identifier, type=kind, action=Marker.ADD)
    marker.color = ColorRGBA(r=red, g=green, b=blue, a=alpha)
    marker.pose.orientation.w = 1.0
    return marker
