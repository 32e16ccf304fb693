"""Obstacles, supports and more terms through the object model, as users and the node see it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from flexible_plate import LENGTH, WIDTH, flexible_plate, tip

from neurok_model import Impulse, Outcome, PhysicsParameters, Push
from neurok_model.errors import NeurokError
from neurok_model.mechanics import CoordinatePotential, HalfSpace, RolloutSettings, Sphere

STEP = 1.0 / 60.0
LOOSE = PhysicsParameters(mass=0.5, static_equilibrium=False, damping_rate=0.5, prior_frequency=0.0)
ONCE = RolloutSettings(maximum_refinements=0, drift_tolerance=0.01)
"""Integrates once, with whatever error of energy: enough where a test asks for less."""


def test_a_plate_comes_to_rest_on_a_table() -> None:
    """Protects planners: a sagging plate lies down on the table instead of passing through it."""
    plate = flexible_plate(LOOSE)
    table = HalfSpace(point=(0.0, 0.0, -0.06), friction=0.5)
    free = plate.predict([], horizon=0.5, step=STEP)
    held = plate.predict([], horizon=0.5, step=STEP, obstacles=[table])
    assert free.vertices()[..., 2].min() < -0.1
    assert held.vertices()[..., 2].min() > -0.06 - 2e-3
    assert held.vertices()[-1, :, 2].min() == pytest.approx(-0.06, abs=2e-3)
    assert np.abs(held.qdot[-1]).max() < 0.05 * np.abs(held.qdot).max()
    assert held.energy_drift < 5e-3


def test_candidates_meet_the_same_obstacles() -> None:
    """Protects batches among obstacles: each candidate moves as it would alone."""
    plate = flexible_plate(replace(LOOSE, gravity=(0.0, 0.0, 0.0)))
    finger = Sphere(centre=(LENGTH, 0.5 * WIDTH, 0.09), radius=0.04, restitution=0.5)
    actions = [[Push(tip(plate), (0.0, 0.0, f), duration=0.1)] for f in (0.5, 1.5, -1.0)]
    together = plate.predict_batch(actions, horizon=0.2, step=STEP, obstacles=[finger], settings=ONCE)
    for index, action in enumerate(actions):
        alone = plate.predict(action, horizon=0.2, step=STEP, obstacles=[finger], settings=ONCE)
        np.testing.assert_allclose(together.q[index], alone.q, atol=1e-6)
    assert np.abs(together.q[1] - plate.predict(actions[1], horizon=0.2, step=STEP).q).max() > 0.1


def test_an_obstacle_in_the_way_at_the_beginning_is_refused() -> None:
    """Protects against contact inside an obstacle: refused before anything is integrated."""
    plate = flexible_plate(LOOSE)
    with pytest.raises(NeurokError, match="inside"):
        plate.predict([], horizon=0.1, step=STEP, obstacles=[Sphere(centre=(LENGTH, 0.0, 0.0), radius=0.1)])


def test_obstacles_far_away_change_nothing() -> None:
    """Protects speed and sense: what cannot be reached does not take part."""
    plate = flexible_plate(LOOSE)
    far = plate.predict([], horizon=0.2, step=STEP, obstacles=[HalfSpace(point=(0.0, 0.0, -3.0))])
    np.testing.assert_array_equal(far.q, plate.predict([], horizon=0.2, step=STEP).q)


def test_a_free_plate_falls_on_the_floor_and_stays() -> None:
    """Protects free bases through the whole interface: six more coordinates, free fall, then rest on the floor."""
    plate = flexible_plate(replace(LOOSE, support="free", elastic_frequency=2.0), height=0.03)
    assert plate.dimension == 8
    motion = plate.predict([], horizon=0.3, step=STEP, obstacles=[HalfSpace(friction=0.5)], settings=ONCE)
    heights = motion.vertices()[..., 2]
    frame = 4
    assert heights[frame].mean() == pytest.approx(0.03 - 0.5 * 9.81 * (frame * STEP) ** 2, abs=2e-3)
    assert heights[-1] == pytest.approx(np.zeros(heights.shape[1]), abs=5e-3)
    assert motion.outcome == Outcome.OK


def test_a_free_plate_turns_when_struck_at_its_edge() -> None:
    """Protects contacts on free bases: the impulse moves the centre of mass by p / m and turns the plate."""
    plate = flexible_plate(replace(LOOSE, support="free", gravity=(0.0, 0.0, 0.0), elastic_frequency=8.0))
    struck = plate.predict([Impulse(tip(plate), (0.0, 0.0, 0.2))], horizon=0.1, step=STEP, settings=ONCE)
    moved = struck.vertices()[-1].astype(np.float64) - plate.rest_vertices
    samples = plate.surface.scan.samples
    share = samples.area_share
    state = plate.surface.points(struck.q[-1]) - samples.points
    assert share @ state == pytest.approx([0.0, 0.0, 0.1 * 0.2 / 0.5], abs=2e-4)
    corner = np.argmin(plate.rest_vertices[:, 0] + plate.rest_vertices[:, 1])
    assert moved[corner, 2] < 0.0
    again = plate.estimate_state(replace_mesh(plate, struck.vertices()[-1]))
    assert again.residual < 1e-3


def replace_mesh(plate, vertices: np.ndarray):
    from neurok_model import TriangleMesh

    return TriangleMesh(vertices.astype(np.float64), plate.triangles)


def test_a_pinned_region_stays_where_it_is() -> None:
    """Protects pinned supports: held at its tip, the plate's root moves instead."""
    physics = replace(LOOSE, support="pinned", pinned_centre=(LENGTH, 0.0, 0.0), pinned_radius=0.08, gravity=(0, 0, 0))
    plate = flexible_plate(physics)
    assert plate.dimension == 2
    root = np.array([0.0, 0.0, 0.0])
    push = Push(root, (0.0, 0.0, 0.4), duration=0.1)
    moved = plate.predict([push], horizon=0.1, step=STEP, settings=ONCE).vertices()[-1]
    motion = np.linalg.norm(moved - plate.rest_vertices, axis=1)
    held = np.linalg.norm(plate.rest_vertices - [LENGTH, 0.0, 0.0], axis=1) < 0.05
    assert motion[held].max() < 0.15 * motion.max()
    assert motion[np.argmin(plate.rest_vertices[:, 0])] > 0.8 * motion.max()


@pytest.mark.parametrize(
    "bad",
    [
        {"mass": 0.0},
        {"support": "glued"},
        {"support": "pinned", "pinned_radius": 0.0},
        {"stiffness_damping": -1.0},
        {"friction_deceleration": float("nan")},
        {"orientation": (0.0, 0.0, 0.0, 0.0)},
    ],
)
def test_physics_without_meaning_is_refused(bad) -> None:
    """Protects users from zero mass, negative damping and unknown supports: the error names the field."""
    with pytest.raises(NeurokError) as caught:
        PhysicsParameters(**bad)
    assert caught.value.field in bad


def test_a_region_to_pin_that_is_not_on_the_object_is_refused() -> None:
    """Protects against a pin in another frame."""
    with pytest.raises(NeurokError, match="pinned_centre"):
        flexible_plate(replace(LOOSE, support="pinned", pinned_centre=(5.0, 0.0, 0.0)))


def test_gravity_follows_the_orientation_of_the_scan() -> None:
    """Protects scans that do not stand upright: gravity is given in the world, and turned into the scan's frame."""
    half = np.sqrt(0.5)
    turned = flexible_plate(replace(LOOSE, orientation=(half, half, 0.0, 0.0), gravity=(0.0, 9.81, 0.0)))
    upright = flexible_plate(replace(LOOSE, gravity=(0.0, 0.0, -9.81)))
    ours, expected = (model.predict([], horizon=0.2, step=STEP) for model in (turned, upright))
    np.testing.assert_allclose(ours.q, expected.q, atol=1e-4)


def test_users_add_terms_to_an_object() -> None:
    """Protects extensibility: a term from outside takes part, and the object without it stays as it was."""

    class Spring(CoordinatePotential):
        name = "spring"

        def value(self, q: torch.Tensor) -> torch.Tensor:
            return 2.0 * q.square().sum(-1)

        def gradient(self, q: torch.Tensor) -> torch.Tensor:
            return 4.0 * q

    plate = flexible_plate(LOOSE)
    stiffer = plate.with_terms(potentials=[Spring()])
    assert np.abs(stiffer.predict([], horizon=0.3, step=STEP).q).max() < 0.5 * np.abs(
        plate.predict([], horizon=0.3, step=STEP).q
    ).max()  # fmt: skip


def test_dry_friction_keeps_what_nothing_else_holds() -> None:
    """Protects friction as a parameter: a plate that friction holds does not sag, a weaker friction lets it."""
    held, slipping = (
        flexible_plate(replace(LOOSE, friction_deceleration=f)).predict([], horizon=0.2, step=STEP) for f in (9.0, 1.0)
    )
    assert np.abs(held.q).max() < 1e-9
    assert np.abs(slipping.q).max() > 0.1


def test_a_sequence_of_actions_is_one_prediction() -> None:
    """Protects sequences over the horizon: a push, a pause and a strike are the same in one call as in two."""
    plate = flexible_plate(replace(LOOSE, gravity=(0.0, 0.0, 0.0)))
    first = Push(tip(plate), (0.0, 0.0, 0.1), duration=0.1)
    whole = plate.predict([first, Impulse(tip(plate), (0.0, 0.0, -0.01), start=0.2)], horizon=0.4, step=STEP)
    half = plate.predict([first], horizon=0.2, step=STEP)
    middle = replace(plate.rest_state, q=half.q[-1], qdot=half.qdot[-1])
    place = half.vertices()[-1][np.argmax(plate.rest_vertices[:, 0] + plate.rest_vertices[:, 1])].astype(np.float64)
    rest = plate.predict([Impulse(place, (0.0, 0.0, -0.01))], horizon=0.2, step=STEP, initial_state=middle)
    np.testing.assert_allclose(whole.q[-1], rest.q[-1], atol=0.01 * np.abs(whole.q).max())
