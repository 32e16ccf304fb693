"""Watching an object move tells how it moves; what was not watched stays as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from predictor.tiny_objects import box_scan, tiny_predictor
from scipy.spatial.transform import Rotation

from neurok_model import ObjectModel, PhysicsParameters, PointCloud, Predictor, Push
from neurok_model.cache import DiskCache
from neurok_model.data.families import build_object
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import TriangleMesh
from neurok_model.identification import MotionObservation
from neurok_model.mechanics import Outcome
from neurok_model.refinement import rigid_motion
from neurok_model.results import ObjectState

STEP = 1.0 / 60.0


def lifted_top(frames: int = 10, angle: float = 0.5) -> MotionObservation:
    """The upper half of the box turns about an edge at half its height, as nothing untrained would have it."""
    rest = box_scan().vertices
    upper = rest[:, 2] > 0.01
    motion = np.repeat(rest[None], frames, axis=0)
    for frame, turn in enumerate(np.linspace(0.0, angle, frames)):
        cosine, sine = np.cos(turn), np.sin(turn)
        about = rest[upper] - (0.0, 0.05, 0.0)
        motion[frame, upper] = about @ np.array(((1, 0, 0), (0, cosine, sine), (0, -sine, cosine))) + (0.0, 0.05, 0.0)
    return MotionObservation((), STEP * np.arange(frames), motion)


@pytest.fixture(scope="module")
def box() -> tuple[Predictor, ObjectModel]:
    predictor = tiny_predictor()
    return predictor, predictor.encode(box_scan())


def swept(family: str, seed: int, states: np.ndarray) -> tuple[TriangleMesh, np.ndarray]:
    """A generated object in the first of some positions of its first joint, and its vertices in all of them."""
    built = build_object(family, seed)
    poses = built.sample_states(np.random.default_rng(0), 1).repeat(len(states), axis=0)
    lower, upper = built.state_range[0]
    poses[:, 0] = lower + states * (upper - lower)
    vertices = built.pose(poses).vertices
    return TriangleMesh(vertices[0], built.triangles), vertices


@pytest.mark.parametrize(
    ("family", "seed", "support"),
    [("dial", 3 * 7 + 2, "anchored"), ("flap_box", 3 * 5 + 2, "anchored"), ("flap_box", 3 * 5 + 2, "free")],
)
def test_an_object_of_the_test_split_goes_where_it_was_not_yet_seen(
    predictor: Predictor, family: str, seed: int, support: str
) -> None:
    """Protects what it is for: after watching a joint, poses between and beyond the watched ones are nearer, also where
    the object was carried about meanwhile.
    """
    scan, vertices = swept(family, seed, np.concatenate((np.linspace(0.2, 0.6, 9), (0.33, 0.7))))
    model = predictor.encode(scan, PhysicsParameters(support=support))
    seen = MotionObservation((), STEP * np.arange(9), vertices[:9])
    if support == "free":
        seen = carried_about(seen)
    refined = predictor.refine(model, [seen])
    assert refined.misfit < 0.5 * refined.misfit_before
    for other in vertices[9:]:
        target = TriangleMesh(other, scan.triangles)
        before, after = (each.estimate_state(target).residual for each in (model, refined.model))
        assert after < 0.8 * before


def test_it_follows_and_says_how_well(box: tuple[Predictor, ObjectModel]) -> None:
    """Protects the stated misfits: they are those of the compiled objects' own nearest poses."""
    predictor, model = box
    seen = lifted_top()
    refined = predictor.refine(model, [seen])
    assert refined.misfit < 0.7 * refined.misfit_before
    motion = np.sqrt(((seen.points[-1] - seen.points[0]) ** 2).sum(-1).mean())
    last = TriangleMesh(seen.points[-1], box_scan().triangles)
    shares = [each.estimate_state(last).residual / motion for each in (model, refined.model)]
    assert shares[1] < 0.8 * shares[0]


def test_points_of_a_cloud_can_be_watched_too() -> None:
    """Protects scans without triangles: their points are tracked as vertices are."""
    predictor = tiny_predictor()
    cloud = PointCloud(box_scan().vertices)
    refined = predictor.refine(predictor.encode(cloud), [lifted_top()])
    assert refined.misfit < 0.8 * refined.misfit_before
    assert len(refined.model.triangles) == 0


def test_the_same_seed_gives_the_same_object(box: tuple[Predictor, ObjectModel]) -> None:
    """Protects repeatability, to the byte, and that several observations are taken in any shape."""
    predictor, model = box
    whole = lifted_top()
    few = np.array([5, 17, 40, 41])
    watched = [whole, MotionObservation((), whole.times, whole.points[:, few], few)]
    first, second = (predictor.refine(model, watched) for _ in range(2))
    assert first.misfit == second.misfit
    assert first.model.object_id == second.model.object_id != model.object_id
    push = [Push(model.rest_vertices[0], (0.0, 0.0, 1.0), 0.1)]
    ours, theirs = (each.model.predict(push, horizon=0.2, step=STEP).vertices().tobytes() for each in (first, second))
    assert ours == theirs


def test_what_hardly_moves_teaches_nothing(box: tuple[Predictor, ObjectModel]) -> None:
    """Protects objects from the noise of a motion that was none: everything stays as it was."""
    predictor, model = box
    rest = box_scan().vertices
    noise = 1e-5 * np.random.default_rng(0).normal(size=(5, *rest.shape))
    refined = predictor.refine(model, [MotionObservation((), STEP * np.arange(5), rest + noise)])
    assert refined.misfit == refined.misfit_before
    assert refined.model.object_id == model.object_id
    np.testing.assert_array_equal(refined.model.sample(3, seed=1).vertices, model.sample(3, seed=1).vertices)


def test_the_cache_tells_refined_objects_apart(tmp_path: Path) -> None:
    """Protects the cache: what was learned of an object is neither lost nor given to the scan that was not watched."""
    predictor = tiny_predictor(cache=DiskCache(tmp_path))
    plain = predictor.encode(box_scan())
    refined = predictor.refine(plain, [lifted_top()]).model
    again = predictor.refine(predictor.encode(box_scan()), [lifted_top()]).model
    poses = [each.sample(3, seed=1).vertices for each in (plain, refined, again, predictor.encode(box_scan()))]
    assert np.abs(poses[0] - poses[1]).max() > 1e-3
    np.testing.assert_array_equal(poses[1], poses[2])
    np.testing.assert_array_equal(poses[0], poses[3])
    pushed = replace(lifted_top(), contacts=[Push(plain.rest_vertices[0], (0.0, 0.0, 1.0), 0.1)])
    assert predictor.refine(plain, [pushed]).model.object_id != refined.object_id, "it has no other way then"


def test_a_motion_from_elsewhere_is_told_from_the_scanned_pose(box: tuple[Predictor, ObjectModel]) -> None:
    """Protects motions that begin in another pose: told their initial state, their first frame is motion too."""
    predictor, model = box
    whole = lifted_top()
    later = MotionObservation((), whole.times[:5], whole.points[5:], initial_state=model.rest_state)
    from_there = replace(later, initial_state=None)
    assert predictor.refine(model, [later]).misfit != predictor.refine(model, [from_there]).misfit


def test_wrong_observations_are_refused(box: tuple[Predictor, ObjectModel]) -> None:
    """Protects users: the error names what is wrong."""
    predictor, model = box
    seen = lifted_top()
    wrong = {
        "observations": [],
        "points": [replace(seen, points=seen.points[:, :-1])],
        "indices": [replace(seen, points=seen.points[:, :2], indices=np.array([0, 10_000]))],
    }
    for field, observations in wrong.items():
        with pytest.raises(NeurokError, match=field) as raised:
            predictor.refine(model, observations)
        assert raised.value.code is ErrorCode.INVALID_PARAMETER


def carried_about(observation: MotionObservation) -> MotionObservation:
    """The same on a base that turns and goes away, more in every frame."""
    points = observation.points.copy()
    for frame, share in enumerate(np.linspace(0.0, 1.0, len(points))):
        turn = Rotation.from_rotvec(share * np.array((0.2, -0.1, 0.6))).as_matrix()
        points[frame] = points[frame] @ turn.T + share * np.array((0.1, 0.3, -0.05))
    return replace(observation, points=points)


def test_a_moving_base_is_not_taken_for_a_joint(box: tuple[Predictor, ObjectModel]) -> None:
    """Protects floating objects: what their base does teaches nothing, and what their parts do is seen all the same."""
    predictor, model = box
    free = model.with_physics(replace(model.physics, support="free"))
    nothing = predictor.refine(free, [carried_about(lifted_top(angle=0.0))])
    assert nothing.misfit == nothing.misfit_before
    np.testing.assert_array_equal(nothing.model.sample(2, seed=0).vertices, free.sample(2, seed=0).vertices)
    moved = carried_about(lifted_top())
    refined = predictor.refine(free, [moved])
    assert refined.misfit < 0.8 * refined.misfit_before
    last = TriangleMesh(moved.points[-1], box_scan().triangles)
    before, after = (each.estimate_state(last).residual for each in (free, refined.model))
    assert after < 0.9 * before


@pytest.mark.parametrize("seed", [0, 1])
def test_a_rigid_motion_is_found(seed: int) -> None:
    """Protects the frame in which floating objects are watched, also where some points were not seen."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(2, 9, 3, generator=generator, dtype=torch.float64)
    turn = torch.as_tensor(Rotation.random(random_state=seed).as_matrix())
    targets = points @ turn.mT + torch.tensor((0.3, -2.0, 1.0))
    seen = (torch.arange(9) < 6).double()[None, :, None].expand(2, 9, 1)
    rotation, translation = rigid_motion(points, torch.where(seen > 0.0, targets, 0.0), seen)
    torch.testing.assert_close(rotation, turn.expand(2, 3, 3))
    torch.testing.assert_close(points @ rotation.mT + translation, targets)


def test_what_explains_less_than_the_models_own_error_is_not_found(box: tuple[Predictor, ObjectModel]) -> None:
    """Protects predictions: a stop that was not reached is not moved because noise fits a little better then."""
    model = box[1].with_physics(PhysicsParameters(mass=0.5, gravity=(0.0, 0.0, 0.0), prior_frequency=0.0))
    push = [Push(model.rest_vertices[0], (0.0, 2.0, 0.0), 0.1)]
    motion = model.predict(push, horizon=0.4, step=STEP)
    points = motion.vertices().astype(np.float64)
    noise = np.random.default_rng(0).normal(size=points.shape) * 0.02 * np.abs(points - points[:1]).max()
    seen = MotionObservation(push, motion.times, points + noise * (np.arange(len(points)) > 0)[:, None, None])
    found = model.identify([seen], ("reach",), model_error=0.1)
    assert found.physics.reach == pytest.approx(1.0, rel=0.05)
    low, high = found.interval("reach")
    assert low < 0.7 < 1.4 < high
    with pytest.raises(NeurokError, match="model_error"):
        model.identify([seen], ("reach",), model_error=-1.0)


@pytest.mark.parametrize("reach", [0.5, 0.8])
def test_where_it_stops_is_found_from_a_push_against_the_stop(box: tuple[Predictor, ObjectModel], reach: float) -> None:
    """Protects identification of the reach: a motion that met its end says where that is."""
    model = box[1].with_physics(PhysicsParameters(mass=0.5, gravity=(0.0, 0.0, 0.0), prior_frequency=0.0))
    true = model.with_physics(replace(model.physics, reach=reach))
    actions = [[Push(model.rest_vertices[vertex], (0.0, 60.0, 0.0), 0.3)] for vertex in (0, 7)]
    seen = []
    for contacts in actions:
        motion = true.predict(contacts, horizon=0.6, step=STEP)
        seen.append(MotionObservation(contacts, motion.times, motion.vertices().astype(np.float64)))
    found = model.identify(seen, ("reach",))
    assert found.physics.reach == pytest.approx(reach, rel=0.03)
    low, high = found.interval("reach")
    # Without noise the interval is as narrow as what rounding does.
    assert low < reach * (1.0 + 1e-4)
    assert high > reach * (1.0 - 1e-4)


def test_each_end_of_a_watched_way_is_found_alone(box: tuple[Predictor, ObjectModel]) -> None:
    """Protects stops: a push against one end of the way that was watched tells where that end is, and leaves the other
    as it was said to be.
    """
    predictor, model = box
    quiet = PhysicsParameters(mass=0.5, gravity=(0.0, 0.0, 0.0), prior_frequency=0.0, damping_rate=5.0)
    refined = predictor.refine(model, [lifted_top()]).model.with_physics(quiet)
    ends = len(refined.parts.watched.factors(1.0)) * 2
    push = [Push(model.rest_vertices[model.rest_vertices[:, 2].argmax()], (0.0, 0.0, 40.0), 0.2)]
    free = refined.predict(push, horizon=0.3, step=STEP)
    travel = np.asarray(free.q) @ refined.parts.watched.travel[0].numpy()
    ahead = travel[np.abs(travel).argmax()] > 0.0
    true = refined.with_physics(replace(quiet, reach=((0.6, 1.0) if ahead else (1.0, 0.6)) + (1.0,) * (ends - 2)))
    motion = true.predict(push, horizon=0.3, step=STEP)
    seen = MotionObservation(push, motion.times, motion.vertices().astype(np.float64))
    found = refined.identify([seen], ("reach",))
    assert found.names == tuple(f"reach[{index}]" for index in range(ends))
    met, other = (0, 1) if ahead else (1, 0)
    assert found.value(f"reach[{met}]") == pytest.approx(0.6, rel=0.05)
    assert found.value(f"reach[{other}]") == pytest.approx(1.0, rel=0.05)
    short = refined.with_physics(replace(quiet, reach=ends * (0.05,)))
    assert short.predict(push, horizon=0.3, step=STEP).outcome is not Outcome.DIVERGED
    again = predictor.refine(refined.with_physics(found.physics), [lifted_top()]).model
    assert again.physics.reach == 1.0
    with pytest.raises(NeurokError, match="reach"):
        model.with_physics(replace(quiet, reach=(1.0, 2.0)))


def test_a_stop_is_not_taken_for_a_heavy_object(box: tuple[Predictor, ObjectModel]) -> None:
    """Protects fits of mass and reach together: what was turned back early would look heavy if stops were not tried."""
    predictor, model = box
    quiet = PhysicsParameters(mass=0.5, gravity=(0.0, 0.0, 0.0), prior_frequency=0.0, damping_rate=5.0)
    refined = predictor.refine(model, [lifted_top()]).model.with_physics(quiet)
    ends = 2 * len(refined.parts.watched.factors(1.0))
    true = refined.with_physics(replace(quiet, reach=ends * (0.4,)))
    seen = []
    for force in (8.0, -50.0):
        push = [Push(model.rest_vertices[model.rest_vertices[:, 2].argmax()], (0.0, 0.0, force), 0.2)]
        motion = true.predict(push, horizon=0.4, step=STEP)
        seen.append(MotionObservation(push, motion.times, motion.vertices().astype(np.float64)))
    lighter = refined.with_physics(replace(quiet, mass=0.2))
    found = lighter.identify(seen, ("reach", "mass"))
    assert found.physics.mass == pytest.approx(0.5, rel=0.1)
    assert found.residual < 0.1 * found.residual_before


def test_it_reaches_only_as_far_as_it_is_said_to(box: tuple[Predictor, ObjectModel]) -> None:
    """Protects the meaning of the reach: draws of a model of half the reach are half as far from the scanned pose."""
    _, model = box
    half = model.with_physics(replace(model.physics, reach=0.5))
    np.testing.assert_allclose(half.sample(5, seed=2).q, 0.5 * model.sample(5, seed=2).q, rtol=1e-5)
    assert isinstance(half.rest_state, ObjectState)
