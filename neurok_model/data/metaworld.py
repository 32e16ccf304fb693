"""Real articulated meshes from the ``metaworld`` wheel (MIT licence), for evaluation and demos only.

``make setup`` unpacks the wheel as an archive of assets into ``assets/metaworld``; nothing imports its
code, and nothing trains on its meshes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from neurok_model.data.kinematic_tree import ArticulatedObject
from neurok_model.data.readers.mjcf import read_mjcf
from neurok_model.errors import ErrorCode, NeurokError

FOLDER_VARIABLE = "NEUROK_METAWORLD"
"""Environment variable that names another folder with the unpacked wheel."""

METAWORLD = "metaworld_"
"""What names of these objects begin with, where they are named as families."""


@dataclass(frozen=True)
class _Scene:
    file: str
    bodies: tuple[str, ...]
    free_joint_limits: tuple[tuple[float, float], ...] = ()


_FIXED = (0.0, 0.0)
_SCENES = {
    "box": _Scene("sawyer_box", ("boxbody", "boxbodytop"), (_FIXED, _FIXED, (0.0, 0.2), _FIXED, _FIXED, _FIXED)),
    "button": _Scene("sawyer_button_press", ("box",)),
    "coffee_machine": _Scene("sawyer_coffee", ("coffee_machine",)),
    "dial": _Scene("sawyer_dial", ("dial",)),
    "door": _Scene("sawyer_door_pull", ("door",)),
    "door_lock": _Scene("sawyer_door_lock", ("door",)),
    "drawer": _Scene("sawyer_drawer", ("drawer",)),
    "faucet": _Scene("sawyer_faucet", ("faucetBase",)),
    "hammer_block": _Scene("sawyer_hammer", ("box",)),
    "handle_press": _Scene("sawyer_handle_press", ("box",)),
    "laptop": _Scene("sawyer_laptop", ("laptop",)),
    "lever": _Scene("sawyer_lever_pull", ("lever",)),
    "window": _Scene("sawyer_window_horizontal", ("window",)),
    "window_vertical": _Scene("sawyer_window", ("window",)),
}


def metaworld_names() -> list[str]:
    """Names of the objects that :func:`metaworld_object` knows, in alphabetical order."""
    return sorted(_SCENES)


def metaworld_folder() -> Path:
    """The folder with the unpacked wheel: the environment variable's, else this checkout's."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(__file__).resolve().parents[2] / "assets" / "metaworld"


def metaworld_object(name: str, folder: Path | None = None) -> ArticulatedObject:
    """Load an object's visual meshes and joints, in metres, standing on z = 0.

    State 0 is the pose of the file, which differs by object: the laptop's lid stands upright at 0 and is
    closed at 1.57 rad, the drawer is shut at 0 and open at -0.16 m.

    Args:
        name: one of :func:`metaworld_names`.
        folder: where the wheel is unpacked; :func:`metaworld_folder` by default.

    Raises:
        NeurokError: for an unknown name, or when the assets are not there.
    """
    if name not in _SCENES:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "name", name, "one of " + ", ".join(metaworld_names()))
    place = metaworld_folder() if folder is None else folder
    scene = _SCENES[name]
    path = place / "metaworld" / "assets" / "sawyer_xyz" / f"{scene.file}.xml"
    if not path.is_file():
        allowed = f"a folder with the unpacked metaworld wheel (run `make setup`, or set {FOLDER_VARIABLE})"
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "folder", str(place), allowed)
    return read_mjcf(path, scene.bodies, free_joint_limits=scene.free_joint_limits, name=METAWORLD + name)
