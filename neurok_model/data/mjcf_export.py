"""Writes articulated objects as MJCF, so that MuJoCo can move them as a reference."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from neurok_model.data.kinematic_tree import ArticulatedObject, JointType, Part


def to_mjcf(articulated: ArticulatedObject, surface_density: float = 10.0, joint_damping: float = 0.0) -> str:
    """An MJCF model with a body per part, named ``part0`` (fixed), ``part1``, ..., and joints ``joint1``, ...

    Every body's frame coincides with the world frame in the reference pose, so that a body's position and
    orientation are the part's placement. Joints that follow another are tied to it by an equality. Parts
    collide with nothing.

    Args:
        articulated: the object.
        surface_density: kilograms per square metre; masses are those of shells.
        joint_damping: damping of every joint, N·m·s/rad or N·s/m.
    """
    children: dict[int, list[Part]] = {part.index: [] for part in articulated.joints}
    for part in articulated.joints[1:]:
        children[part.parent].append(part)
    meshes = {part.index: articulated.part_surface(part.index) for part in articulated.joints}
    assets = "".join(_mesh_asset(index, *surface) for index, surface in meshes.items() if len(surface[1]))
    shown = {index for index, surface in meshes.items() if len(surface[1])}

    def body(part: Part) -> str:
        joint = _joint(articulated, part, joint_damping)
        geom = _geom(part.index, surface_density) if part.index in shown else _POINT_MASS
        inner = "".join(body(child) for child in children[part.index])
        return f'<body name="part{part.index}">{joint}{geom}{inner}</body>'

    return (
        '<mujoco><compiler angle="radian" autolimits="true"/>'
        f"<asset>{assets}</asset><worldbody>{body(articulated.joints[0])}</worldbody>"
        f"<equality>{_equalities(articulated)}</equality></mujoco>"
    )


def joint_positions(
    articulated: ArticulatedObject, states: Float[np.ndarray, "count coordinates"]
) -> Float[np.ndarray, "count joints"]:
    """Joint values, in the order of MuJoCo's ``qpos`` for :func:`to_mjcf`'s model, for each state."""
    moving = [part for part in _depth_first(articulated) if part.joint is not JointType.FIXED]
    columns = [part.ratio * np.asarray(states)[:, part.coordinate] for part in moving]
    return np.stack(columns, axis=1) if columns else np.zeros((len(states), 0))


_POINT_MASS = '<inertial pos="0 0 0" mass="0.001" diaginertia="1e-6 1e-6 1e-6"/>'


def _depth_first(articulated: ArticulatedObject) -> list[Part]:
    order: list[Part] = []

    def visit(part: Part) -> None:
        order.append(part)
        for child in articulated.joints:
            if child.parent == part.index:
                visit(child)

    visit(articulated.joints[0])
    return order


def _numbers(values: Float[np.ndarray, "..."] | Int[np.ndarray, "..."]) -> str:
    return " ".join(f"{value:.17g}" for value in np.asarray(values).ravel())


def _mesh_asset(
    index: int, vertices: Float[np.ndarray, "vertices 3"], triangles: Int[np.ndarray, "triangles 3"]
) -> str:
    corners, faces = _numbers(vertices), _numbers(triangles)
    return f'<mesh name="mesh{index}" inertia="shell" vertex="{corners}" face="{faces}"/>'


def _geom(index: int, surface_density: float) -> str:
    return (
        f'<geom type="mesh" mesh="mesh{index}" density="{surface_density:.17g}" contype="0" conaffinity="0"/>'
    )


def _joint(articulated: ArticulatedObject, part: Part, damping: float) -> str:
    if part.joint is JointType.FIXED:
        return ""
    low, high = np.sort(part.ratio * articulated.state_range[part.coordinate])
    kind = "hinge" if part.joint is JointType.HINGE else "slide"
    return (
        f'<joint name="joint{part.index}" type="{kind}" '
        f'pos="{_numbers(part.anchor)}" axis="{_numbers(part.axis)}" '
        f'range="{low:.17g} {high:.17g}" damping="{damping:.17g}"/>'
    )


def _equalities(articulated: ArticulatedObject) -> str:
    leaders: dict[int, Part] = {}
    found = []
    for part in articulated.joints:
        if part.joint is JointType.FIXED:
            continue
        leader = leaders.setdefault(part.coordinate, part)
        if leader is not part:
            ratio = part.ratio / leader.ratio
            found.append(
                f'<joint joint1="joint{part.index}" joint2="joint{leader.index}" '
                f'polycoef="0 {ratio:.17g} 0 0 0"/>'
            )
    return "".join(found)
