"""What a user sees when something is missing, and that their own choices are respected."""

import os
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from neurok_ros import environment, predictor

ROOT = Path(__file__).parents[2]


@pytest.fixture
def no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which nobody chose a Fast DDS profile."""
    for variable in environment.PROFILE_VARIABLES:
        monkeypatch.setenv(variable, "")
    monkeypatch.setenv(environment.RANGE_VARIABLE, "SUBNET")
    monkeypatch.setenv("ROS_STATIC_PEERS", "")


def profile_values(name: str) -> list[str | None]:
    """The texts of one kind of element in the profile that the environment names, for both Fast DDS 2 and 3."""
    paths = {os.environ[variable] for variable in environment.PROFILE_VARIABLES}
    assert len(paths) == 1
    return [element.text for element in xml.parse(paths.pop()).iter() if element.tag.endswith("}" + name)]


@pytest.mark.usefixtures("no_profile")
def test_profile_gives_room_for_meshes() -> None:
    """32 MB of shared memory, and discovery as it was."""
    environment.use_large_shared_memory()
    assert profile_values("segment_size") == [str(32 * 2**20)]
    assert profile_values("initialPeersList") == []
    assert os.environ[environment.RANGE_VARIABLE] == "SUBNET"


@pytest.mark.usefixtures("no_profile")
def test_discovery_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """With LOCALHOST, the profile itself names this machine as the only peer."""
    monkeypatch.setenv(environment.RANGE_VARIABLE, "LOCALHOST")
    environment.use_large_shared_memory()
    assert profile_values("segment_size") == [str(32 * 2**20)]
    assert profile_values("address") == ["127.0.0.1"]
    assert os.environ[environment.RANGE_VARIABLE] == "SYSTEM_DEFAULT"


@pytest.mark.usefixtures("no_profile")
def test_static_peers_are_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile cannot know them, so they take precedence."""
    monkeypatch.setenv(environment.RANGE_VARIABLE, "LOCALHOST")
    monkeypatch.setenv("ROS_STATIC_PEERS", "192.168.0.7")
    environment.use_large_shared_memory()
    assert os.environ[environment.RANGE_VARIABLE] == "LOCALHOST"
    assert {os.environ[variable] for variable in environment.PROFILE_VARIABLES} == {""}


@pytest.mark.usefixtures("no_profile")
@pytest.mark.parametrize("variable", environment.PROFILE_VARIABLES)
def test_profile_of_the_user_is_kept(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever named a profile, by either variable, knows why."""
    monkeypatch.setenv(variable, "/my/profile.xml")
    environment.use_large_shared_memory()
    assert os.environ[variable] == "/my/profile.xml"
    assert sorted(os.environ[name] for name in environment.PROFILE_VARIABLES) == ["", "/my/profile.xml"]


def test_shared_files_are_found_where_colcon_installs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package has no config/ beside it, but a share folder in one of the prefixes."""
    installed = tmp_path / "share/neurok_ros/config"
    installed.mkdir(parents=True)
    (installed / "other.xml").touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere{os.pathsep}{tmp_path}")
    assert environment.shared_file("config/other.xml") == installed / "other.xml"
    assert environment.shared_file("config/fastdds.xml") == ROOT / "config/fastdds.xml"
    assert environment.shared_file("config/none.xml") is None


@pytest.mark.parametrize(
    ("missing", "advice"),
    [
        ("neurok_msgs", "colcon build --base-paths . msg"),
        ("neurok_msgs", "make ros"),
        ("neurok_msgs", "source install/setup.bash"),
        ("rclpy", "make setup"),
        ("rclpy", "source /opt/ros/jazzy/setup.bash"),
    ],
)
def test_missing_packages_are_explained(
    missing: str, advice: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The node says how to build or install what it lacks, instead of a traceback."""
    found = environment.importlib.util.find_spec
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None if name == missing else found(name))
    assert predictor.status([]) == 1
    complaint = capsys.readouterr().err
    assert advice in complaint
    assert "Traceback" not in complaint
