"""Training examples: one scan M0 and several deformations of it, as points with normals and motions.

A batch is a pure function of the seed and its number, so any number of workers yields the same bytes and a
resumed run continues with exactly the batches that it would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.utils.data import Dataset

from neurok_model.data.augmentation import AugmentationConfiguration, corrupt_scan, reorient
from neurok_model.data.quaternions import quaternion_conjugate, quaternion_product
from neurok_model.data.sources import DrawnFrames, GeneratedSource, MixedSource, SequenceSource, StoredSource
from neurok_model.data.splits import SPLIT_NAMES
from neurok_model.geometry.normalisation import Normalisation
from neurok_model.geometry.sampling import draw_on_triangles, triangle_areas_and_normals

MOST_TANGENTS = 8
"""True coordinates whose tangents a batch holds; objects with more count as ones of which none is known."""


@dataclass(frozen=True)
class PairConfiguration:
    """What a batch holds.

    Args:
        objects: scans M0 per batch.
        targets: deformations per scan.
        scan_points: surface points of a scan; its first ones are those that become tokens, see
            :class:`~neurok_model.networks.NetworkConfiguration`.
        deformation_points: surface points that the deformation encoder reads.
        query_points: surface points at which the decoder is judged.
        families: names of the families to draw from; empty for all. A name that stands twice is drawn twice as
            often.
        motions: folder of stored motions (`neurok data generate`), drawn from beside the families; empty for none.
        motion_share: share of the scans that are drawn from stored motions, each of their families equally often.
        variation: share of the families' articulated objects that are shown in a varied shape, see
            :mod:`neurok_model.data.variation`.
    """

    objects: int = 16
    targets: int = 4
    scan_points: int = 2048
    deformation_points: int = 96
    query_points: int = 128
    families: tuple[str, ...] = ()
    motions: str = ""
    motion_share: float = 0.25
    variation: float = 0.0

    def evenly(self) -> PairConfiguration:
        """The same with every family once, as it was built: how training drew must not weigh in its judgement."""
        return replace(self, families=tuple(dict.fromkeys(self.families)), variation=0.0)


class PairBatch(NamedTuple):
    """Tensors of one batch, in the normalised coordinates of each scan (longest side of its upright box = 1).

    ``tangents`` says how the points move with each of the object's true coordinates, in the scanned pose and in the
    first deformation, each of unit size; zero for coordinates that there are not, or that are not known. ``body``
    numbers the rigid bodies that the points belong to; -1 where there are none, or where they are not known.
    """

    scan_points: Float[Tensor, "b s 3"]
    scan_normals: Float[Tensor, "b s 3"]
    points: Float[Tensor, "b n 3"]
    normals: Float[Tensor, "b n 3"]
    displacement: Float[Tensor, "b f n 3"]
    rotation: Float[Tensor, "b f n 4"]
    tangents: Float[Tensor, "b 2 j n 3"]
    body: Int[Tensor, "b n"]
    family: Int[Tensor, " b"]


class PairBatches(Dataset[PairBatch]):
    """Batches by number. The first ``deformation_points`` of each object's points are the encoder's."""

    def __init__(
        self,
        configuration: PairConfiguration,
        augmentation: AugmentationConfiguration,
        split: str,
        seed: int,
        count: int,
    ) -> None:
        self.configuration = configuration
        self.augmentation = augmentation
        self.split = split
        self.seed = seed
        self.count = count
        self.source = _source(configuration)
        self.families = list(self.source.families)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> PairBatch:
        generator = np.random.default_rng((self.seed, SPLIT_NAMES.index(self.split), number))
        examples = []
        for _ in range(self.configuration.objects):
            drawn = self.source.draw(self.split, generator, 1 + self.configuration.targets)
            family = self.families.index(drawn.family)
            examples.append(make_example(drawn, self.configuration, self.augmentation, generator, family))
        columns = zip(*examples, strict=True)
        return PairBatch(*(torch.from_numpy(np.stack(column)) for column in columns))


def _source(configuration: PairConfiguration) -> SequenceSource:
    """Families posed on the fly, and stored motions beside them where there are any."""
    posed = GeneratedSource(configuration.families, configuration.variation)
    if not configuration.motions:
        return posed
    share = configuration.motion_share
    return MixedSource((StoredSource(Path(configuration.motions)), posed), (share, 1.0 - share))


def make_example(
    drawn: DrawnFrames,
    configuration: PairConfiguration,
    augmentation: AugmentationConfiguration,
    generator: np.random.Generator,
    family: int,
) -> tuple[np.ndarray, ...]:
    """One scan (the first of the frames) and its deformations; the fields of :class:`PairBatch` without the batch."""
    frames, triangles = drawn.frames, drawn.triangles
    areas, triangle_normals = triangle_areas_and_normals(frames.vertices[0][triangles])
    clean = configuration.deformation_points + configuration.query_points
    triangle, barycentric = draw_on_triangles(areas, clean + configuration.scan_points, generator)
    order = generator.permutation(len(triangle))
    triangle, barycentric = triangle[order], barycentric[order]
    corners = triangles[triangle]
    fields = np.concatenate((frames.vertices, _padded_tangents(drawn)))
    positions = np.einsum("nc,fncd->fnd", barycentric, fields[:, corners])
    nearest = corners[np.arange(len(corners)), barycentric.argmax(axis=1)]
    absolute = frames.rotations[:, nearest]
    rotations = quaternion_product(absolute[1:], quaternion_conjugate(absolute[:1]))
    positions, normals, rotations = reorient(positions, triangle_normals[triangle], rotations, augmentation, generator)
    positions, tangents = np.split(positions, [len(frames.vertices)])
    scan_points, scan_normals = corrupt_scan(positions[0, clean:], normals[clean:], augmentation, generator)
    box = Normalisation.of(scan_points)
    still = positions[0, :clean]
    turn = np.roll(Rotation.from_matrix(box.rotation).as_quat(), 1)
    turned = quaternion_product(quaternion_product(turn, rotations[:, :clean]), quaternion_conjugate(turn))
    return (
        box.apply(scan_points).astype(np.float32),
        box.direction(scan_normals).astype(np.float32),
        box.apply(still).astype(np.float32),
        box.direction(normals[:clean]).astype(np.float32),
        (box.direction(positions[1:, :clean] - still) / box.scale).astype(np.float32),
        turned.astype(np.float32),
        _of_unit_size(box.direction(tangents[:, :clean])).reshape(2, MOST_TANGENTS, clean, 3).astype(np.float32),
        np.full(clean, -1) if drawn.bodies is None else drawn.bodies[nearest[:clean]],
        np.array(family),
    )


def _padded_tangents(drawn: DrawnFrames) -> Float[np.ndarray, "twice_most n 3"]:
    """Those of the scanned pose and then those of the first deformation."""
    padded = np.zeros((2, MOST_TANGENTS, drawn.frames.vertices.shape[1], 3))
    known = drawn.tangents
    if known is not None and known.shape[1] <= MOST_TANGENTS:
        padded[:, : known.shape[1]] = known
    return padded.reshape(-1, *padded.shape[2:])


def _of_unit_size(fields: Float[np.ndarray, "f n 3"]) -> Float[np.ndarray, "f n 3"]:
    """Scaled to a root mean square of one; nothing stays nothing."""
    size = np.sqrt(np.square(fields).sum(axis=-1).mean(axis=-1))[:, None, None]
    return fields / np.where(size > 0.0, size, 1.0)
