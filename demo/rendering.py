"""Shaded pictures of triangle meshes by ray casting: no display and no graphics driver needed.

Open3D casts the rays (Embree, on the CPU); the shading is NumPy: one directional light with a cast shadow,
a uniform ambient light, and a floor that catches the shadow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import open3d as o3d
from jaxtyping import Bool, Float, Int, UInt8

# Single precision throughout: a picture has a million rays.
BACKGROUND = np.array([1.0, 1.0, 1.0], dtype=np.float32)
FLOOR = np.array([0.93, 0.93, 0.92], dtype=np.float32)
TOWARDS_LIGHT = (np.array([0.45, -0.55, 1.1]) / np.linalg.norm([0.45, -0.55, 1.1])).astype(np.float32)
AMBIENT = 0.5
SHADOW_ON_FLOOR = 0.75
FLOOR_FADES_BETWEEN = (0.5, 0.95)
"""Distance from the middle of the picture's contents, as a share of their size."""

Rays = Float[np.ndarray, "m 3"]


@dataclass(frozen=True)
class Piece:
    """A coloured triangle mesh in a picture.

    Attributes:
        vertices: positions, metres, z up.
        triangles: vertex indices.
        colours: red, green and blue of every vertex, 0 to 1.
    """

    vertices: Float[np.ndarray, "n 3"]
    triangles: Int[np.ndarray, "t 3"]
    colours: Float[np.ndarray, "n 3"]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera, upright in the world.

    Attributes:
        eye: where it stands, metres.
        target: what it looks at, metres.
        field_of_view: vertical opening angle, degrees.
    """

    eye: Float[np.ndarray, " 3"]
    target: Float[np.ndarray, " 3"]
    field_of_view: float = 22.0

    @cached_property
    def axes(self) -> Float[np.ndarray, "3 3"]:
        """Unit vectors to the right, up and forwards, as rows."""
        forwards = (self.target - self.eye) / np.linalg.norm(self.target - self.eye)
        right = np.cross(forwards, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(right, forwards), forwards])

    def directions(self, width: int, height: int) -> Rays:
        """Unit direction through every pixel, row by row from the top left."""
        half_height = np.tan(np.radians(self.field_of_view) / 2)
        across = (np.arange(width) + 0.5 - width / 2) * 2 * half_height / height
        upwards = (height / 2 - np.arange(height) - 0.5) * 2 * half_height / height
        right, up, forwards = self.axes
        rays = across[None, :, None] * right + (upwards[:, None] * up + forwards)[:, None]
        length = np.sqrt(1.0 + across[None, :] ** 2 + upwards[:, None] ** 2)
        return (rays / length[..., None]).reshape(-1, 3).astype(np.float32)


def camera_for(
    points: Float[np.ndarray, "n 3"],
    *,
    azimuth: float,
    elevation: float,
    aspect: float,
    margin: float = 1.06,
) -> Camera:
    """Place a camera so that all points are in view.

    Args:
        points: what must be seen, metres.
        azimuth: direction from the object to the camera around z, degrees; 0 is +x, 90 is +y.
        elevation: height of the camera above the horizon, degrees.
        aspect: width of the picture over its height.
        margin: room around the points; 1 for none.
    """
    turn, rise = np.radians(azimuth), np.radians(elevation)
    backwards = np.array([np.cos(rise) * np.cos(turn), np.cos(rise) * np.sin(turn), np.sin(rise)])
    target = 0.5 * (points.min(axis=0) + points.max(axis=0))
    right, upwards, _ = Camera(target + backwards, target).axes
    half_height = np.tan(np.radians(Camera.field_of_view) / 2)
    distance = 0.0
    for _ in range(3):
        across, above, nearer = np.stack([right, upwards, backwards]) @ (points - target).T
        # A point is in view when its offset across fits into the pyramid at the point's own depth.
        needed = np.maximum(np.abs(above), np.abs(across) / aspect) * margin / half_height
        distance = float(np.max(needed + nearer))
        # Perspective shifts what was centred in space: centre what is seen.
        seen = np.stack([across, above]) / (distance - nearer)
        shift = 0.5 * distance * (seen.min(axis=1) + seen.max(axis=1))
        target = target + shift[0] * right + shift[1] * upwards
    return Camera(target + distance * backwards, target)


def render(
    pieces: Sequence[Piece],
    camera: Camera,
    width: int,
    height: int,
    *,
    floor_height: float | None = None,
    supersampling: int = 2,
) -> UInt8[np.ndarray, "height width 3"]:
    """Draw meshes as an image.

    Args:
        pieces: what is in the picture.
        camera: from where.
        width: of the image, pixels.
        height: of the image, pixels.
        floor_height: z of a floor that catches shadows, metres; no floor when left out.
        supersampling: rays per pixel along each axis; more smooths the edges.
    """
    world = _World(pieces)
    directions = camera.directions(width * supersampling, height * supersampling)
    eye = camera.eye.astype(np.float32)
    hits = world.cast(np.broadcast_to(eye, directions.shape), directions)
    solid = np.isfinite(hits["t_hit"])
    image = np.broadcast_to(BACKGROUND, directions.shape).copy()
    if floor_height is not None:
        _paint_floor(image, world, eye, directions, solid, floor_height)
    if solid.any():
        image[solid] = _shaded(world, hits, eye, directions, solid)
    pixels = image.reshape(height, supersampling, width, supersampling, 3).mean(axis=(1, 3))
    return np.round(255 * np.clip(pixels, 0.0, 1.0)).astype(np.uint8)


class _World:
    """All pieces as one Embree scene."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        first = np.cumsum([0] + [len(piece.vertices) for piece in pieces])[:-1]
        self.vertices = np.concatenate([piece.vertices for piece in pieces]).astype(np.float32)
        self.triangles = np.concatenate(
            [piece.triangles + offset for piece, offset in zip(pieces, first, strict=True)]
        ).astype(np.uint32)
        self.colours = np.concatenate([piece.colours for piece in pieces]).astype(np.float32)
        self.size = float(np.linalg.norm(np.ptp(self.vertices, axis=0)))
        self.scene = o3d.t.geometry.RaycastingScene()
        self.scene.add_triangles(o3d.core.Tensor(self.vertices), o3d.core.Tensor(self.triangles))

    def cast(self, origins: Rays, directions: Rays) -> dict[str, np.ndarray]:
        """First hit of every ray: distance ``t_hit`` (infinite for none), triangle, place, normal."""
        rays = np.concatenate([origins, directions], axis=-1).astype(np.float32)
        return {name: value.numpy() for name, value in self.scene.cast_rays(o3d.core.Tensor(rays)).items()}

    def shadowed(self, points: Rays) -> Bool[np.ndarray, " m"]:
        """Whether something stands between each point and the light."""
        origins = points + 2e-4 * self.size * TOWARDS_LIGHT
        rays = np.concatenate([origins, np.broadcast_to(TOWARDS_LIGHT, origins.shape)], axis=-1)
        return self.scene.test_occlusions(o3d.core.Tensor(rays.astype(np.float32))).numpy()


def _shaded(
    world: _World,
    hits: dict[str, np.ndarray],
    eye: Float[np.ndarray, " 3"],
    directions: Rays,
    solid: Bool[np.ndarray, " m"],
) -> Float[np.ndarray, "hits 3"]:
    """Lambert's law for both sides of a surface, since scans are not always oriented."""
    seen, distance = directions[solid], hits["t_hit"][solid]
    corners = world.colours[world.triangles[hits["primitive_ids"][solid]]]
    u, v = hits["primitive_uvs"][solid].T[..., None]
    colours = (1 - u - v) * corners[:, 0] + u * corners[:, 1] + v * corners[:, 2]
    normals = hits["primitive_normals"][solid]
    normals = normals * -np.sign(np.einsum("md,md->m", normals, seen))[:, None]
    lit = np.clip(normals @ TOWARDS_LIGHT, 0.0, None)
    facing = np.flatnonzero(lit)
    points = eye + distance[facing, None] * seen[facing]
    lit[facing] *= ~world.shadowed(points + np.float32(2e-4 * world.size) * normals[facing])
    # Surfaces that look upwards get more of the sky's light.
    sky = AMBIENT * (0.8 + 0.2 * normals[:, 2])
    return colours * (sky + (1 - AMBIENT) * lit)[:, None]


def _paint_floor(
    image: Float[np.ndarray, "m 3"],
    world: _World,
    eye: Float[np.ndarray, " 3"],
    directions: Rays,
    solid: Bool[np.ndarray, " m"],
    height: float,
) -> None:
    """Draw the floor, which fades into the background away from the object, where no mesh was hit."""
    below = np.flatnonzero(~solid & (directions[:, 2] < -1e-6))
    middle = 0.5 * (world.vertices.min(axis=0) + world.vertices.max(axis=0))
    points = eye + ((height - eye[2]) / directions[below, 2])[:, None] * directions[below]
    radius = np.hypot(points[:, 0] - middle[0], points[:, 1] - middle[1]) / world.size
    begin, end = FLOOR_FADES_BETWEEN
    near = radius < end
    below, points = below[near], points[near]
    weight = np.clip((end - radius[near]) / (end - begin), 0.0, 1.0)[:, None]
    brightness = np.where(world.shadowed(points), SHADOW_ON_FLOOR, 1.0).astype(np.float32)[:, None]
    image[below] = weight * FLOOR * brightness + (1 - weight) * BACKGROUND
