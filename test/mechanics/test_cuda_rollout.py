"""The kernel for GPUs against the machine code of the CPU, and what happens where a GPU fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from neurok_model.mechanics import (
    Actions,
    LagrangianSystem,
    PointLoads,
    Rollout,
    State,
    array_rollout,
    cuda_rollout,
    fast_path,
    rollout,
)
from neurok_model.reduction import SmoothMap

pytest.importorskip("numba")

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_kernel_for_gpus_equals_the_machine_code() -> None:
    """Protects the launch and the other definitions of the primitives: the same motion, energies, losses and outcomes,
    with every term, on numba's simulator of a GPU.
    """
    script = Path(__file__).with_name("simulated_gpu.py")
    done = subprocess.run(
        [sys.executable, str(script)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == 3
    reached = set()
    for index, result in enumerate(results):
        assert result["runs"] > index
        assert result["outcomes"][0] == result["outcomes"][1]
        reached |= set(result["outcomes"][0])
        for name, difference in result["differences"].items():
            assert difference < 1e-7, (name, difference)
    assert {"OK", "PRIOR_EDGE"} <= reached


def _system(device: str) -> LagrangianSystem:
    linear = torch.eye(2, dtype=torch.float64)
    form = SmoothMap(0.1 * linear, torch.zeros(2).double(), 0.1 * linear, linear)
    return LagrangianSystem(form, batch_device=torch.device(device))


def _pushed(system: LagrangianSystem, count: int) -> Rollout:
    forces = torch.linspace(0.1, 1.0, count, dtype=torch.float64)[:, None, None].expand(count, 1, 3)
    rows = torch.ones(count, 1, 3, 2, dtype=torch.float64)
    times = torch.zeros(count, 1, dtype=torch.float64)
    start = State(torch.zeros(2).double(), torch.zeros(2).double())
    return rollout(system, start, Actions(count, pushes=PointLoads(rows, forces, times, times + 0.1)), 0.2, 0.02)


def test_a_gpu_that_fails_leaves_the_work_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects whoever plans on a GPU that disappears or runs out of memory in the middle of a batch."""

    class Failing:
        def __init__(self, job, count, device) -> None:
            self._job = job

        def advance(self, first: int, last: int) -> None:
            self._job.series[:] = 7.0

        def finish(self) -> None:
            raise RuntimeError("CUDA error: the device is gone")

    monkeypatch.setattr(cuda_rollout, "available", lambda: True)
    monkeypatch.setattr(cuda_rollout, "CudaRun", Failing)
    count = cuda_rollout.FEWEST_CANDIDATES
    with pytest.warns(RuntimeWarning, match="the device is gone"):
        there = _pushed(_system("cuda"), count)
    here = _pushed(_system("cpu"), count)
    assert torch.equal(there.q, here.q)
    assert there.outcomes == here.outcomes


def test_small_batches_stay_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects a single prediction from the latency of a GPU."""
    monkeypatch.setattr(cuda_rollout, "CudaRun", None)
    monkeypatch.setattr(cuda_rollout, "available", lambda: pytest.fail("a GPU was asked for"))
    _pushed(_system("cuda"), cuda_rollout.FEWEST_CANDIDATES - 1)


def test_what_a_run_is_handed_is_what_the_processors_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the spare rows: a run is told of the candidates alone, while its arrays have rows for what is thrown
    away.
    """
    seen = []
    plain = array_rollout._CpuRun

    def spy(job, layout, count):
        seen.append((count, len(job.flags), len(job.states), len(job.series), len(job.pushes.vector)))
        return plain(job, layout, count)

    monkeypatch.setattr(array_rollout, "_CpuRun", spy)
    _pushed(_system("cpu"), 4)
    assert seen[0] == (4, 6, 6, 6, 6)


@pytest.mark.parametrize(("device", "wanted"), [("cpu", []), ("cuda", [cuda_rollout.FEWEST_CANDIDATES])])
def test_preparing_compiles_what_will_run(monkeypatch: pytest.MonkeyPatch, device: str, wanted: list[int]) -> None:
    """Protects the first large batch on a GPU from waiting for a minute's compilation, and a CPU from being asked for
    one.
    """
    seen = []

    def spy(job, count, device):
        seen.append(count)
        return array_rollout._CpuRun(job, array_rollout.layout_of(_system("cpu")), count)

    monkeypatch.setattr(cuda_rollout, "available", lambda: True)
    monkeypatch.setattr(cuda_rollout, "CudaRun", spy)
    fast_path.prepare(torch.device(device))
    assert seen == wanted


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_computes_what_the_cpu_computes() -> None:
    """Protects the same where there is a GPU: rounding is all that differs."""
    count = 4 * cuda_rollout.FEWEST_CANDIDATES
    there, here = _pushed(_system("cuda"), count), _pushed(_system("cpu"), count)
    for name in ("q", "qdot", "kinetic_energy", "work"):
        torch.testing.assert_close(getattr(there, name), getattr(here, name), rtol=1e-9, atol=1e-12)
    assert there.outcomes == here.outcomes
