"""Rolls out on numba's simulator of a GPU and on the CPU, and prints the largest differences; a process of its own,
because the simulator is chosen when numba is loaded.
"""

from __future__ import annotations

import json
import os

os.environ["NUMBA_ENABLE_CUDASIM"] = "1"

import torch

from neurok_model.mechanics import (
    Actions,
    LagrangianSystem,
    MechanicsConfiguration,
    PointLoads,
    Rollout,
    RolloutSettings,
    State,
    Viscous,
    array_rollout,
    build_system,
    cuda_rollout,
    rollout,
)
from neurok_model.reduction import PriorRegion, SmoothMap

STEP = 1.0 / 60.0
K = 3


def normal(*shape: int, seed: int) -> torch.Tensor:
    """The same numbers every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def system_of(k: int, h: int, r: int) -> LagrangianSystem:
    """A small object with gravity, springs, damping, a prior, walls and a region."""
    form = SmoothMap(
        0.3 * normal(h, k, seed=1), normal(h, seed=2), 0.05 * normal(r, h, seed=3), 0.05 * normal(r, k, seed=4)
    )
    region = PriorRegion(0.3 * torch.ones(k).double(), torch.eye(k).double(), 2.5)
    terms = MechanicsConfiguration(elastic_frequency=0.7, damping_rate=0.4, wall_frequency=1.0, wall_restitution=0.4)
    return build_system(form, 0.1 * normal(3, r, seed=5), region, terms)


def with_viscosity(system: LagrangianSystem) -> LagrangianSystem:
    """The same with damping that must be solved for as a full matrix."""
    viscous = Viscous(0.01 * torch.eye(system.embedding.dimension).double() + 0.005)
    return LagrangianSystem(
        system.embedding, system.potentials, (*system.damping, viscous), system.latent_mass, system.region
    )


def moved(system: LagrangianSystem) -> Rollout:
    """Candidates that are struck and pushed, one of them so fast that it reaches the walls."""
    k, r = system.embedding.dimension, system.embedding.embedding_dimension
    begin = torch.zeros(K, 1, dtype=torch.float64)
    size = torch.tensor([0.2, 1.0, 5.0], dtype=torch.float64)[:, None, None]
    loads = {
        "impulses": PointLoads(
            0.3 * normal(K, 1, 3, r, seed=6), 0.02 * size * normal(K, 1, 3, seed=7), begin + 0.02, begin
        ),
        "pushes": PointLoads(0.3 * normal(K, 1, 3, r, seed=8), size * normal(K, 1, 3, seed=9), begin, begin + 0.03),
    }
    speed = torch.tensor([0.1, 1.0, 40.0], dtype=torch.float64)[:, None]
    start = State(torch.zeros(K, k).double(), speed * torch.ones(k).double())
    return rollout(system, start, Actions(K, **loads), 6 * STEP, STEP, settings=RolloutSettings(backend="compiled"))


def main() -> None:
    """Compare, and print a line of JSON for each system."""
    on_cpu = array_rollout._CpuRun
    runs = []

    def on_simulated_gpu(job, layout, count):
        runs.append(count)
        return cuda_rollout.CudaRun(job, count, torch.device("cpu"))

    for system in (system_of(1, 3, 2), system_of(3, 10, 5), with_viscosity(system_of(2, 8, 5))):
        results = []
        for run in (on_cpu, on_simulated_gpu):
            array_rollout._CpuRun = run
            results.append(moved(system))
        cpu, gpu = results
        names = ("q", "qdot", "kinetic_energy", "potential_energy", "work", "dissipated")
        differences = {
            name: float((getattr(cpu, name) - getattr(gpu, name)).abs().max() / getattr(cpu, name).abs().max())
            for name in names
        }
        outcomes = [[outcome.name for outcome in each.outcomes] for each in results]
        print(json.dumps({"differences": differences, "outcomes": outcomes, "runs": len(runs)}))


if __name__ == "__main__":
    main()
