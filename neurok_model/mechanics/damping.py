"""Damping: forces -D(q) dq/dt that take energy out, each term a positive semi-definite matrix D."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor


class Damping(ABC):
    """A dissipative generalized force -D(q) dq/dt."""

    name: ClassVar[str]

    @abstractmethod
    def matrix(self, mass_matrix: Float[Tensor, "*batch k k"]) -> Float[Tensor, "*batch k k"]:
        """Return D, symmetric positive semi-definite, at configurations with this mass matrix [N s per unit
        q].
        """


@dataclass(frozen=True)
class MassProportional(Damping):
    """D = rate * G(q): every motion loses speed at the same rate; free motion decays as exp(-rate t).

    Attributes:
        rate: 1/s.
    """

    name: ClassVar[str] = "mass_proportional"
    rate: float

    def matrix(self, mass_matrix: Float[Tensor, "*batch k k"]) -> Float[Tensor, "*batch k k"]:
        """Return rate * G."""
        return self.rate * mass_matrix


@dataclass(frozen=True)
class Viscous(Damping):
    """D = coefficients, constant in q: for instance the viscous friction of a joint.

    Attributes:
        coefficients: [k, k], symmetric positive semi-definite.
    """

    name: ClassVar[str] = "viscous"
    coefficients: Float[Tensor, "k k"]

    def matrix(self, mass_matrix: Float[Tensor, "*batch k k"]) -> Float[Tensor, "*batch k k"]:
        """Return the coefficients."""
        return self.coefficients.expand_as(mass_matrix)
