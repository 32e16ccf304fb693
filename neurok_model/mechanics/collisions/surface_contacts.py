"""Contact of the object's surface with obstacles: points that must stay outside of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics.collisions.constraint import Configuration, Directions, Gaps, UnilateralConstraint
from neurok_model.mechanics.collisions.obstacles import Obstacle


class SurfaceContacts(UnilateralConstraint):
    """Every chosen surface point x_p(q) = X_p + Phi_p y(q) against every obstacle.

    A point that touches or slightly enters an obstacle at the beginning (a scan is never exact) counts as lying on
    it: what it may go down from there is nothing.

    Args:
        points: [p, 3], X, positions at y = 0 [m].
        rows: [p, 3, r], Phi.
        obstacles: what they may not enter.
        start: [r], y at the beginning.
        allowed_depth: how deep a point may be inside at the beginning [m].
        tolerance: gap below which a contact touches [m].
        resting_speed: speed of approach below which a contact does not bounce [m/s].

    Raises:
        NeurokError: INVALID_CONTACT where a point begins deeper inside an obstacle than that.
    """

    name: ClassVar[str] = "surface_contacts"

    def __init__(
        self,
        points: Float[Tensor, "p 3"],
        rows: Float[Tensor, "p 3 r"],
        obstacles: Sequence[Obstacle],
        start: Float[Tensor, " r"],
        *,
        allowed_depth: float = 0.0,
        tolerance: float = 1e-4,
        resting_speed: float = 0.05,
    ) -> None:
        self.points, self.rows, self.obstacles = points, rows, tuple(obstacles)
        self.count = len(points) * len(self.obstacles)
        self.tolerance, self.resting_speed = tolerance, resting_speed
        gap, _ = self._distances(start[None], start.new_zeros(1))
        depth = -gap.flatten(1)[0]
        if self.count and float(depth.max()) > allowed_depth:
            deepest = int(depth.argmax())
            place = (points + rows @ start)[deepest % len(points)]
            raise NeurokError(
                ErrorCode.INVALID_CONTACT,
                f"obstacles[{deepest // len(points)}]",
                f"the surface at {[round(float(x), 4) for x in place]} m is {float(depth.max()):.3g} m inside",
                f"an obstacle that the object, as it stands at the beginning, enters by at most {allowed_depth:.3g} m",
            )
        self._allowance = depth.clamp_min(0.0)

    def _distances(
        self, y: Float[Tensor, "K r"], time: Float[Tensor, " K"]
    ) -> tuple[Float[Tensor, "K o p"], Float[Tensor, "K o p 3"]]:
        flat = y @ self.rows.flatten(0, 1).mT
        placed = self.points + flat.unflatten(-1, (len(self.points), 3))
        pairs = [obstacle.at(placed, time) for obstacle in self.obstacles]
        return torch.stack([gap for gap, _ in pairs], 1), torch.stack([normal for _, normal in pairs], 1)

    def gaps(self, at: Configuration) -> Gaps:
        """Distances of all points from the first obstacle, then from the next."""
        gap, normal = self._distances(at.y, at.time)
        ydot = (at.jacobian @ at.qdot[..., None])[..., 0]
        moving = (ydot @ self.rows.flatten(0, 1).mT).unflatten(-1, (len(self.points), 3))[:, None]
        moving = moving - self._of_obstacles("velocity", at.y)[None, :, None]
        return Gaps(gap.flatten(1) + self._allowance, (normal * moving).sum(-1).flatten(1))

    def restitutions(self) -> Float[Tensor, " n"]:
        """Restitution of every obstacle, once per point."""
        return self._of_obstacles("restitution", self.points).repeat_interleave(len(self.points))

    def directions(self, at: Configuration, index: Int[Tensor, "K c"]) -> Directions:
        """Normals of the obstacles' surfaces at the points, and two tangents each."""
        obstacle, point = index // len(self.points), index % len(self.points)
        rows = self.rows[point]
        placed = self.points[point] + (rows @ at.y[:, None, :, None])[..., 0]
        normals = torch.stack([each.at(placed, at.time)[1] for each in self.obstacles], 2)
        normal = normals.gather(2, obstacle[..., None, None].expand(*index.shape, 1, 3))[:, :, 0]
        axes = _frame(normal)
        jacobian = axes @ (rows @ at.jacobian[:, None])
        velocity = self._of_obstacles("velocity", at.y)[obstacle]
        return Directions(
            jacobian,
            (axes @ velocity[..., None])[..., 0],
            self._of_obstacles("friction", at.y)[obstacle],
            self._of_obstacles("restitution", at.y)[obstacle],
        )

    def _of_obstacles(self, name: str, reference: Tensor) -> Tensor:
        return reference.new_tensor([getattr(obstacle, name) for obstacle in self.obstacles])


def _frame(normal: Float[Tensor, "K c 3"]) -> Float[Tensor, "K c 3 3"]:
    """Right-handed axes whose first is the normal."""
    smallest = torch.nn.functional.one_hot(normal.abs().argmin(-1), 3).to(normal.dtype)
    first = torch.nn.functional.normalize(torch.linalg.cross(normal, smallest), dim=-1)
    return torch.stack((normal, first, torch.linalg.cross(normal, first)), dim=-2)
