"""Where tasks of inverse kinematics come from; none of them is ever drawn in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurok_model.data.depth_camera import scan as depth_scan
from neurok_model.data.depth_camera import viewpoints_around
from neurok_model.data.families import family_names
from neurok_model.data.metaworld import metaworld_names, metaworld_object
from neurok_model.data.sources import GeneratedSource, SequenceSource, StoredSource, other_states
from neurok_model.data.splits import family_generator
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.evaluation.pair_files import read_pair
from neurok_model.evaluation.pose_task import PoseTask
from neurok_model.geometry import TriangleMesh

STREAM = 0x1C
"""Keeps these draws apart from all others of the same family and seed."""

SCAN_STREAM = 0x5CA


def generated_tasks(families: Sequence[str], count: int, seed: int) -> Iterator[PoseTask]:
    """Poses of test instances: first as such things are found, then anywhere between their limits.

    Args:
        families: names of generated families; all when empty.
        count: instances per family, one pair of poses each.
        seed: of the instances and poses.

    Raises:
        NeurokError: for an unknown family.
    """
    for family in checked_names(families, family_names()):
        yield from _drawn(GeneratedSource((family,)), family, count, seed)


def stored_tasks(folder: Path, families: Sequence[str], count: int, seed: int) -> Iterator[PoseTask]:
    """Two frames of recorded motions of the test split; arguments as of :func:`generated_tasks`.

    Raises:
        NeurokError: for a folder without shards of the test split.
    """
    for family in StoredSource(folder, families).families:
        yield from _drawn(StoredSource(folder, (family,)), family, count, seed)


def metaworld_tasks(names: Sequence[str], count: int, seed: int) -> Iterator[PoseTask]:
    """Poses of the real articulated objects of metaworld, which nothing is ever trained on.

    Args:
        names: objects; all when empty.
        count: pairs of poses per object.
        seed: of the poses.

    Raises:
        NeurokError: for an unknown object, or when the assets are not there.
    """
    for name in checked_names(names, metaworld_names()):
        instance = metaworld_object(name)
        generator = family_generator(name, seed, STREAM)
        for number in range(count):
            states = np.concatenate((instance.sample_states(generator, 1), other_states(instance, generator, 1)))
            rest, target = instance.pose(states).vertices
            yield PoseTask.of_mesh(name, f"{name} {number}", rest, target, instance.triangles)


def pair_tasks(folder: Path) -> Iterator[PoseTask]:
    """Every npz file below a folder; files in the same sub-folder form a family.

    Raises:
        NeurokError: for a folder without npz files, or a file that does not hold a pair of poses.
    """
    paths = sorted(folder.rglob("*.npz"))
    if not paths:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "pairs", str(folder), "a folder with npz files")
    for path in paths:
        pair = read_pair(path)
        family = path.parent.relative_to(folder).as_posix()
        name = path.relative_to(folder).as_posix()
        yield PoseTask.of_mesh(
            folder.name if family == "." else family, name, pair.rest_vertices, pair.target_vertices, pair.triangles
        )


def with_partial_scan(task: PoseTask, seed: int) -> PoseTask:
    """The same task when all that the model is shown of M0 is one view of a depth camera."""
    generator = family_generator(task.name, seed, SCAN_STREAM)
    mesh = TriangleMesh(task.rest, task.triangles)
    return replace(task, scan=depth_scan(mesh, viewpoints_around(mesh, 1, generator), generator))


def checked_names(chosen: Sequence[str], known: Sequence[str]) -> Sequence[str]:
    """The chosen names, or all known ones when none is chosen.

    Raises:
        NeurokError: for a name that is not known.
    """
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "families", ", ".join(unknown), "some of " + ", ".join(known))
    return chosen or known


def _drawn(source: SequenceSource, family: str, count: int, seed: int) -> Iterator[PoseTask]:
    generator = family_generator(family, seed, STREAM)
    for number in range(count):
        drawn = source.draw("test", generator, 2)
        rest, target = drawn.frames.vertices
        yield PoseTask.of_mesh(family, f"{family} {number}", rest, target, drawn.triangles)
