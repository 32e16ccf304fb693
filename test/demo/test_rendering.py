"""The renderer shows what is there, where it is, and in its colour."""

import numpy as np
import pytest

from demo.rendering import Piece, camera_for, render
from demo.shapes import arrow, dots, uniform_colour

RED, BLUE = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
WIDTH, HEIGHT = 80, 60


def square(x: float, colour: np.ndarray, side: float = 1.0) -> Piece:
    """A square that faces +x, centred on the x axis."""
    corners = np.array([[0, -1, -1], [0, 1, -1], [0, 1, 1], [0, -1, 1]]) * side / 2 + [x, 0, 0]
    return Piece(corners, np.array([[0, 1, 2], [0, 2, 3]]), uniform_colour(4, colour))


def covered(image: np.ndarray) -> np.ndarray:
    return (image != 255).any(axis=-1)


def test_all_points_are_in_view_and_fill_the_picture() -> None:
    """A picture that cuts the object off, or shows it as a speck, tells nothing at a glance."""
    points = np.random.default_rng(0).uniform(-1, 1, (500, 3)) * [3.0, 0.5, 1.0]
    camera = camera_for(points, azimuth=-40, elevation=25, aspect=WIDTH / HEIGHT)
    offsets = (points - camera.eye) @ camera.axes.T
    half = np.tan(np.radians(camera.field_of_view) / 2)
    across = np.abs(offsets[:, 0] / offsets[:, 2]) / (half * WIDTH / HEIGHT)
    above = np.abs(offsets[:, 1] / offsets[:, 2]) / half
    assert (offsets[:, 2] > 0).all()
    assert across.max() <= 1.0
    assert above.max() <= 1.0
    assert max(across.max(), above.max()) > 0.85


def test_nearer_surfaces_hide_farther_ones() -> None:
    """Order of drawing must not matter: the red square in front is seen, whichever comes first."""
    front, back = square(1.0, RED), square(0.0, BLUE)
    camera = camera_for(front.vertices, azimuth=0, elevation=0, aspect=WIDTH / HEIGHT)
    for pieces in ([front, back], [back, front]):
        red, _, blue = render(pieces, camera, WIDTH, HEIGHT)[HEIGHT // 2, WIDTH // 2]
        assert red > 50
        assert blue == 0


def test_both_sides_of_a_surface_are_shown() -> None:
    """Scans are not always oriented: a triangle must be lit the same whichever way it is wound."""
    piece = square(0.0, RED)
    flipped = Piece(piece.vertices, piece.triangles[:, ::-1], piece.colours)
    camera = camera_for(piece.vertices, azimuth=10, elevation=20, aspect=WIDTH / HEIGHT)
    assert np.array_equal(render([piece], camera, WIDTH, HEIGHT), render([flipped], camera, WIDTH, HEIGHT))


def test_up_is_up_and_right_is_right() -> None:
    """World z points up in the picture, and seen from +x, +y lies to the right."""
    centre = square(0.0, BLUE, side=4.0)
    camera = camera_for(centre.vertices, azimuth=0, elevation=0, aspect=1.0)
    for offset, half in (([0, 0, 1.5], np.s_[:30, :]), ([0, 1.5, 0], np.s_[:, 30:])):
        small = square(0.0, RED, side=0.5)
        picture = covered(render([Piece(small.vertices + offset, small.triangles, small.colours)], camera, 60, 60))
        assert picture.sum() > 0
        assert picture[half].sum() == picture.sum()


def test_floor_catches_the_shadow() -> None:
    """The shadow shows where the object stands; without one it seems to float."""
    piece = square(0.0, RED)
    camera = camera_for(piece.vertices, azimuth=0, elevation=40, aspect=WIDTH / HEIGHT, margin=2.0)
    with_floor = render([piece], camera, WIDTH, HEIGHT, floor_height=-0.5)
    without = render([piece], camera, WIDTH, HEIGHT)
    ground = with_floor[~covered(without)]
    assert ground.min() < 200  # in shadow
    assert np.median(ground) > 220  # lit


@pytest.mark.parametrize("direction", [[0.0, 0.0, 2.0], [1.0, 0.0, 0.0], [-0.3, 0.5, -0.1]])
def test_arrow_ends_at_its_tip_and_has_its_length(direction: list[float]) -> None:
    """The tip marks the contact point; an arrow that points elsewhere would lie about the force."""
    tip, along = np.array([0.3, -0.2, 0.5]), np.array(direction) / np.linalg.norm(direction)
    heights = (arrow(tip, np.array(direction), 0.4, RED).vertices - tip) @ along
    assert heights.max() == pytest.approx(0.0, abs=1e-9)
    assert heights.min() == pytest.approx(-0.4)


def test_dots_are_drawn_in_their_own_colours() -> None:
    """A cloud has no triangles: every point must still be seen, in the colour of its displacement."""
    points = np.array([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
    piece = dots(points, 0.3, np.stack([RED, BLUE]))
    camera = camera_for(piece.vertices, azimuth=0, elevation=0, aspect=1.0)
    picture = render([piece], camera, 60, 60)
    left, right = picture[:, :30].reshape(-1, 3), picture[:, 30:].reshape(-1, 3)
    assert (left[(left != 255).any(axis=1)][:, 2] < 255).all()
    assert np.ptp(left[:, 1].astype(int)) > 100
    assert left[left[:, 1] < 50].mean(axis=0)[0] > left[left[:, 1] < 50].mean(axis=0)[2]
    assert right[right[:, 1] < 50].mean(axis=0)[2] > right[right[:, 1] < 50].mean(axis=0)[0]
