"""What the demonstration pushes: a real laptop, the same laptop seen by a depth camera, and a soft bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from demo.pushes import nearest, surface_points
from demo.scene import View
from neurok_model.data.depth_camera import scan as depth_scan
from neurok_model.data.families import build_object
from neurok_model.data.metaworld import metaworld_object
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.mechanics import Push

SEED = 7
LAPTOP_OPENING = np.radians(100.0)
_LID_UPRIGHT = np.radians(90.0)
"""Opening of the laptop in the file's own pose; its joint angle grows as it closes."""

BAR_SEED = 8
"""Of the split that no training sees: its remainder modulo 3 is 2 (see ``neurok_model.data.pairs``)."""


@dataclass(frozen=True)
class DemoObject:
    """One scan and what is done to it.

    Attributes:
        name: of its files and in the summary.
        title: in words.
        scan: mesh or cloud, metres, z up.
        push: the push that is shown in detail.
        candidate_force: strength of the 64 pushes, newtons.
        horizon: how far to look, seconds.
        view: from where the pictures are taken.
        parameters: of the node, where they differ from its own.
    """

    name: str
    title: str
    scan: TriangleMesh | PointCloud
    push: Push
    candidate_force: float
    horizon: float
    view: View
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def input(self) -> str:
        """What kind of scan it is: ``mesh`` or ``cloud``."""
        return "mesh" if isinstance(self.scan, TriangleMesh) else "cloud"


def demo_objects() -> list[DemoObject]:
    """All objects, in the order of the demonstration."""
    return [laptop_mesh(), laptop_cloud(), soft_bar()]


def laptop_mesh() -> DemoObject:
    """A real laptop's mesh, open; its lid is pushed shut at the middle of its upper edge."""
    scan = _open_laptop()
    return _laptop("laptop_mesh", "laptop (mesh)", scan)


def laptop_cloud() -> DemoObject:
    """The same laptop as a depth camera sees it from the front left: partial and noisy."""
    camera = np.array([[-0.45, -0.75, 0.62]])
    cloud = depth_scan(_open_laptop(), camera, np.random.default_rng(SEED))
    return _laptop("laptop_cloud", "laptop (cloud of one depth camera)", cloud)


def soft_bar() -> DemoObject:
    """An elastic bar that training never saw, clamped at its foot; its tip is pushed sideways."""
    bar = build_object("elastic_bar", BAR_SEED)
    vertices = bar.pose(np.zeros((1, bar.degrees_of_freedom))).vertices[0]
    scan = TriangleMesh(vertices, bar.triangles)
    force = np.array([0.15, 0.0, 0.0])
    return DemoObject(
        name="soft_bar",
        title="soft bar (mesh)",
        scan=scan,
        push=Push(_surface_point_towards(scan, np.array([-0.2, 0.0, 1.0])), force, duration=0.15),
        candidate_force=0.15,
        horizon=1.5,
        view=View(azimuth=-75.0, elevation=15.0),
        parameters={"mass": 0.3, "elastic_frequency": 2.0},
    )


def _open_laptop() -> TriangleMesh:
    laptop = metaworld_object("laptop")
    closed_by = np.array([[_LID_UPRIGHT - LAPTOP_OPENING]])
    return TriangleMesh(laptop.pose(closed_by).vertices[0], laptop.triangles)


def _laptop(name: str, title: str, scan: TriangleMesh | PointCloud) -> DemoObject:
    # The user sits at -y; a force along -y shuts the lid.
    force = np.array([0.0, -1.2, 0.0])
    return DemoObject(
        name=name,
        title=title,
        scan=scan,
        push=Push(_surface_point_towards(scan, np.array([0.0, 0.3, 1.0])), force, duration=0.15),
        candidate_force=1.0,
        horizon=1.0,
        view=View(azimuth=-40.0, elevation=22.0),
        # The hinge holds the lid wherever it is put: friction carries its weight and slows it down.
        parameters={"mass": 1.5, "gravity": [0.0, 0.0, 0.0], "damping_rate": 3.0},
    )


def _surface_point_towards(
    scan: TriangleMesh | PointCloud, direction: Float[np.ndarray, " 3"]
) -> Float[np.ndarray, " 3"]:
    """The surface point that lies farthest in a direction; of an edge that does, its middle."""
    points, _ = surface_points(scan, np.random.default_rng(SEED))
    height = points @ (direction / np.linalg.norm(direction))
    farthest = points[height > height.max() - 0.02 * np.ptp(points, axis=0).max()]
    middle = 0.5 * (farthest.min(axis=0) + farthest.max(axis=0))
    return farthest[nearest(farthest, middle[None])[0]]
