"""Real objects from the metaworld wheel, against MuJoCo's own kinematics of the original files."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from neurok_model.data.metaworld import metaworld_folder, metaworld_names, metaworld_object
from neurok_model.data.readers import read_mjcf
from neurok_model.errors import NeurokError

pytestmark = pytest.mark.skipif(
    not (metaworld_folder() / "metaworld").is_dir(), reason="metaworld assets are not there: run `make setup`"
)


@pytest.mark.parametrize("name", metaworld_names())
def test_objects_load_and_move(name: str) -> None:
    """Every listed object has a surface in metres and moves within its limits."""
    loaded = metaworld_object(name)
    states = np.linspace(loaded.state_range[:, 0], loaded.state_range[:, 1], 5)
    vertices = loaded.pose(states).vertices
    assert 0.05 < np.ptp(vertices, axis=(0, 1)).max() < 1.0
    assert np.abs(vertices - vertices[0]).max() > 0.01
    base = loaded.part_of_vertex == 0
    assert np.ptp(vertices[:, base], axis=0).max(initial=0.0) == 0.0


@pytest.mark.parametrize(
    ("name", "file", "body"),
    [("laptop", "sawyer_laptop", "laptoplid_link"), ("drawer", "sawyer_drawer", "drawer_link"),
     ("window", "sawyer_window_horizontal", "windowb_a")],
)  # fmt: skip
def test_moving_part_follows_mujoco(name: str, file: str, body: str) -> None:
    """The reader's lid, drawer and sash move exactly as MuJoCo moves them in the original scene."""
    loaded = metaworld_object(name)
    path = metaworld_folder() / "metaworld" / "assets" / "sawyer_xyz" / f"{file}.xml"
    model = mujoco.MjModel.from_xml_path(str(path))
    data = mujoco.MjData(model)
    address = int(model.jnt_qposadr[model.body_jntadr[model.body(body).id]])
    part = loaded.part_of_vertex == loaded.part_of_vertex.max()
    rest = loaded.pose(np.zeros((1, 1))).vertices[0, part]
    mujoco.mj_kinematics(model, data)
    before = (data.body(body).xmat.reshape(3, 3).copy(), data.body(body).xpos.copy())
    shift = None
    for value in np.linspace(*loaded.state_range[0], 4):
        data.qpos[address] = value
        mujoco.mj_kinematics(model, data)
        turn = data.body(body).xmat.reshape(3, 3) @ before[0].T
        ours = loaded.pose(np.array([[value]])).vertices[0, part]
        # The reader only shifts the scene; the unknown shift is what is left at the first value.
        difference = (ours - ours[0]) - (rest - rest[0]) @ turn.T
        np.testing.assert_allclose(difference, 0.0, atol=1e-6)
        centre = ours.mean(axis=0) - turn @ (rest.mean(axis=0)) - (data.body(body).xpos - turn @ before[1])
        if np.allclose(turn, np.eye(3)):
            shift = centre if shift is None else shift
            np.testing.assert_allclose(centre, shift, atol=1e-6)


def test_laptop_closes_at_its_upper_limit() -> None:
    """At 1.57 rad the lid lies on the keys: the closed laptop is far lower than the open one."""
    laptop = metaworld_object("laptop")
    height = np.ptp(laptop.pose(laptop.state_range.T[:, :1]).vertices[..., 2], axis=1)
    assert height[0] > 0.3
    assert height[1] < 0.08


def test_missing_things_are_named(tmp_path: Path) -> None:
    """Without the assets, or with a wrong name, the message says what to do."""
    with pytest.raises(NeurokError, match="make setup"):
        metaworld_object("laptop", tmp_path)
    with pytest.raises(NeurokError, match="faucet"):
        metaworld_object("teapot")
    broken = tmp_path / "broken.xml"
    broken.write_text("<mujoco><worldbody><body/></mujoco>")
    with pytest.raises(NeurokError, match="MuJoCo"):
        read_mjcf(broken)
    empty = tmp_path / "empty.xml"
    body = "<body><inertial pos='0 0 0' mass='1' diaginertia='1 1 1'/></body>"
    empty.write_text(f"<mujoco><worldbody>{body}</worldbody></mujoco>")
    with pytest.raises(NeurokError, match="surfaces"):
        read_mjcf(empty)
