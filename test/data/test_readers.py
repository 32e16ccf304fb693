"""URDF folders and mesh sequences: small files made here, and clear errors for bad ones."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
import trimesh

from neurok_model.data import build_object
from neurok_model.data.readers import read_mesh_sequence, read_urdf
from neurok_model.data.shapes import box
from neurok_model.data.shards import Shard, write_shard
from neurok_model.errors import NeurokError

CABINET = """<?xml version="1.0"?>
<robot name="partnet_like">
  <link name="base"/>
  <link name="link_0"><visual name="door"><origin xyz="0 0.3 0"/><geometry>
    <mesh filename="textured_objs/door.obj"/></geometry></visual></link>
  <link name="link_1"><visual name="drawer"><geometry>
    <mesh filename="textured_objs/body.obj" scale="0.5 0.5 0.5"/></geometry></visual></link>
  <link name="link_2"><visual name="body"><geometry>
    <mesh filename="textured_objs/body.obj"/></geometry></visual></link>
  <link name="knob"><collision><geometry><sphere radius="0.1"/></geometry></collision></link>
  <link name="twin"><visual><geometry><box size="0.1 0.2 0.3"/></geometry></visual></link>
  <joint name="joint_2" type="fixed"><parent link="base"/><child link="link_2"/>
    <origin rpy="1.570796326794897 0 -1.570796326794897" xyz="0 0 0"/></joint>
  <joint name="joint_0" type="revolute"><parent link="link_2"/><child link="link_0"/>
    <origin xyz="0.5 0.1 0.6"/><axis xyz="0 1 0"/>LIMIT</joint>
  <joint name="joint_1" type="prismatic"><parent link="link_2"/><child link="link_1"/>
    <origin xyz="0 0 0.2"/><axis xyz="0 0 2"/></joint>
  <joint name="joint_3" type="continuous"><parent link="link_0"/><child link="knob"/>
    <origin xyz="0 0.2 0.2"/><axis xyz="0 0 1"/></joint>
  <joint name="joint_4" type="revolute"><parent link="link_2"/><child link="twin"/><axis xyz="0 1 0"/>
    <limit lower="-1" upper="1"/><mimic joint="joint_0" multiplier="-0.5"/></joint>
</robot>"""
LIMITED = '<limit lower="-1.5" upper="0.0"/>'


def _cabinet(folder: Path, limit: str = LIMITED) -> Path:
    (folder / "textured_objs").mkdir(parents=True)
    for name, size in (("door", [0.6, 0.8, 0.05]), ("body", [1.0, 1.2, 0.8])):
        mesh = trimesh.Trimesh(*box(np.zeros(3), size), process=False)
        mesh.export(folder / "textured_objs" / f"{name}.obj")
    (folder / "mobility.urdf").write_text(CABINET.replace("LIMIT", limit))
    return folder


def test_partnet_folder_moves_as_mujoco_moves_it(tmp_path: Path) -> None:
    """Fixed, hinged, sliding, continuous and mimicking joints place every part where MuJoCo places it."""
    folder = _cabinet(tmp_path / "46440")
    read = read_urdf(folder, scale=0.5)
    assert read.family == "46440"
    # Read from the base outwards: door, drawer, then the door's knob.
    np.testing.assert_allclose(read.state_range[[0, 2]], [[-1.5, 0.0], [-np.pi, np.pi]])
    assert read.state_range[1, 1] == pytest.approx(0.5 * np.ptp(read.reference_vertices, axis=0).max())
    text = (folder / "mobility.urdf").read_text().replace(
        "<link name=", '<mujoco><compiler meshdir="." strippath="false" discardvisual="false" fusestatic="false" '
        'balanceinertia="true" boundmass="0.1" boundinertia="0.1"/></mujoco><link name=', 1
    ).replace('type="continuous"', 'type="revolute"')  # fmt: skip
    for lone in ("joint_0", "joint_1", "joint_3"):
        assert lone in text
    (folder / "reference.xml").write_text(text)
    model = mujoco.MjModel.from_xml_path(str(folder / "reference.xml"))
    data = mujoco.MjData(model)
    state = np.array([-0.7, 0.11, 0.4])
    joints = {"joint_0": -0.7, "joint_1": 0.22, "joint_3": 0.4, "joint_4": 0.35}
    positions = []
    for moved in (0.0, 1.0):
        for name, value in joints.items():
            data.qpos[model.joint(name).qposadr[0]] = moved * value
        mujoco.mj_kinematics(model, data)
        positions.append({name: (data.body(name).xpos.copy(), data.body(name).xmat.reshape(3, 3).copy())
                          for name in ("link_0", "link_1", "knob", "twin")})  # fmt: skip
    rest, moved_vertices = read.pose(np.stack([0 * state, state])).vertices
    expected = {}
    for name, (place, turn) in positions[0].items():
        new_place, new_turn = positions[1][name]
        expected[name] = (new_turn @ turn.T, 0.5 * (new_place - new_turn @ turn.T @ place))
    shift = rest.min(axis=0)  # The reader moved the object: undo it with what the unmoved body tells.
    base = read.part_of_vertex == 0
    offset = 0.5 * (rest[base].min(axis=0) + rest[base].max(axis=0))
    matched = 0
    for part in np.unique(read.part_of_vertex[~base]):
        rows = read.part_of_vertex == part
        fits = [np.abs((rest[rows] - offset) @ turn.T + move - (moved_vertices[rows] - offset)).max()
                for turn, move in expected.values()]  # fmt: skip
        matched += min(fits) < 1e-6
    assert matched == 4
    assert shift[2] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("", (-np.pi, np.pi)),
        ('<limit effort="1" velocity="1"/>', (-np.pi, np.pi)),
        ('<limit lower="-9" upper="9"/>', (-np.pi, np.pi)),
        ('<limit lower="1.2" upper="0.2"/>', (0.2, 1.2)),
    ],
)
def test_missing_and_odd_limits(tmp_path: Path, limit: str, expected: tuple[float, float]) -> None:
    """Hinges without limits, with more than a turn or with exchanged limits become usable intervals."""
    read = read_urdf(_cabinet(tmp_path / "object", limit))
    np.testing.assert_allclose(read.state_range[0], expected)
    assert np.isfinite(read.pose(read.sample_states(np.random.default_rng(0), 4)).vertices).all()


def test_bad_urdfs_are_explained(tmp_path: Path) -> None:
    """Missing meshes, no meshes at all, other joints, broken XML and empty folders each say what is wrong."""
    folder = _cabinet(tmp_path / "object")
    (folder / "textured_objs" / "door.obj").unlink()
    with pytest.raises(NeurokError, match=r"door\.obj"):
        read_urdf(folder)
    file = tmp_path / "robot.urdf"
    cases = {
        '<robot name="r"><link name="a"/></robot>': "visual",
        '<robot name="r"><link name="a"/><link name="b"/></robot>': "one tree",
        '<robot name="r"><link name="a"/><link name="b"/><joint name="j" type="floating"><parent link="a"/>'
        '<child link="b"/></joint></robot>': "revolute",
        "<robot": "well-formed",
    }
    for text, words in cases.items():
        file.write_text(text)
        with pytest.raises(NeurokError, match=words):
            read_urdf(file)
    with pytest.raises(NeurokError, match="exactly one"):
        read_urdf(tmp_path / "nothing")


def _frames() -> tuple[np.ndarray, np.ndarray]:
    built = build_object("laptop", 0)
    return built.pose(np.linspace(0.0, 1.0, 12)[:, None]).vertices, built.triangles


@pytest.mark.parametrize("suffix", ["obj", "ply", "npz"])
def test_mesh_sequences_keep_their_frames(tmp_path: Path, suffix: str) -> None:
    """Frames come back in the order of their numbers, still pieces are part 0, and they fit into a shard."""
    vertices, triangles = _frames()
    path = tmp_path / "recorded"
    if suffix == "npz":
        path = tmp_path / "recorded.npz"
        np.savez(path, vertices=vertices, faces=triangles, rate=24.0)
    else:
        path.mkdir()
        for number, frame in enumerate(vertices):
            trimesh.Trimesh(frame, triangles, process=False).export(path / f"frame{number}.{suffix}")
    sequence = read_mesh_sequence(path)
    np.testing.assert_allclose(sequence.vertices, vertices, atol=2e-6)
    np.testing.assert_array_equal(sequence.triangles, triangles)
    assert sequence.rate == (24.0 if suffix == "npz" else 30.0)
    moves = (np.ptp(vertices, axis=0) > 1e-6).any(axis=1)
    assert (sequence.part_of_vertex[moves] > 0).all()
    assert (sequence.part_of_vertex == 0).any()
    write_shard(tmp_path / "shard.h5", [sequence])
    assert Shard(tmp_path / "shard.h5").read(0).checksum() == sequence.checksum()


def test_bad_sequences_are_explained(tmp_path: Path) -> None:
    """A changing topology, too few frames, numbers that are not finite and unreadable files are named."""
    vertices, triangles = _frames()
    folder = tmp_path / "changing"
    folder.mkdir()
    trimesh.Trimesh(vertices[0], triangles, process=False).export(folder / "1.ply")
    with pytest.raises(NeurokError, match="two frames"):
        read_mesh_sequence(folder)
    trimesh.Trimesh(vertices[1], triangles[1:], process=False).export(folder / "2.ply")
    with pytest.raises(NeurokError, match=r"2\.ply"):
        read_mesh_sequence(folder)
    (folder / "2.ply").write_bytes(b"ply\nnonsense")
    with pytest.raises(NeurokError, match=r"2\.ply"):
        read_mesh_sequence(folder)
    archive = tmp_path / "bad.npz"
    np.savez(archive, vertices=np.where(np.arange(3) == 1, np.nan, vertices), triangles=triangles)
    with pytest.raises(NeurokError, match="finite"):
        read_mesh_sequence(archive)
    archive.write_bytes(b"PK")
    with pytest.raises(NeurokError, match="npz"):
        read_mesh_sequence(archive)
    with pytest.raises(NeurokError, match="folder"):
        read_mesh_sequence(tmp_path / "nothing")
