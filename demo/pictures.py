"""The files that a demonstration leaves behind: film strip, animation, energy plot, overview of pushes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from demo.rendering import Piece, camera_for, render
from demo.scene import (
    ARROW_LENGTH,
    DISPLACEMENT_COLOURS,
    Motion,
    MotionPictures,
    View,
    object_piece,
)
from demo.shapes import arrow, uniform_colour

STRIP_SIZE = (360, 300)
ANIMATION_SIZE = (420, 360)
ANIMATION_FRAMES_PER_SECOND = 20
ANIMATION_PAUSE = 800
"""Milliseconds for which the last frame stays before the animation begins again."""

OVERVIEW_SIZE = (640, 560)
RESTING_COLOUR = np.array([0.72, 0.75, 0.79])


def write_film_strip(path: Path, motion: Motion, title: str, columns: int = 6) -> None:
    """Write pictures at evenly spaced times side by side, with the displacement's colour scale.

    Args:
        path: of the PNG.
        motion: what is shown.
        title: one line above the pictures.
        columns: number of pictures.
    """
    pictures = MotionPictures(motion, *STRIP_SIZE)
    frames = np.linspace(0, len(motion.times) - 1, columns).round().astype(int)
    figure = Figure(figsize=(2.6 * columns, 2.75), dpi=120)
    axes = figure.subplots(1, columns)
    for axis, frame in zip(axes, frames, strict=True):
        _show(axis, pictures.picture(int(frame)))
        axis.set_title(f"{motion.times[frame]:.2f} s", fontsize=12, pad=2)
    figure.suptitle(title, fontsize=13)
    figure.subplots_adjust(left=0.005, right=0.94, top=0.84, bottom=0.01, wspace=0.02)
    _colour_scale(figure, (0.95, 0.1, 0.008, 0.66), pictures.farthest, "moved by [cm]")
    FigureCanvasAgg(figure).print_png(str(path))


def write_animation(path: Path, motion: Motion) -> None:
    """Write the motion as an animated GIF in real time, repeated, with the time in the corner.

    Args:
        path: of the GIF.
        motion: what is shown.
    """
    pictures = MotionPictures(motion, *ANIMATION_SIZE)
    duration = float(motion.times[-1])
    count = max(2, round(duration * ANIMATION_FRAMES_PER_SECOND) + 1)
    shown = np.searchsorted(motion.times, np.linspace(0.0, duration, count) - 1e-9)
    images = [_labelled(pictures.picture(int(i)), f"{motion.times[i]:.2f} s") for i in shown]
    # One palette for all frames: still parts do not flicker.
    palette = Image.fromarray(np.concatenate([np.asarray(image) for image in images[:: max(1, count // 4)]]))
    palette = palette.quantize(128)
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    delays = [1000 // ANIMATION_FRAMES_PER_SECOND] * (count - 1) + [ANIMATION_PAUSE]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=delays, loop=0, optimize=True)


@dataclass(frozen=True)
class Energies:
    """Energy of a motion over time.

    Attributes:
        times: seconds.
        kinetic: joules.
        potential: joules, against the first frame.
        push_end: when the push ends, seconds.
    """

    times: Float[np.ndarray, " frames"]
    kinetic: Float[np.ndarray, " frames"]
    potential: Float[np.ndarray, " frames"]
    push_end: float


def write_energy_plot(path: Path, energies: Energies, title: str) -> None:
    """Write kinetic, potential and total energy over time, with the time of the push shaded.

    Args:
        path: of the PNG.
        energies: what is plotted.
        title: one line above.
    """
    figure = Figure(figsize=(6.4, 3.6), dpi=120, layout="constrained")
    axis = figure.subplots()
    potential = energies.potential - energies.potential[0]
    axis.axvspan(0.0, energies.push_end, color="0.9", label="push acts", linewidth=0)
    axis.plot(energies.times, energies.kinetic, color="#2a6fbb", label="kinetic")
    axis.plot(energies.times, potential, color="#3a9a5b", label="potential, from rest")
    axis.plot(energies.times, energies.kinetic + potential, color="black", label="total", linestyle="--")
    axis.set_xlabel("time [s]")
    axis.set_ylabel("energy [J]")
    axis.set_xlim(0.0, float(energies.times[-1]))
    axis.grid(alpha=0.3)
    axis.set_title(title, fontsize=11)
    axis.legend(frameon=False, fontsize=9, loc="best")
    FigureCanvasAgg(figure).print_png(str(path))


@dataclass(frozen=True)
class PushOverview:
    """Many pushes of the same strength on one object, each predicted from rest.

    Attributes:
        rest_vertices: metres.
        triangles: none for a point cloud.
        points: where each push acts, metres.
        directions: of each push.
        displacements: how far each pushed point went at most, metres.
        final_points: where the pushed points end, metres.
        final_vertices: the object at the end of each push, metres.
        view: from where the object is seen.
    """

    rest_vertices: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "t 3"]
    points: Float[np.ndarray, "pushes 3"]
    directions: Float[np.ndarray, "pushes 3"]
    displacements: Float[np.ndarray, " pushes"]
    final_points: Float[np.ndarray, "pushes 3"]
    final_vertices: Float[np.ndarray, "pushes n 3"]
    view: View


def write_push_overview(path: Path, overview: PushOverview, title: str) -> None:
    """Write all pushes as arrows coloured by what they achieve, and the final pose of six of them.

    Args:
        path: of the PNG.
        overview: what is shown.
        title: one line above the picture.
    """
    figure = Figure(figsize=(13.0, 5.4), dpi=120)
    grid = figure.add_gridspec(
        2, 5, width_ratios=(2.2, 0.35, 1, 1, 1), left=0.01, right=0.99, top=0.87, bottom=0.01, wspace=0.03
    )
    farthest = float(overview.displacements.max())
    main = figure.add_subplot(grid[:, 0])
    _show(main, _all_pushes(overview, farthest))
    main.set_title(f"{len(overview.points)} pushes; colour: how far the pushed point goes", fontsize=10)
    # From the push that moves the object most to the one that moves it least.
    order = np.argsort(-overview.displacements)
    chosen = order[np.linspace(0, len(order) - 1, 6).round().astype(int)]
    for place, push in enumerate(chosen):
        axis = figure.add_subplot(grid[place // 3, 2 + place % 3])
        _show(axis, _one_push(overview, int(push), farthest))
        axis.set_title(f"moved {100 * overview.displacements[push]:.1f} cm", fontsize=10, pad=2)
    _colour_scale(figure, (0.402, 0.15, 0.008, 0.55), farthest, "pushed point moved by [cm]")
    figure.suptitle(title, fontsize=13)
    FigureCanvasAgg(figure).print_png(str(path))


def _all_pushes(overview: PushOverview, farthest: float) -> UInt8[np.ndarray, "h w 3"]:
    size = float(np.linalg.norm(np.ptp(overview.rest_vertices, axis=0)))
    length = 0.5 * ARROW_LENGTH * size
    pieces = [_plain(overview.rest_vertices, overview.triangles, size)]
    colours = DISPLACEMENT_COLOURS(overview.displacements / max(farthest, 1e-9))[:, :3]
    for point, direction, colour in zip(overview.points, overview.directions, colours, strict=True):
        pieces.append(arrow(point, direction, length, colour))
    seen = np.concatenate([overview.rest_vertices, _tails(overview.points, overview.directions, length)])
    return _draw(pieces, seen, overview, OVERVIEW_SIZE)


def _one_push(overview: PushOverview, push: int, farthest: float) -> UInt8[np.ndarray, "h w 3"]:
    size = float(np.linalg.norm(np.ptp(overview.rest_vertices, axis=0)))
    colour = np.array(DISPLACEMENT_COLOURS(overview.displacements[push] / max(farthest, 1e-9))[:3])
    pieces = [
        _plain(overview.final_vertices[push], overview.triangles, size),
        arrow(overview.final_points[push], overview.directions[push], ARROW_LENGTH * size, colour),
    ]
    tail = _tails(overview.final_points[[push]], overview.directions[[push]], ARROW_LENGTH * size)
    seen = np.concatenate([overview.rest_vertices, overview.final_vertices[push], tail])
    return _draw(pieces, seen, overview, STRIP_SIZE)


def _plain(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"], size: float) -> Piece:
    return object_piece(vertices, triangles, uniform_colour(len(vertices), RESTING_COLOUR), size)


def _tails(
    tips: Float[np.ndarray, "pushes 3"], directions: Float[np.ndarray, "pushes 3"], length: float
) -> Float[np.ndarray, "pushes 3"]:
    """Where arrows begin, metres."""
    return tips - length * directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _draw(
    pieces: Sequence[Piece], seen: Float[np.ndarray, "n 3"], overview: PushOverview, size: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw with a camera that has all points ``seen`` in view."""
    camera = camera_for(
        seen,
        azimuth=overview.view.azimuth,
        elevation=overview.view.elevation,
        aspect=size[0] / size[1],
    )
    return render(pieces, camera, *size, floor_height=float(seen[:, 2].min()))


def _show(axis: Axes, picture: UInt8[np.ndarray, "h w 3"]) -> None:
    axis.imshow(picture)
    axis.set_axis_off()


def _colour_scale(figure: Figure, place: tuple[float, float, float, float], farthest: float, label: str) -> None:
    scale = ScalarMappable(Normalize(0.0, max(100 * farthest, 1e-7)), DISPLACEMENT_COLOURS)
    bar = figure.colorbar(scale, cax=figure.add_axes(place))
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)


def _labelled(picture: UInt8[np.ndarray, "h w 3"], text: str) -> Image.Image:
    image = Image.fromarray(picture)
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 20)
    ImageDraw.Draw(image).text((12, 8), text, fill=(40, 40, 40), font=font)
    return image
