"""Contact sheets: rows of instances and columns of frames in one picture, to look at what was generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageDraw

PART_COLOURS = ("#9aa5b1", "#4c8dd6", "#e08a3c", "#5fb37c", "#c96a9b", "#b8a23a", "#7f6bd1", "#4fb0b5")
TITLE_HEIGHT = 14
"""Pixels above each row."""


@dataclass(frozen=True)
class SheetRow:
    """One instance in several poses.

    Attributes:
        title: what stands beside it.
        vertices: metres, one pose per column.
        triangles: vertex indices.
        part_of_vertex: parts are told apart by colour.
    """

    title: str
    vertices: Float[np.ndarray, "f n 3"]
    triangles: Int[np.ndarray, "t 3"]
    part_of_vertex: Int[np.ndarray, " n"]


def draw_contact_sheet(rows: Sequence[SheetRow], path: Path, *, pixels: int = 180) -> None:
    """Write a picture with every row on its own scale, seen from the front, the right and above.

    Args:
        rows: what to draw.
        path: a png file; its folder is made when missing.
        pixels: side of one picture.
    """
    columns = max(len(row.vertices) for row in rows)
    height = pixels + TITLE_HEIGHT
    sheet = Image.new("RGB", (pixels * columns, height * len(rows)), "white")
    writer = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        for column, picture in enumerate(_pictures(row, pixels)):
            sheet.paste(Image.fromarray(picture), (column * pixels, number * height + TITLE_HEIGHT))
        writer.text((3, number * height + 2), row.title, fill="black")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _view(azimuth: float, elevation: float) -> Float[np.ndarray, "3 3"]:
    """Rows: right, up, and towards the viewer."""
    towards = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    return np.stack([right, np.cross(towards, right), towards])


_VIEW = _view(0.6, 0.4)
_LIGHT = np.array([-0.35, 0.45, 0.82])


def _pictures(row: SheetRow, pixels: int) -> list[UInt8[np.ndarray, "h w 3"]]:
    """One picture per pose by parallel rays: what is hidden or passes through something else shows as it is."""
    # Open3D takes seconds to import: only those who draw pay for it.
    import open3d

    shown = row.vertices @ _VIEW.T
    low, high = shown.min(axis=(0, 1)), shown.max(axis=(0, 1))
    middle, half = 0.5 * (low + high)[:2], 0.53 * float((high - low)[:2].max())
    offset = half * (2.0 * (np.arange(pixels) + 0.5) / pixels - 1.0)
    right, up = np.meshgrid(middle[0] + offset, middle[1] - offset)
    start = np.stack([right, up, np.full_like(right, high[2] + half)], axis=-1)
    rays = np.concatenate([start, np.broadcast_to([0.0, 0.0, -1.0], start.shape)], axis=-1).astype(np.float32)
    base = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in PART_COLOURS])
    part = row.part_of_vertex[row.triangles[:, 0]] % len(PART_COLOURS)
    pictures = []
    for frame in shown:
        caster = open3d.t.geometry.RaycastingScene(nthreads=1)
        caster.add_triangles(
            open3d.core.Tensor(frame.astype(np.float32)), open3d.core.Tensor(row.triangles.astype(np.uint32))
        )
        hits = caster.cast_rays(open3d.core.Tensor(rays), nthreads=1)
        triangle, normal = hits["primitive_ids"].numpy(), hits["primitive_normals"].numpy()
        seen = np.isfinite(hits["t_hit"].numpy())
        light = 0.35 + 0.65 * np.abs(normal[seen] @ _LIGHT).clip(0.0, 1.0)
        picture = np.full((pixels, pixels, 3), 255, dtype=np.uint8)
        picture[seen] = (base[part[triangle[seen]]] * light[:, None]).astype(np.uint8)
        pictures.append(picture)
    return pictures
