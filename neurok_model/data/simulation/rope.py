"""Ropes and cables as one-dimensional flexes: inextensible edges, bending and twist from a round section."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neurok_model.data.families.draw import Draw
from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.shapes import Surface, beveled_box, merged
from neurok_model.data.simulation.registry import simulated_family
from neurok_model.data.simulation.scene import ControlPoints, SimulatedScene, assembled, compiled, rigid_skin
from neurok_model.data.simulation.surface_skins import TubeSkin

ROPE_STEP = 1 / 480
"""Seconds. Edges are kept at their length by constraints that respond within two steps."""


def rope_scene(
    draw: Draw, family: str, path: Float[np.ndarray, "k 3"], pinned: list[int], base: Surface | None
) -> SimulatedScene:
    """A rope along a path, with a drawn radius and material; the path is its relaxed length."""
    length = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
    radius = draw.uniform(0.003, 0.012)
    density, young = draw.uniform(300.0, 1500.0), 10 ** draw.uniform(5.0, 7.0)
    damping = draw.uniform(0.005, 0.05)
    mass = density * np.pi * radius**2 * length
    elements = " ".join(f"{i} {i + 1}" for i in range(len(path) - 1))
    flex = (
        f'<flexcomp name="rope" type="direct" dim="1" radius="{radius:.12g}" mass="{mass:.12g}" '
        f'point="{" ".join(f"{x:.9g}" for x in path.ravel())}" element="{elements}">'
        f'<edge equality="true" solref="{2.2 * ROPE_STEP:.9g} 1" solimp="0.99 0.999 0.0001"/>'
        f'<elasticity young="{young:.12g}" poisson="0" section="circle" damping="{damping:.12g}"/>'
        f'<contact contype="0" conaffinity="0" selfcollide="none"/>'
        f'<pin id="{" ".join(str(i) for i in pinned)}"/></flexcomp>'
    )
    model = compiled(flex, step=ROPE_STEP)
    control = ControlPoints()
    chain = control.add(model.flex_vertbodyid, path)
    skins = [TubeSkin(chain, radius, 1, float(mass))]
    both = skins if base is None else [*skins, rigid_skin(control, base, 0, 0, float(mass))]
    described = {"young": young, "damping": damping, "density": density, "radius": radius, "length": length,
                 "gravity": 9.81, "mass": float(mass)}  # fmt: skip
    return assembled(family, ObjectKind.ROPE, model, control, both, described)


def _post(place: Float[np.ndarray, " 3"], size: float) -> Surface:
    return beveled_box(place, [2.5 * size, 2.5 * size, 2.5 * size], 0.3 * size)


@simulated_family("dangling_rope")
def dangling_rope(draw: Draw) -> SimulatedScene:
    """A rope or cable that hangs by one end, let go in a curve."""
    length, count = draw.uniform(0.25, 1.2), draw.integer(14, 24)
    share = np.linspace(0.0, 1.0, count)
    lean = draw.uniform(0.0, 0.9) + draw.uniform(-0.5, 0.5) * share
    heading = draw.uniform(0.0, 2 * np.pi) + draw.uniform(-0.6, 0.6) * share
    direction = np.stack([np.sin(lean) * np.cos(heading), np.sin(lean) * np.sin(heading), -np.cos(lean)], axis=-1)
    path = np.concatenate([np.zeros((1, 3)), np.cumsum(direction[:-1], axis=0)]) * length / (count - 1)
    path += [0.0, 0.0, 1.05 * length]
    base = _post(path[0] + [0, 0, 0.012], 0.012) if draw.chance(0.6) else None
    return rope_scene(draw, "dangling_rope", path, [0], base)


@simulated_family("slack_cable")
def slack_cable(draw: Draw) -> SimulatedScene:
    """A cable or washing line that sags between two fixed ends."""
    span, count = draw.uniform(0.3, 1.0), draw.integer(14, 24)
    across = np.linspace(-0.5, 0.5, count)
    sag = span * draw.uniform(0.1, 0.6)
    rise = draw.uniform(-0.2, 0.2) * span
    path = np.stack(
        [0.05 * span * np.sin(2 * np.pi * across) * draw.uniform(-1, 1), span * across,
         1.2 * sag + rise * across + sag * (4 * across**2 - 1) + 0.1], axis=-1
    )  # fmt: skip
    posts = merged([_post(path[0], 0.012), _post(path[-1], 0.012)]) if draw.chance(0.7) else None
    return rope_scene(draw, "slack_cable", path, [0, count - 1], posts)
