"""Makes the tree's own ROS packages known to every Python of its virtual environment.

``make setup`` copies this module into ``.venv`` with a ``.pth`` line that imports it at start-up, so
that ``.venv/bin/python -m neurok_ros.predictor`` works from anywhere without sourcing a file first.

The ROS 2 wheels start Python a second time with ``LD_LIBRARY_PATH`` set (``ros_wheels_bootstrapper``).
This module runs just before (``.pth`` files are read in alphabetical order) and adds what the wheels
cannot know: the libraries, Python modules and ament index of the packages that colcon built here.
"""

from __future__ import annotations

import os
import sys

_BOOTSTRAPPED = "_ROS_WHEELS_BOOTSTRAP_COMPLETE"


def _prepend(variable: str, *directories: str) -> bool:
    """Put directories first in a search path variable; tell whether any of them was missing from it."""
    present = [entry for entry in os.environ.get(variable, "").split(os.pathsep) if entry]
    missing = [directory for directory in directories if directory not in present]
    rest = [entry for entry in present if entry not in directories]
    os.environ[variable] = os.pathsep.join([*directories, *rest])
    return bool(missing)


def _activate() -> None:
    environment = sys.prefix
    tree = os.path.dirname(environment)
    installed = os.path.join(tree, "install")
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"

    # The tree's sources come before the copies that colcon installed.
    for directory in (tree, os.path.join(installed, "lib", python, "site-packages")):
        if directory not in sys.path:
            sys.path.append(directory)

    _prepend("AMENT_PREFIX_PATH", installed, environment)
    libraries = os.path.join(installed, "lib"), os.path.join(environment, "lib")
    if _prepend("LD_LIBRARY_PATH", *libraries):
        # The dynamic linker reads the variable when a process starts: have the wheels start it again,
        # also when another environment's Python, already started again, is the parent.
        os.environ.pop(_BOOTSTRAPPED, None)


_activate()
