"""Reads articulated objects from URDF files and from folders as PartNet-Mobility lays them out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
import yourdfpy
from jaxtyping import Float

from neurok_model.data.kinematic_tree import ArticulatedObject, KinematicTree, Part
from neurok_model.data.round_shapes import cylinder, ellipsoid
from neurok_model.data.shapes import Surface, box
from neurok_model.errors import ErrorCode, NeurokError

Pose = Float[np.ndarray, "4 4"]


def read_urdf(path: str | Path, *, scale: float = 1.0, name: str | None = None) -> ArticulatedObject:
    """Read the visual meshes, hinges and slides of a URDF.

    Joints that mimic others become couplings. A hinge without limits, or with more than a full turn, may
    turn by half a turn either way; a slide without limits may travel half the object's longest side either
    way. State 0 is the file's zero pose. The object stands on z = 0, centred on its bounding box.

    Args:
        path: a URDF file, or a folder with ``mobility.urdf`` or exactly one URDF file.
        scale: metres per unit of the file; PartNet-Mobility's objects are about two units large.
        name: the object's family name; the folder's name by default.

    Raises:
        NeurokError: when there is no such file, it cannot be parsed, its links do not form a tree, a joint is
            neither hinge, slide nor fixed, a mesh file is missing or unreadable, or no link has a surface.
    """
    file = _file(Path(path))
    reader = _Reader(file, _parsed(file), scale)
    reader.visit_links()
    tree = reader.tree
    surfaces = [surface for part in tree.parts for surface in part.surfaces]
    if not surfaces:
        raise NeurokError(ErrorCode.INVALID_MESH, "path", str(file), "a URDF with visual or collision meshes")
    everything = np.concatenate([surface.vertices for surface in surfaces])
    low, high = everything.min(axis=0), everything.max(axis=0)
    tree.transform(np.eye(3), [-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]])
    reach = 0.5 * float((high - low).max())
    limits = [(-reach, reach) if limit is None else limit for limit in reader.limits]
    return ArticulatedObject(name or file.parent.name, tree.parts, limits)


def _file(path: Path) -> Path:
    if path.is_file():
        return path
    named = path / "mobility.urdf"
    found = [named] if named.is_file() else sorted(path.glob("*.urdf"))
    if len(found) != 1:
        value = f"{path} with {len(found)} URDF files"
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "path", value, "a URDF file, or a folder with exactly one")
    return found[0]


def _parsed(file: Path) -> Any:
    try:
        return yourdfpy.URDF.load(str(file), load_meshes=False, build_scene_graph=False).robot
    except Exception as error:  # the parser lets whatever its XML library raises pass through
        reason = f"{file} ({type(error).__name__}: {error})"
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "path", reason, "a well-formed URDF file") from error


@dataclass
class _Reader:
    """Walks along a robot's links, from the root outwards."""

    file: Path
    robot: Any
    scale: float

    def __post_init__(self) -> None:
        self.tree = KinematicTree()
        # None: a slide whose limits depend on the object's size, known only in the end.
        self.limits: list[tuple[float, float] | None] = []
        self._parts: dict[str, Part] = {}

    def visit_links(self) -> None:
        """Add every link's surfaces to the part that it moves with."""
        children: dict[str, list[Any]] = {}
        for joint in self.robot.joints:
            children.setdefault(joint.parent, []).append(joint)
        inner = {joint.child for joint in self.robot.joints}
        links = {link.name: link for link in self.robot.links}
        roots = [name for name in links if name not in inner]
        if len(roots) != 1:
            value = f"{self.file} with {len(roots)} root links"
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "path", value, "links that form one tree")
        waiting: list[tuple[str, Part, Pose]] = [(roots[0], self.tree.base, np.eye(4))]
        postponed: list[tuple[Any, Part, Pose]] = []
        while waiting or postponed:
            if not waiting:
                waiting = self._followers(postponed)
            name, part, pose = waiting.pop(0)
            if name not in links:
                raise NeurokError(ErrorCode.INVALID_PARAMETER, "joint.child", name, "a link of the file")
            self._add_surfaces(links[name], part, pose)
            for joint in children.get(name, []):
                leader = joint.mimic.joint if joint.mimic is not None else None
                if leader is not None and leader not in self._parts:
                    postponed.append((joint, part, pose))
                else:
                    waiting.append(self._joined(joint, part, pose))

    def _followers(self, postponed: list[tuple[Any, Part, Pose]]) -> list[tuple[str, Part, Pose]]:
        """Joints whose leader has been read by now."""
        ready = [entry for entry in postponed if entry[0].mimic.joint in self._parts]
        if not ready:
            name = postponed[0][0].mimic.joint
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "mimic", name, "a movable joint of the file")
        postponed[:] = [entry for entry in postponed if entry not in ready]
        return [self._joined(*entry) for entry in ready]

    def _joined(self, joint: Any, parent: Part, pose: Pose) -> tuple[str, Part, Pose]:
        """The child's part and its pose in the file's zero pose."""
        pose = pose @ self._scaled(joint.origin)
        if joint.type == "fixed":
            return joint.child, parent, pose
        if joint.type not in ("revolute", "continuous", "prismatic"):
            allowed = "revolute, continuous, prismatic and fixed joints"
            raise NeurokError(ErrorCode.INVALID_PARAMETER, f"joint {joint.name}", joint.type, allowed)
        direction = np.array([1.0, 0.0, 0.0]) if joint.axis is None else np.asarray(joint.axis, dtype=np.float64)
        length = float(np.linalg.norm(direction))
        if length == 0.0:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, f"joint {joint.name}.axis", direction, "a direction")
        axis, anchor = pose[:3, :3] @ direction / length, pose[:3, 3]
        hinge = joint.type != "prismatic"
        if joint.mimic is not None:
            return joint.child, self._following(joint, parent, axis, anchor, hinge), pose
        limit = self._limit(joint, hinge)
        if limit is not None and limit[0] >= limit[1]:
            part = self.tree.locked(parent)
        else:
            shown = limit or (-1.0, 1.0)
            part = self.tree.hinge(parent, anchor, axis, shown) if hinge else self.tree.slide(parent, axis, shown)
            self.limits.append(limit)
            self._parts[joint.name] = part
        return joint.child, part, pose

    def _following(
        self, joint: Any, parent: Part, axis: Float[np.ndarray, " 3"], anchor: Float[np.ndarray, " 3"], hinge: bool
    ) -> Part:
        if joint.mimic.offset:
            allowed = "no offset: zero is where the file's pose is"
            raise NeurokError(ErrorCode.INVALID_PARAMETER, f"joint {joint.name}.mimic", joint.mimic.offset, allowed)
        ratio = 1.0 if joint.mimic.multiplier is None else float(joint.mimic.multiplier)
        leader = self._parts[joint.mimic.joint]
        if hinge:
            part = self.tree.hinge_following(leader, parent, anchor, axis, ratio * leader.ratio)
        else:
            part = self.tree.slide_following(leader, parent, axis, ratio * leader.ratio)
        self._parts[joint.name] = part
        part.ratio = ratio * leader.ratio
        return part

    def _limit(self, joint: Any, hinge: bool) -> tuple[float, float] | None:
        """Lower and upper limit; None for a slide without limits."""
        given = joint.limit
        values = [] if given is None else [v for v in (given.lower, given.upper) if v is not None and np.isfinite(v)]
        if joint.type == "continuous" or len(values) < 2:
            return (-np.pi, np.pi) if hinge else None
        lower, upper = sorted(float(value) for value in values)
        if hinge:
            return (-np.pi, np.pi) if upper - lower > 2 * np.pi + 1e-6 else (lower, upper)
        return lower * self.scale, upper * self.scale

    def _add_surfaces(self, link: Any, part: Part, pose: Pose) -> None:
        for item in list(link.visuals) or list(link.collisions):
            surface = self._surface(item.geometry)
            if surface is not None and len(surface.triangles):
                placed = pose @ self._scaled(item.origin)
                part.add(surface.transformed(placed[:3, :3], placed[:3, 3]))

    def _scaled(self, origin: Pose | None) -> Pose:
        pose = np.eye(4) if origin is None else np.array(origin, dtype=np.float64)
        pose[:3, 3] *= self.scale
        return pose

    def _surface(self, geometry: Any) -> Surface | None:
        zero = np.zeros(3)
        if geometry is None:
            return None
        if geometry.mesh is not None:
            return self._mesh(geometry.mesh)
        if geometry.box is not None:
            return box(zero, np.asarray(geometry.box.size, dtype=np.float64) * self.scale)
        if geometry.sphere is not None:
            return ellipsoid(zero, np.full(3, float(geometry.sphere.radius) * self.scale))
        if geometry.cylinder is not None:
            half = np.array([0.0, 0.0, 0.5 * float(geometry.cylinder.length) * self.scale])
            return cylinder(-half, half, float(geometry.cylinder.radius) * self.scale, 16)
        return None

    def _mesh(self, mesh: Any) -> Surface:
        text = str(mesh.filename)
        relative = text.split("://", 1)[1].split("/", 1)[-1] if text.startswith("package://") else text
        file = self.file.parent / relative.removeprefix("file://")
        if not file.is_file():
            raise NeurokError(ErrorCode.INVALID_MESH, "mesh", str(file), f"mesh files that {self.file.name} names")
        try:
            loaded = trimesh.load(file, force="mesh", process=False, skip_materials=True)
            vertices = np.asarray(loaded.vertices, dtype=np.float64).reshape(-1, 3)
            triangles = np.asarray(loaded.faces, dtype=np.int64).reshape(-1, 3)
        except Exception as error:  # every mesh format's parser raises its own kinds
            reason = f"{file} ({type(error).__name__}: {error})"
            raise NeurokError(ErrorCode.INVALID_MESH, "mesh", reason, "a readable mesh file") from error
        stretch = np.ones(3) if mesh.scale is None else np.broadcast_to(mesh.scale, 3).astype(np.float64)
        turned = triangles[:, ::-1] if np.prod(stretch) < 0 else triangles
        return Surface(vertices * stretch * self.scale, turned)
