"""Starts the lifecycle node `predictor` with a parameter file.

Usage::

    ros2 launch neurok_ros predictor.launch.py
    ros2 launch neurok_ros predictor.launch.py namespace:=arm_1 parameters:=/path/to/mine.yaml log_level:=debug
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Return the node with its arguments; it configures and activates itself (parameter ``autostart``).

    The node itself chooses the shipped Fast DDS profile, unless the environment names one.
    """
    config = Path(get_package_share_directory("neurok_ros")) / "config"
    return LaunchDescription(
        [
            DeclareLaunchArgument("namespace", default_value="neurok", description="Namespace of the node."),
            DeclareLaunchArgument(
                "parameters",
                default_value=str(config / "predictor.yaml"),
                description="Parameter file; see the shipped one for all parameters.",
            ),
            DeclareLaunchArgument("log_level", default_value="info", description="debug, info, warn or error."),
            LifecycleNode(
                package="neurok_ros",
                executable="predictor",
                name="predictor",
                namespace=LaunchConfiguration("namespace"),
                parameters=[LaunchConfiguration("parameters")],
                arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
                output="screen",
                emulate_tty=True,
            ),
        ]
    )
