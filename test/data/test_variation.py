"""Varied shapes: whatever is done to an object's shape, its joints still mean the same."""

import numpy as np
import pytest

from neurok_model.data.augmentation import NO_AUGMENTATION
from neurok_model.data.families import build_object, family_names
from neurok_model.data.families.draw import Draw
from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.interpenetration import deepest_penetration
from neurok_model.data.kinematic_tree import ArticulatedObject, JointType, KinematicTree
from neurok_model.data.pairs import PairBatches, PairConfiguration
from neurok_model.data.shapes import box
from neurok_model.data.sources import GeneratedSource
from neurok_model.data.variation import varied, without_base
from neurok_model.data.variation.additions import with_additions
from neurok_model.data.variation.warp import Warp, warped

ARTICULATED = [name for name in family_names() if build_object(name, 0).kind is ObjectKind.ARTICULATED]


def draw(seed: int) -> Draw:
    return Draw(np.random.default_rng(seed))


def some_warp(seed: int, instance) -> Warp:
    return Warp.drawn(draw(seed), instance.reference_vertices)


@pytest.mark.parametrize("family", ARTICULATED)
def test_parts_of_varied_shapes_stay_rigid(family):
    """Protects kinematics: every part of a varied object keeps the distances within it in every state."""
    for seed in range(3):
        instance = varied(build_object(family, seed), draw(seed))
        if instance.degrees_of_freedom == 0:
            continue
        states = instance.sample_states(np.random.default_rng(seed), 4)
        vertices = instance.pose(states).vertices
        assert np.isfinite(vertices).all()
        for part in np.unique(instance.part_of_vertex):
            own = vertices[:, instance.part_of_vertex == part]
            distances = np.linalg.norm(own - own[:, :1], axis=-1)
            assert np.allclose(distances, distances[:1], rtol=1e-9, atol=1e-12)


def test_a_warp_takes_axes_along():
    """Protects hinges: points on the axis of a hinge are on it after an affine change too, and stay where they are."""
    tree = KinematicTree()
    tree.base.add(box([0, 0, -0.1], [1, 1, 0.2]))
    lid = tree.hinge(tree.base, [0.0, 0.5, 0.0], [1, 0, 0], (0.0, 1.5))
    lid.add(box([0, 0, 0.05], [1, 1, 0.1]))
    instance = ArticulatedObject("lid", tree.parts, tree.limits)
    zero = np.zeros(3)
    shear = np.array([0.3, -0.2, 0.0])
    warp = Warp(zero, 1.0, 2, np.array([1.3, 0.8, 1.1]), zero, shear, zero)
    changed = warped(instance, warp)
    hinge = changed.joints[1]
    on_axis = warp.apply(np.array([[-0.5, 0.5, 0.0], [0.7, 0.5, 0.0]]))
    offset = on_axis - hinge.anchor
    assert np.allclose(np.cross(offset, hinge.axis), 0.0, atol=1e-9)
    assert np.isclose(np.linalg.norm(hinge.axis), 1.0)


def test_what_slides_goes_as_far_as_its_way_is_stretched():
    """Protects ways: a drawer in a cabinet twice as deep comes out twice as far, at the same coordinate."""
    instance = build_object("drawer_chest", 0)
    slide = next(part for part in instance.joints if part.joint is JointType.SLIDE)
    zero = np.zeros(3)
    changed = warped(instance, Warp(zero, 1.0, 2, np.array([2.0, 1.0, 1.0]), zero, zero, zero))
    state = instance.state_range[None, :, 1]
    way, further = (
        np.ptp(thing.placements(np.concatenate((0.0 * state, state)))[1][slide.index], axis=0)
        for thing in (instance, changed)
    )
    assert way[0] > 0.05
    assert np.allclose(further, way * (2.0, 1.0, 1.0))


@pytest.mark.parametrize("family", ["door_cabinet", "drawer_chest", "laptop", "toilet", "trash_can", "window"])
def test_additions_are_in_the_way_of_nothing(family):
    """Protects what is learnt: nothing that is added meets what moves, beyond what it is sampled by."""
    worse = []
    for seed in range(8):
        instance = build_object(family, seed)
        if instance.degrees_of_freedom == 0:
            continue
        changed = with_additions(instance, draw(seed))
        states = instance.sample_states(np.random.default_rng(seed), 6)
        before, after = (deepest_penetration(thing, states) for thing in (instance, changed))
        worse.append((after.depth - before.depth) / np.ptp(instance.reference_vertices, axis=0).max())
    assert np.median(worse) < 0.005
    assert max(worse) < 0.06


def test_an_object_without_its_base_is_what_moves():
    """Protects scans of knobs and leaves alone: the base's surface is gone and everything else as it was."""
    instance = build_object("dial", 1)
    alone = without_base(instance)
    assert not (alone.part_of_vertex == 0).any()
    kept = instance.part_of_vertex > 0
    states = instance.sample_states(np.random.default_rng(0), 3)
    assert np.array_equal(alone.pose(states).vertices, instance.pose(states).vertices[:, kept])


def test_variation_changes_shapes_and_only_where_it_is_asked_for():
    """Protects batches of earlier runs, and determinism: no variation draws nothing, and the same seed the same."""
    plain, never, always = GeneratedSource(["lever"]), GeneratedSource(["lever"], 0.0), GeneratedSource(["lever"], 1.0)
    first, second, third, fourth = (
        source.draw("train", np.random.default_rng(3), 2).frames.vertices for source in (plain, never, always, always)
    )
    assert np.array_equal(first, second)
    assert np.array_equal(third, fourth)
    assert first.shape != third.shape or not np.allclose(first, third)


def test_judgement_is_by_shapes_as_they_were_built():
    """Protects comparisons between runs: held-out batches are the same whatever training was shown."""
    pairs = PairConfiguration(2, 2, 32, 8, 8, ("lever", "lever"), variation=1.0)
    one = PairBatches(pairs.evenly(), NO_AUGMENTATION, "validation", 0, 1)[0]
    other = PairBatches(PairConfiguration(2, 2, 32, 8, 8, ("lever",)), NO_AUGMENTATION, "validation", 0, 1)[0]
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
