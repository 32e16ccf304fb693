"""How a predicted motion looks: colours tell how far each part has moved, an arrow shows the force."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.colors import LinearSegmentedColormap

from demo.rendering import Camera, Piece, camera_for, render
from demo.shapes import arrow, dots

DISPLACEMENT_COLOURS = LinearSegmentedColormap.from_list(
    "displacement", ["#8fa3b8", "#9fb4a0", "#f2c14e", "#ee7d3b", "#c8322f"]
)
"""From at rest (grey blue) to farthest moved (red)."""

FORCE_COLOUR = np.array([0.75, 0.05, 0.35])
ARROW_LENGTH = 0.22
DOT_RADIUS = 0.006
FRAMES_FOR_CAMERA = 12


@dataclass(frozen=True)
class View:
    """From where an object is seen: degrees around z from +x, and degrees above the horizon."""

    azimuth: float = -45.0
    elevation: float = 22.0


@dataclass(frozen=True)
class Force:
    """A push that is shown as long as it acts.

    Attributes:
        path: where the pushed material point is in every frame, metres; the arrow moves along with it.
        direction: of the force, world frame.
        begin: when it begins, seconds.
        end: when it ends, seconds.
    """

    path: Float[np.ndarray, "frames 3"]
    direction: Float[np.ndarray, " 3"]
    begin: float
    end: float


@dataclass(frozen=True)
class Motion:
    """A predicted motion to be drawn.

    Attributes:
        times: of the frames, seconds.
        vertices: of every frame, metres; the first frame is the rest pose.
        triangles: none for a point cloud, which is drawn as dots.
        force: what pushes.
        view: from where it is seen.
    """

    times: Float[np.ndarray, " frames"]
    vertices: Float[np.ndarray, "frames n 3"]
    triangles: Int[np.ndarray, "t 3"]
    force: Force
    view: View

    @property
    def size(self) -> float:
        """Diagonal of the box around the rest pose, metres."""
        return float(np.linalg.norm(np.ptp(self.vertices[0], axis=0)))

    @property
    def displacement(self) -> Float[np.ndarray, "frames n"]:
        """Distance of every vertex from its rest position, metres."""
        return np.asarray(np.linalg.norm(self.vertices - self.vertices[0], axis=-1))

    @property
    def displacement_of_pushed_point(self) -> Float[np.ndarray, " frames"]:
        """The same for the point that is pushed, metres."""
        return np.asarray(np.linalg.norm(self.force.path - self.force.path[0], axis=-1))


def object_piece(
    vertices: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    colours: Float[np.ndarray, "n 3"],
    size: float,
) -> Piece:
    """The object as a mesh, or as dots where it has no triangles."""
    if len(triangles):
        return Piece(vertices, triangles, colours)
    return dots(vertices, DOT_RADIUS * size, colours)


def displacement_colours(displacement: Float[np.ndarray, " n"], farthest: float) -> Float[np.ndarray, "n 3"]:
    """Colour per vertex; ``farthest`` metres and more are red."""
    return np.asarray(DISPLACEMENT_COLOURS(displacement / max(farthest, 1e-9))[:, :3])


class MotionPictures:
    """Draws the frames of one motion, all from the same camera.

    Args:
        motion: what is drawn.
        width: of each picture, pixels.
        height: of each picture, pixels.
    """

    def __init__(self, motion: Motion, width: int, height: int) -> None:
        self.motion = motion
        self.width = width
        self.height = height
        self.farthest = float(motion.displacement.max())
        self.floor_height = float(motion.vertices[..., 2].min())
        self.camera = self._camera()

    def picture(self, frame: int) -> UInt8[np.ndarray, "height width 3"]:
        """Draw one frame, with the force's arrow while it acts."""
        motion = self.motion
        colours = displacement_colours(motion.displacement[frame], self.farthest)
        pieces = [object_piece(motion.vertices[frame], motion.triangles, colours, motion.size)]
        if self._force_shown(frame):
            tip = motion.force.path[frame]
            pieces.append(arrow(tip, motion.force.direction, ARROW_LENGTH * motion.size, FORCE_COLOUR))
        return render(pieces, self.camera, self.width, self.height, floor_height=self.floor_height)

    def _force_shown(self, frame: int) -> bool:
        """Whether the force acts in this frame; a strike shorter than a frame is shown in its first one."""
        time, force = self.motion.times[frame], self.motion.force
        first_frame = int(np.searchsorted(self.motion.times, force.begin))
        return bool(force.begin <= time < force.end) or frame == first_frame

    def _camera(self) -> Camera:
        motion = self.motion
        chosen = np.unique(np.linspace(0, len(motion.times) - 1, FRAMES_FOR_CAMERA).astype(int))
        tip = motion.force.path[0]
        unit = motion.force.direction / np.linalg.norm(motion.force.direction)
        tail = tip - ARROW_LENGTH * motion.size * unit
        seen = np.concatenate([motion.vertices[chosen].reshape(-1, 3), tail[None]])
        return camera_for(
            seen,
            azimuth=motion.view.azimuth,
            elevation=motion.view.elevation,
            aspect=self.width / self.height,
        )
