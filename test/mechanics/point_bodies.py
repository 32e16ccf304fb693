"""Small bodies of point masses whose mechanics is known in closed form; shared by the tests of the
mechanics.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from neurok_model.mechanics import Actions, Embedding, Gravity, LagrangianSystem, PointLoads, State

GRAVITY = 9.81


class PointBody(Embedding):
    """Point masses whose positions are a function of q; y_i = sqrt(m_i) (x_i(q) - x_i(0)).

    Derivatives are the base class's automatic ones.
    """

    def __init__(self, positions: Callable[[Tensor], Tensor], masses: list[float], dimension: int) -> None:
        self.positions = positions
        self.masses = torch.tensor(masses, dtype=torch.float64)
        self.dimension = dimension
        self.embedding_dimension = 3 * len(masses)
        self.dtype = torch.float64
        self.device = torch.device("cpu")
        self.origin = positions(torch.zeros(dimension, dtype=torch.float64))
        self.rest = self.origin
        """Where the points are at q = 0, metres."""

    def value(self, q: Tensor) -> Tensor:
        """Mass-weighted displacements."""
        return (self.masses.sqrt()[:, None] * (self.positions(q) - self.origin)).flatten(-2)

    @property
    def mass_moment(self) -> Tensor:
        """sum_i m_i Phi_i, with Phi_i the identity divided by sqrt(m_i)."""
        return torch.cat([mass.sqrt() * torch.eye(3, dtype=torch.float64) for mass in self.masses], dim=1)

    def rows(self, index: int) -> Tensor:
        """Phi_c [3, r] of one point mass."""
        rows = torch.zeros(3, self.embedding_dimension, dtype=torch.float64)
        rows[:, 3 * index : 3 * index + 3] = torch.eye(3, dtype=torch.float64) / self.masses[index].sqrt()
        return rows

    def gravity(self) -> Gravity:
        """Gravity along -z."""
        return Gravity.from_acceleration(torch.tensor((0.0, 0.0, -GRAVITY)), self.mass_moment)


class LinkedBody(PointBody):
    """x_i = sum_j sine_ij sin(q_j) + cosine_ij cos(q_j) + slope_ij q_j: hinges at fixed angles, and slides.

    Its derivatives are written out, which is much faster and checks the automatic ones.
    """

    def __init__(self, sine: Tensor, cosine: Tensor, slope: Tensor, masses: list[float]) -> None:
        """Take coefficients [n, 3, k]."""
        self.sine, self.cosine, self.slope = sine.double(), cosine.double(), slope.double()

        def positions(q: Tensor) -> Tensor:
            angle = q[..., None, None, :]
            return (self.sine * angle.sin() + self.cosine * angle.cos() + self.slope * angle).sum(-1)

        super().__init__(positions, masses, sine.shape[-1])

    def jacobian(self, q: Tensor) -> Tensor:
        """Closed form of dy/dq."""
        angle = q[..., None, None, :]
        moved = self.sine * angle.cos() - self.cosine * angle.sin() + self.slope
        return (self.masses.sqrt()[:, None, None] * moved).flatten(-3, -2)

    def second_directional(self, q: Tensor, velocity: Tensor) -> Tensor:
        """Closed form of (d2y/dq2)[v, v]."""
        angle = q[..., None, None, :]
        bent = -(self.sine * angle.sin() + self.cosine * angle.cos()) * velocity[..., None, None, :] ** 2
        return (self.masses.sqrt()[:, None] * bent.sum(-1)).flatten(-2)

    def kinetic_slope(self, q: Tensor, velocity: Tensor) -> Tensor:
        """Closed form of d/dq (1/2 |dy/dq v|^2) at constant v; each term depends on one angle."""
        rate = (self.jacobian(q) @ velocity[..., None])[..., 0]
        angle = q[..., None, None, :]
        bent = -(self.sine * angle.sin() + self.cosine * angle.cos()) * velocity[..., None, None, :]
        weighted = (self.masses.sqrt()[:, None, None] * bent).flatten(-3, -2)
        return (weighted.mT @ rate[..., None])[..., 0]


class WavyBody(PointBody):
    """Points moved by a random smooth nonlinear map: a body without symmetry of any kind."""

    def __init__(self, dimension: int = 3, points: int = 8, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.inner = torch.randn(12, dimension, generator=generator, dtype=torch.float64) * 0.6
        self.shift = torch.randn(12, generator=generator, dtype=torch.float64)
        self.outer = torch.randn(points, 3, 12, generator=generator, dtype=torch.float64) * 0.1
        masses = (0.1 + torch.rand(points, generator=generator)).tolist()
        super().__init__(
            lambda q: (torch.tanh(q @ self.inner.mT + self.shift)[..., None, None, :] * self.outer).sum(-1),
            masses,
            dimension,
        )

    def jacobian(self, q: Tensor) -> Tensor:
        """Closed form of dy/dq."""
        slope = 1.0 - torch.tanh(q @ self.inner.mT + self.shift).square()
        weighted = (self.masses.sqrt()[:, None, None] * self.outer).flatten(0, 1)
        return (weighted * slope[..., None, :]) @ self.inner

    def kinetic_slope(self, q: Tensor, velocity: Tensor) -> Tensor:
        """Closed form, as for a smooth map."""
        hidden, turned = torch.tanh(q @ self.inner.mT + self.shift), velocity @ self.inner.mT
        slope = 1.0 - hidden.square()
        weighted = (self.masses.sqrt()[:, None, None] * self.outer).flatten(0, 1)
        rate = (slope * turned) @ weighted.mT
        return (-2.0 * hidden * slope * turned * (rate @ weighted)) @ self.inner


def free_points(starts: list[list[float]], mass: float = 0.5) -> LinkedBody:
    """Free point masses; q are their displacements, all three of one and then of the next."""
    count = len(starts)
    slope = torch.eye(3 * count, dtype=torch.float64).reshape(count, 3, 3 * count)
    body = LinkedBody(torch.zeros_like(slope), torch.zeros_like(slope), slope, [mass] * count)
    body.rest = torch.tensor(starts, dtype=torch.float64)
    return body


def pendulum(mass: float = 2.0, length: float = 0.7) -> LinkedBody:
    """A point mass on a massless rod; q is the angle from hanging straight down."""
    return double_pendulum((length,), (mass,))


def double_pendulum(lengths: tuple[float, ...] = (0.6, 0.4), masses: tuple[float, ...] = (1.5, 0.8)) -> LinkedBody:
    """Point masses on rods in the x-z plane; q are the rods' absolute angles from hanging straight down."""
    count = len(lengths)
    reach = torch.tril(torch.ones(count, count)) * torch.tensor(lengths)
    nothing = torch.zeros(count, count)
    sine = torch.stack((reach, nothing, nothing), dim=1)
    cosine = torch.stack((nothing, nothing, -reach), dim=1)
    return LinkedBody(sine, cosine, torch.zeros_like(sine), list(masses))


def plate_lid(width: float = 0.3, mass: float = 1.2, count: int = 9) -> LinkedBody:
    """A flat row of point masses, hinged along y at the origin; q is the angle of opening from lying along
    +x.
    """
    along = torch.linspace(width / count, width, count)[:, None]
    nothing = torch.zeros_like(along)
    sine = torch.stack((nothing, nothing, along), dim=1)
    cosine = torch.stack((along, nothing, nothing), dim=1)
    return LinkedBody(sine, cosine, torch.zeros_like(sine), [mass / count] * count)


def drawer(mass: float = 3.0) -> LinkedBody:
    """One point mass that slides along +x; q is its travel in metres."""
    slope = torch.tensor((1.0, 0.0, 0.0))[None, :, None]
    return LinkedBody(torch.zeros_like(slope), torch.zeros_like(slope), slope, [mass])


def state(q: list[float] | list[list[float]], qdot: list[float] | list[list[float]] | None = None) -> State:
    """A state in double precision, at rest unless told otherwise."""
    position = torch.tensor(q, dtype=torch.float64)
    return State(position, torch.zeros_like(position) if qdot is None else torch.tensor(qdot, dtype=torch.float64))


def load(
    body: PointBody, index: int, vectors: list[list[float]], start: float = 0.0, duration: float = 0.0
) -> PointLoads:
    """One load on the same point mass for each of the candidates in ``vectors``."""
    vector = torch.tensor(vectors, dtype=torch.float64)[:, None]
    begin = torch.full(vector.shape[:2], start, dtype=torch.float64)
    return PointLoads(body.rows(index).expand(len(vector), 1, -1, -1), vector, begin, begin + duration)


def still(count: int = 1) -> Actions:
    """No contacts."""
    return Actions(count)


def under_gravity(body: PointBody, **terms: object) -> LagrangianSystem:
    """The body under gravity and whatever else is given."""
    return LagrangianSystem(body, (body.gravity(),), **terms)  # type: ignore[arg-type]
