"""A compiled simulation together with the surface that is recorded from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix

from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.shapes import Surface
from neurok_model.data.simulation.surface_skins import BlendedSkin, Influence, Skin
from neurok_model.geometry.sampling import lumped_areas


class ControlPoints:
    """Points fixed to MuJoCo bodies, collected while a scene is put together."""

    def __init__(self) -> None:
        self._bodies: list[Int[np.ndarray, " c"]] = []
        self._positions: list[Float[np.ndarray, "c 3"]] = []
        self.count = 0

    def add(self, bodies: Int[np.ndarray, " c"], positions: Float[np.ndarray, "c 3"]) -> Int[np.ndarray, " c"]:
        """Add points by their bodies and world positions in the initial pose; returns their numbers."""
        self._bodies.append(np.asarray(bodies, dtype=np.int64))
        self._positions.append(np.asarray(positions, dtype=np.float64))
        self.count += len(bodies)
        return np.arange(self.count - len(bodies), self.count)

    def bound(self, model: Any) -> tuple[Int[np.ndarray, " c"], Float[np.ndarray, "c 3"]]:
        """Body and position in that body's frame of every point."""
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        bodies, positions = np.concatenate(self._bodies), np.concatenate(self._positions)
        frames = data.xmat[bodies].reshape(-1, 3, 3)
        return bodies, np.einsum("cji,cj->ci", frames, positions - data.xpos[bodies])


@dataclass
class SimulatedScene:
    """One instance, ready to be simulated.

    Attributes:
        family: name of the generator.
        kind: how it moves.
        model: the compiled MuJoCo model.
        control_bodies: body of each control point.
        control_offsets: control points in their bodies' frames, metres.
        skins: surfaces, in the order of their vertices.
        material: material and design values in SI units, for the record.
        degrees_of_freedom: degrees of freedom of the simulation.
    """

    family: str
    kind: ObjectKind
    model: Any
    control_bodies: Int[np.ndarray, " c"]
    control_offsets: Float[np.ndarray, "c 3"]
    skins: Sequence[Skin]
    material: dict[str, float]
    degrees_of_freedom: int

    def control_positions(self, data: Any, chosen: Int[np.ndarray, " s"] | None = None) -> Float[np.ndarray, "c 3"]:
        """Control points (all, or the chosen ones) in the world as MuJoCo's bodies stand now, metres."""
        bodies = self.control_bodies if chosen is None else self.control_bodies[chosen]
        offsets = self.control_offsets if chosen is None else self.control_offsets[chosen]
        frames = data.xmat[bodies].reshape(-1, 3, 3)
        return data.xpos[bodies] + np.einsum("cij,cj->ci", frames, offsets)

    def vertices(self, control: Float[np.ndarray, "f c 3"]) -> Float[np.ndarray, "f n 3"]:
        """All surface vertices for frames of control points, metres."""
        return np.concatenate([skin.vertices(control) for skin in self.skins], axis=1)

    @cached_property
    def rest_vertices(self) -> Float[np.ndarray, "n 3"]:
        """The surface before anything moves, metres."""
        data = mujoco.MjData(self.model)
        mujoco.mj_kinematics(self.model, data)
        return self.vertices(self.control_positions(data)[None])[0]

    @cached_property
    def _starts(self) -> Int[np.ndarray, " s"]:
        return np.cumsum([0, *(skin.count for skin in self.skins)])

    @cached_property
    def triangles(self) -> Int[np.ndarray, "t 3"]:
        """Vertex indices of the whole surface."""
        pieces = [skin.triangles + start for skin, start in zip(self.skins, self._starts, strict=False)]
        return np.concatenate(pieces).astype(np.int64)

    @cached_property
    def part_of_vertex(self) -> Int[np.ndarray, " n"]:
        """The part of each vertex; 0 never moves."""
        return np.repeat([skin.part for skin in self.skins], np.diff(self._starts)).astype(np.int64)

    @cached_property
    def vertex_masses(self) -> Float[np.ndarray, " n"]:
        """Each skin's mass, spread over its vertices by area, kilograms."""
        rest = self.rest_vertices
        masses = np.zeros(len(rest))
        for skin, start in zip(self.skins, self._starts, strict=False):
            share = lumped_areas(rest, skin.triangles + start)
            masses += skin.mass * share / share.sum()
        return masses

    def influence(self, vertex: int) -> Influence:
        """Control points that carry a force on a vertex, with weights that add up to one."""
        skin = int(np.searchsorted(self._starts, vertex, side="right")) - 1
        return self.skins[skin].influence(vertex - int(self._starts[skin]))


def rigid_skin(control: ControlPoints, surface: Surface, body: int, part: int, mass: float) -> BlendedSkin:
    """A surface that moves with one body; ``surface`` is given in the world, in the initial pose."""
    numbers = control.add(np.full(len(surface.vertices), body), surface.vertices)
    return _selecting(numbers, surface.triangles, part, mass)


def _selecting(
    numbers: Int[np.ndarray, " n"], triangles: Int[np.ndarray, "t 3"], part: int, mass: float
) -> BlendedSkin:
    count = len(numbers)
    weights = csr_matrix((np.ones(count), (np.arange(count), numbers)), shape=(count, int(numbers[-1]) + 1))
    return BlendedSkin(weights, triangles.astype(np.int64), part, mass)


def padded(skins: Sequence[Skin], count: int) -> list[Skin]:
    """Give every blended skin one column per control point, now that their number is known."""
    for skin in skins:
        if isinstance(skin, BlendedSkin):
            skin.weights.resize(skin.weights.shape[0], count)
    return list(skins)


def assembled(
    family: str,
    kind: ObjectKind,
    model: Any,
    control: ControlPoints,
    skins: Sequence[Skin],
    material: dict[str, float],
) -> SimulatedScene:
    """Bind the control points to the compiled model and make the scene."""
    bodies, offsets = control.bound(model)
    return SimulatedScene(family, kind, model, bodies, offsets, padded(skins, control.count), material, int(model.nv))


def compiled(worldbody: str, *, gravity: float = 9.81, step: float = 1 / 240, solver: str = "Newton",
             extra: str = "") -> Any:  # fmt: skip
    """Compile a model with the settings under which flexes were checked against theory."""
    return mujoco.MjModel.from_xml_string(
        f'<mujoco><compiler angle="radian"/><option timestep="{step:.12g}" integrator="discrete" '
        f'solver="{solver}" iterations="1000" tolerance="1e-8" gravity="0 0 {-gravity:.12g}">'
        f'<flag energy="enable"/></option><size memory="64M"/><worldbody>{worldbody}</worldbody>{extra}</mujoco>'
    )
