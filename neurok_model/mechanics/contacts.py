"""What a robot does to an object: contacts in the world frame, in SI units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neurok_model.errors import ErrorCode, NeurokError

Vector = Float[np.ndarray, "3"]
VectorLike = Sequence[float | int] | np.ndarray
"""Three numbers, in any form that a user has them."""
PointsLike = Sequence[VectorLike] | np.ndarray
"""Points, one per row."""


@dataclass(frozen=True, eq=False)
class Impulse:
    """A strike: momentum handed over in no time.

    Args:
        point: where, on the object's surface as it stands when the prediction starts [m].
        impulse: how much, the time integral of the contact force [N s].
        start: when, after the prediction's beginning [s].

    Raises:
        NeurokError: INVALID_CONTACT for anything not finite, of another shape, or in the past.
    """

    point: Vector
    impulse: Vector
    start: float = 0.0

    def __init__(self, point: VectorLike, impulse: VectorLike, start: float = 0.0) -> None:
        object.__setattr__(self, "point", _vector("point", point))
        object.__setattr__(self, "impulse", _vector("impulse", impulse))
        object.__setattr__(self, "start", _seconds("start", start))


@dataclass(frozen=True, eq=False)
class Push:
    """A force of constant direction and size that lasts, and that travels with the material point it acts on.

    Args:
        point: where, on the object's surface as it stands when the prediction starts [m].
        force: the contact force [N].
        duration: how long [s], more than zero.
        start: when it sets in, after the prediction's beginning [s].

    Raises:
        NeurokError: INVALID_CONTACT for anything not finite, of another shape, in the past or without
        duration.
    """

    point: Vector
    force: Vector
    duration: float
    start: float = 0.0

    def __init__(self, point: VectorLike, force: VectorLike, duration: float, start: float = 0.0) -> None:
        object.__setattr__(self, "point", _vector("point", point))
        object.__setattr__(self, "force", _vector("force", force))
        object.__setattr__(self, "duration", _seconds("duration", duration))
        object.__setattr__(self, "start", _seconds("start", start))
        if self.duration == 0.0:
            raise NeurokError(
                ErrorCode.INVALID_CONTACT, "duration", duration, "more than 0 s (for a strike use Impulse)"
            )


@dataclass(frozen=True, eq=False)
class ImposedVelocity:
    """A grasp that moves with a known twist: the points it holds move with it as far as the object can.

    With ``duration`` zero the velocity is imposed once and the object then moves freely; otherwise the grasp
    holds and keeps its twist for that long, its held points turning with it.

    Args:
        points: [p, 3] held surface points as they stand when the prediction starts [m].
        linear: velocity at ``origin`` [m/s].
        angular: angular velocity [rad/s].
        origin: the point that ``linear`` belongs to [m]; the mean of ``points`` by default.
        duration: how long the grasp holds [s].
        start: when it begins, after the prediction's beginning [s].

    Raises:
        NeurokError: INVALID_CONTACT for anything not finite, of another shape, in the past, or without
        points.
    """

    points: Float[np.ndarray, "p 3"]
    linear: Vector
    angular: Vector
    origin: Vector
    duration: float = 0.0
    start: float = 0.0

    def __init__(
        self,
        points: PointsLike,
        linear: VectorLike,
        angular: VectorLike = (0.0, 0.0, 0.0),
        origin: VectorLike | None = None,
        duration: float = 0.0,
        start: float = 0.0,
    ) -> None:
        held = _finite("points", points)
        if held.ndim != 2 or held.shape[1] != 3 or len(held) == 0:
            raise NeurokError(ErrorCode.INVALID_CONTACT, "points", held.shape, "an array [p, 3] with p >= 1")
        object.__setattr__(self, "points", held)
        object.__setattr__(self, "linear", _vector("linear", linear))
        object.__setattr__(self, "angular", _vector("angular", angular))
        object.__setattr__(self, "origin", held.mean(axis=0) if origin is None else _vector("origin", origin))
        object.__setattr__(self, "duration", _seconds("duration", duration))
        object.__setattr__(self, "start", _seconds("start", start))


Contact = Impulse | Push | ImposedVelocity


def contact_points(contact: Contact) -> Float[np.ndarray, "p 3"]:
    """The surface points [m] that a contact touches."""
    return contact.points if isinstance(contact, ImposedVelocity) else contact.point[None]


def _finite(field: str, value: PointsLike | VectorLike | float) -> Float[np.ndarray, "..."]:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise NeurokError(ErrorCode.INVALID_CONTACT, field, value, "numbers") from None
    if not np.isfinite(array).all():
        raise NeurokError(ErrorCode.INVALID_CONTACT, field, value, "finite numbers")
    return array


def _vector(field: str, value: VectorLike) -> Vector:
    array = _finite(field, value)
    if array.shape != (3,):
        raise NeurokError(ErrorCode.INVALID_CONTACT, field, value, "three numbers")
    return array


def _seconds(field: str, value: float) -> float:
    array = _finite(field, value)
    if array.shape != () or array < 0.0:
        raise NeurokError(ErrorCode.INVALID_CONTACT, field, value, "a time of at least 0 s")
    return float(array)
