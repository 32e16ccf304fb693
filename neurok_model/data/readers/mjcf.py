"""Reads articulated objects from MJCF or URDF files, compiled by MuJoCo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np
from jaxtyping import Float

from neurok_model.data.kinematic_tree import ArticulatedObject, KinematicTree, Part
from neurok_model.data.round_shapes import cylinder, ellipsoid, lathe
from neurok_model.data.shapes import Surface, box
from neurok_model.errors import ErrorCode, NeurokError

VISUAL_GROUPS = (0, 1, 2)
"""Geometry groups that MuJoCo's viewer shows by default; collision shapes are by custom in 3 and above."""

FreeJointLimits = Sequence[tuple[float, float]]


def read_mjcf(
    path: str | Path,
    bodies: Sequence[str] = (),
    *,
    groups: Sequence[int] = VISUAL_GROUPS,
    free_joint_limits: FreeJointLimits = (),
    name: str | None = None,
) -> ArticulatedObject:
    """Read the surfaces, hinges and slides of some bodies of a model.

    Surfaces are the geoms of the given groups (all geoms where these groups hold none). Joint equalities
    without an offset become couplings. The object stands on z = 0, centred on its bounding box in x and y.

    Args:
        path: an MJCF or URDF file that MuJoCo can compile.
        bodies: names of the bodies to take, each with everything attached to it; all bodies when empty.
        groups: geom groups to show.
        free_joint_limits: what to make of a free joint: when empty, the body is fixed; else six limits, for
            x, y, z in metres and the turns about x, y, z in radians. Equal limits leave a motion out.
        name: the object's family name; the file's stem by default.

    Raises:
        NeurokError: when the file cannot be compiled, a body is missing, a joint is a ball joint, or
            the bodies have no surface.
    """
    model = _compiled(Path(path))
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    roots = [_body_index(model, body) for body in bodies] or [
        index for index in range(1, model.nbody) if model.body_parentid[index] == 0
    ]
    tree = KinematicTree()
    part_of_body: dict[int, Part] = {0: tree.base}
    leaders = _couplings(model)
    part_of_joint: dict[int, Part] = {}
    for index in _with_descendants(model, roots):
        parent = part_of_body.get(int(model.body_parentid[index]), tree.base)
        part = parent
        for joint in _joints(model, index):
            part = _append_joint(model, data, tree, part, joint, leaders, part_of_joint, free_joint_limits)
        part_of_body[index] = part
    _add_surfaces(model, data, part_of_body, groups)
    surfaces = [surface for part in tree.parts for surface in part.surfaces]
    if not surfaces:
        raise NeurokError(ErrorCode.INVALID_MESH, "path", str(path), "a model whose bodies have surfaces")
    everything = np.concatenate([surface.vertices for surface in surfaces])
    low, high = everything.min(axis=0), everything.max(axis=0)
    tree.transform(np.eye(3), [-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]])
    return ArticulatedObject(name or Path(path).stem, tree.parts, tree.limits)


def _compiled(path: Path) -> mujoco.MjModel:
    if not path.is_file():
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "path", str(path), "an existing MJCF or URDF file")
    try:
        return mujoco.MjModel.from_xml_path(str(path))
    except ValueError as error:
        raise NeurokError(
            ErrorCode.INVALID_PARAMETER, "path", f"{path} ({error})", "a model that MuJoCo compiles"
        ) from error


def _body_index(model: mujoco.MjModel, name: str) -> int:
    index = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, name)
    if index < 0:
        known = sorted({model.body(i).name for i in range(1, model.nbody)} - {""})
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "bodies", name, "one of " + ", ".join(known))
    return index


def _with_descendants(model: mujoco.MjModel, roots: Sequence[int]) -> list[int]:
    chosen: list[int] = []
    # MuJoCo numbers parents before their children.
    for index in range(1, model.nbody):
        if index in roots or int(model.body_parentid[index]) in chosen:
            chosen.append(index)
    return chosen


def _joints(model: mujoco.MjModel, body: int) -> range:
    first = int(model.body_jntadr[body])
    return range(first, first + int(model.body_jntnum[body]))


def _couplings(model: mujoco.MjModel) -> dict[int, tuple[int, float]]:
    """Joints that follow another joint in proportion: follower -> (leader, ratio)."""
    found = {}
    for index in range(model.neq):
        coefficients = model.eq_data[index, :5]
        is_joint = model.eq_type[index] == mujoco.mjtEq.mjEQ_JOINT and model.eq_obj2id[index] >= 0
        if is_joint and not coefficients[[0, 2, 3, 4]].any():
            found[int(model.eq_obj1id[index])] = (int(model.eq_obj2id[index]), float(coefficients[1]))
    return found


def _append_joint(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    tree: KinematicTree,
    parent: Part,
    joint: int,
    leaders: dict[int, tuple[int, float]],
    part_of_joint: dict[int, Part],
    free_joint_limits: FreeJointLimits,
) -> Part:
    kind = model.jnt_type[joint]
    if kind == mujoco.mjtJoint.mjJNT_FREE:
        return _free_joint(tree, parent, data.xpos[model.jnt_bodyid[joint]].copy(), free_joint_limits)
    if kind == mujoco.mjtJoint.mjJNT_BALL:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "joint", model.joint(joint).name, "hinge, slide or free joints")
    anchor, axis = data.xanchor[joint].copy(), data.xaxis[joint].copy()
    hinge = kind == mujoco.mjtJoint.mjJNT_HINGE
    leader, ratio = leaders.get(joint, (-1, 0.0))
    if leader in part_of_joint:
        leading = part_of_joint[leader]
        if hinge:
            return tree.hinge_following(leading, parent, anchor, axis, ratio)
        return tree.slide_following(leading, parent, axis, ratio)
    # Joint values are measured from the pose in which the model was compiled.
    reference = float(model.qpos0[model.jnt_qposadr[joint]])
    limits = (float(model.jnt_range[joint, 0]) - reference, float(model.jnt_range[joint, 1]) - reference)
    if not model.jnt_limited[joint]:
        limits = (-np.pi, np.pi) if hinge else (-0.5 * float(model.stat.extent), 0.5 * float(model.stat.extent))
    part = tree.hinge(parent, anchor, axis, limits) if hinge else tree.slide(parent, axis, limits)
    part_of_joint[joint] = part
    return part


def _free_joint(tree: KinematicTree, parent: Part, origin: Float[np.ndarray, " 3"], limits: FreeJointLimits) -> Part:
    part = parent
    for index, (lower, upper) in enumerate(limits):
        axis = np.eye(3)[index % 3]
        if upper > lower and index < 3:
            part = tree.slide(part, axis, (lower, upper))
        elif upper > lower:
            part = tree.hinge(part, origin, axis, (lower, upper))
    return part


def _add_surfaces(
    model: mujoco.MjModel, data: mujoco.MjData, part_of_body: dict[int, Part], groups: Sequence[int]
) -> None:
    geoms = [i for i in range(model.ngeom) if int(model.geom_bodyid[i]) in part_of_body and model.geom_bodyid[i] > 0]
    shown = [i for i in geoms if int(model.geom_group[i]) in groups]
    for geom in shown or geoms:
        surface = _geom_surface(model, geom)
        if surface is not None:
            rotation = data.geom_xmat[geom].reshape(3, 3)
            part_of_body[int(model.geom_bodyid[geom])].add(surface.transformed(rotation, data.geom_xpos[geom]))


def _geom_surface(model: mujoco.MjModel, geom: int) -> Surface | None:
    """The surface of a geom in its own frame; None for planes and other shapes without a finite surface."""
    kinds = mujoco.mjtGeom
    kind, size = model.geom_type[geom], model.geom_size[geom]
    up = np.array([0.0, 0.0, size[1]])
    if kind == kinds.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        start, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        first, faces = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
        vertices = model.mesh_vert[start : start + count].astype(np.float64)
        return Surface(vertices, model.mesh_face[first : first + faces].astype(np.int64))
    if kind == kinds.mjGEOM_BOX:
        return box(np.zeros(3), 2 * size)
    if kind == kinds.mjGEOM_SPHERE:
        return ellipsoid(np.zeros(3), np.full(3, size[0]))
    if kind == kinds.mjGEOM_ELLIPSOID:
        return ellipsoid(np.zeros(3), size)
    if kind == kinds.mjGEOM_CYLINDER:
        return cylinder(-up, up, float(size[0]), 16)
    if kind == kinds.mjGEOM_CAPSULE:
        angle = np.linspace(-np.pi / 2, np.pi / 2, 8)
        radius, height = (
            size[0] * np.cos(angle),
            size[0] * np.sin(angle) + np.where(angle > 0, size[1], -size[1]),
        )
        return lathe(list(zip(radius.tolist(), height.tolist(), strict=True)), sides=12)
    return None
