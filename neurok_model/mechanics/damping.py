"""Damping: forces -D(q) dq/dt that take energy out, each term a positive semi-definite matrix D."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError


class Damping(ABC):
    """A dissipative generalized force -D(q) dq/dt."""

    name: ClassVar[str]

    @abstractmethod
    def matrix(
        self, mass_matrix: Float[Tensor, "*batch k k"], q: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch k k"]:
        """Return D, symmetric positive semi-definite, at configurations q with this mass matrix [N s per unit q]."""


@dataclass(frozen=True)
class MassProportional(Damping):
    """D = rate * G(q): every motion loses speed at the same rate; free motion decays as exp(-rate t).

    Attributes:
        rate: 1/s.

    Raises:
        NeurokError: INVALID_PARAMETER for a rate that is negative or not finite.
    """

    name: ClassVar[str] = "mass_proportional"
    rate: float

    def __post_init__(self) -> None:
        require_not_negative("rate", self.rate)

    def matrix(
        self, mass_matrix: Float[Tensor, "*batch k k"], q: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch k k"]:
        """Return rate * G."""
        return self.rate * mass_matrix


@dataclass(frozen=True)
class StiffnessProportional(Damping):
    """D = time * K(q) with the elastic term's K = omega^2 G(q): the second half of Rayleigh damping.

    The elastic term is isotropic in the mass metric (``Elastic``), so that its damping has the form of
    ``MassProportional`` with the rate time * omega^2: what is twice as stiff is damped twice as much.

    Attributes:
        time: ratio of damping to stiffness [s].
        angular_frequency: omega of the elastic term [rad/s].

    Raises:
        NeurokError: INVALID_PARAMETER for a value that is negative or not finite.
    """

    name: ClassVar[str] = "stiffness_proportional"
    time: float
    angular_frequency: float

    def __post_init__(self) -> None:
        require_not_negative("time", self.time)
        require_not_negative("angular_frequency", self.angular_frequency)

    @property
    def rate(self) -> float:
        """The rate of the mass-proportional damping that it equals [1/s]."""
        return self.time * self.angular_frequency**2

    def matrix(
        self, mass_matrix: Float[Tensor, "*batch k k"], q: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch k k"]:
        """Return time * omega^2 * G."""
        return self.rate * mass_matrix


@dataclass(frozen=True)
class Viscous(Damping):
    """D = coefficients, constant in q: for instance the viscous friction of a joint.

    Attributes:
        coefficients: [k, k], symmetric positive semi-definite.

    Raises:
        NeurokError: INVALID_PARAMETER for a matrix that could put energy in, or that is not finite.
    """

    name: ClassVar[str] = "viscous"
    coefficients: Float[Tensor, "k k"]

    def __post_init__(self) -> None:
        matrix = self.coefficients.detach().double()
        allowed = "a finite, symmetric, positive semi-definite matrix"
        if not bool(matrix.isfinite().all()) or not torch.allclose(matrix, matrix.mT, rtol=1e-5, atol=1e-12):
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "coefficients", matrix.tolist(), allowed)
        lowest = float(torch.linalg.eigvalsh(matrix).min())
        if lowest < -1e-6 * float(matrix.abs().max()):
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "coefficients", f"eigenvalue {lowest:.3g}", allowed)

    def matrix(
        self, mass_matrix: Float[Tensor, "*batch k k"], q: Float[Tensor, "*batch k"]
    ) -> Float[Tensor, "*batch k k"]:
        """Return the coefficients."""
        return self.coefficients.expand_as(mass_matrix)


def require_not_negative(field: str, value: float) -> None:
    """Check a parameter.

    Raises:
        NeurokError: INVALID_PARAMETER for a value that is negative or not finite.
    """
    if not (math.isfinite(value) and value >= 0.0):
        raise NeurokError(ErrorCode.INVALID_PARAMETER, field, value, "a finite number of at least 0")
