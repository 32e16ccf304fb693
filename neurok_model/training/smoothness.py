"""Whether the surface moves smoothly with the latent: ripples of the decoder that no joint asks for.

Mechanics takes first and second derivatives of the decoder, and an object is compiled to a small smooth map. Poses,
compared one by one, hardly tell whether the way between two of them is straight. With x the surface at three latents
on a line, half a standard deviation apart, every point has a chord |x₊ − x₋| and a second difference
|x₊ − 2 x₀ + x₋|. A rigid motion at constant rates bends by no more than its turning explains, tan(φ / 4) of the chord
for an angle φ between the ends (exactly so for a hinge, nothing for a slide). What is beyond that is rippled:

    penalty = sum max(0, |x₊ − 2 x₀ + x₋| − tan(φ / 4) |x₊ − x₋|)² / sum |x₊ − x₋|²

over points and lines: a share, which does not change with the size of the motion.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.geometry import dual_quaternions as dq
from neurok_model.networks.decoder import BoundDecoder

STEP = 0.5
"""Standard deviations between two latents of a line: shorter ones would measure the noise of half precision."""

LEAST_CHORD = 0.01
"""Root-mean-square chord, in longest sides, that is added to every object's: what hardly moves has no say."""


def roughness(
    bound: BoundDecoder, middle: Float[Tensor, "b k"], directions: Float[Tensor, "b l k"]
) -> Float[Tensor, " b"]:
    """The penalty of every object.

    Args:
        bound: the decoder of b objects.
        middle: latents in the middle of the lines.
        directions: along which the l lines of every object run, in the latent; of the length of a standard deviation.
    """
    steps = STEP * directions
    latents = torch.cat((middle[:, None], middle[:, None] + steps, middle[:, None] - steps), dim=1)
    moved = bound.dual_quaternions(latents)
    with torch.autocast(moved.device.type, enabled=False):
        places = dq.transform_points(moved.float(), bound.points[:, None].float())
        lines = directions.shape[1]
        here, ahead, behind = places.split((1, lines, lines), dim=1)
        chord = (ahead - behind).square().sum(-1)
        bend = (ahead - 2.0 * here + behind).square().sum(-1).clamp_min(1e-12).sqrt()
        with torch.no_grad():
            allowed = _bend_of_turning(moved.float()[:, 1:]) * chord.sqrt()
        rippled = (bend - allowed).relu().square().mean(dim=(1, 2))
        return rippled / (chord.mean(dim=(1, 2)) + LEAST_CHORD**2)


def _bend_of_turning(moved: Float[Tensor, "b twice_l n 8"]) -> Float[Tensor, "b l n"]:
    """tan(φ / 4) of the turns between the ends of every line, from cos(φ / 2) = |r₊ · r₋| of unit quaternions."""
    turned = dq.to_rotation_translation(moved)[0]
    ahead, behind = turned.chunk(2, dim=1)
    half = (ahead * behind).sum(-1).abs().clamp(max=1.0)
    return ((1.0 - half) / (1.0 + half)).sqrt()
