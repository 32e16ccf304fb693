"""The generators' kinematics against MuJoCo's on the same model."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from neurok_model.data import build_object, family_names
from neurok_model.data.kinematic_tree import ArticulatedObject
from neurok_model.data.mjcf_export import joint_positions, to_mjcf
from neurok_model.data.readers import read_mjcf

ARTICULATED = [name for name in family_names() if isinstance(build_object(name, 0), ArticulatedObject)]


@pytest.mark.parametrize("family", ARTICULATED)
def test_vertices_agree_with_mujoco(family: str) -> None:
    """Chains, couplings and locked joints place every vertex where MuJoCo places it, to a micrometre."""
    for seed in (0, 3):
        built = build_object(family, seed)
        assert isinstance(built, ArticulatedObject)
        model = mujoco.MjModel.from_xml_string(to_mjcf(built))
        data = mujoco.MjData(model)
        states = built.sample_states(np.random.default_rng(seed), 3)
        frames = built.pose(states)
        for frame, joints in zip(frames.vertices, joint_positions(built, states), strict=True):
            data.qpos[:] = joints
            mujoco.mj_kinematics(model, data)
            for part in np.unique(built.part_of_vertex):
                body = data.body(f"part{part}")
                rows = built.part_of_vertex == part
                expected = built.reference_vertices[rows] @ body.xmat.reshape(3, 3).T + body.xpos
                np.testing.assert_allclose(frame[rows], expected, atol=1e-6)


@pytest.mark.parametrize("family", ["scissors", "laptop", "suitcase", "desk_lamp"])
def test_reading_back_what_was_written(family: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Writing an object as MJCF and reading it gives the same joints, limits, couplings and surface."""
    built = build_object(family, 4)
    assert isinstance(built, ArticulatedObject)
    path = tmp_path / "object.xml"
    path.write_text(to_mjcf(built))
    read = read_mjcf(path)
    assert read.degrees_of_freedom == built.degrees_of_freedom
    states = built.sample_states(np.random.default_rng(0), 5)
    # A coordinate that drives its joint by a ratio is read back as the joint's own value.
    driven = {part.coordinate: part.ratio for part in reversed(built.joints)}
    scale = [driven[coordinate] for coordinate in range(built.degrees_of_freedom)]
    ours, theirs = built.pose(states).vertices, read.pose(states * scale).vertices
    np.testing.assert_allclose(np.ptp(ours, axis=(1)), np.ptp(theirs, axis=(1)), atol=1e-5)
    expected = np.sort(built.state_range.T * scale, axis=0).T
    np.testing.assert_allclose(read.state_range, expected, atol=1e-9)
