"""Writes articulated objects as MJCF, so that MuJoCo can move them as a reference."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from neurok_model.data.kinematic_tree import ArticulatedObject, JointType, Part


def to_mjcf(
    articulated: ArticulatedObject,
    surface_density: float = 10.0,
    joint_damping: float = 0.0,
    *,
    solid_part: int | None = None,
    solid_density: float = 500.0,
    free_base: bool = False,
) -> str:
    """An MJCF model with a body per part, named ``part0`` (fixed), ``part1``, ..., and joints ``joint1``, ...

    Every body's frame coincides with the world frame in the reference pose, so that a body's position and
    orientation are the part's placement. Joints that follow another are tied to it by an equality. Parts
    collide with nothing.

    Args:
        articulated: the object.
        surface_density: kilograms per square metre; masses are those of shells.
        joint_damping: damping of every joint, N·m·s/rad or N·s/m.
        solid_part: a part that is filled instead of hollow.
        solid_density: kilograms per cubic metre of that part.
        free_base: let the base float instead of fixing it to the world.
    """
    children: dict[int, list[Part]] = {part.index: [] for part in articulated.joints}
    for part in articulated.joints[1:]:
        children[part.parent].append(part)
    meshes = {part.index: articulated.part_surface(part.index) for part in articulated.joints}
    shown = {index: surface for index, surface in meshes.items() if len(surface[1])}
    assets = "".join(_mesh_asset(index, *surface, solid=index == solid_part) for index, surface in shown.items())

    def body(part: Part) -> str:
        joint = _joint(articulated, part, joint_damping)
        density = solid_density if part.index == solid_part else surface_density
        geom = _geom(part.index, density) if part.index in shown else _POINT_MASS
        joint = "<freejoint/>" if free_base and part.index == 0 else joint
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


def states_of_positions(
    articulated: ArticulatedObject, positions: Float[np.ndarray, "count joints"]
) -> Float[np.ndarray, "count coordinates"]:
    """The inverse of :func:`joint_positions`; of joints that follow each other, the leading one counts."""
    order = [part.index for part in _depth_first(articulated) if part.joint is not JointType.FIXED]
    states = np.zeros((len(positions), articulated.degrees_of_freedom))
    # Backwards, so that the first part of a coordinate, which is the one that leads, has the last word.
    for part in reversed([part for part in articulated.joints if part.joint is not JointType.FIXED]):
        states[:, part.coordinate] = positions[:, order.index(part.index)] / part.ratio
    return states


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
    index: int,
    vertices: Float[np.ndarray, "vertices 3"],
    triangles: Int[np.ndarray, "triangles 3"],
    solid: bool,
) -> str:
    corners, faces = _numbers(vertices), _numbers(triangles)
    inertia = "exact" if solid else "shell"
    return f'<mesh name="mesh{index}" inertia="{inertia}" vertex="{corners}" face="{faces}"/>'


def _geom(index: int, density: float) -> str:
    return f'<geom type="mesh" mesh="mesh{index}" density="{density:.17g}" contype="0" conaffinity="0"/>'


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
                f'<joint joint1="joint{part.index}" joint2="joint{leader.index}" polycoef="0 {ratio:.17g} 0 0 0"/>'
            )
    return "".join(found)
