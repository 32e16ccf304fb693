"""Cloth as a two-dimensional flex that stretches and bends: hanging by points or an edge, or draped."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from neurok_model.data.families.draw import Draw
from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.round_shapes import cylinder, ellipsoid
from neurok_model.data.shapes import Surface, beveled_box, merged
from neurok_model.data.simulation.registry import simulated_family
from neurok_model.data.simulation.scene import ControlPoints, SimulatedScene, assembled, compiled, rigid_skin
from neurok_model.data.simulation.surface_skins import SheetSkin, grid_triangles

CLOTH_RADIUS = 0.006
"""Metres that a sheet keeps from itself and from what it lies on: vertices are a few centimetres apart, and the
less the sheet keeps, the more often it passes through itself."""


def cloth_scene(
    draw: Draw,
    family: str,
    grid: Float[np.ndarray, "r k 3"],
    pinned: Int[np.ndarray, " p"],
    base: Surface | None,
    support: str = "",
) -> SimulatedScene:
    """A sheet with a drawn material.

    Args:
        draw: where the material is drawn from.
        family: name.
        grid: initial vertex positions, metres.
        pinned: flat grid indices of the vertices that never move.
        base: a surface that never moves, beside the sheet.
        support: MJCF geoms that the sheet touches.
    """
    rows, columns = grid.shape[:2]
    thickness, density = draw.uniform(0.0006, 0.003), draw.uniform(150.0, 700.0)
    young, damping = 10 ** draw.uniform(4.3, 6.0), draw.uniform(0.002, 0.02)
    triangles = grid_triangles(rows, columns)
    corners = grid.reshape(-1, 3)[triangles]
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    mass = 0.5 * float(np.linalg.norm(doubled, axis=1).sum()) * thickness * density
    pins = f'<pin id="{" ".join(str(i) for i in pinned)}"/>' if len(pinned) else ""
    flex = (
        f'<flexcomp name="cloth" type="direct" dim="2" radius="{CLOTH_RADIUS + thickness:.12g}" mass="{mass:.12g}" '
        f'point="{" ".join(f"{x:.9g}" for x in grid.ravel())}" '
        f'element="{" ".join(str(i) for i in triangles.ravel())}">'
        f'<elasticity young="{young:.12g}" poisson="0.2" thickness="{thickness:.12g}" damping="{damping:.12g}" '
        f'elastic2d="both"/><contact selfcollide="auto" contype="1" conaffinity="1" solref="0.009 1" friction="0.6"/>'
        f"{pins}</flexcomp>"
    )
    model = compiled(support + flex, solver="CG")
    control = ControlPoints()
    numbers = control.add(model.flex_vertbodyid, grid.reshape(-1, 3))
    # Shown thicker than it is: a scan of a sheet resolves millimetres.
    skins = [SheetSkin(numbers.reshape(rows, columns), max(thickness, 0.004), 1, mass)]
    both = skins if base is None else [*skins, rigid_skin(control, base, 0, 0, mass)]
    described = {"young": young, "poisson": 0.2, "damping": damping, "density": density,
                 "thickness": thickness, "gravity": 9.81, "mass": mass}  # fmt: skip
    return assembled(family, ObjectKind.CLOTH, model, control, both, described)


@simulated_family("hanging_cloth")
def hanging_cloth(draw: Draw) -> SimulatedScene:
    """A towel, flag or curtain that hangs by its corners, by some points, or by its whole upper edge."""
    width, height = draw.uniform(0.25, 0.9), draw.uniform(0.25, 0.9)
    rows, columns = draw.integer(8, 11), draw.integer(8, 11)
    u, v = np.meshgrid(np.linspace(0, 1, rows), np.linspace(-0.5, 0.5, columns), indexing="ij")
    gathered = draw.uniform(0.75, 1.0)
    folds = draw.uniform(0.0, 0.04) * np.sin(2 * np.pi * draw.integer(1, 3) * (v + draw.uniform(0, 1)))
    grid = np.stack([folds * width, v * width * gathered, (1.02 - u) * height], axis=-1)
    style = draw.choice(["corners", "edge", "points", "one corner", "side"])
    top = np.arange(columns)
    pinned = {
        "corners": top[[0, -1]],
        "edge": top,
        "points": top[:: draw.integer(2, 4)],
        "one corner": top[:1],
        "side": np.arange(rows) * columns,
    }[style]
    rod = None
    if style in ("edge", "points", "corners") and draw.chance(0.6):
        ends = [[0.0, sign * 0.55 * width, 1.04 * height + 0.008] for sign in (-1, 1)]
        rod = cylinder(ends[0], ends[1], draw.uniform(0.006, 0.015))
    if style == "side" and draw.chance(0.6):
        y = -0.5 * width * gathered - 0.012
        rod = cylinder([0.0, y, 0.0], [0.0, y, 1.1 * height], 0.01)
    return cloth_scene(draw, "hanging_cloth", grid, pinned, rod)


@simulated_family("draped_cloth")
def draped_cloth(draw: Draw) -> SimulatedScene:
    """A cloth over a ball, a block or a rail, held where it first touches."""
    side = draw.uniform(0.3, 0.7)
    rows = 2 * draw.integer(4, 5) + 1
    u, v = np.meshgrid(np.linspace(-0.5, 0.5, rows), np.linspace(-0.5, 0.5, rows), indexing="ij")
    top, size = 0.6 * side, draw.uniform(0.12, 0.28) * side
    gap = 0.006
    # The sheet touches with its vertices and cuts corners between them: what is shown lies that much further in.
    inset = 0.3 * side / (rows - 1)
    grid = np.stack([u * side, v * side * draw.uniform(0.7, 1.0), np.full_like(u, top)], axis=-1)
    style = draw.choice(["ball", "block", "rail"])
    if style == "ball":
        centre = np.array([0.0, 0.0, top - size - gap])
        base = ellipsoid(centre, np.full(3, size), 16, 12)
        geom = f'<geom type="sphere" size="{size}" pos="0 0 {centre[2]}"/>'
    elif style == "block":
        low = top - gap - draw.uniform(0.15, 0.5) * side
        extent = np.array([2 * size, draw.uniform(1.2, 2.4) * size, top - gap - low])
        base = beveled_box([0, 0, low + extent[2] / 2], extent - 2 * min(inset, 0.2 * float(extent.min())), 0.003)
        half = " ".join(str(x) for x in extent / 2)
        geom = f'<geom type="box" size="{half}" pos="0 0 {low + extent[2] / 2}"/>'
    else:
        # Thinner ones would slip through between two rows of vertices.
        radius = max(0.3 * size, 0.6 * side / (rows - 1))
        ends = np.array([[0.0, sign * 0.6 * side, top - radius - gap] for sign in (-1, 1)])
        base = merged([cylinder(ends[0], ends[1], max(radius - inset, 0.4 * radius), 14)])
        geom = f'<geom type="capsule" size="{radius}" fromto="{" ".join(str(x) for x in ends.ravel())}"/>'
    middle = rows // 2
    held = np.arange(rows) + middle * rows if style == "rail" else np.array([middle * rows + middle])
    return cloth_scene(draw, "draped_cloth", grid, held, base, geom)
