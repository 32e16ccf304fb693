"""The standard choice of terms for one object, by a handful of parameters in SI units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics.collisions.obstacles import rotation_matrix
from neurok_model.mechanics.damping import Damping, MassProportional, StiffnessProportional
from neurok_model.mechanics.framed import FramedEmbedding
from neurok_model.mechanics.framed_terms import framed_system
from neurok_model.mechanics.friction import DryFriction
from neurok_model.mechanics.potentials import (
    Elastic,
    Gravity,
    Potential,
    PriorDensity,
    StaticEquilibrium,
    Walls,
)
from neurok_model.mechanics.self_weight import carrying_energy
from neurok_model.mechanics.stops import SeenMotion
from neurok_model.mechanics.support import Support
from neurok_model.mechanics.system import CPU, LagrangianSystem
from neurok_model.mechanics.wall_damping import damping_of_walls, require_restitution
from neurok_model.reduction.embedding import Embedding
from neurok_model.reduction.region import PriorRegion
from neurok_model.reduction.smooth_map import SmoothMap

INERTIA_SAMPLES = 64
"""Configurations over which the inertia of the coordinates is averaged."""


@dataclass(frozen=True)
class MechanicsConfiguration:
    """Which terms act, and how strongly.

    Energies of the learned terms are stated as the frequency that they would give to a coordinate of average
    inertia, so that the same numbers serve a light and a heavy object, a small and a large one.

    Attributes:
        gravity: acceleration in the world frame [m/s^2].
        orientation: how the scan stands in the world: unit quaternion (w, x, y, z) that turns the scan's axes into
            the world's.
        elastic_frequency: of the elastic restoring force towards the scanned pose [Hz]; 0 for none.
        prior_frequency: of the prior's negative log-density [Hz]; 0 for none.
        sag: how far its own weight has bent a soft object, in standard deviations of the prior; the prior's negative
            log-density is as stiff as that takes, besides ``prior_frequency``. 0 where no stiffness follows from the
            weight, as with joints.
        wall_frequency: of the barrier at the edge of the prior's region [Hz]; 0 for none.
        wall_width: depth of the barrier, in standard deviations of the prior.
        wall_restitution: share of its speed with which the barrier throws back what runs into it, 0 to 1.
        damping_rate: mass-proportional damping, at which free motion decays [1/s].
        stiffness_damping: stiffness-proportional damping, as a share of the elastic force per speed [s].
        friction_deceleration: dry friction of the object's own joints, as the rate at which the root-mean-square
            speed over the whole mass falls [m/s^2]; 0 for none.
        static_equilibrium: whether the scanned pose stands still under gravity and the prior.
        weight_on_stop: whether what carries the weight then can only push, as a joint's stop does, so that what is
            lifted falls back; otherwise a constant force carries it (friction, a shelf, internal stress).
        learned_latent_mass: weight of the latent mass that the networks lend to coordinates which they are unsure of; 0
            for none.
        latent_mass_ratio: latent mass relative to the mean diagonal entry of the mass matrix over the prior.
        smallest_inertia: smallest inertia of a direction at rest, as a share of the largest; what lighter directions
            lack is latent mass too. 0 for none.

    Raises:
        NeurokError: INVALID_PARAMETER for a value that is negative or not finite, a restitution above 1, or a stop
            that carries no weight.
    """

    gravity: tuple[float, float, float] = (0.0, 0.0, -9.81)
    orientation: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    elastic_frequency: float = 0.0
    prior_frequency: float = 0.1
    sag: float = 0.0
    wall_frequency: float = 6.0
    wall_width: float = 0.5
    wall_restitution: float = 0.1
    damping_rate: float = 0.5
    stiffness_damping: float = 0.0
    friction_deceleration: float = 0.0
    static_equilibrium: bool = True
    weight_on_stop: bool = False
    learned_latent_mass: float = 1.0
    latent_mass_ratio: float = 5e-3
    smallest_inertia: float = 0.3

    def __post_init__(self) -> None:
        for name in (
            "elastic_frequency",
            "prior_frequency",
            "sag",
            "wall_frequency",
            "wall_width",
            "damping_rate",
            "stiffness_damping",
            "friction_deceleration",
            "learned_latent_mass",
            "latent_mass_ratio",
            "smallest_inertia",
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise NeurokError(ErrorCode.INVALID_PARAMETER, name, value, "a finite number of at least 0")
        require_restitution("wall_restitution", self.wall_restitution)
        if self.weight_on_stop and not self.static_equilibrium:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "weight_on_stop", True, "False without static_equilibrium")
        if not all(math.isfinite(value) for value in self.gravity):
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "gravity", self.gravity, "three finite numbers [m/s^2]")
        if not abs(math.hypot(*self.orientation) - 1.0) < 1e-3:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "orientation", self.orientation, "a unit quaternion")

    def gravity_at_scan(self) -> Float[Tensor, "3"]:
        """Gravity in the scan's own frame [m/s^2]."""
        turn = rotation_matrix(torch.tensor(self.orientation, dtype=torch.float64))
        return turn.mT @ torch.tensor(self.gravity, dtype=torch.float64)


def build_system(
    embedding: Embedding,
    mass_moment: Float[Tensor, "3 r"],
    region: PriorRegion,
    configuration: MechanicsConfiguration | None = None,
    *,
    mass: float = 1.0,
    learned_latent_mass: Float[Tensor, "k k"] | None = None,
    seen: SeenMotion | None = None,
    frame: FramedEmbedding | None = None,
    dtype: torch.dtype | None = None,
    batch_device: torch.device = CPU,
) -> LagrangianSystem:
    """Put the standard terms together for one object.

    Args:
        embedding: y(q), with the object's mass in its metric.
        mass_moment: sum_i m_i Phi_i, which turns an acceleration field into a force on y.
        region: the prior over q.
        configuration: which terms, and how strong.
        mass: of the whole object [kg], by which dry friction is measured.
        learned_latent_mass: what the networks lend to coordinates which they are unsure of [kg m^2]; None for none.
        seen: what the object was seen to do, and where it stops then; None where it was not watched.
        frame: the free or pinned body that carries ``embedding``; None for an object whose base is fixed.
        dtype: of the mechanics; double on a CPU when left out, where it costs next to nothing and keeps the energy
            balance clean, and the embedding's own elsewhere.
        batch_device: where large batches are rolled out.

    Raises:
        NeurokError: INVALID_PARAMETER for dry friction of an object whose base is not fixed.
    """
    settings = configuration or MechanicsConfiguration()
    if isinstance(embedding, SmoothMap):
        embedding = embedding.to(dtype or (torch.float64 if embedding.device.type == "cpu" else embedding.dtype))
    region = region.to(torch.zeros(1, dtype=embedding.dtype, device=embedding.device))
    mean_inertia = _mean_inertia(embedding, region)
    latent = _latent_mass(embedding, settings, mean_inertia, learned_latent_mass, seen)
    potentials = _potentials(embedding, mass_moment, region, settings, mean_inertia, latent, seen)
    damping: list[Damping] = []
    if settings.damping_rate > 0.0:
        damping.append(MassProportional(settings.damping_rate))
    if settings.stiffness_damping > 0.0 and settings.elastic_frequency > 0.0:
        damping.append(StiffnessProportional(settings.stiffness_damping, _angular(settings.elastic_frequency)))
    damping += damping_of_walls(potentials, settings.wall_restitution)
    friction = None
    if settings.friction_deceleration > 0.0:
        friction = DryFriction.of_deceleration(settings.friction_deceleration, mass)
    system = LagrangianSystem(
        embedding=embedding,
        potentials=tuple(potentials),
        damping=tuple(damping),
        latent_mass=latent,
        region=region,
        friction=friction,
        batch_device=batch_device,
    )
    return system if frame is None else framed_system(system, frame)


def _potentials(
    embedding: Embedding,
    mass_moment: Float[Tensor, "3 r"],
    region: PriorRegion,
    settings: MechanicsConfiguration,
    mean_inertia: float,
    latent: Float[Tensor, "k k"],
    seen: SeenMotion | None,
) -> list[Potential]:
    """The standard potentials of an object whose base is fixed."""
    rest = torch.zeros(embedding.embedding_dimension, dtype=embedding.dtype, device=embedding.device)
    acceleration = settings.gravity_at_scan().to(rest)
    gravity = Gravity.from_acceleration(acceleration, mass_moment.to(acceleration))
    potentials: list[Potential] = [gravity]
    mean, precision = (region if seen is None else seen.region).prior
    rate = _angular(settings.prior_frequency)
    energy = mean_inertia * rate**2
    if seen is not None and rate > 0.0:
        potentials += seen.springs(rate, mean_inertia)
        energy = 0.0
    if settings.sag > 0.0:
        energy += float(carrying_energy(embedding, gravity, precision, settings.sag))
    if energy > 0.0:
        potentials.append(PriorDensity(energy, PriorRegion(mean, precision, region.radius)))
    support = None
    if settings.weight_on_stop:
        trust, watched = LagrangianSystem.trust_factor, None if seen is None else seen.watched
        support = Support.of_rest(embedding, gravity, mass_moment, latent, region, trust, watched)
    if settings.static_equilibrium:
        held = potentials if support is None else [*potentials, support]
        potentials = [*held, StaticEquilibrium.balancing(embedding, held)]
    if settings.elastic_frequency > 0.0:
        potentials.append(Elastic(_angular(settings.elastic_frequency), rest))
    if settings.wall_frequency > 0.0 and settings.wall_width > 0.0:
        energy = 0.5 * mean_inertia * (_angular(settings.wall_frequency) * settings.wall_width) ** 2
        if seen is None:
            potentials.append(Walls(energy, settings.wall_width, region))
        else:
            potentials += seen.walls(energy, settings.wall_width, region)
    return potentials


def _mean_inertia(embedding: Embedding, region: PriorRegion) -> float:
    """Mean diagonal entry of the mass matrix over the prior's region.

    Not at rest: a closed door or a flat latent around the scan would make every scale that depends on it too
    small.
    """
    drawn = region.sample(INERTIA_SAMPLES, torch.Generator().manual_seed(0)).to(embedding.dtype)
    return float(embedding.jacobian(drawn).square().sum() / (INERTIA_SAMPLES * embedding.dimension))


def _latent_mass(
    embedding: Embedding,
    settings: MechanicsConfiguration,
    mean_inertia: float,
    learned: Float[Tensor, "k k"] | None,
    seen: SeenMotion | None,
) -> Float[Tensor, "k k"]:
    """The same for all directions, what the networks are unsure of, and what light ones lack then.

    What a push does to a direction of q, G^-1 J^T f, does not depend on how much of the surface it moves, so that
    directions which the decoder hardly uses take as large a part of it as those that it means. In the basis of G at
    rest, with what the networks add, whose eigenvalues are g_i, every direction is given max(0, share * max g - g_i).
    What the object was seen to do is not unsure, see :meth:`WatchedCoordinates.latent_mass`.
    """
    jacobian = embedding.jacobian(torch.zeros(embedding.dimension, dtype=embedding.dtype, device=embedding.device))
    added = torch.zeros_like(jacobian.mT @ jacobian)
    if learned is not None:
        added = settings.learned_latent_mass * learned.to(added)
    inertia, basis = torch.linalg.eigh(jacobian.mT @ jacobian + added)
    lacking = (settings.smallest_inertia * inertia.max() - inertia).clamp_min(0.0)
    lent = added + (basis * (settings.latent_mass_ratio * mean_inertia + lacking)) @ basis.mT
    if seen is None:
        return lent
    return seen.watched.latent_mass(lent) + settings.latent_mass_ratio * seen.inertia


def _angular(frequency: float) -> float:
    """Hertz to radians per second."""
    return 2.0 * math.pi * frequency
