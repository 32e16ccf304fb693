"""Checks of generated objects and stored sequences, each finding with the instance's name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from neurok_model.data.families import build_object
from neurok_model.data.generated_object import GeneratedObject, ObjectKind
from neurok_model.data.self_intersection import self_intersects
from neurok_model.data.sequences import MotionSequence
from neurok_model.data.shards import Shard
from neurok_model.errors import NeurokError
from neurok_model.geometry import TriangleMesh, triangle_components


@dataclass(frozen=True)
class Finding:
    """Something wrong with one instance."""

    instance: str
    check: str
    detail: str


@dataclass
class Validation:
    """What was checked and what was found."""

    instances: int = 0
    pieces: int = 0
    watertight_pieces: int = 0
    findings: list[Finding] = field(default_factory=list)
    _seen: dict[str, str] = field(default_factory=dict)

    @property
    def watertight_share(self) -> float:
        """Share of all connected pieces that are closed."""
        return self.watertight_pieces / max(1, self.pieces)

    def add(self, instance: str, check: str, detail: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(instance, check, detail))

    def check_surface(
        self,
        instance: str,
        vertices: Float[np.ndarray, "n 3"],
        triangles: Int[np.ndarray, "t 3"],
        undeformed: bool = True,
    ) -> None:
        """Finite, in metres, closed piece by piece, and new; undeformed, also without self-intersections."""
        self.instances += 1
        try:
            mesh = TriangleMesh(vertices, triangles).validated()
        except NeurokError as error:
            self.add(instance, "surface", str(error))
            return
        labels = triangle_components(mesh)
        for piece in range(int(labels.max()) + 1):
            faces = triangles[labels == piece]
            self.pieces += 1
            if open_edges(faces):
                self.add(instance, "watertight", f"piece {piece} has {open_edges(faces)} open edges")
            else:
                self.watertight_pieces += 1
            if undeformed and self_intersects(vertices, faces):
                self.add(instance, "self-intersection", f"piece {piece} of {len(faces)} triangles")
        digest = hashlib.sha256(np.round(vertices, 6).tobytes() + triangles.tobytes()).hexdigest()
        twin = self._seen.setdefault(digest, instance)
        if twin != instance:
            self.add(instance, "duplicate", f"the same surface as {twin}")

    def check_object(self, instance: str, built: GeneratedObject) -> None:
        """A generated object: its surface, and joint ranges that are intervals in which it moves."""
        rest = built.pose(np.zeros((1, built.degrees_of_freedom))).vertices[0]
        self.check_surface(instance, rest, built.triangles)
        lower, upper = built.state_range.T
        if not ((lower < upper) & np.isfinite(built.state_range).all(axis=1)).all():
            self.add(instance, "joint range", str(built.state_range.tolist()))
            return
        if built.kind is ObjectKind.ARTICULATED and (np.abs(built.state_range) > 2 * np.pi + 1e-9).any():
            self.add(instance, "joint range", "more than a full turn or six metres")
        size = float(np.ptp(rest, axis=0).max())
        for coordinate in range(built.degrees_of_freedom):
            states = np.tile(np.clip(0.0, lower, upper), (2, 1))
            states[:, coordinate] = built.state_range[coordinate]
            ends = built.pose(states).vertices
            if np.abs(ends[1] - ends[0]).max() < 1e-3 * size:
                self.add(instance, "joint range", f"coordinate {coordinate} moves nothing")

    def check_sequence(self, instance: str, sequence: MotionSequence) -> None:
        """A stored sequence: its first frame, finite motion, and energy that comes from somewhere."""
        start, rigid = sequence.vertices[0].astype(np.float64), sequence.kind is ObjectKind.ARTICULATED
        self.check_surface(instance, start, sequence.triangles.astype(np.int64), undeformed=rigid)
        if not np.isfinite(sequence.vertices).all():
            self.add(instance, "finite", "positions that are not numbers")
        if len(sequence.energy):
            scale = max(float(np.abs(sequence.work).max()), float(np.ptp(sequence.energy)))
            excess = float((sequence.energy - sequence.work).max())
            if excess > 0.1 * scale + 1e-6:
                self.add(instance, "energy", f"{excess:.3g} J more than was put in")


def validate_families(families: tuple[str, ...], instances: int, seed: int = 0) -> Validation:
    """Check the first instances of on-the-fly families."""
    result = Validation()
    for family in families:
        for number in range(seed, seed + instances):
            result.check_object(f"{family}/{number}", build_object(family, number))
    return result


def validate_folder(folder: Path) -> Validation:
    """Check every sequence of every shard; damaged shards are findings too."""
    result = Validation()
    for path in sorted(folder.glob("*/*.h5")):
        name = str(path.relative_to(folder))
        try:
            for number, sequence in _sequences(path):
                result.check_sequence(f"{name}[{number}] (seed {sequence.seed})", sequence)
        except NeurokError as error:
            result.add(name, "shard", str(error))
    return result


def _sequences(path: Path) -> Iterator[tuple[int, MotionSequence]]:
    shard = Shard(path)
    for number in range(len(shard)):
        yield number, shard.read(number)
    shard.close()


def open_edges(triangles: Int[np.ndarray, "t 3"]) -> int:
    """How many directed edges lack their opposite: 0 for a closed and consistently turned surface."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    base = int(triangles.max()) + 1
    forward, backward = edges[:, 0] * base + edges[:, 1], edges[:, 1] * base + edges[:, 0]
    return len(np.setdiff1d(forward, backward)) + len(forward) - len(np.unique(forward))
