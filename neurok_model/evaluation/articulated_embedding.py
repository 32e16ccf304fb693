"""True joints as an embedding: what the mechanics makes of an object whose kinematics is exactly known."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.data.kinematic_tree import ArticulatedObject, JointType
from neurok_model.reduction.embedding import Embedding


class ArticulatedEmbedding(Embedding):
    """y(q) of rigid parts in a kinematic tree, for all points of all parts at once, without approximation.

    A part moves its points by an affine map A_p(q) = [R | t], 3 x 4. With S_p = sum_i m_i [X_i; 1] [X_i; 1]^T = F F^T
    the columns of (A_p(q) - A_p(q_0)) F are its twelve embedding coordinates: their metric is the mass metric.
    q are the joints' own coordinates (radians and metres), measured from the pose ``origin``.

    Args:
        articulated: the object.
        moments: [parts, 4, 4], S_p, in the reference pose of the object.
        origin: state coordinates of the pose in which q = 0.
        coordinate: for each part, the coordinate that moves it; the object's own by default.
        ratio: for each part, how far it moves per unit of that coordinate; the object's own by default.
        dtype: of q and y.
    """

    def __init__(
        self,
        articulated: ArticulatedObject,
        moments: Float[np.ndarray, "p 4 4"],
        origin: Float[np.ndarray, " k"],
        coordinate: Int[np.ndarray, " p"] | None = None,
        ratio: Float[np.ndarray, " p"] | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        joints = articulated.joints
        self.dtype, self.device = dtype, torch.device("cpu")
        self._parents = [part.parent for part in joints]
        self._kinds = [part.joint for part in joints]
        self._coordinate = [part.coordinate for part in joints] if coordinate is None else coordinate.tolist()
        self._ratio = [part.ratio for part in joints] if ratio is None else ratio.tolist()
        self._anchors = torch.as_tensor(np.stack([part.anchor for part in joints]), dtype=dtype)
        axes = np.stack([part.axis for part in joints])
        self._axes = torch.as_tensor(axes, dtype=dtype)
        x, y, z = axes.T
        nothing = np.zeros_like(x)
        cross = np.stack([nothing, -z, y, z, nothing, -x, -y, x, nothing], axis=1).reshape(-1, 3, 3)
        self._cross = torch.as_tensor(cross, dtype=dtype)
        self._origin = torch.as_tensor(np.asarray(origin, dtype=np.float64), dtype=dtype)
        self.factors = torch.as_tensor(np.stack([_root(moment) for moment in moments]), dtype=dtype)
        self.dimension = len(origin)
        self.embedding_dimension = 12 * len(joints)
        self._rest = self.placements(torch.zeros(self.dimension, dtype=dtype))

    def placements(self, q: Float[Tensor, "*b k"]) -> Float[Tensor, "*b p 3 4"]:
        """A_p of every part."""
        return torch.stack(self._chain(q, None)[0], dim=-3)[..., :3, :]

    def value(self, q: Float[Tensor, "*b k"]) -> Float[Tensor, "*b r"]:
        """Return y(q)."""
        return self._embedded(self.placements(q) - self._rest)

    def difference(self, q: Float[Tensor, "*b k"], change: Float[Tensor, "*b k"]) -> Float[Tensor, "*b r"]:
        """Return y(q + change) - y(q), without subtracting neighbours.

        Along the tree A1 E1 - A0 E0 = (A1 - A0) E1 + A0 (E1 - E0), and the sines' differences are products.
        """
        angle = q + self._origin
        still = torch.zeros(4, 4, dtype=q.dtype, device=q.device)
        here: list[Tensor] = []
        moved: list[Tensor] = []
        for part, kind in enumerate(self._kinds):
            parent = self._parents[part]
            before = here[parent] if parent >= 0 else still + torch.eye(4, dtype=q.dtype, device=q.device)
            total = moved[parent] if parent >= 0 else still
            if kind is not JointType.FIXED:
                column, ratio = self._coordinate[part], self._ratio[part]
                joint = self._joint(part, ratio * angle[..., column])[0]
                step = self._joint_difference(part, ratio * angle[..., column], ratio * change[..., column])
                total = total @ (joint + step) + before @ step
                before = before @ joint
            here.append(before)
            moved.append(total)
        shape = (*q.shape[:-1], 4, 4)
        return self._embedded(torch.stack([each.expand(shape) for each in moved], dim=-3)[..., :3, :])

    def value_and_jacobian(self, q: Float[Tensor, "*b k"]) -> tuple[Float[Tensor, "*b r"], Float[Tensor, "*b r k"]]:
        """Return y(q) and dy/dq, by the product rule along the tree."""
        unit = torch.eye(self.dimension, dtype=q.dtype, device=q.device).expand(*q.shape, self.dimension)
        maps, rates, _ = self._chain(q[..., None, :], unit)
        moved = torch.stack(rates, dim=-3)[..., :3, :]
        here = torch.stack(maps, dim=-3)[..., 0, :, :3, :]
        return self._embedded(here - self._rest), self._embedded(moved).mT

    def jacobian(self, q: Float[Tensor, "*b k"]) -> Float[Tensor, "*b r k"]:
        """Return dy/dq."""
        return self.value_and_jacobian(q)[1]

    def second_directional(self, q: Float[Tensor, "*b k"], velocity: Float[Tensor, "*b k"]) -> Float[Tensor, "*b r"]:
        """Return (d2y/dq2)[v, v], by the product rule along the tree."""
        return self._embedded(torch.stack(self._chain(q, velocity)[2], dim=-3)[..., :3, :])

    def kinetic_slope(self, q: Float[Tensor, "*b k"], velocity: Float[Tensor, "*b k"]) -> Float[Tensor, "*b k"]:
        """Return d/dq (1/2 |(dy/dq) v|^2) at constant v."""
        return self._slope_by_polarisation(q, velocity)

    @property
    def mass_moment(self) -> Float[Tensor, "3 r"]:
        """sum_i m_i Phi_i: a translation of every point, in the mass metric."""
        last = self.factors[:, 3]
        rows = torch.zeros(3, len(last), 3, 4, dtype=self.dtype)
        for axis in range(3):
            rows[axis, :, axis] = last
        return rows.flatten(1)

    def point_modes(self, points: Float[np.ndarray, "n 3"], part: Int[np.ndarray, " n"]) -> Float[Tensor, "n 3 r"]:
        """Phi at points of parts, given in the reference pose."""
        homogeneous = torch.as_tensor(np.concatenate([points, np.ones((len(points), 1))], axis=1), dtype=self.dtype)
        index = torch.as_tensor(part)
        weights = (torch.linalg.pinv(self.factors, rtol=1e-7)[index] @ homogeneous[..., None])[..., 0]
        modes = torch.zeros(len(points), 3, len(self.factors), 3, 4, dtype=self.dtype)
        row = torch.arange(len(points))
        for axis in range(3):
            modes[row, axis, index, axis] = weights
        return modes.flatten(2)

    def gram(self, moments: Float[np.ndarray, "p 4 4"], centre: Float[np.ndarray, "3"]) -> Float[Tensor, "f f"]:
        """Gram matrix of the point functions of a free base (``mechanics.framed``): X - c, the modes, and 1."""
        start = self.placements(torch.zeros(self.dimension, dtype=self.dtype)).double()
        start[:, :, 3] -= torch.as_tensor(centre)
        # Each function as a combination of [X; 1] on every part: rows [f, parts, 4].
        inverse = torch.linalg.pinv(self.factors.double(), rtol=1e-7)
        count = len(self.factors)
        modes = torch.zeros(count, 3, 4, 3, count, 4, dtype=torch.float64)
        for part in range(count):
            for axis in range(3):
                modes[part, axis, :, axis, part] = inverse[part]
        one = torch.zeros(1, count, 4, dtype=torch.float64)
        one[..., 3] = 1.0
        functions = torch.cat((start.transpose(0, 1), modes.flatten(0, 3), one))
        return torch.einsum("fpi,pij,gpj->fg", functions, torch.as_tensor(moments), functions)

    def _embedded(self, maps: Float[Tensor, "*b p 3 4"]) -> Float[Tensor, "*b r"]:
        return (maps @ self.factors).flatten(-3)

    def _chain(
        self, q: Float[Tensor, "*#b k"], velocity: Float[Tensor, "*#b k"] | None
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Homogeneous maps [.., 4, 4] of all parts, and their first and second derivatives along a velocity."""
        angle = q + self._origin
        still = torch.zeros(4, 4, dtype=q.dtype, device=q.device)
        maps: list[Tensor] = []
        rates: list[Tensor] = []
        bends: list[Tensor] = []
        for part, kind in enumerate(self._kinds):
            parent = self._parents[part]
            here = maps[parent] if parent >= 0 else still + torch.eye(4, dtype=q.dtype, device=q.device)
            rate, bend = (rates[parent], bends[parent]) if parent >= 0 else (still, still)
            if kind is not JointType.FIXED:
                column, ratio = self._coordinate[part], self._ratio[part]
                joint, slope, curve = self._joint(part, ratio * angle[..., column])
                if velocity is not None:
                    speed = ratio * velocity[..., column, None, None]
                    bend = bend @ joint + 2.0 * rate @ (slope * speed) + here @ (curve * speed.square())
                    rate = rate @ joint + here @ (slope * speed)
                here = here @ joint
            maps.append(here)
            rates.append(rate)
            bends.append(bend)
        shape = (*torch.broadcast_shapes(q.shape, q.shape if velocity is None else velocity.shape)[:-1], 4, 4)

        def spread(some: list[Tensor]) -> list[Tensor]:
            return [each.expand(shape) for each in some]

        return spread(maps), spread(rates), spread(bends)

    def _joint_difference(self, part: int, value: Float[Tensor, "*b"], change: Float[Tensor, "*b"]) -> Tensor:
        """A joint's homogeneous map at value + change, less the one at value."""
        result = value.new_zeros(*value.shape, 4, 4)
        if self._kinds[part] is JointType.SLIDE:
            result[..., :3, 3] = change[..., None] * self._axes[part]
            return result
        cross, middle = self._cross[part], (value + 0.5 * change)[..., None, None]
        turn = 2.0 * (0.5 * change).sin()[..., None, None] * (middle.cos() * cross + middle.sin() * (cross @ cross))
        result[..., :3, :3] = turn
        result[..., :3, 3] = -turn @ self._anchors[part]
        return result

    def _joint(self, part: int, value: Float[Tensor, "*b"]) -> tuple[Tensor, Tensor, Tensor]:
        """A joint's homogeneous map and its first two derivatives by its value."""
        result = [value.new_zeros(*value.shape, 4, 4) for _ in range(3)]
        if self._kinds[part] is JointType.SLIDE:
            result[0][..., :, :] = torch.eye(4, dtype=value.dtype, device=value.device)
            result[0][..., :3, 3] = value[..., None] * self._axes[part]
            result[1][..., :3, 3] = self._axes[part]
            return result[0], result[1], result[2]
        cross, sine, cosine = self._cross[part], value.sin()[..., None, None], value.cos()[..., None, None]
        square = cross @ cross
        turns = (sine * cross - cosine * square, cosine * cross + sine * square, cosine * square - sine * cross)
        constant = torch.eye(3, dtype=value.dtype, device=value.device) + square
        for each, turn in zip(result, (turns[0] + constant, turns[1], turns[2]), strict=True):
            each[..., :3, :3] = turn
            each[..., :3, 3] = -turn @ self._anchors[part]
        result[0][..., :3, 3] += self._anchors[part]
        result[0][..., 3, 3] = 1.0
        return result[0], result[1], result[2]


def _root(moment: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """A symmetric square root of a positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(moment)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T)


def shell_moments(
    vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"], surface_density: float
) -> Float[np.ndarray, "4 4"]:
    """Integral of density [X; 1] [X; 1]^T over a surface, exactly (kg, kg m, kg m^2)."""
    corners = vertices[triangles]
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    mass = surface_density * 0.5 * np.linalg.norm(doubled, axis=1)
    homogeneous = np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2)
    total = homogeneous.sum(axis=1)
    products = np.einsum("tvi,tvj->tij", homogeneous, homogeneous) + total[:, :, None] * total[:, None]
    return np.asarray(np.einsum("t,tij->ij", mass / 12.0, products))


def solid_moments(
    vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"], density: float
) -> Float[np.ndarray, "4 4"]:
    """The same over the volume that a closed surface encloses."""
    corners = vertices[triangles]
    apex = vertices.mean(axis=0)
    edges = corners - apex
    volume = np.einsum("ti,ti->t", edges[:, 0], np.cross(edges[:, 1], edges[:, 2])) / 6.0
    tetrahedra = np.concatenate([np.broadcast_to(apex, (len(corners), 1, 3)), corners], axis=1)
    homogeneous = np.concatenate([tetrahedra, np.ones((*tetrahedra.shape[:2], 1))], axis=2)
    total = homogeneous.sum(axis=1)
    products = np.einsum("tvi,tvj->tij", homogeneous, homogeneous) + total[:, :, None] * total[:, None]
    sign = np.sign(volume.sum())
    return np.asarray(np.einsum("t,tij->ij", sign * density * volume / 20.0, products))
