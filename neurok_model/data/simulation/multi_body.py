"""Rigid and soft pieces joined by strings, hinges and springs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neurok_model.data.families.draw import Draw
from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.round_shapes import cylinder, ellipsoid
from neurok_model.data.shapes import Surface, beveled_box, merged
from neurok_model.data.simulation.elastic import box_around, cantilever_stiffness
from neurok_model.data.simulation.lattice import Material, fill_cells, lattice_skin
from neurok_model.data.simulation.registry import simulated_family
from neurok_model.data.simulation.scene import ControlPoints, SimulatedScene, assembled, compiled, rigid_skin
from neurok_model.data.simulation.surface_skins import Skin, sheet_triangles


def _solid(surface: Surface, mass: float) -> str:
    """A box-shaped inertia as large as the surface's bounding box, as a geom that touches nothing."""
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    half, middle = 0.5 * (high - low), 0.5 * (high + low)
    return (
        f'<geom type="box" mass="{mass:.12g}" contype="0" conaffinity="0" '
        f'size="{half[0]:.9g} {half[1]:.9g} {half[2]:.9g}" '
        f'pos="{middle[0]:.9g} {middle[1]:.9g} {middle[2]:.9g}"/>'
    )


@simulated_family("bead_string")
def bead_string(draw: Draw) -> SimulatedScene:
    """Beads on a string that hangs by one end: a necklace, a pull chain, a mobile's strand."""
    count, radius = draw.integer(3, 9), draw.uniform(0.01, 0.05)
    gap = radius * draw.uniform(0.3, 2.0)
    pitch = 2 * radius + gap
    top = count * pitch + 0.05
    density, damping = draw.uniform(300.0, 2500.0), draw.uniform(0.002, 0.05)
    control, surfaces, masses, opened = ControlPoints(), [], [], ""
    for index in range(count):
        centre = np.array([0.0, 0.0, top - (index + 1) * pitch + radius])
        stretch = radius * np.array([draw.uniform(0.5, 1.2), draw.uniform(0.5, 1.2), 1.0])
        round_bead = draw.chance(0.7)
        bead = ellipsoid(centre, stretch, 10, 8)
        if not round_bead:
            bead = beveled_box(centre, 1.6 * stretch, 0.2 * radius)
        string = cylinder(centre, centre + [0, 0, radius + gap], 0.08 * radius, 6)
        surfaces.append(merged([bead, string]))
        masses.append(density * 4.0 / 3.0 * np.pi * float(np.prod(stretch)))
        anchor = centre[2] + radius + gap
        # Damping against the time scale of each bead's own pendulum, so that light ones are not frozen.
        resistance = damping * masses[-1] * np.sqrt(9.81) * pitch**1.5
        opened += (
            f'<body><joint type="ball" pos="0 0 {anchor:.9g}" damping="{resistance:.9g}"/>'
            f"{_solid(surfaces[-1], masses[-1])}"
        )
    # Small beads spin fast: four times the usual steps.
    model = compiled(opened + "</body>" * count, step=1 / 960)
    hook = beveled_box([0, 0, top + 0.5 * radius], [radius, radius, radius], 0.1 * radius)
    skins = [rigid_skin(control, surface, i + 1, i + 1, masses[i]) for i, surface in enumerate(surfaces)]
    skins.append(rigid_skin(control, hook, 0, 0, masses[0]))
    described = {"density": density, "damping": damping, "beads": float(count), "gravity": 9.81, "mass": sum(masses)}
    return assembled("bead_string", ObjectKind.MULTI_BODY, model, control, skins, described)


@simulated_family("spring_stack")
def spring_stack(draw: Draw) -> SimulatedScene:
    """Blocks stacked on springs that sway, twist and bounce: a wobbling tower, a spring toy."""
    count, width = draw.integer(2, 5), draw.uniform(0.05, 0.2)
    density, frequency = draw.uniform(200.0, 1500.0), draw.uniform(2.5, 6.0)
    ratio = draw.uniform(0.02, 0.12)
    base = beveled_box([0, 0, 0.01], [1.3 * width, 1.3 * width, 0.02], 0.002)
    height, opened, surfaces, masses = 0.02, "", [], []
    drawn = []
    for _ in range(count):
        extent = width * np.array([draw.uniform(0.5, 1.1), draw.uniform(0.5, 1.1), draw.uniform(0.25, 0.8)])
        drawn.append((extent, width * draw.uniform(0.1, 0.4)))
    total = density * sum(float(np.prod(extent)) for extent, _ in drawn)
    tall = sum(extent[2] + gap for extent, gap in drawn)
    for extent, gap in drawn:
        centre = np.array([0.0, 0.0, height + gap + extent[2] / 2])
        block = beveled_box(centre, extent, 0.05 * width) if draw.chance(0.7) else ellipsoid(centre, extent / 2, 14, 9)
        coil = cylinder([0, 0, height - 0.35 * gap], [0, 0, height + gap + 0.1 * extent[2]], 0.12 * width, 10)
        surfaces.append(merged([block, coil]))
        masses.append(density * float(np.prod(extent)))
        above = max(total - sum(masses[:-1]), masses[-1])
        rate = (2 * np.pi * frequency) ** 2
        # The bending spring must hold up what stands on it: stiffer than gravity's overturning moment.
        turn = above * (rate * extent[2] ** 2 / 3 + 2.0 * 9.81 * tall)
        opened += (
            f'<body><joint type="slide" axis="0 0 1" range="{-0.7 * gap:.9g} {0.35 * gap:.9g}" '
            f'stiffness="{above * rate:.9g}" damping="{2 * ratio * above * np.sqrt(rate):.9g}"/>'
            f'<joint type="ball" pos="0 0 {height:.9g}" stiffness="{turn:.9g}" '
            f'damping="{2 * ratio * turn / np.sqrt(rate):.9g}"/>{_solid(block, masses[-1])}'
        )
        height += gap + extent[2]
    model = compiled(opened + "</body>" * count)
    control = ControlPoints()
    skins = [rigid_skin(control, surface, i + 1, i + 1, masses[i]) for i, surface in enumerate(surfaces)]
    skins.append(rigid_skin(control, base, 0, 0, masses[0]))
    described = {"density": density, "frequency": frequency, "damping_ratio": ratio, "blocks": float(count),
                 "gravity": 9.81, "mass": sum(masses)}  # fmt: skip
    return assembled("spring_stack", ObjectKind.MULTI_BODY, model, control, skins, described)


def _flap(draw: Draw, length: float, width: float, hinge: Float[np.ndarray, " 3"]) -> tuple[Surface, float]:
    """A soft flap that hangs down from the hinge line through ``hinge`` along y, and its thickness."""
    thickness = length * draw.uniform(0.06, 0.14)
    z, y = np.meshgrid(np.linspace(-length, 0, 11), np.linspace(-width / 2, width / 2, 6), indexing="ij")
    narrowing = 1.0 + draw.uniform(-0.5, 0.0) * (z / length) ** 2
    layers = [np.stack([np.full_like(z, x), y * narrowing, z], -1).reshape(-1, 3) for x in (-0.5, 0.5)]
    vertices = np.concatenate(layers) * [thickness, 1.0, 1.0]
    return Surface(vertices, sheet_triangles(11, 6)).moved(hinge), thickness


@simulated_family("hinged_soft")
def hinged_soft(draw: Draw) -> SimulatedScene:
    """One to three soft flaps that swing on a common bar and bend: strip curtains, tags, tails."""
    count, length, width = draw.integer(1, 3), draw.uniform(0.12, 0.4), draw.uniform(0.05, 0.2)
    height, density = draw.uniform(0.05, 0.3) + 1.2 * length, draw.uniform(100.0, 900.0)
    pitch = 1.15 * width
    middles = (np.arange(count) - 0.5 * (count - 1)) * pitch
    flaps, lattices, world, total = [], [], "", 0.0
    described = {"density": density, "gravity": 9.81, "flaps": float(count)}
    for index, y in enumerate(middles):
        flap, thickness = _flap(draw, length * draw.uniform(0.6, 1.0), width, np.array([0.0, y, height]))
        stiffness = cantilever_stiffness(draw.uniform(1.0, 4.0), length, thickness)
        material = Material(density * stiffness, draw.uniform(0.0, 0.4), draw.uniform(0.001, 0.01), density)
        lattice = box_around(flap, (1, 1, 2), 2)
        nodes = lattice.nodes()
        # Holding only the line in the middle of the upper face lets the flap turn about it: a hinge.
        held = np.flatnonzero((nodes[:, 2] > lattice.upper[2] - 1e-9) & (np.abs(nodes[:, 0]) < 1e-9))
        mass = float(lattice.node_masses(lattice.fill(flap), density).sum())
        world += lattice.flexcomp(material, mass, held, f"flap{index}")
        flaps.append((flap, mass))
        lattices.append(lattice)
        total += mass
        described[f"young{index}"] = material.young
    model = compiled(world)
    control = ControlPoints()
    skins: list[Skin] = []
    for index, ((flap, mass), lattice) in enumerate(zip(flaps, lattices, strict=True)):
        fill_cells(model, lattice, lattice.fill(flap), density, index)
        first, number = int(model.flex_nodeadr[index]), int(model.flex_nodenum[index])
        numbers = control.add(model.flex_nodebodyid[first : first + number], lattice.nodes())
        skins.append(lattice_skin(lattice, flap, numbers, index + 1, mass))
    reach = 0.5 * (count * pitch) + 0.02
    bar = cylinder([0, -reach, height], [0, reach, height], 0.015 * length + 0.004, 10)
    skins.append(rigid_skin(control, bar, 0, 0, total))
    return assembled("hinged_soft", ObjectKind.MULTI_BODY, model, control, skins, {**described, "mass": total})
