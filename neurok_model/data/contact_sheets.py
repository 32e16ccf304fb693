"""Contact sheets: rows of instances and columns of frames in one picture, to look at what was generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

PART_COLOURS = ("#9aa5b1", "#4c8dd6", "#e08a3c", "#5fb37c", "#c96a9b", "#b8a23a", "#7f6bd1", "#4fb0b5")


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


def draw_contact_sheet(rows: Sequence[SheetRow], path: Path, *, inches: float = 1.5) -> None:
    """Write a picture with every row on its own scale, seen from the front, the right and above.

    Args:
        rows: what to draw.
        path: a png file; its folder is made when missing.
        inches: side of one picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure

    columns = max(len(row.vertices) for row in rows)
    figure = Figure(figsize=(inches * columns, inches * len(rows)), dpi=90)
    FigureCanvasAgg(figure)
    places = figure.subplots(len(rows), columns, squeeze=False)
    for row, axes in zip(rows, places, strict=True):
        shown = row.vertices.reshape(-1, 3) @ _VIEW.T
        low, high = shown.min(axis=0)[:2], shown.max(axis=0)[:2]
        middle, half = 0.5 * (low + high), 0.53 * float((high - low).max())
        for index, axis in enumerate(axes):
            axis.set_axis_off()
            axis.set_xlim(middle[0] - half, middle[0] + half)
            axis.set_ylim(middle[1] - half, middle[1] + half)
            axis.set_aspect("equal")
            if index < len(row.vertices):
                polygons, colours = _painted(row, row.vertices[index])
                axis.add_collection(
                    PolyCollection(list(polygons), facecolors=colours, edgecolors=colours, linewidths=0.2)
                )
        axes[0].set_title(row.title, fontsize=6, loc="left", pad=1)
    figure.subplots_adjust(0, 0, 1, 0.985, 0.02, 0.08)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _view(azimuth: float, elevation: float) -> Float[np.ndarray, "3 3"]:
    """Rows: right, up, and towards the viewer."""
    towards = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    return np.stack([right, np.cross(towards, right), towards])


_VIEW = _view(0.6, 0.4)


def _painted(
    row: SheetRow, vertices: Float[np.ndarray, "n 3"]
) -> tuple[Float[np.ndarray, "t 3 2"], Float[np.ndarray, "t 3"]]:
    """Projected triangles from back to front with shaded colours."""
    corners = (vertices @ _VIEW.T)[row.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    facing = normals[:, 2] > 0
    light = 0.35 + 0.65 * np.clip(normals @ np.array([-0.35, 0.45, 0.82]), 0.0, 1.0)
    base = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in PART_COLOURS])
    part = row.part_of_vertex[row.triangles[:, 0]] % len(PART_COLOURS)
    order = np.argsort(corners[..., 2].mean(axis=1))
    order = order[facing[order]]
    return corners[order][..., :2], base[part[order]] * light[order, None]
