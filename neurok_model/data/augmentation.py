"""Changes that leave an object's kinematics alone: how it stands in the world, and how well it was scanned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from neurok_model.data.quaternions import quaternion_conjugate, quaternion_product


@dataclass(frozen=True)
class AugmentationConfiguration:
    """How scans are varied.

    Args:
        rotate: turn by any angle about gravity.
        tilt: standard deviation of a small tilt, radians.
        mirror: probability of a reflection.
        noise: largest standard deviation of position noise, as a share of the longest side.
        occlusion: probability that a scan shows only what faces one random camera.
        hole: probability that a round hole is missing.
    """

    rotate: bool = True
    tilt: float = 0.05
    mirror: float = 0.5
    noise: float = 0.008
    occlusion: float = 0.25
    hole: float = 0.25


NO_AUGMENTATION = AugmentationConfiguration(rotate=False, tilt=0.0, mirror=0.0, noise=0.0, occlusion=0.0, hole=0.0)
"""Scans as generated."""


def reorient(
    positions: Float[np.ndarray, "f n 3"],
    normals: Float[np.ndarray, "n 3"],
    rotations: Float[np.ndarray, "g n 4"],
    configuration: AugmentationConfiguration,
    generator: np.random.Generator,
) -> tuple[Float[np.ndarray, "f n 3"], Float[np.ndarray, "n 3"], Float[np.ndarray, "g n 4"]]:
    """Mirror, turn about gravity and tilt all frames of one object together.

    Args:
        positions: points of every frame, metres.
        normals: unit normals in the first frame.
        rotations: material rotations relative to the first frame, (w, x, y, z).
        configuration: what to vary.
        generator: source of randomness.
    """
    if generator.random() < configuration.mirror:
        positions, normals = positions * (-1.0, 1.0, 1.0), normals * (-1.0, 1.0, 1.0)
        # Reflecting x conjugates a rotation: the components about y and z change sign.
        rotations = rotations * (1.0, 1.0, -1.0, -1.0)
    yaw = generator.uniform(0.0, 2.0 * np.pi) if configuration.rotate else 0.0
    tilt = generator.normal(0.0, configuration.tilt, size=2)
    turn = Rotation.from_rotvec((tilt[0], tilt[1], 0.0)) * Rotation.from_euler("z", yaw)
    matrix = turn.as_matrix()
    quaternion = np.roll(turn.as_quat(), 1)
    return (
        positions @ matrix.T,
        normals @ matrix.T,
        quaternion_product(quaternion_product(quaternion, rotations), quaternion_conjugate(quaternion)),
    )


def corrupt_scan(
    points: Float[np.ndarray, "n 3"],
    normals: Float[np.ndarray, "n 3"],
    configuration: AugmentationConfiguration,
    generator: np.random.Generator,
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Hide, cut and blur a scan as a depth camera does; the number of points stays, by repeating visible ones."""
    size = float(np.ptp(points, axis=0).max())
    visible = np.ones(len(points), dtype=bool)
    if generator.random() < configuration.occlusion:
        azimuth, elevation = generator.uniform(0.0, 2.0 * np.pi), generator.uniform(0.2, 1.2)
        towards_camera = np.array(
            (np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation))
        )
        visible &= normals @ towards_camera > 0.0
    if generator.random() < configuration.hole:
        centre = points[generator.integers(len(points))]
        radius = size * generator.uniform(0.05, 0.2)
        visible &= np.linalg.norm(points - centre, axis=1) > radius
    if visible.sum() < len(points) // 8:
        visible[:] = True
    chosen = np.flatnonzero(visible)
    if len(chosen) < len(points):
        chosen = generator.choice(chosen, size=len(points))
    deviation = size * configuration.noise * generator.random() ** 2
    blurred = points[chosen] + generator.normal(0.0, 1.0, size=(len(points), 3)) * deviation
    return blurred, normals[chosen]
