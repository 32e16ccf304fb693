"""What the data factory yields on one core: instances and pairs of every family, frames of every simulation.

    python bench/data.py --json out/bench/data.json

Cases: every on-the-fly family (instances built and posed; pairs of a scan and a deformation, drawn by the class that
training draws them with), every simulated family (motions as `neurok data generate` makes them; pairs drawn from the
shards that this run wrote), and pokes of every articulated family. All seconds are CPU seconds of one thread, so that
what else runs on the machine counts little.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mujoco
import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from neurok_model.data.augmentation import AugmentationConfiguration
from neurok_model.data.families import build_object, family_names
from neurok_model.data.generation import GenerationRequest, articulated_family_names, make_shard, tasks_of
from neurok_model.data.pairs import PairBatches, PairConfiguration
from neurok_model.data.simulation import simulated_family_names

LEAST_PAIRS_PER_SECOND = 300
"""Below this, on-the-fly generation would keep a training step on a CPU waiting."""


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    Attributes:
        family: which family.
        source: ``on_the_fly``, ``simulated`` (motions) or ``pokes``.
    """

    family: str
    source: str


@dataclass(frozen=True)
class Figures:
    """What one core yields; rates are per CPU second, and empty where a case has no such thing.

    Attributes:
        instances_per_second: objects built from their seeds and posed once.
        scans_per_second: scans M0 with their deformations, sampled, augmented and normalised.
        pairs_per_second: the same, counted by deformations.
        frames_per_second: simulated frames of accepted sequences.
        rejected_share: of all simulated sequences.
        rejected: how many were thrown away, by reason.
    """

    instances_per_second: float | None = None
    scans_per_second: float | None = None
    pairs_per_second: float | None = None
    frames_per_second: float | None = None
    rejected_share: float | None = None
    rejected: dict[str, int] | None = None


def cases() -> list[Case]:
    """All that is measured."""
    return [
        *(Case(family, "on_the_fly") for family in family_names()),
        *(Case(family, "simulated") for family in simulated_family_names()),
        *(Case(family, "pokes") for family in articulated_family_names()),
    ]


def per_second(work: Callable[[int], object], seconds: float) -> float:
    """Calls per CPU second, after one that warms up; the argument counts them."""
    work(0)
    begin, calls = time.process_time(), 0
    while time.process_time() - begin < seconds or calls < 2:
        calls += 1
        work(calls)
    return calls / (time.process_time() - begin)


def pairs(configuration: PairConfiguration, seconds: float) -> tuple[float, float]:
    """Scans and pairs per second, as training draws them."""
    batches = PairBatches(configuration, AugmentationConfiguration(), "train", seed=0, count=1_000_000)
    scans = configuration.objects * per_second(batches.__getitem__, seconds)
    return scans, scans * configuration.targets


def measure_on_the_fly(case: Case, seconds: float) -> Figures:
    """Instances and pairs of a family that needs no simulation."""

    def built_and_posed(seed: int) -> None:
        instance = build_object(case.family, seed)
        instance.pose(instance.sample_states(np.random.default_rng(seed), 1))

    instances = per_second(built_and_posed, seconds)
    scans, drawn = pairs(PairConfiguration(families=(case.family,)), seconds)
    return Figures(instances_per_second=instances, scans_per_second=scans, pairs_per_second=drawn)


def measure_simulated(case: Case, seconds: float, sequences: int, folder: Path) -> Figures:
    """Frames and rejections of simulated motions or pokes; for motions also pairs drawn from their shards."""
    pokes = case.source == "pokes"
    request = GenerationRequest(folder, (case.family,), sequences, split="train", pokes=pokes)
    begin = time.process_time()
    reports = [make_shard(task) for task in tasks_of(request)]
    spent = time.process_time() - begin
    rejected: dict[str, int] = {}
    for report in reports:
        for reason, count in report.rejected.items():
            rejected[reason] = rejected.get(reason, 0) + count
    share = sum(rejected.values()) / (sum(rejected.values()) + sequences)
    scans = drawn = None
    if not pokes:
        scans, drawn = pairs(PairConfiguration(families=("laptop",), motions=str(folder), motion_share=1.0), seconds)
    return Figures(
        scans_per_second=scans,
        pairs_per_second=drawn,
        frames_per_second=sequences * request.frames / spent,
        rejected_share=share,
        rejected=rejected,
    )


def measured(chosen: list[Case], seconds: float, sequences: int) -> Iterator[tuple[Case, Figures]]:
    """Every case with its figures."""
    for case in track(chosen, description="measuring"):
        if case.source == "on_the_fly":
            yield case, measure_on_the_fly(case, seconds)
            continue
        with tempfile.TemporaryDirectory() as folder:
            yield case, measure_simulated(case, seconds, sequences, Path(folder))


def shown(results: list[tuple[Case, Figures]]) -> Table:
    """One table of everything."""
    title = "per core and CPU second"
    table = Table(Column("family", no_wrap=True), "source", "instances", "pairs", "frames", "rejected", title=title)
    for case, figures in results:
        rates = (figures.instances_per_second, figures.pairs_per_second, figures.frames_per_second)
        share = "" if figures.rejected_share is None else f"{100 * figures.rejected_share:.0f} %"
        table.add_row(case.family, case.source, *("" if rate is None else f"{rate:.0f}" for rate in rates), share)
    return table


def main() -> None:
    """Measure, print a table, write the JSON file; fails when an on-the-fly family is too slow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="file for the machine-readable result")
    parser.add_argument("--seconds", type=float, default=0.5, help="CPU seconds per rate")
    parser.add_argument("--sequences", type=int, default=8, help="sequences per simulated family")
    parser.add_argument("--families", nargs="*", default=(), help="families; all by default")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [case for case in cases() if not arguments.families or case.family in arguments.families]
    results = list(measured(chosen, arguments.seconds, arguments.sequences))
    console = Console()
    console.print(shown(results))
    rates = {case.family: figures.pairs_per_second or 0.0 for case, figures in results if case.source == "on_the_fly"}
    slow = sorted(family for family, rate in rates.items() if rate < LEAST_PAIRS_PER_SECOND)
    if rates:
        slowest = min(rates, key=lambda family: rates[family])
        console.print(f"slowest on the fly: {slowest}, {rates[slowest]:.0f} pairs/s; bound {LEAST_PAIRS_PER_SECOND}")
    if arguments.json:
        settings = {"seconds": arguments.seconds, "sequences": arguments.sequences, "mujoco": mujoco.__version__,
                    "numpy": np.__version__, "bound_pairs_per_second": LEAST_PAIRS_PER_SECOND}  # fmt: skip
        entries = [{**asdict(case), **asdict(figures)} for case, figures in results]
        content = {"settings": settings, "cases": entries, "too_slow": slow}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if slow:
        raise SystemExit(f"fewer than {LEAST_PAIRS_PER_SECOND} pairs per second: {', '.join(slow)}")


if __name__ == "__main__":
    main()
