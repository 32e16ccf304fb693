"""Obstacles around an object: which of its surface points can meet them, and the mechanics with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neurok_model.mechanics import FramedEmbedding, LagrangianSystem, Obstacle, SurfaceContacts
from neurok_model.reduction import PriorRegion
from neurok_model.surface import ReducedSurface

STILL_SHARE = 0.03
"""Points that move less than this share of what the most mobile point does are the base: they meet nothing."""

REACH_MARGIN = 1.5
"""How much farther than over the prior's draws a point may get."""

DRAWS = 64
"""Configurations from which the points' reach is taken."""

ALLOWED_DEPTH = 0.01
"""Depth, as a share of the longest side, to which a scan may enter an obstacle where the prediction starts."""

TOUCH = 1e-4
"""Gap, as a share of the longest side, below which a contact counts as touching."""


def with_obstacles(
    system: LagrangianSystem,
    surface: ReducedSurface,
    region: PriorRegion,
    obstacles: Sequence[Obstacle],
    start: Float[np.ndarray, " k"],
) -> LagrangianSystem:
    """The mechanics of the object among obstacles.

    Contact is felt by the surface points that stand for the object (about a thousand), so what is much smaller than
    their spacing can pass between them.

    Args:
        system: the object's mechanics.
        surface: its surface.
        region: the prior over the object's own coordinates.
        obstacles: in the frame of the scan.
        start: q where the prediction begins.

    Raises:
        NeurokError: INVALID_CONTACT for an obstacle that the object is inside of where the prediction begins.
    """
    if not obstacles:
        return system
    points = torch.as_tensor(surface.scan.samples.points).to(system.latent)
    rows = surface.point_modes().to(points)
    y = system.embedding.value(torch.as_tensor(start).to(points))
    scale = float(surface.scan.normalisation.scale)
    chosen = torch.nonzero(_can_meet(surface, region, obstacles, points + rows @ y, start))[:, 0]
    if len(chosen) == 0:
        return system
    contacts = SurfaceContacts(
        points[chosen], rows[chosen], obstacles, y, allowed_depth=ALLOWED_DEPTH * scale, tolerance=TOUCH * scale
    )
    return replace(system, constraints=(*system.constraints, contacts))


def _can_meet(
    surface: ReducedSurface,
    region: PriorRegion,
    obstacles: Sequence[Obstacle],
    placed: Float[Tensor, "N 3"],
    start: Float[np.ndarray, " k"],
) -> Bool[Tensor, " N"]:
    """Surface points that move, and that get near an obstacle by moving as the prior says."""
    if isinstance(surface.embedding, FramedEmbedding):
        return torch.ones(len(placed), dtype=torch.bool)
    draws = region.sample(DRAWS, torch.Generator().manual_seed(0)).to(surface.embedding.dtype)
    both = torch.cat((draws, torch.as_tensor(start).to(draws)[None]))
    moved = torch.einsum("ncr,br->bnc", surface.point_modes(), surface.embedding.value(both)).to(placed)
    reach = (moved[:-1] - moved[-1]).norm(dim=-1).amax(0)
    mobile = reach > STILL_SHARE * reach.max()
    near = torch.zeros_like(mobile)
    for obstacle in obstacles:
        gap, _ = obstacle.distance(placed)
        near |= gap < REACH_MARGIN * reach if not any(obstacle.velocity) else torch.ones_like(near)
    return mobile & near
