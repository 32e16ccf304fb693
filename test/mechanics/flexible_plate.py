"""A plate that bends and twists by a known smooth map, as an object model that no network has seen."""

from __future__ import annotations

import numpy as np
import torch

from neurok_model.assembly import ObjectParts
from neurok_model.geometry import TriangleMesh
from neurok_model.object_model import ObjectModel
from neurok_model.physics import PhysicsParameters
from neurok_model.reduction import PriorRegion, SmoothMap
from neurok_model.scan import prepare_scan

LENGTH, WIDTH = 0.4, 0.3
REACH = 0.05
"""Metres that the tip moves per unit of q."""


def plate_mesh(rows: int = 12, columns: int = 9, height: float = 0.0) -> TriangleMesh:
    """A flat grid in the x-y plane, held at x = 0."""
    x, y = np.meshgrid(np.linspace(0, LENGTH, rows), np.linspace(-WIDTH / 2, WIDTH / 2, columns), indexing="ij")
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    return TriangleMesh(np.stack((x, y, np.full_like(x, height)), -1).reshape(-1, 3), triangles)


def fields(points: np.ndarray) -> np.ndarray:
    """Displacements [n, 3, 2] per unit of q: bending and twisting, both zero at x = 0."""
    along = (points[:, 0] / LENGTH) ** 2
    result = np.zeros((len(points), 3, 2))
    result[:, 2, 0] = REACH * along
    result[:, 2, 1] = REACH * along * 2.0 * points[:, 1] / WIDTH
    return result


def flexible_plate(physics: PhysicsParameters, height: float = 0.0) -> ObjectModel:
    """The plate under some physics. Its coordinates move the fields by 3 tanh(q / 3): slightly nonlinear."""
    scan = prepare_scan(plate_mesh(height=height), seed=0)
    samples = scan.samples
    weighted = np.sqrt(physics.mass * samples.area_share)[:, None, None] * fields(samples.points)
    _, triangular = np.linalg.qr(weighted.reshape(-1, 2))
    inverse = np.linalg.inv(triangular)
    form = SmoothMap(
        torch.eye(2).double() / 3.0,
        torch.zeros(2).double(),
        3.0 * torch.as_tensor(triangular),
        torch.zeros(2, 2).double(),
    )
    modes = torch.as_tensor(fields(samples.points) @ inverse)
    masses = torch.as_tensor(physics.mass * samples.area_share)
    parts = ObjectParts(
        scan,
        form,
        (masses[:, None, None] * modes).sum(0),
        modes,
        lambda: torch.as_tensor(fields(scan.vertices) @ inverse),
        PriorRegion(torch.zeros(2).double(), torch.eye(2).double(), 4.0),
        physics.mass,
    )
    surface, system = parts.assembled(physics)
    return ObjectModel("plate", surface, system, parts.region, physics, {}, 0.0, parts)


def tip(model: ObjectModel) -> np.ndarray:
    """A corner of the free edge."""
    return model.rest_vertices[np.argmax(model.rest_vertices[:, 0] + model.rest_vertices[:, 1])].astype(np.float64)
