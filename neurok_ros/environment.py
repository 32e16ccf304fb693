"""What has to be in place before rclpy is imported: the Fast DDS profile, and ROS itself."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
"""Read by Fast DDS 2 (Jazzy) and by Fast DDS 3 (Kilted) when the first participant is made."""

RANGE_VARIABLE = "ROS_AUTOMATIC_DISCOVERY_RANGE"

HOW_TO_BUILD_MESSAGES = (
    "The ROS package neurok_msgs (folder msg/) is not built or not sourced, so the node cannot start.\n"
    "Build it in the repository's root with either of\n"
    "    make ros\n"
    "    colcon build --base-paths . msg\n"
    "(in a workspace: colcon build --base-paths src src/neurok_ros/msg)\n"
    "and make it known to this shell with\n"
    "    source install/setup.bash"
)

HOW_TO_GET_RCLPY = (
    "rclpy is not importable by this Python, so the node cannot start.\n"
    "Either source a ROS 2 installation (source /opt/ros/jazzy/setup.bash),\n"
    "or run `make setup` in the repository's root, which installs ROS 2 Jazzy from wheels into .venv,\n"
    "and use .venv/bin/python."
)


class MissingRosError(RuntimeError):
    """ROS, or a ROS package, that this program needs is not there; the text says how to get it."""


def shared_file(relative_path: str) -> Path | None:
    """Find a file that is installed in ``share/neurok_ros``, or lies beside the package in a source tree.

    Args:
        relative_path: for example ``"config/fastdds.xml"``.

    Returns:
        Its path, or None when it is in neither place.
    """
    in_source_tree = Path(__file__).resolve().parents[1] / relative_path
    if in_source_tree.is_file():
        return in_source_tree
    for prefix in filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)):
        installed = Path(prefix) / "share" / "neurok_ros" / relative_path
        if installed.is_file():
            return installed
    return None


def use_large_shared_memory() -> None:
    """Name a shipped Fast DDS profile in the environment, unless the user named one.

    Has an effect on contexts that are initialised afterwards. Under the default profile, messages over half a
    megabyte do not fit the shared-memory segment; best-effort ones are then mostly lost.

    Where discovery is confined to this machine, the profile does the confining (see fastdds_localhost.xml).
    """
    if any(os.environ.get(variable) for variable in PROFILE_VARIABLES):
        return
    confined = os.environ.get(RANGE_VARIABLE, "").upper() == "LOCALHOST"
    if confined and os.environ.get("ROS_STATIC_PEERS"):
        return  # rmw_fastrtps reads static peers only for the ranges that it arranges itself
    profile = shared_file("config/fastdds_localhost.xml" if confined else "config/fastdds.xml")
    if profile is None:
        return
    for variable in PROFILE_VARIABLES:
        os.environ[variable] = str(profile)
    if confined:
        os.environ[RANGE_VARIABLE] = "SYSTEM_DEFAULT"


def require_ros() -> None:
    """Check that rclpy and neurok_msgs can be imported.

    Raises:
        MissingRosError: with the commands that mend it.
    """
    if importlib.util.find_spec("rclpy") is None:
        raise MissingRosError(HOW_TO_GET_RCLPY)
    if importlib.util.find_spec("neurok_msgs") is None:
        raise MissingRosError(HOW_TO_BUILD_MESSAGES)


def prepare() -> None:
    """Do both: check that ROS is there, and choose the Fast DDS profile. Call before importing rclpy."""
    require_ros()
    use_large_shared_memory()
