"""Where training draws its frames from: objects posed on the fly, stored shards, or a mixture of both."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from neurok_model.data.families import build_object, family_names
from neurok_model.data.generated_object import Frames, ObjectKind
from neurok_model.data.sequences import MotionSequence
from neurok_model.data.shards import Shard
from neurok_model.data.splits import checked_split, seed_in_split
from neurok_model.errors import ErrorCode, NeurokError

MOST_KEPT = 4096
"""Sequences that a process keeps in memory, about a gigabyte."""


@dataclass(frozen=True)
class DrawnFrames:
    """Some frames of one object.

    Attributes:
        family: where the object comes from.
        kind: how it moves.
        triangles: vertex indices.
        part_of_vertex: part of each vertex.
        frames: positions, and rotations of the material whose differences between frames are its turns.
    """

    family: str
    kind: ObjectKind
    triangles: Int[np.ndarray, "t 3"]
    part_of_vertex: Int[np.ndarray, " n"]
    frames: Frames


class SequenceSource(ABC):
    """Draws frames of one object at a time; what it draws depends on the generator alone.

    Attributes:
        families: names of the families it draws from, all equally often.
    """

    families: tuple[str, ...]

    @abstractmethod
    def draw(
        self, split: str, generator: np.random.Generator, count: int, short_motion_share: float = 0.0
    ) -> DrawnFrames:
        """Draw ``count`` frames of one sequence of the split; the first is the one that others move from.

        Args:
            split: train, validation or test.
            generator: source of randomness.
            count: frames, at least one.
            short_motion_share: share of the other frames that lie close to the first.
        """


class GeneratedSource(SequenceSource):
    """Families that are posed on the fly, with exact rotations."""

    def __init__(self, families: Sequence[str] = ()) -> None:
        self.families = tuple(families or family_names())

    def draw(
        self, split: str, generator: np.random.Generator, count: int, short_motion_share: float = 0.0
    ) -> DrawnFrames:
        """An instance that belongs to the split, in random states; short motions are a tenth as long."""
        family = self.families[int(generator.integers(len(self.families)))]
        instance = build_object(family, seed_in_split(split, generator))
        states = instance.sample_states(generator, count)
        short = generator.random((count, 1)) < short_motion_share
        length = np.where(short, 0.1 * generator.random((count, 1)), 1.0)
        frames = instance.pose(states[:1] + length * (states - states[:1]))
        return DrawnFrames(family, instance.kind, instance.triangles, instance.part_of_vertex, frames)


class StoredSource(SequenceSource):
    """Sequences from a folder of shards; every process opens the files for itself.

    Args:
        folder: what ``neurok data generate`` filled.
        families: which families; all that are there by default.

    Raises:
        NeurokError: for a folder without shards, or without one of the families.
    """

    def __init__(self, folder: Path, families: Sequence[str] = ()) -> None:
        self.folder = folder
        present = sorted({path.parent.name for path in folder.glob("*/*.h5")})
        missing = sorted(set(families) - set(present))
        if not present or missing:
            value = f"{folder} without {', '.join(missing) or 'any shard'}"
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "folder", value, "a folder of `neurok data generate`")
        self.families = tuple(sorted(families)) or tuple(present)
        self._index: dict[tuple[str, str], list[tuple[Path, int]]] = {}
        self._opened: dict[Path, Shard] = {}
        self._kept: dict[tuple[Path, int], MotionSequence] = {}
        self._process = os.getpid()

    def draw(
        self, split: str, generator: np.random.Generator, count: int, short_motion_share: float = 0.0
    ) -> DrawnFrames:
        """Frames of one stored sequence, far apart or (short motions) next to the first."""
        family = self.families[int(generator.integers(len(self.families)))]
        entries = self.entries(family, split)
        path, number = entries[int(generator.integers(len(entries)))]
        sequence = self._read(path, number)
        total = len(sequence.vertices)
        first = int(generator.integers(total))
        others = generator.integers(total, size=count - 1)
        near = np.clip(first + generator.choice([-2, -1, 1, 2], size=count - 1), 0, total - 1)
        short = generator.random(count - 1) < short_motion_share
        frames = sequence.frames([first, *np.where(short, near, others).tolist()])
        triangles, parts = sequence.triangles.astype(np.int64), sequence.part_of_vertex.astype(np.int64)
        return DrawnFrames(family, sequence.kind, triangles, parts, frames)

    def entries(self, family: str, split: str) -> list[tuple[Path, int]]:
        """File and number of every sequence of a family in a split, in a fixed order.

        Raises:
            NeurokError: when there is none.
        """
        key = (family, checked_split(split))
        if key not in self._index:
            paths = sorted((self.folder / family).glob(f"{split}-*.h5"))
            self._index[key] = [(path, number) for path in paths for number in range(len(self._shard(path)))]
        if not self._index[key]:
            value = f"{self.folder / family} without split {split}"
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "folder", value, f"shards named {split}-*.h5")
        return self._index[key]

    def _read(self, path: Path, number: int) -> MotionSequence:
        """One sequence, from memory where it was read before: unpacking costs more than everything else."""
        if (path, number) not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[path, number] = self._shard(path).read(number)
        return self._kept[path, number]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_opened": {}, "_kept": {}}

    def _shard(self, path: Path) -> Shard:
        if self._process != os.getpid():
            # A handle that came along through fork shares its file position: never read through it.
            self._opened, self._process = {}, os.getpid()
        if path not in self._opened:
            if len(self._opened) >= 32:
                self._opened.pop(next(iter(self._opened))).close()
            self._opened[path] = Shard(path)
        return self._opened[path]


class MixedSource(SequenceSource):
    """Several sources, each drawn from with its own weight.

    Args:
        sources: what to draw from.
        weights: relative frequencies; the number of families of each by default.
    """

    def __init__(self, sources: Sequence[SequenceSource], weights: Sequence[float] = ()) -> None:
        self.sources = tuple(sources)
        chosen = np.array(weights or [len(source.families) for source in sources], dtype=np.float64)
        self._limits = np.cumsum(chosen / chosen.sum())
        self.families = tuple(sorted({name for source in sources for name in source.families}))

    def draw(
        self, split: str, generator: np.random.Generator, count: int, short_motion_share: float = 0.0
    ) -> DrawnFrames:
        """Frames from one of the sources."""
        index = min(int(np.searchsorted(self._limits, generator.random())), len(self.sources) - 1)
        return self.sources[index].draw(split, generator, count, short_motion_share)
