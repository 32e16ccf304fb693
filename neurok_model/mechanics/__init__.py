"""Mechanics: Euler-Lagrange motion of an object in reduced coordinates, under potentials, damping and
contacts.
"""

from neurok_model.mechanics.actions import Actions, Grasps, PointLoads, PointModes, gather_actions
from neurok_model.mechanics.collisions import (
    Box,
    Capsule,
    CoordinateLimits,
    HalfSpace,
    Obstacle,
    Sphere,
    SurfaceContacts,
    UnilateralConstraint,
)
from neurok_model.mechanics.configuration import MechanicsConfiguration, build_system
from neurok_model.mechanics.contact_fit import (
    VelocityChange,
    apply_impulse,
    contact_residual,
    impose_velocity,
)
from neurok_model.mechanics.contacts import Contact, ImposedVelocity, Impulse, Push, contact_points
from neurok_model.mechanics.damping import Damping, MassProportional, StiffnessProportional, Viscous
from neurok_model.mechanics.fast_path import prepare
from neurok_model.mechanics.framed import FramedEmbedding, FreeBody, PinnedBody, point_functions
from neurok_model.mechanics.framed_terms import OnOwnCoordinates, framed_system, region_with_base
from neurok_model.mechanics.friction import DryFriction
from neurok_model.mechanics.integrators import (
    INTEGRATORS,
    DormandPrince5,
    ImplicitMidpoint,
    Integrator,
    RungeKutta4,
    Step,
    Variational,
)
from neurok_model.mechanics.outcome import Outcome
from neurok_model.mechanics.potentials import (
    CoordinatePotential,
    Elastic,
    EmbeddingPotential,
    Gravity,
    Potential,
    PriorDensity,
    StaticEquilibrium,
    Walls,
)
from neurok_model.mechanics.rollout import RolloutSettings, rollout, step_count
from neurok_model.mechanics.stops import SeenMotion
from neurok_model.mechanics.support import Support
from neurok_model.mechanics.system import LagrangianSystem, PhasePoint, State
from neurok_model.mechanics.trajectory import Rollout, Trajectories
from neurok_model.mechanics.wall_damping import WallDamping, damping_of_walls
from neurok_model.mechanics.watched import WatchedCoordinates
from neurok_model.reduction.embedding import Embedding, FunctionEmbedding

__all__ = [
    "INTEGRATORS",
    "Actions",
    "Box",
    "Capsule",
    "Contact",
    "CoordinateLimits",
    "CoordinatePotential",
    "Damping",
    "DormandPrince5",
    "DryFriction",
    "Elastic",
    "Embedding",
    "EmbeddingPotential",
    "FramedEmbedding",
    "FreeBody",
    "FunctionEmbedding",
    "Grasps",
    "Gravity",
    "HalfSpace",
    "ImplicitMidpoint",
    "ImposedVelocity",
    "Impulse",
    "Integrator",
    "LagrangianSystem",
    "MassProportional",
    "MechanicsConfiguration",
    "Obstacle",
    "OnOwnCoordinates",
    "Outcome",
    "PhasePoint",
    "PinnedBody",
    "PointLoads",
    "PointModes",
    "Potential",
    "PriorDensity",
    "Push",
    "Rollout",
    "RolloutSettings",
    "RungeKutta4",
    "SeenMotion",
    "Sphere",
    "State",
    "StaticEquilibrium",
    "Step",
    "StiffnessProportional",
    "Support",
    "SurfaceContacts",
    "Trajectories",
    "UnilateralConstraint",
    "Variational",
    "VelocityChange",
    "Viscous",
    "WallDamping",
    "Walls",
    "WatchedCoordinates",
    "apply_impulse",
    "build_system",
    "contact_points",
    "contact_residual",
    "damping_of_walls",
    "framed_system",
    "gather_actions",
    "impose_velocity",
    "point_functions",
    "prepare",
    "region_with_base",
    "rollout",
    "step_count",
]
