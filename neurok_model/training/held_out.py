"""The error on instances that training never draws."""

from __future__ import annotations

import numpy as np
import torch

from neurok_model.data.pairs import PairBatch, PairBatches
from neurok_model.geometry import dual_quaternions as dq
from neurok_model.networks import NeurokNetworks


@torch.no_grad()
def held_out_error(networks: NeurokNetworks, batches: PairBatches, device: torch.device) -> dict[str, float]:
    """Mean distance between true and reconstructed points, longest side of M0 = 1.

    The deformation is encoded from some of its points, decoded from the posterior's mean, and judged at others.

    Returns:
        ``error``; ``no_motion``, the error of predicting that nothing moves; ``explained``, the share of the
        squared motion that is reconstructed; and ``error/FAMILY`` and ``no_motion/FAMILY`` for every family.
    """
    deformation_points = batches.configuration.deformation_points
    errors, still, families = [], [], []
    squared_error = squared_motion = 0.0
    for index in range(len(batches)):
        batch = PairBatch(*(tensor.to(device) for tensor in batches[index]))
        seen, asked = slice(None, deformation_points), slice(deformation_points, None)
        prior = networks.prior_encoder(batch.scan_points, batch.scan_normals)
        rest = batch.points[:, None, seen]
        motion = dq.from_motion(batch.rotation[:, :, seen], rest, rest + batch.displacement[:, :, seen])
        posterior = networks.deformation_encoder(
            prior, batch.points[:, seen], batch.normals[:, seen], batch.displacement[:, :, seen], motion
        )
        bound = networks.decoder.bind(batch.points[:, asked], batch.normals[:, asked], prior)
        truth = batch.displacement[:, :, asked]
        error = bound.displacement(posterior.mean) - truth
        squared_error += float(error.square().sum())
        squared_motion += float(truth.square().sum())
        errors.append(error.norm(dim=-1).mean(dim=(1, 2)).cpu().numpy())
        still.append(truth.norm(dim=-1).mean(dim=(1, 2)).cpu().numpy())
        families.append(batch.family.cpu().numpy())
    distance, no_motion, family = (np.concatenate(column) for column in (errors, still, families))
    result = {
        "error": float(distance.mean()),
        "no_motion": float(no_motion.mean()),
        "explained": 1.0 - squared_error / squared_motion,
    }
    for number in np.unique(family):
        chosen = family == number
        name = batches.families[number]
        result[f"error/{name}"] = float(distance[chosen].mean())
        result[f"no_motion/{name}"] = float(no_motion[chosen].mean())
    return result
