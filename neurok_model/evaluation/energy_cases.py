"""Motions whose energy and momentum are looked at: true joints, floating objects, and encoded scans."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.data.families import build_object, family_names
from neurok_model.data.kinematic_tree import ArticulatedObject
from neurok_model.data.simulation import build_scene, simulated_family_names
from neurok_model.data.splits import family_generator, numbered_seed
from neurok_model.evaluation.oracle import OraclePhysics, oracle_model
from neurok_model.geometry import TriangleMesh
from neurok_model.mechanics import Elastic, FreeBody, LagrangianSystem, OnOwnCoordinates, State
from neurok_model.mechanics.system import inertia_factor
from neurok_model.object_model import ObjectModel
from neurok_model.physics import PhysicsParameters
from neurok_model.predictor import Predictor

SPRING = 2.0 * math.pi * 0.7
"""Angular frequency [rad/s] of the springs that keep true joints near their pose: without limits they would fall."""

SPEED = 0.4
"""Root-mean-square speed [m/s] over the whole mass at which motions of true joints begin."""

LATENT_SPEED = 3.0
"""Speed [1/s] at which motions of encoded objects begin: across the prior's region in about a second."""

STREAM = 0xE0
"""Keeps what these motions draw apart from what others draw for the same instance."""


@dataclass(frozen=True)
class MotionCase:
    """One object in motion.

    Attributes:
        kind: "joints", "floating" or "encoded".
        family: of the object.
        model: the object.
        system: its mechanics, without damping, in the precision that is judged.
        start: where its candidates begin.
    """

    kind: str
    family: str
    model: ObjectModel
    system: LagrangianSystem
    start: State


def motion_families() -> list[str]:
    """Every family: articulated ones, and those that MuJoCo simulates."""
    return sorted({*family_names(), *simulated_family_names()})


def articulated_case(family: str, dtype: torch.dtype, candidates: int, floating: bool, index: int = 0) -> MotionCase:
    """True joints on springs: on a fixed base under gravity, or floating without it.

    Raises:
        NeurokError: for a family that is not articulated.
    """
    articulated = build_object(family, numbered_seed("test", index))
    assert isinstance(articulated, ArticulatedObject)
    generator = family_generator(family, index, STREAM)
    state = articulated.state_range.mean(axis=1)
    gravity = (0.0, 0.0, 0.0) if floating else (0.0, 0.0, -9.81)
    physics = OraclePhysics(gravity=gravity)
    model = oracle_model(articulated, state, physics, limits=False, free=floating, dtype=dtype)
    embedding = model.system.embedding
    if isinstance(embedding, FreeBody):
        inner = embedding.inner
        spring: Elastic | OnOwnCoordinates = OnOwnCoordinates(
            Elastic(SPRING, torch.zeros(inner.embedding_dimension, dtype=dtype)), inner, 6
        )
    else:
        spring = Elastic(SPRING, torch.zeros(embedding.embedding_dimension, dtype=dtype))
    system = replace(model.system, potentials=(*model.system.potentials, spring))
    start = _moving(system, generator, candidates, model.physics.mass)
    return MotionCase("floating" if floating else "joints", family, model, system, start)


def encoded_case(predictor: Predictor, family: str, dtype: torch.dtype, candidates: int, index: int = 0) -> MotionCase:
    """A scan of the test split, encoded, under the standard terms without damping."""
    mesh = held_out_scan(family, index)
    physics = PhysicsParameters(damping_rate=0.0, wall_restitution=1.0)
    model = predictor.encode(mesh, physics)
    assert model.parts is not None
    _, system = model.parts.assembled(physics, dtype)
    generator = family_generator(family, index, STREAM)
    k = system.embedding.dimension
    still = torch.zeros(candidates, k, dtype=dtype)
    velocity = torch.as_tensor(generator.normal(size=(candidates, k))).to(still)
    start = State(still, LATENT_SPEED * torch.nn.functional.normalize(velocity, dim=1))
    return MotionCase("encoded", family, model, system, start)


def held_out_scan(family: str, index: int = 0) -> TriangleMesh:
    """The surface of a test-split instance, in a random pose where it is articulated."""
    seed = numbered_seed("test", index)
    if family in simulated_family_names():
        scene = build_scene(family, seed)
        return TriangleMesh(scene.rest_vertices, scene.triangles)
    built = build_object(family, seed)
    states = built.sample_states(family_generator(family, index, STREAM + 1), 1)
    return TriangleMesh(built.pose(states).vertices[0], built.triangles)


def _moving(system: LagrangianSystem, generator: np.random.Generator, candidates: int, mass: float) -> State:
    """States at rest pose with random velocities, all with the same kinetic energy."""
    k = system.embedding.dimension
    still = torch.zeros(candidates, k, dtype=system.embedding.dtype)
    factor = inertia_factor(system.mass_matrix(system.embedding.jacobian(still)))
    white = torch.as_tensor(generator.normal(size=(candidates, k, 1))).to(still)
    white = white / white.norm(dim=1, keepdim=True) * SPEED * math.sqrt(mass)
    return State(still, torch.linalg.solve_triangular(factor.mT, white, upper=True)[..., 0])


def momenta(case: MotionCase, q: Float[Tensor, "t k"], qdot: Float[Tensor, "t k"]) -> Float[Tensor, "t 6"]:
    """Linear [N s] and angular [N m s, about the centre of the rest pose] momentum of a floating object.

    Embedding coordinates are orthonormal in the mass metric, so that sums over all points are products of them.
    """
    body = case.system.embedding
    assert isinstance(body, FreeBody)
    y, jacobian = body.value_and_jacobian(q)
    rate = (jacobian @ qdot[..., None])[..., 0]
    placed, moving = y.unflatten(-1, (3, -1)) + body.rest_coordinates, rate.unflatten(-1, (3, -1))
    products = placed @ moving.mT
    skew = products - products.mT
    angular = torch.stack((skew[..., 1, 2], skew[..., 2, 0], skew[..., 0, 1]), -1)
    return torch.cat((rate @ body.mass_moment.mT, angular), -1)
