"""Contacts in embedding coordinates: what the integrators see.

A contact at a material point c enters through three rows of the modes, Phi_c [3, r]: its velocity is
Phi_c dy/dt, and a force f on it is the force Phi_c^T f in embedding coordinates. ``Actions`` holds the
contacts of K candidates, padded with contacts that do nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.mechanics.contacts import Contact, ImposedVelocity, Impulse, Push, contact_points

PointModes = Callable[[Float[np.ndarray, "p 3"]], Float[Tensor, "p 3 r"]]
"""Gives the modes Phi at surface points (metres, world frame, as the object stands when the prediction
starts).
"""


@dataclass(frozen=True)
class PointLoads:
    """Forces or impulses at single points.

    Attributes:
        rows: [K, c, 3, r], modes at the points.
        vectors: [K, c, 3], forces [N] or impulses [N s].
        start: [K, c] in seconds.
        stop: [K, c] in seconds; equal to ``start`` for impulses.
    """

    rows: Float[Tensor, "K c 3 r"]
    vectors: Float[Tensor, "K c 3"]
    start: Float[Tensor, "K c"]
    stop: Float[Tensor, "K c"]

    @property
    def embedded(self) -> Float[Tensor, "K c r"]:
        """The loads in embedding coordinates, Phi_c^T f."""
        return (self.rows * self.vectors[..., None]).sum(-2)


@dataclass(frozen=True)
class Grasps:
    """Imposed twists, reduced to embedding coordinates.

    The wish of a grasp for dy/dt is the least-squares problem sum_i |Phi_i dy/dt - v_i|^2 over its p points,
    which needs only ``metric`` = mean_i Phi_i^T Phi_i and mean_i Phi_i^T v_i. The points turn with the
    gripper, so that v_i = linear + angular x (Phi_i (y - y_start) + X_i - origin - linear t) and the latter
    is affine in y and t.

    Attributes:
        metric: [K, c, r, r].
        target: [K, c, r], mean_i Phi_i^T v_i at the start.
        spin: [K, c, r, r], its derivative by y.
        speed_squared: [K, c], mean_i |v_i|^2 at the start.
        start: [K, c] in seconds.
        stop: [K, c] in seconds.
    """

    metric: Float[Tensor, "K c r r"]
    target: Float[Tensor, "K c r"]
    spin: Float[Tensor, "K c r r"]
    speed_squared: Float[Tensor, "K c"]
    start: Float[Tensor, "K c"]
    stop: Float[Tensor, "K c"]


NEVER = 1e30
"""Start and stop, in seconds, of the contacts that only pad a batch."""

SLIVER = 1e-6
"""Share of a step below which a push does not count as acting in it."""

Group = TypeVar("Group", PointLoads, Grasps)


@dataclass(frozen=True)
class Actions:
    """All contacts of K candidates; a kind that no candidate uses is None."""

    count: int
    impulses: PointLoads | None = None
    pushes: PointLoads | None = None
    grasps: Grasps | None = None

    def impulse_between(self, begin: float, end: float) -> Float[Tensor, "K r"] | None:
        """Sum of the impulses that start in [begin, end), in embedding coordinates; None where there is
        none.
        """
        if self.impulses is None:
            return None
        due = (self.impulses.start >= begin) & (self.impulses.start < end)
        return (self.impulses.embedded * due[..., None]).sum(1) if bool(due.any()) else None

    def mean_force_between(self, begin: float, end: float) -> Float[Tensor, "K r"] | None:
        """Time average of the pushes over [begin, end], in embedding coordinates; None where none acts."""
        if self.pushes is None:
            return None
        overlap = self.pushes.stop.clamp_max(end) - self.pushes.start.clamp_min(begin)
        # A sliver that rounding leaves beside a step's boundary is no contact.
        share = overlap.clamp_min(0.0) / (end - begin)
        share = torch.where(share > SLIVER, share, 0.0)
        return (self.pushes.embedded * share[..., None]).sum(1) if bool((share > 0).any()) else None

    def to(self, reference: Tensor) -> Actions:
        """The same contacts in the dtype and on the device of ``reference``."""
        return Actions(
            self.count, _to(self.impulses, reference), _to(self.pushes, reference), _to(self.grasps, reference)
        )

    def select(self, index: Int[Tensor, " n"]) -> Actions:
        """The contacts of some of the candidates."""
        return Actions(
            len(index),
            _select(self.impulses, index),
            _select(self.pushes, index),
            _select(self.grasps, index),
        )


def gather_actions(
    candidates: Sequence[Sequence[Contact]], point_modes: PointModes, embedding_dimension: int
) -> Actions:
    """Turn each candidate's contacts into embedding coordinates, with one call of ``point_modes`` for all
    points.

    Args:
        candidates: K sequences of contacts, each possibly empty.
        point_modes: modes at surface points; its tensors' dtype and device are the result's.
        embedding_dimension: r.
    """
    contacts = [contact for candidate in candidates for contact in candidate]
    if not contacts:
        return Actions(len(candidates))
    points = [contact_points(contact) for contact in contacts]
    modes = point_modes(np.concatenate(points)).reshape(-1, 3, embedding_dimension)
    placed = _Placed(candidates, points, modes)
    return Actions(len(candidates), _point_loads(placed, Impulse), _point_loads(placed, Push), _grasps(placed))


def _select(group: Group | None, index: Int[Tensor, " n"]) -> Group | None:
    if group is None:
        return None
    return type(group)(*(getattr(group, item.name)[index] for item in fields(group)))


def _to(group: Group | None, reference: Tensor) -> Group | None:
    if group is None or (group.start.dtype == reference.dtype and group.start.device == reference.device):
        return group
    return type(group)(*(getattr(group, item.name).to(reference) for item in fields(group)))


class _Placed:
    """Contacts by kind, each with its candidate, its slot among the candidate's contacts of the same kind, and the
    position of its first point among all points.
    """

    def __init__(
        self,
        candidates: Sequence[Sequence[Contact]],
        points: Sequence[Float[np.ndarray, "n 3"]],
        modes: Float[Tensor, "p 3 r"],
    ) -> None:
        self.count, self.modes = len(candidates), modes
        self._by_kind: dict[type, tuple[list[int], list[int], list[Contact], list[int]]] = {}
        sizes, first = iter(points), 0
        for candidate, contacts in enumerate(candidates):
            slots: dict[type, int] = {}
            for contact in contacts:
                kind = type(contact)
                slot = slots.get(kind, 0)
                slots[kind] = slot + 1
                columns = self._by_kind.setdefault(kind, ([], [], [], []))
                for column, entry in zip(columns, (candidate, slot, contact, first), strict=True):
                    column.append(entry)  # type: ignore[attr-defined]
                first += len(next(sizes))

    def of_kind(self, kind: type) -> tuple[list[Contact], list[int]] | None:
        """Contacts of one kind and the positions of their points; None where there is none."""
        columns = self._by_kind.get(kind)
        return None if columns is None else columns[2:]

    def fill(self, kind: type, values: Tensor, padding: float = 0.0) -> Tensor:
        """Scatter one row of ``values`` per contact of a kind into [K, slots, *shape]."""
        candidates, slots = self._by_kind[kind][:2]
        if len(candidates) == self.count and not any(slots):
            return values[:, None]
        result = values.new_full((self.count, 1 + max(slots), *values.shape[1:]), padding)
        result[torch.tensor(candidates, device=result.device), torch.tensor(slots, device=result.device)] = values
        return result


def _point_loads(placed: _Placed, kind: type) -> PointLoads | None:
    entries = placed.of_kind(kind)
    if entries is None:
        return None
    contacts, first = entries
    vectors = np.array([c.impulse if isinstance(c, Impulse) else c.force for c in contacts])  # type: ignore[union-attr]
    times = np.array([(c.start, c.start + getattr(c, "duration", 0.0)) for c in contacts])
    alone = len(placed.modes) == len(first)
    rows = placed.modes if alone else placed.modes[torch.tensor(first, device=placed.modes.device)]
    start, stop = placed.fill(kind, torch.from_numpy(times).to(rows), NEVER).unbind(-1)
    return PointLoads(placed.fill(kind, rows), placed.fill(kind, torch.from_numpy(vectors).to(rows)), start, stop)


def _grasps(placed: _Placed) -> Grasps | None:
    entries = placed.of_kind(ImposedVelocity)
    if entries is None:
        return None
    parts = []
    for contact, first in zip(*entries, strict=True):
        assert isinstance(contact, ImposedVelocity)
        parts.append(_reduced_grasp(contact, placed.modes[first : first + len(contact.points)]))
    return Grasps(
        **{
            item.name: placed.fill(
                ImposedVelocity,
                torch.stack([part[item.name] for part in parts]),
                NEVER if item.name in ("start", "stop") else 0.0,
            )
            for item in fields(Grasps)
        }
    )


def _reduced_grasp(contact: ImposedVelocity, modes: Float[Tensor, "p 3 r"]) -> dict[str, Tensor]:
    """The fields of ``Grasps`` for one contact."""
    count = len(modes)
    linear = modes.new_tensor(contact.linear)
    cross = modes.new_tensor(_cross_matrix(contact.angular))
    velocities = linear + modes.new_tensor(contact.points - contact.origin) @ cross.mT
    metric = torch.einsum("pcr,pcs->rs", modes, modes) / count
    target = torch.einsum("pcr,pc->r", modes, velocities) / count
    spin = torch.einsum("pcr,cd,pds->rs", modes, cross, modes) / count
    times = modes.new_tensor([contact.start, contact.start + contact.duration])
    return {
        "metric": metric,
        "target": target,
        "spin": spin,
        "speed_squared": velocities.square().sum(-1).mean(),
        "start": times[0],
        "stop": times[1],
    }


def _cross_matrix(vector: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The matrix of v -> vector x v."""
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
