"""Obstacles in the object's surroundings: half-spaces, spheres, capsules and boxes, in the frame of the scan."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError

Vector = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Obstacle(ABC):
    """Something rigid that the object's surface cannot enter.

    Attributes:
        friction: Coulomb's coefficient between it and the object.
        restitution: share of the speed of approach that is left after an impact, 0 to 1.
        velocity: of the obstacle [m/s]; it keeps it whatever it meets.

    Raises:
        NeurokError: INVALID_PARAMETER for a coefficient or a velocity that makes no sense.
    """

    friction: float = 0.5
    restitution: float = 0.0
    velocity: Vector = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.friction) and self.friction >= 0.0):
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "friction", self.friction, "a finite number of at least 0")
        if not 0.0 <= self.restitution <= 1.0:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "restitution", self.restitution, "a number from 0 to 1")
        _vector("velocity", self.velocity)

    @abstractmethod
    def distance(self, points: Float[Tensor, "*b 3"]) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b 3"]]:
        """Signed distance of points from the surface as it stands at the beginning (negative inside), and its
        gradient: the unit normal.
        """

    def at(
        self, points: Float[Tensor, "K p 3"], time: Float[Tensor, " K"]
    ) -> tuple[Float[Tensor, "K p"], Float[Tensor, "K p 3"]]:
        """The same with the obstacle where it has moved to."""
        moved = time[:, None, None] * points.new_tensor(self.velocity)
        return self.distance(points - moved)


@dataclass(frozen=True, kw_only=True)
class HalfSpace(Obstacle):
    """Everything below a plane: a floor, a table, a wall.

    Attributes:
        point: on the plane [m].
        normal: pointing out of the half-space, of any length.
    """

    point: Vector = (0.0, 0.0, 0.0)
    normal: Vector = (0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        _vector("point", self.point)
        if np.linalg.norm(_vector("normal", self.normal)) < 1e-9:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "normal", self.normal, "a vector with a direction")

    def distance(self, points: Float[Tensor, "*b 3"]) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b 3"]]:
        """N . (x - p)."""
        normal = torch.nn.functional.normalize(points.new_tensor(self.normal), dim=0)
        return (points - points.new_tensor(self.point)) @ normal, normal.expand_as(points)


@dataclass(frozen=True, kw_only=True)
class Sphere(Obstacle):
    """A ball, a fingertip.

    Attributes:
        centre: [m].
        radius: [m], more than zero.
    """

    centre: Vector
    radius: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _vector("centre", self.centre)
        _length("radius", self.radius)

    def distance(self, points: Float[Tensor, "*b 3"]) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b 3"]]:
        """|x - c| - r."""
        return _from_nearest(points - points.new_tensor(self.centre), self.radius)


@dataclass(frozen=True, kw_only=True)
class Capsule(Obstacle):
    """A cylinder with round ends: a finger, a rail.

    Attributes:
        start: one end of the axis [m].
        end: the other [m].
        radius: [m], more than zero.
    """

    start: Vector
    end: Vector
    radius: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _vector("start", self.start)
        _vector("end", self.end)
        _length("radius", self.radius)

    def distance(self, points: Float[Tensor, "*b 3"]) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b 3"]]:
        """Distance from the axis, less the radius."""
        start, axis = points.new_tensor(self.start), points.new_tensor(np.subtract(self.end, self.start))
        along = ((points - start) @ axis / axis.square().sum().clamp_min(1e-18)).clamp(0.0, 1.0)
        return _from_nearest(points - start - along[..., None] * axis, self.radius)


@dataclass(frozen=True, kw_only=True)
class Box(Obstacle):
    """A block, a shelf, a palm.

    Attributes:
        centre: [m].
        half_sizes: half the length of each side [m], more than zero.
        orientation: unit quaternion (w, x, y, z) that turns the box's axes into the frame of the scan.
    """

    centre: Vector
    half_sizes: Vector
    orientation: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        _vector("centre", self.centre)
        for size in _vector("half_sizes", self.half_sizes):
            _length("half_sizes", float(size))
        quaternion = np.asarray(self.orientation, dtype=np.float64)
        if quaternion.shape != (4,) or not abs(float(np.linalg.norm(quaternion)) - 1.0) < 1e-3:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "orientation", self.orientation, "a unit quaternion")

    def distance(self, points: Float[Tensor, "*b 3"]) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b 3"]]:
        """Distance from the nearest face, edge or corner; inside, from the nearest face."""
        turn = rotation_matrix(points.new_tensor(self.orientation))
        local = (points - points.new_tensor(self.centre)) @ turn
        beyond = local.abs() - points.new_tensor(self.half_sizes)
        side = torch.where(local < 0.0, -1.0, 1.0)
        outside = beyond.clamp_min(0.0)
        length = outside.norm(dim=-1)
        deepest = torch.nn.functional.one_hot(beyond.argmax(-1), 3).to(points.dtype)
        direction = torch.where((length > 0.0)[..., None], outside / length.clamp_min(1e-18)[..., None], deepest)
        return length + beyond.amax(-1).clamp_max(0.0), (direction * side) @ turn.mT


def rotation_matrix(quaternion: Float[Tensor, "4"]) -> Float[Tensor, "3 3"]:
    """The rotation of a unit quaternion (w, x, y, z)."""
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=0).unbind()
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(line) for line in rows])


def _from_nearest(offset: Float[Tensor, "*b 3"], radius: float) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b 3"]]:
    """Distance and normal from the offset to the nearest point of a core that is ``radius`` thick."""
    length = offset.norm(dim=-1)
    return length - radius, offset / length.clamp_min(1e-18)[..., None]


def _vector(field: str, value: Sequence[float]) -> Float[np.ndarray, "3"]:
    vector = np.asarray(value, dtype=np.float64)
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise NeurokError(ErrorCode.INVALID_PARAMETER, field, value, "three finite numbers")
    return vector


def _length(field: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0.0):
        raise NeurokError(ErrorCode.INVALID_PARAMETER, field, value, "a finite length above 0 m")
