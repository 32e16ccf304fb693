"""The interface of what the object cannot move through or beyond: gaps that never become negative."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Configuration:
    """Where K candidates are, each at a time of its own.

    Attributes:
        q: [K, k].
        qdot: [K, k], per second.
        y: [K, r], embedding coordinates.
        jacobian: [K, r, k], dy/dq.
        time: [K] since the prediction's beginning [s].
    """

    q: Float[Tensor, "K k"]
    qdot: Float[Tensor, "K k"]
    y: Float[Tensor, "K r"]
    jacobian: Float[Tensor, "K r k"]
    time: Float[Tensor, " K"]


@dataclass(frozen=True)
class Gaps:
    """All possible contacts of a constraint in one configuration.

    Attributes:
        gap: [K, n], distance that is left [m, or units of q]; negative inside.
        rate: [K, n], its time derivative, negative where the gap closes.
    """

    gap: Float[Tensor, "K n"]
    rate: Float[Tensor, "K n"]


@dataclass(frozen=True)
class Directions:
    """Some contacts' local frames: the first axis is along the gap, the others are tangents.

    Attributes:
        jacobian: [K, c, 3, k], the contact point's velocity along the axes per unit of dq/dt.
        drift: [K, c, 3], the obstacle's own velocity along them.
        friction: [K, c], Coulomb's coefficient.
        restitution: [K, c], share of the approaching speed that is left after an impact.
    """

    jacobian: Float[Tensor, "K c 3 k"]
    drift: Float[Tensor, "K c 3"]
    friction: Float[Tensor, "K c"]
    restitution: Float[Tensor, "K c"]


class UnilateralConstraint(ABC):
    """n gaps that the motion keeps at 0 or above by reactions that push and never pull.

    A user adds a kind of obstacle or stop by subclassing; nothing else has to change.
    """

    name: ClassVar[str]

    count: int
    """Number n of possible contacts."""

    tolerance: float
    """Gap below which a contact counts as touching, in the gap's unit."""

    resting_speed: float
    """Speed of approach below which a contact does not bounce, in the gap's unit per second."""

    @abstractmethod
    def gaps(self, at: Configuration) -> Gaps:
        """All gaps and their rates."""

    @abstractmethod
    def restitutions(self) -> Float[Tensor, " n"]:
        """Restitution of every possible contact."""

    @abstractmethod
    def directions(self, at: Configuration, index: Int[Tensor, "K c"]) -> Directions:
        """The frames of the chosen contacts."""
