"""Soft solids inside a box of finite elements: MuJoCo's interpolated flexes, linear or quadratic.

A body of any shape is embedded in the box (the finite cell method): each cell's stiffness and mass are
scaled by the share of the cell that the body fills.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_matrix, csr_matrix

from neurok_model.data.shapes import Surface
from neurok_model.data.simulation.surface_skins import BlendedSkin

SMALLEST_FILL = 0.02
"""Cells emptier than this keep this share of stiffness and mass, so that no node is left without either."""


@dataclass(frozen=True)
class Lattice:
    """A box of equal cells with Lagrange elements.

    Attributes:
        lower: corner of the box with the smallest coordinates, metres.
        upper: opposite corner, metres.
        cells: cells along x, y, z.
        order: 1 for trilinear, 2 for quadratic elements.
    """

    lower: Float[np.ndarray, " 3"]
    upper: Float[np.ndarray, " 3"]
    cells: tuple[int, int, int]
    order: int = 2

    @property
    def nodes_per_axis(self) -> tuple[int, int, int]:
        """Nodes along x, y, z."""
        x, y, z = (self.order * count + 1 for count in self.cells)
        return x, y, z

    def nodes(self) -> Float[np.ndarray, "m 3"]:
        """Node positions, x slowest and z fastest, as MuJoCo numbers them."""
        axes = [np.linspace(self.lower[i], self.upper[i], n) for i, n in enumerate(self.nodes_per_axis)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

    def weights(self, points: Float[np.ndarray, "n 3"]) -> csr_matrix:
        """Values of all node functions at points inside the box: sparse [points, nodes]."""
        scaled = (points - self.lower) / (self.upper - self.lower) * self.cells
        cell = np.clip(np.floor(scaled).astype(np.int64), 0, np.array(self.cells) - 1)
        basis = _lagrange(scaled - cell, self.order)
        width = self.order + 1
        local = np.einsum("ni,nj,nk->nijk", basis[:, 0], basis[:, 1], basis[:, 2]).reshape(len(points), -1)
        i, j, k = np.meshgrid(*[np.arange(width)] * 3, indexing="ij")
        _, ny, nz = self.nodes_per_axis
        first = cell * self.order
        column = ((first[:, 0, None] + i.ravel()) * ny + first[:, 1, None] + j.ravel()) * nz
        column = column + first[:, 2, None] + k.ravel()
        row = np.repeat(np.arange(len(points)), width**3)
        return coo_matrix(
            (local.ravel(), (row, column.ravel())), shape=(len(points), int(np.prod(self.nodes_per_axis)))
        ).tocsr()

    def fill(self, surface: Surface, samples: int = 8) -> Float[np.ndarray, "x y z"]:
        """Share of each cell that lies inside a closed surface, by a regular grid of samples."""
        counts = np.array(self.cells) * samples
        axes = [self.lower[i] + (np.arange(n) + 0.5) / n * (self.upper - self.lower)[i] for i, n in enumerate(counts)]
        inside = _inside(surface, *axes)
        x, y, z = self.cells
        blocks = inside.reshape(x, samples, y, samples, z, samples)
        return np.maximum(blocks.mean(axis=(1, 3, 5), dtype=np.float64), SMALLEST_FILL)

    def node_masses(self, fill: Float[np.ndarray, "x y z"], density: float) -> Float[np.ndarray, " m"]:
        """Lumped masses: every cell's mass spread by Simpson's (or the trapezoidal) rule, kilograms."""
        one = np.array([1.0, 4.0, 1.0]) / 6 if self.order == 2 else np.array([0.5, 0.5])
        local = np.einsum("i,j,k->ijk", one, one, one)
        cell_mass = density * fill * float(np.prod((self.upper - self.lower) / self.cells))
        masses = np.zeros(self.nodes_per_axis)
        for x, y, z in np.ndindex(*self.cells):
            start = np.array((x, y, z)) * self.order
            rows = tuple(slice(s, s + self.order + 1) for s in start)
            masses[rows] += cell_mass[x, y, z] * local
        return masses.ravel()

    def flexcomp(self, material: Material, mass: float, pinned: Int[np.ndarray, " p"], name: str) -> str:
        """MJCF of the lattice as a flex without contacts, its pinned nodes fixed to the enclosing body."""
        size, middle = self.upper - self.lower, 0.5 * (self.upper + self.lower)
        pins = f'<pin id="{" ".join(str(i) for i in pinned)}"/>' if len(pinned) else ""
        return (
            f'<flexcomp name="{name}" type="grid" dim="3" count="2 2 2" radius="0.001" mass="{mass:.12g}" '
            f'dof="{"quadratic" if self.order == 2 else "trilinear"}" '
            f'cellcount="{self.cells[0]} {self.cells[1]} {self.cells[2]}" '
            f'spacing="{size[0]:.12g} {size[1]:.12g} {size[2]:.12g}" '
            f'pos="{middle[0]:.12g} {middle[1]:.12g} {middle[2]:.12g}">'
            f'<elasticity young="{material.young:.12g}" poisson="{material.poisson:.12g}" '
            f'damping="{material.damping:.12g}"/>'
            f'<contact contype="0" conaffinity="0" selfcollide="none"/>{pins}</flexcomp>'
        )


@dataclass(frozen=True)
class Material:
    """An isotropic elastic material.

    Attributes:
        young: Young's modulus, pascals.
        poisson: Poisson's ratio.
        damping: stiffness-proportional (Rayleigh) damping, seconds.
        density: kilograms per cubic metre.
    """

    young: float
    poisson: float
    damping: float
    density: float


def fill_cells(model: Any, lattice: Lattice, fill: Float[np.ndarray, "x y z"], density: float, flex: int = 0) -> None:
    """Scale the stiffness of a compiled flex's cells, and set its node masses, by the filled shares."""
    start = int(model.flex_stiffnessadr[flex])
    per_cell = (3 * (lattice.order + 1) ** 3) ** 2
    shares = np.repeat(fill.ravel(), per_cell)
    model.flex_stiffness[start : start + len(shares)] *= shares
    first, count = int(model.flex_nodeadr[flex]), int(model.flex_nodenum[flex])
    bodies = model.flex_nodebodyid[first : first + count]
    masses = lattice.node_masses(fill, density)
    free = np.array([model.body_dofnum[body] == 3 and model.body_geomnum[body] == 0 for body in bodies])
    model.body_mass[bodies[free]] = masses[free]
    mujoco.mj_setConst(model, mujoco.MjData(model))


def lattice_skin(
    lattice: Lattice, surface: Surface, nodes: Int[np.ndarray, " m"], part: int, mass: float
) -> BlendedSkin:
    """The surface of a solid in a lattice whose nodes are the given control points, numbered in a row."""
    weights = lattice.weights(surface.vertices).tocoo()
    shape = (len(surface.vertices), int(nodes[-1]) + 1)
    shifted = coo_matrix((weights.data, (weights.row, nodes[weights.col])), shape=shape).tocsr()
    return BlendedSkin(shifted, surface.triangles.astype(np.int64), part, mass)


def _lagrange(x: Float[np.ndarray, "n 3"], order: int) -> Float[np.ndarray, "n 3 w"]:
    """Lagrange polynomials on [0, 1] with equally spaced nodes."""
    if order == 1:
        return np.stack([1 - x, x], axis=-1)
    return np.stack([2 * (x - 0.5) * (x - 1), 4 * x * (1 - x), 2 * x * (x - 0.5)], axis=-1)


def _inside(
    surface: Surface, x: Float[np.ndarray, " a"], y: Float[np.ndarray, " b"], z: Float[np.ndarray, " c"]
) -> Bool[np.ndarray, "a b c"]:
    """Which points of a regular grid a closed surface winds around, by rays upwards through its triangles."""
    # Slightly beside the grid, so that no ray runs through an edge that lies on a round coordinate.
    shift = 1e-7 * float(np.ptp(surface.vertices))
    rays = np.stack(np.meshgrid(x + shift, y + 1.7 * shift, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    corners = surface.vertices[surface.triangles]
    first, second, third = (corners[:, i, :2] for i in range(3))
    area = _cross(second - first, third - first)
    upright = np.abs(area) > 1e-18
    corners, area = corners[upright], area[upright]
    first, second, third = (corners[:, i, :2] for i in range(3))
    share_third = _cross(second - first, rays - first) / area
    share_second = _cross(rays - first, third - first) / area
    share_first = 1.0 - share_second - share_third
    hit = (share_first >= 0) & (share_second >= 0) & (share_third >= 0)
    height = share_first * corners[:, 0, 2] + share_second * corners[:, 1, 2] + share_third * corners[:, 2, 2]
    ray, triangle = np.nonzero(hit)
    above = height[ray, triangle][:, None] > z
    winding = np.zeros((len(rays), len(z)))
    np.add.at(winding, ray, np.sign(area[triangle])[:, None] * above)
    return np.asarray((winding > 0.5).reshape(len(x), len(y), len(z)))


def _cross(left: Float[np.ndarray, "... 2"], right: Float[np.ndarray, "... 2"]) -> Float[np.ndarray, "..."]:
    return np.asarray(left[..., 0] * right[..., 1] - left[..., 1] * right[..., 0])
