"""Fills a folder with shards: any number of workers, the same bytes; interrupted runs continue."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from importlib import import_module
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from neurok_model.data.families import build_object, family_names
from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.sequences import MotionSequence
from neurok_model.data.shards import Shard, write_shard
from neurok_model.data.simulation import simulated_family_names
from neurok_model.data.simulation.articulated_pokes import simulate_articulated_pokes
from neurok_model.data.simulation.excitation import Rejection, SequenceSettings, simulate_sequence
from neurok_model.data.splits import SPLIT_NAMES, checked_split, family_generator, seed_in_split
from neurok_model.errors import ErrorCode, NeurokError

MOST_ATTEMPTS = 60
"""Tries per sequence before a family is given up."""


@dataclass(frozen=True)
class GenerationRequest:
    """What to generate.

    Attributes:
        folder: where the shards go: ``<folder>/<family>/<split>-<number>.h5``.
        families: simulated families for motions; these and articulated families for pokes.
        count: sequences per family.
        seed: of the whole data set.
        split: train, validation or test.
        pokes: begin at rest and poke at time 0, as ground truth for prediction.
        frames: frames per sequence.
        per_shard: sequences per file.
    """

    folder: Path
    families: tuple[str, ...]
    count: int
    seed: int = 0
    split: str = "train"
    pokes: bool = False
    frames: int = 48
    per_shard: int = 16


@dataclass(frozen=True)
class ShardTask:
    """One shard of a request; what it holds depends on nothing else."""

    path: Path
    family: str
    first: int
    count: int
    seed: int
    split: str
    pokes: bool
    frames: int

    def fingerprint(self) -> dict[str, object]:
        """Everything that decides the shard's content."""
        return {name: value for name, value in asdict(self).items() if name != "path"}


@dataclass(frozen=True)
class ShardReport:
    """What became of one shard."""

    path: Path
    family: str
    accepted: int
    rejected: dict[str, int]
    seconds: float
    already_there: bool


@dataclass
class GenerationReport:
    """What became of a request."""

    shards: list[ShardReport] = field(default_factory=list)

    def by_family(self, frames: int) -> dict[str, dict[str, float]]:
        """Per family: sequences, share rejected, and frames per second of one worker (new shards only)."""
        result = {}
        for family in sorted({shard.family for shard in self.shards}):
            mine = [shard for shard in self.shards if shard.family == family]
            accepted, rejected = sum(s.accepted for s in mine), sum(sum(s.rejected.values()) for s in mine)
            fresh = [shard for shard in mine if not shard.already_there]
            seconds = sum(shard.seconds for shard in fresh)
            rate = sum(s.accepted for s in fresh) * frames / seconds if seconds else float("nan")
            share = rejected / max(1, accepted + rejected)
            result[family] = {"sequences": accepted, "rejected_share": share, "frames_per_second": rate}
        return result


def tasks_of(request: GenerationRequest) -> list[ShardTask]:
    """The shards of a request.

    Raises:
        NeurokError: for unknown families or splits, or counts that are not positive.
    """
    checked_split(request.split)
    for name in ("count", "frames", "per_shard"):
        if getattr(request, name) < 1:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, name, getattr(request, name), "an integer of at least 1")
    known = simulated_family_names() + (articulated_family_names() if request.pokes else [])
    for family in request.families:
        if family not in known:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "families", family, "some of " + ", ".join(sorted(known)))
    return [
        ShardTask(
            request.folder / family / f"{request.split}-{first // request.per_shard:05d}.h5",
            family,
            first,
            min(request.per_shard, request.count - first),
            request.seed,
            request.split,
            request.pokes,
            request.frames,
        )
        for family in request.families
        for first in range(0, request.count, request.per_shard)
    ]


def articulated_family_names() -> list[str]:
    """The families that are posed by joints."""
    return [name for name in family_names() if build_object(name, 0).kind is ObjectKind.ARTICULATED]


def make_shard(task: ShardTask) -> ShardReport:
    """Simulate and write one shard, unless it is there already.

    Raises:
        NeurokError: when another request has written a file of that name, a family gives no usable sequence,
            or the disk is full.
    """
    begin = time.perf_counter()
    if task.path.is_file():
        shard = Shard(task.path)
        if shard.attributes.get("task") != task.fingerprint():
            allowed = "another folder, or the settings that the shards there were made with"
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "folder", str(task.path), allowed)
        rejected = {str(name): int(number) for name, number in shard.attributes["rejected"].items()}
        shard.close()
        return ShardReport(task.path, task.family, task.count, rejected, 0.0, True)
    counted: Counter[str] = Counter()
    sequences = [_accepted(task, task.first + index, counted) for index in range(task.count)]
    rejected = dict(sorted(counted.items()))
    write_shard(task.path, sequences, {"task": task.fingerprint(), "rejected": rejected})
    return ShardReport(task.path, task.family, task.count, rejected, time.perf_counter() - begin, False)


def _accepted(task: ShardTask, index: int, rejected: Counter[str]) -> MotionSequence:
    """The first usable sequence for one place in the data set."""
    generator = family_generator(task.family, task.seed, SPLIT_NAMES.index(task.split), index)
    simulated = task.family in simulated_family_names()
    for _ in range(MOST_ATTEMPTS):
        seed = seed_in_split(task.split, generator)
        if simulated:
            made = simulate_sequence(task.family, seed, SequenceSettings(task.frames, at_rest=task.pokes))
        else:
            made = simulate_articulated_pokes(task.family, seed, task.frames)
        if not isinstance(made, Rejection):
            return made
        rejected[made.value] += 1
    raise NeurokError(
        ErrorCode.INTERNAL, "family", f"{task.family}: {dict(rejected)}", "a usable sequence within the attempts"
    )


def generate(
    request: GenerationRequest,
    workers: int = 1,
    on_shard: Callable[[ShardReport], None] = lambda report: None,
    use_ray: bool = False,
) -> GenerationReport:
    """Make all shards of a request that are not there yet.

    Args:
        request: what to generate.
        workers: processes; with Ray, shards in flight at once, where 1 means as many as the cluster has cores.
        on_shard: called with each shard as it is finished.
        use_ray: spread the work over a Ray cluster that shares the folder.

    Raises:
        NeurokError: as :func:`tasks_of` and :func:`make_shard`; finished shards are kept.
    """
    tasks = tasks_of(request)
    _remove_leftovers(request)
    report = GenerationReport()
    run = _on_ray(tasks, workers) if use_ray else _on_processes(tasks, workers)
    for shard in run:
        report.shards.append(shard)
        on_shard(shard)
    return report


def _on_processes(tasks: list[ShardTask], workers: int) -> Iterator[ShardReport]:
    if workers <= 1:
        yield from map(make_shard, tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        futures = [pool.submit(make_shard, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _on_ray(tasks: list[ShardTask], in_flight: int) -> Iterator[ShardReport]:
    """Shards from a Ray cluster, the one that RAY_ADDRESS names or one on this machine."""
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise NeurokError(
            ErrorCode.INVALID_PARAMETER, "ray", "not installed", "an environment with `pip install 'neurok_ros[ray]'`"
        ) from error
    if not ray.is_initialized():
        ray.init()
    most = in_flight if in_flight > 1 else max(1, int(ray.cluster_resources().get("CPU", 1)))
    remote = ray.remote(num_cpus=1)(make_shard)
    waiting = iter(tasks)
    pending = [remote.remote(task) for task in islice(waiting, most)]
    while pending:
        done, pending = ray.wait(pending)
        pending += [remote.remote(task) for task in islice(waiting, len(done))]
        try:
            yield from ray.get(done)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error


def _remove_leftovers(request: GenerationRequest) -> None:
    """Delete what writers that are no longer alive have left unfinished."""
    for family in request.families:
        for path in (request.folder / family).glob(".*.partial"):
            process = path.name.rsplit(".", 2)[1]
            if process.isdigit() and not Path(f"/proc/{process}").exists() and os.name == "posix":
                path.unlink(missing_ok=True)
