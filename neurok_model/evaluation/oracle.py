"""The kinematics oracle: an object with its true joints under our dynamics, behind the interface of every object."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float

from neurok_model.data.kinematic_tree import ArticulatedObject, JointType
from neurok_model.evaluation.articulated_embedding import ArticulatedEmbedding, shell_moments, solid_moments
from neurok_model.framed_surface import FramedSurface
from neurok_model.geometry import TriangleMesh
from neurok_model.mechanics import CoordinateLimits, FreeBody, Gravity, LagrangianSystem, Viscous, framed_system
from neurok_model.mechanics.framed import RIGID
from neurok_model.object_model import ObjectModel
from neurok_model.physics import PhysicsParameters
from neurok_model.reduction import PriorRegion
from neurok_model.scan import prepare_scan
from neurok_model.surface import ReducedSurface

EMPTY_PART = np.diag([0.5e-6, 0.5e-6, 0.5e-6, 1e-3])
"""Moments of a part without a surface, as the simulation has it: a gram, and 1e-6 kg m^2 about every axis."""

LIMIT_RESTITUTION = 0.11
"""What MuJoCo's critically damped joint limits gave back of the speed: 0.09 to 0.125, by where in a step it was."""


@dataclass(frozen=True)
class OraclePhysics:
    """What the oracle is told.

    Attributes:
        surface_density: of the shells [kg/m^2].
        solid_part: the part that is filled, or -1.
        solid_density: its density [kg/m^3].
        damping_rate: every joint's viscous damping over its inertia in the first pose [1/s].
        gravity: along z [m/s^2].
    """

    surface_density: float = 10.0
    solid_part: int = -1
    solid_density: float = 0.0
    damping_rate: float = 0.0
    gravity: tuple[float, float, float] = field(default=(0.0, 0.0, -9.81))


def part_moments(articulated: ArticulatedObject, physics: OraclePhysics) -> Float[np.ndarray, "p 4 4"]:
    """Mass, first and second moments of every part in the reference pose."""
    moments = []
    for part in articulated.joints:
        vertices, triangles = articulated.part_surface(part.index)
        if len(triangles) == 0:
            moments.append(EMPTY_PART)
        elif part.index == physics.solid_part:
            moments.append(solid_moments(vertices, triangles, physics.solid_density))
        else:
            moments.append(shell_moments(vertices, triangles, physics.surface_density))
    return np.stack(moments)


def joint_damping(
    articulated: ArticulatedObject,
    moments: Float[np.ndarray, "p 4 4"],
    state: Float[np.ndarray, " k"],
    rate: float,
) -> Float[np.ndarray, "k k"]:
    """Viscous damping of every joint by itself, ``rate`` times its inertia in ``state``, for the state coordinates."""
    joints = articulated.joints
    moving = [part.index for part in joints if part.joint is not JointType.FIXED]
    coordinate = np.full(len(joints), -1)
    coordinate[moving] = np.arange(len(moving))
    values = np.array([joints[index].ratio * state[joints[index].coordinate] for index in moving])
    alone = ArticulatedEmbedding(articulated, moments, values, coordinate, np.ones(len(joints)))
    jacobian = alone.jacobian(torch.zeros(len(moving), dtype=torch.float64))
    inertia = jacobian.square().sum(0).numpy()
    matrix = np.zeros((len(state), len(state)))
    for column, index in enumerate(moving):
        part = joints[index]
        matrix[part.coordinate, part.coordinate] += part.ratio**2 * rate * inertia[column]
    return matrix


def oracle_model(
    articulated: ArticulatedObject,
    state: Float[np.ndarray, " k"],
    physics: OraclePhysics,
    *,
    limits: bool = True,
    free: bool = False,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> ObjectModel:
    """An object model whose coordinates are the true joints, measured from the pose ``state``.

    Args:
        articulated: the object.
        state: the pose at rest, in the object's state coordinates.
        physics: masses, gravity and damping.
        limits: whether joints stop at their limits.
        free: whether the base floats.
        seed: of the surface points that carry contacts.
        dtype: of the mechanics.
    """
    moments = part_moments(articulated, physics)
    embedding = ArticulatedEmbedding(articulated, moments, state, dtype=dtype)
    mesh = TriangleMesh(articulated.pose(state[None]).vertices[0], articulated.triangles)
    scan = prepare_scan(mesh, seed)
    triangle, share = scan.samples.triangle, scan.samples.barycentric
    reference = articulated.reference_vertices
    points = np.einsum("nc,ncd->nd", share, reference[mesh.triangles[triangle]])
    part = articulated.part_of_vertex[mesh.triangles[triangle, 0]]
    surface = ReducedSurface(
        scan,
        embedding,
        embedding.point_modes(points, part),
        lambda: embedding.point_modes(reference, articulated.part_of_vertex),
        contact_tolerance=0.05,
    )
    gravity = torch.tensor(physics.gravity, dtype=dtype)
    damping = torch.as_tensor(joint_damping(articulated, moments, state, physics.damping_rate), dtype=dtype)
    system = LagrangianSystem(
        embedding,
        (Gravity.from_acceleration(gravity, embedding.mass_moment),),
        (Viscous(damping),) if physics.damping_rate > 0.0 else (),
    )
    lower, upper = (torch.as_tensor(limit - state, dtype=dtype) for limit in articulated.state_range.T)
    span = (upper - lower).clamp_min(1e-6)
    region = PriorRegion(0.5 * (lower + upper), torch.diag(4.0 / span.square()), 10.0)
    if free:
        centre = moments[:, 3, :3].sum(0) / moments[:, 3, 3].sum()
        frame = FreeBody(embedding, embedding.gram(moments, centre), torch.as_tensor(centre))
        surface, system = FramedSurface(surface, frame), framed_system(system, frame)
        open_end = torch.full((RIGID,), torch.inf, dtype=dtype)
        lower, upper = torch.cat((-open_end, lower)), torch.cat((open_end, upper))
    if limits:
        system = replace(system, constraints=(CoordinateLimits(lower, upper, LIMIT_RESTITUTION),))
    stated = PhysicsParameters(mass=float(moments[:, 3, 3].sum()), gravity=physics.gravity)
    return ObjectModel("oracle", surface, system, region, stated, {}, 0.0)
