"""Where training draws its frames from: objects posed on the fly, stored shards, or a mixture of both."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from neurok_model.data.families import build_object, family_names
from neurok_model.data.families.draw import Draw
from neurok_model.data.generated_object import Frames, GeneratedObject, ObjectKind
from neurok_model.data.kinematic_tree import ArticulatedObject
from neurok_model.data.sequences import MotionSequence
from neurok_model.data.shards import Shard
from neurok_model.data.splits import checked_split, seed_in_split
from neurok_model.data.variation import varied
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
        tangents: how the surface moves with each of its true coordinates in the first two frames, metres per radian or
            metre; None where they are not known, as in stored motions.
        bodies: which rigid body each vertex belongs to, as far as the frames tell them apart; None where there are
            none, or where they are not known.
    """

    family: str
    kind: ObjectKind
    triangles: Int[np.ndarray, "t 3"]
    part_of_vertex: Int[np.ndarray, " n"]
    frames: Frames
    tangents: Float[np.ndarray, "2 j n 3"] | None = None
    bodies: Int[np.ndarray, " n"] | None = None


class SequenceSource(ABC):
    """Draws frames of one object at a time; what it draws depends on the generator alone.

    Attributes:
        families: names of the families it draws from, all equally often.
    """

    families: tuple[str, ...]

    @abstractmethod
    def draw(self, split: str, generator: np.random.Generator, count: int) -> DrawnFrames:
        """Draw ``count`` frames of one sequence of the split; the first is the one that others move from.

        Args:
            split: train, validation or test.
            generator: source of randomness.
            count: frames, at least one.
        """


class GeneratedSource(SequenceSource):
    """Families that are posed on the fly, with exact rotations.

    Args:
        families: which families; all by default.
        variation: share of the articulated instances whose shape is varied.
    """

    def __init__(self, families: Sequence[str] = (), variation: float = 0.0) -> None:
        self.families = tuple(families or family_names())
        self.variation = variation

    def draw(self, split: str, generator: np.random.Generator, count: int) -> DrawnFrames:
        """An instance that belongs to the split: first as such things are found, then in other states."""
        while True:
            family = self.families[int(generator.integers(len(self.families)))]
            instance = build_object(family, seed_in_split(split, generator))
            # With everything locked there is no motion to learn from.
            if instance.degrees_of_freedom:
                break
        # Without variation nothing is drawn for it, so that the instances are those of before there was any.
        varies = self.variation > 0.0 and generator.random() < self.variation
        if varies and isinstance(instance, ArticulatedObject):
            instance = varied(instance, Draw(generator))
        states = np.concatenate((instance.sample_states(generator, 1), other_states(instance, generator, count - 1)))
        tangents = np.stack([instance.tangents(state) for state in states[:2]]) if count > 1 else None
        frames = instance.pose(states)
        bodies = instance.body_of_vertex(states)
        return DrawnFrames(family, instance.kind, instance.triangles, instance.part_of_vertex, frames, tangents, bodies)


def other_states(instance: GeneratedObject, generator: np.random.Generator, count: int) -> Float[np.ndarray, "f d"]:
    """States without any preferred pose.

    Every pose that targets share more often than chance (the scan's own, a closed door) gets a share of the latent
    to itself, a basin in which the decoder does not move. Articulated states are therefore uniform between their
    limits, although scans M0 are drawn as such things are found, often closed; only where one part stands in
    another's way do they respect it.
    """
    return instance.uniform_states(generator, count)


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

    def draw(self, split: str, generator: np.random.Generator, count: int) -> DrawnFrames:
        """Frames of one stored sequence, in no order of time."""
        family = self.families[int(generator.integers(len(self.families)))]
        entries = self.entries(family, split)
        path, number = entries[int(generator.integers(len(entries)))]
        sequence = self._read(path, number)
        chosen = generator.integers(len(sequence.vertices), size=count)
        frames = sequence.frames(chosen.tolist())
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

    def draw(self, split: str, generator: np.random.Generator, count: int) -> DrawnFrames:
        """Frames from one of the sources."""
        index = min(int(np.searchsorted(self._limits, generator.random())), len(self.sources) - 1)
        return self.sources[index].draw(split, generator, count)
