"""Soft solids held at one side: bars, plates, balls, tubes and plush-like bodies."""

from __future__ import annotations

import numpy as np
import trimesh
from jaxtyping import Bool, Float

from neurok_model.data.families.draw import Draw
from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.round_shapes import ellipsoid, loft
from neurok_model.data.shapes import Surface, beveled_box
from neurok_model.data.simulation.lattice import Lattice, Material, fill_cells, lattice_skin
from neurok_model.data.simulation.registry import floating_family
from neurok_model.data.simulation.scene import ControlPoints, SimulatedScene, assembled, compiled, rigid_skin
from neurok_model.data.simulation.surface_skins import sheet_triangles, tube_triangles


def held_solid(
    family: str,
    surface: Surface,
    lattice: Lattice,
    material: Material,
    held: Bool[np.ndarray, " nodes"],
    base: Surface | None = None,
    gravity: float = 9.81,
    anchored: bool = True,
) -> SimulatedScene:
    """A solid in a lattice whose ``held`` nodes never move, with an optional fixed surface beside it.

    Not anchored, it floats: nothing is held, there is no gravity and no fixed surface.
    """
    if not anchored:
        held, base, gravity = np.zeros_like(held), None, 0.0
    fill = lattice.fill(surface)
    mass = float(lattice.node_masses(fill, material.density).sum())
    model = compiled(lattice.flexcomp(material, mass, np.flatnonzero(held), "solid"), gravity=gravity)
    fill_cells(model, lattice, fill, material.density)
    control = ControlPoints()
    nodes = control.add(model.flex_nodebodyid, lattice.nodes())
    skins = [lattice_skin(lattice, surface, nodes, 1, mass)]
    if base is not None:
        skins.append(rigid_skin(control, base, 0, 0, mass))
    described = {
        "young": material.young, "poisson": material.poisson, "damping": material.damping,
        "density": material.density, "gravity": gravity, "mass": mass,
    }  # fmt: skip
    return assembled(family, ObjectKind.ELASTIC, model, control, skins, described)


def draw_material(draw: Draw, stiffness: float) -> Material:
    """A material whose modulus is ``stiffness`` (pascals per unit of density) times a drawn density."""
    density = draw.uniform(80.0, 1200.0)
    return Material(density * stiffness, draw.uniform(0.0, 0.42), draw.uniform(0.0005, 0.012), density)


def cantilever_stiffness(frequency: float, length: float, depth: float) -> float:
    """E/ρ of a clamped bar of rectangular section whose first bending mode has this frequency (hertz)."""
    return 12.0 * (2.0 * np.pi * frequency * length**2 / (3.516 * depth)) ** 2


def lump_stiffness(frequency: float, height: float) -> float:
    """E/ρ of a lump that sways on its foot in shear: a quarter wave over its height.

    Never so soft that its own weight would press it together by more than about a tenth.
    """
    return max(2.6 * (4.0 * frequency * height) ** 2, 10.0 * 9.81 * height)


def box_around(surface: Surface, cells: tuple[int, int, int], order: int) -> Lattice:
    """The lattice that just encloses a surface."""
    margin = 1e-6 * np.ptp(surface.vertices)
    return Lattice(surface.vertices.min(axis=0) - margin, surface.vertices.max(axis=0) + margin, cells, order)


def _layer(lattice: Lattice, axis: int, side: int = 0) -> Bool[np.ndarray, " nodes"]:
    """The nodes on one face of the box."""
    face = (lattice.lower, lattice.upper)[side][axis]
    return np.asarray(np.abs(lattice.nodes()[:, axis] - face) < 1e-9)


def _upright(draw: Draw, surface: Surface, lattice_axis: int) -> tuple[Surface, int]:
    """Lay a body that was made along z down along x, or leave it standing."""
    if lattice_axis == 2:
        return surface, 2
    lying = surface.transformed(np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]))
    return lying.moved((0.0, 0.0, draw.uniform(0.2, 0.5))), 0


@floating_family("soft_bar")
def soft_bar(draw: Draw, anchored: bool) -> SimulatedScene:
    """A bar, stalk or blade clamped at one end: standing, or sticking out sideways."""
    length = draw.uniform(0.15, 0.8)
    width, depth = (length * draw.uniform(0.05, 0.22) for _ in range(2))
    rings, sides = draw.integer(16, 24), 4 * draw.integer(2, 4)
    angle = 2 * np.pi * (np.arange(sides) + 0.5) / sides
    # A superellipse: round for exponent 2, nearly rectangular for large ones.
    exponent = 2.0 / draw.choice([2.0, 4.0, 10.0])
    outline = 0.5 * np.stack([np.sign(f) * np.abs(f) ** exponent for f in (np.cos(angle), np.sin(angle))], -1)
    share = np.linspace(0.0, 1.0, rings)[:, None, None]
    taper = 1.0 - draw.uniform(-0.2, 0.6) * share
    section = taper * outline * [width, depth]
    skin = loft(np.concatenate([section, np.broadcast_to(length * share, (*section.shape[:2], 1))], axis=-1))
    surface, axis = _upright(draw, skin, draw.choice([0, 2]))
    cells = (3, 1, 1) if axis == 0 else (1, 1, 3)
    lattice = box_around(surface, cells, 2)
    material = draw_material(draw, cantilever_stiffness(draw.uniform(0.8, 3.0), length, min(width, depth)))
    size = [1.6 * width, 1.6 * depth, 0.06 * length]
    block = beveled_box([0, 0, -0.5 * size[2]], size, 0.1 * size[2])
    if axis == 0:
        root = surface.vertices[surface.vertices[:, 0] < surface.vertices[:, 0].min() + 1e-6].mean(axis=0)
        block = beveled_box(root - [0.5 * size[2], 0, 0], [size[2], size[1], size[0]], 0.1 * size[2])
    shown = block if draw.chance(0.6) else None
    return held_solid("soft_bar", surface, lattice, material, _layer(lattice, axis), shown, anchored=anchored)


@floating_family("soft_plate")
def soft_plate(draw: Draw, anchored: bool) -> SimulatedScene:
    """A thick flexible plate held along one edge, or at two opposite edges: a mat, a flap, a diving board."""
    length, width = draw.uniform(0.2, 0.6), draw.uniform(0.15, 0.5)
    thickness = length * draw.uniform(0.02, 0.06)
    rows, columns = draw.integer(9, 14), draw.integer(7, 12)
    x, y = np.meshgrid(np.linspace(0, length, rows), np.linspace(-width / 2, width / 2, columns), indexing="ij")
    narrowing = 1.0 - draw.uniform(0.0, 0.5) * (x / length) ** 2
    layers = [np.stack([x, y * narrowing, np.full_like(x, z)], -1).reshape(-1, 3) for z in (thickness, 0.0)]
    height = draw.uniform(0.1, 0.4)
    surface = Surface(np.concatenate(layers), sheet_triangles(rows, columns)).moved((0.0, 0.0, height))
    lattice = box_around(surface, (2, 1, 1), 2)
    held = _layer(lattice, 0)
    span = length
    if draw.chance(0.3):
        held, span = held | _layer(lattice, 0, 1), 0.45 * length
    material = draw_material(draw, cantilever_stiffness(draw.uniform(0.9, 3.0), span, thickness))
    wall = beveled_box([-0.03, 0, height + thickness / 2], [0.06, 1.2 * width, 4 * thickness], 0.003)
    shown = wall if draw.chance(0.5) else None
    return held_solid("soft_plate", surface, lattice, material, held, shown, anchored=anchored)


@floating_family("soft_ball")
def soft_ball(draw: Draw, anchored: bool) -> SimulatedScene:
    """A ball, egg or cushion of foam or jelly that sticks to the table by its foot."""
    radii = draw.uniform(0.04, 0.2) * np.array([1.0, draw.uniform(0.7, 1.4), draw.uniform(0.4, 1.6)])
    surface = ellipsoid([0.0, 0.0, radii[2]], radii, sides=20, rings=14)
    lattice = box_around(surface, draw.choice([(2, 2, 2), (2, 2, 3), (3, 3, 2)]), 1)
    material = draw_material(draw, lump_stiffness(draw.uniform(2.0, 5.0), 2 * float(radii[2])))
    return held_solid("soft_ball", surface, lattice, material, _layer(lattice, 2), anchored=anchored)


@floating_family("soft_tube")
def soft_tube(draw: Draw, anchored: bool) -> SimulatedScene:
    """A hose or sleeve, open at both ends, clamped at its root."""
    length = draw.uniform(0.15, 0.6)
    radius = length * draw.uniform(0.06, 0.2)
    wall = radius * draw.uniform(0.15, 0.45)
    sides, rings = 14, draw.integer(10, 18)
    angle = 2 * np.pi * np.arange(sides) / sides
    heights = np.linspace(0.0, length, rings)
    profile = [(radius, z) for z in heights] + [(radius - wall, z) for z in heights[::-1]]
    vertices = np.concatenate(
        [np.stack([r * np.cos(angle), r * np.sin(angle), np.full(sides, z)], axis=-1) for r, z in profile]
    )
    skin = Surface(vertices, tube_triangles(len(profile), sides, closed=True))
    surface, axis = _upright(draw, skin, draw.choice([0, 2]))
    lattice = box_around(surface, (3, 1, 1) if axis == 0 else (1, 1, 3), 2)
    material = draw_material(draw, cantilever_stiffness(draw.uniform(0.8, 3.0), length, 1.8 * radius))
    return held_solid("soft_tube", surface, lattice, material, _layer(lattice, axis), anchored=anchored)


def _toy_surface(draw: Draw) -> Surface:
    """A star-shaped body with bulges for ears, arms and legs."""
    sphere = trimesh.creation.icosphere(subdivisions=3)
    directions = np.asarray(sphere.vertices, dtype=np.float64)
    radius = np.ones(len(directions))
    for _ in range(draw.integer(2, 4)):
        centre = draw.rng.normal(size=3)
        centre /= np.linalg.norm(centre)
        height, spread = draw.uniform(0.3, 0.9), draw.uniform(0.2, 0.45)
        for mirror in (1.0, -1.0):
            angle = np.arccos(np.clip(directions @ (centre * [1.0, mirror, 1.0]), -1, 1))
            radius += height * np.exp(-((angle / spread) ** 2))
    stretch = np.array([draw.uniform(0.6, 1.0), draw.uniform(0.6, 1.0), draw.uniform(0.9, 1.6)])
    vertices: Float[np.ndarray, "n 3"] = directions * radius[:, None] * stretch
    vertices *= draw.uniform(0.12, 0.45) / np.ptp(vertices[:, 2])
    # It stands, or hangs, by a flat face that is large enough to hold it up.
    low, high = vertices[:, 2].min(), vertices[:, 2].max()
    vertices[:, 2] = np.clip(vertices[:, 2], low + 0.1 * (high - low), high - 0.05 * (high - low))
    return Surface(vertices - [0.0, 0.0, vertices[:, 2].min()], np.asarray(sphere.faces, dtype=np.int64))


@floating_family("soft_toy")
def soft_toy(draw: Draw, anchored: bool) -> SimulatedScene:
    """A plush-like body of foam, held at its foot or hung by its head."""
    surface = _toy_surface(draw)
    lattice = box_around(surface, draw.choice([(2, 2, 3), (2, 3, 3), (3, 2, 2)]), 1)
    material = draw_material(draw, lump_stiffness(draw.uniform(1.5, 4.0), float(np.ptp(surface.vertices[:, 2]))))
    held = _layer(lattice, 2, draw.choice([0, 0, 1]))
    return held_solid("soft_toy", surface, lattice, material, held, anchored=anchored)
