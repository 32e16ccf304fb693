"""Rod kinematics against closed forms: arcs, helices, lengths, clamped ends, rigid cross sections."""

from __future__ import annotations

import numpy as np
import pytest

from neurok_model.data import ObjectKind, build_object
from neurok_model.data.families.soft_rods import RodBody, RodObject, clamped_bending_modes
from neurok_model.data.quaternions import rotation_matrix
from neurok_model.data.round_shapes import cylinder

LENGTH = 0.6


def _rod(mode: tuple[float, float, float]) -> RodObject:
    """A thin rod along z whose only coordinate is a constant curvature, per metre, along ``mode``."""
    stations = np.linspace(0.0, LENGTH, 9)
    body = RodBody(stations, np.zeros(3), np.eye(3))
    body.add_rigid(cylinder([0, 0, LENGTH], [0, 0, LENGTH + 1e-6], 0.01, 8), len(stations) - 1)
    modes = np.broadcast_to(np.array(mode), (1, len(stations) - 1, 3)) / LENGTH
    return RodObject("rod", ObjectKind.ELASTIC, body, modes.copy(), np.array([4.0]), [])


@pytest.mark.parametrize("angle", [0.0, 0.3, 2.5])
def test_constant_bending_is_a_circular_arc(angle: float) -> None:
    """Bending about x by an angle puts the tip where the circle of radius L / angle ends, however coarse."""
    tip = _rod((1.0, 0.0, 0.0)).pose(np.array([[angle]])).vertices[0, :8].mean(axis=0)
    radius = LENGTH / angle if angle else np.inf
    expected = [0, -radius * (1 - np.cos(angle)), radius * np.sin(angle)] if angle else [0, 0, LENGTH]
    np.testing.assert_allclose(tip, expected, atol=1e-12)


def test_bending_and_twisting_is_a_helix() -> None:
    """Constant bending with constant torsion follows the exact screw motion, not its chords."""
    angle, twist = 1.7, 2.2
    tip = _rod((angle, 0.0, twist)).pose(np.array([[1.0]])).vertices[0, :8].mean(axis=0)
    axis = np.array([angle, 0.0, twist])
    total = np.linalg.norm(axis)
    unit, tangent = axis / total, np.array([0.0, 0.0, 1.0])
    along = unit * (unit @ tangent)
    across = tangent - along
    # Integral of exp(s [axis]x) e_z over the unit interval.
    expected = along + np.sin(total) / total * across + (1 - np.cos(total)) / total * np.cross(unit, across)
    np.testing.assert_allclose(tip, LENGTH * expected, atol=1e-12)


@pytest.mark.parametrize("family", ["elastic_bar", "plush_body", "bending_plate", "hanging_rope"])
def test_cross_sections_stay_rigid(family: str) -> None:
    """Vertices of one station keep their distances and turn by the rotation that is reported."""
    built = build_object(family, 3)
    assert isinstance(built, RodObject)
    states = built.sample_states(np.random.default_rng(0), 4)
    frames = built.pose(states)
    rest = built.pose(np.zeros_like(states[:1])).vertices[0]
    for station in (0, 5, 12):
        rows = built.rows_of_station(station)
        turned = np.einsum("cij,vj->cvi", rotation_matrix(frames.rotations[:, rows[0]]), rest[rows] - rest[rows[0]])
        np.testing.assert_allclose(frames.vertices[:, rows] - frames.vertices[:, rows[:1]], turned, atol=1e-12)


def test_clamped_bar_does_not_move_at_its_root() -> None:
    """Clamped: the root's cross section is the same in all poses, and next to it almost the same."""
    built = build_object("elastic_bar", 7)
    assert isinstance(built, RodObject)
    frames = built.pose(built.sample_states(np.random.default_rng(0), 6))
    root = built.rows_of_station(0)
    assert np.ptp(frames.vertices[:, root], axis=0).max() < 1e-12


def test_first_mode_is_that_of_a_cantilever() -> None:
    """The first bending mode's tip slope over tip deflection is 1.3765 / L, as in beam theory."""
    stations = np.linspace(0.0, 1.0, 401)
    curvature = clamped_bending_modes(stations, 1)[0]
    slope = np.concatenate([[0.0], np.cumsum(curvature * np.diff(stations))])
    deflection = np.sum(0.5 * (slope[1:] + slope[:-1]) * np.diff(stations))
    assert slope[-1] / deflection == pytest.approx(1.3765, rel=1e-3)
