"""Contacts where parts of a surface are close together, against the part that was truly touched."""

import numpy as np
import pytest

from neurok_model.contact_carrier import ContactCarrier
from neurok_model.geometry import TriangleMesh
from neurok_model.scan import prepare_scan

GAP = 0.004
"""Metres between two panels, a tenth of the distance between surface points on them."""


def panel(y: float, rows: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """A square of one metre in the plane of this y, of as many vertices along each side."""
    x, z = np.meshgrid(np.linspace(0.0, 1.0, rows), np.linspace(0.0, 1.0, rows), indexing="ij")
    index = np.arange(rows * rows).reshape(rows, rows)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    return np.stack((x, np.full_like(x, y), z), -1).reshape(-1, 3), triangles


@pytest.fixture(scope="module", params=[(2, 2), (9, 2), (9, 12)], ids=str)
def panels(request):
    """Two panels of few or many triangles: the scan, and how contacts are carried on it."""
    (first, faces), (second, others) = panel(0.0, request.param[0]), panel(GAP, request.param[1])
    mesh = TriangleMesh(np.concatenate((first, second)), np.concatenate((faces, others + len(first))))
    scan = prepare_scan(mesh, seed=0)
    return scan, ContactCarrier(scan, neighbours=12)


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    """Turned about the vertical edge at the origin, as a door is."""
    sine, cosine = np.sin(angle), np.cos(angle)
    return points @ np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]]).T


@pytest.mark.parametrize("angle", [0.0, 1.0])
def test_a_contact_is_carried_by_the_panel_that_it_touches(panels, angle: float) -> None:
    """Protects doors from pushes that are meant for the wall behind them, in the scanned pose and turned together."""
    scan, carrier = panels
    points = np.random.default_rng(0).uniform(0.02, 0.98, (40, 3))
    side = np.arange(40) % 2
    points[:, 1] = GAP * side
    component = scan.samples.component
    rest = scan.samples.points
    part = np.array([component[np.argmin(np.abs(rest[:, 1] - y))] for y in (0.0, GAP)])
    standing, places = turned(rest, angle), turned(points, angle)
    nearest = component[[int(np.argmin(np.linalg.norm(standing - place, axis=1))) for place in places]]
    assert (nearest != part[side]).sum() > 5
    np.testing.assert_array_equal(carrier.carriers(standing, places, nearest), part[side])


def test_a_panel_that_moved_away_takes_its_contacts_along(panels) -> None:
    """Protects contacts in moved poses: the front has swung away, and what touches the back is not carried by it."""
    scan, carrier = panels
    component, rest = scan.samples.component, scan.samples.points
    front = np.abs(rest[:, 1]) < 0.5 * GAP
    standing = np.where(front[:, None], turned(rest, -0.5), rest)
    places = np.array([[0.5, GAP, 0.5], [*turned(np.array([[0.5, 0.0, 0.5]]), -0.5)[0]]])
    wanted = [component[~front][0], component[front][0]]
    for nearest in (0, 1):
        assert carrier.carriers(standing, places, np.full(2, nearest)).tolist() == wanted
