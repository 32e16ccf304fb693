"""A reduced-order simulator as the peer: fast complementary dynamics (Benchekroun et al., SIGGRAPH 2023).

It simulates the same soft block as the finite elements of ``rollout_peers``: 10 x 10 x 10 vertices, one face held, in
the coordinates that its authors use (skinning eigenmodes, twelve numbers each, and clusters of tetrahedra on which the
elastic energy is summed), with their compiled local-global solver. It is told the tetrahedra, the stiffness and the
density.

The authors' package, ``fast-cody``, is built for numpy 1 and crashes with numpy 2, so that it needs an interpreter of
its own, to which this file is handed:

    python -m venv out/peer && out/peer/bin/pip install "numpy<2" "scipy<1.13"
    out/peer/bin/pip install --no-deps fast-cody==0.0.8
    python bench/rollout.py --reduced-order-python out/peer/bin/python --json out/bench/rollout.json

Of the package only the compiled module is used, which needs none of its dependencies. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import fast_cd_pyb
import numpy as np
from scipy.sparse import coo_matrix, csc_matrix, diags
from scipy.sparse.linalg import eigsh

from bench.timing import measured

SIDE, SPACING, MASS = 10, 0.02, 0.5
"""Vertices along an edge, their distance [m], and the block's mass [kg], as in ``rollout_peers``."""

YOUNG, POISSON = 2e4, 0.3
"""Young's modulus [Pa] and Poisson's ratio of the block."""

PINNED = np.arange(SIDE * SIDE)
"""The face that is held."""

STEP = 0.01
"""Seconds; the package's own."""

MODES, CLUSTERS = 10, 50
ITERATIONS, THRESHOLD = 30, 1e-8
"""Of the local-global solver, per step; the package's own."""

FORCE, PUSH_SECONDS = 1.0, 0.1
"""Newtons across the far corner, and for how long."""


def block() -> tuple[np.ndarray, np.ndarray]:
    """Vertices [n, 3] in metres and tetrahedra [t, 4] of a grid, each of whose cells is cut into six."""
    grid = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"), -1).reshape(-1, 3)
    vertices = SPACING * grid.astype(np.float64)
    strides = np.array([SIDE * SIDE, SIDE, 1])
    corners = np.stack(np.meshgrid(*[np.arange(SIDE - 1)] * 3, indexing="ij"), -1).reshape(-1, 3) @ strides
    cells = []
    for order in itertools.permutations(strides):
        path = np.concatenate(([0], np.cumsum(order)))
        cells.append(corners[:, None] + path)
    tetrahedra = np.concatenate(cells)
    edges = vertices[tetrahedra[:, 1:]] - vertices[tetrahedra[:, :1]]
    inverted = np.linalg.det(edges) < 0.0
    tetrahedra[inverted] = tetrahedra[inverted][:, [0, 1, 3, 2]]
    return vertices, tetrahedra


def skinning_eigenmodes(vertices: np.ndarray, tetrahedra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues [m] and weights [n, m]: the softest modes of the Laplacian that vanish where the block is held."""
    edges = vertices[tetrahedra[:, 1:]] - vertices[tetrahedra[:, :1]]
    volumes = np.abs(np.linalg.det(edges)) / 6.0
    gradients = np.linalg.inv(edges)
    gradients = np.concatenate((-gradients.sum(axis=2, keepdims=True), gradients), axis=2)
    stiffness = np.einsum("tdi,tdj,t->tij", gradients, gradients, volumes)
    rows, columns = np.repeat(tetrahedra, 4, axis=1).ravel(), np.tile(tetrahedra, (1, 4)).ravel()
    laplacian = coo_matrix((stiffness.ravel(), (rows, columns)), shape=(len(vertices),) * 2).tocsc()
    masses = np.bincount(tetrahedra.ravel(), np.repeat(volumes / 4.0, 4))
    free = np.setdiff1d(np.arange(len(vertices)), PINNED)
    values, modes = eigsh(laplacian[free][:, free], MODES, M=diags(masses[free]), sigma=0.0, v0=np.ones(len(free)))
    weights = np.zeros((len(vertices), MODES))
    weights[free] = modes
    return values, weights


class ReducedBlock:
    """The block in reduced coordinates; keeps what the compiled module points to alive."""

    def __init__(self) -> None:
        vertices, tetrahedra = block()
        values, weights = skinning_eigenmodes(vertices, tetrahedra)
        self._vertices = np.asfortranarray(vertices)
        self._tetrahedra = np.asfortranarray(tetrahedra.astype(np.int32))
        weights = np.asfortranarray(weights)
        self.subspace = np.asfortranarray(fast_cd_pyb.lbs_jacobian(self._vertices, weights).toarray())
        self._rig = csc_matrix(fast_cd_pyb.lbs_jacobian(self._vertices, np.ones((len(vertices), 1), order="F")))
        labels, _ = fast_cd_pyb.compute_clusters_weight_space(
            self._tetrahedra, weights, np.asfortranarray(values[:, None]), CLUSTERS, MODES
        )
        self._labels = np.asarray(labels, dtype=np.int32).reshape(-1, 1)
        self._constraints = csc_matrix((0, 0))
        shear, density = YOUNG / (2.0 * (1.0 + POISSON)), MASS / np.prod(np.ptp(vertices, axis=0))
        parameters = fast_cd_pyb.fast_cd_arap_sim_params(
            self._vertices, self._tetrahedra, self.subspace, self._labels, self._rig, self._constraints,
            shear, STEP, density,
        )  # fmt: skip
        solver = fast_cd_pyb.local_global_solver_params(False, ITERATIONS, THRESHOLD)
        self._kept = parameters, solver
        self._simulation = fast_cd_pyb.fast_cd_arap_sim("", parameters, solver, False, False)
        # The rig is one affine map, column after column, and stays the identity.
        self._pose = np.eye(3, 4).reshape(-1, 1)
        force = np.zeros((len(vertices), 3), order="F")
        force[-1, 2] = FORCE
        self._push = self.subspace.T @ force.reshape(-1, 1, order="F")

    @property
    def clusters(self) -> int:
        """How many groups of tetrahedra there are."""
        return len(np.unique(self._labels))

    def roll(self, horizon: float) -> np.ndarray:
        """Push the far corner and let go; its displacement [T, 3] in metres."""
        now = np.zeros((self.subspace.shape[1], 1))
        before, corner = now, []
        for index in range(round(horizon / STEP)):
            push = self._push if index * STEP < PUSH_SECONDS else np.zeros_like(self._push)
            after = self._simulation.step(
                now, self._pose, now, before, self._pose, self._pose, push, np.zeros((0, 1))
            ).reshape(-1, 1)  # fmt: skip
            now, before = after, now
            corner.append(self.subspace.reshape(3, -1, after.size)[:, -1] @ after[:, 0])
        return np.array(corner)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--horizon", type=float, default=0.5, help="seconds")
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    reduced = ReducedBlock()
    corner = reduced.roll(arguments.horizon)
    if not (np.isfinite(corner).all() and np.abs(corner).max() > 1e-4):
        raise SystemExit("the block did not move as it should: this build of fast-cody does not work here")
    time = measured(lambda: reduced.roll(arguments.horizon), repeats=arguments.repeats)
    details = {
        "coordinates": reduced.subspace.shape[1],
        "clusters": reduced.clusters,
        "largest_displacement_metres": float(np.abs(corner).max()),
    }
    print(json.dumps({"time": asdict(time), "details": details}))


if __name__ == "__main__":
    main()
