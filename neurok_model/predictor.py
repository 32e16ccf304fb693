"""The one door for users: load a checkpoint, encode a scan, predict."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import astuple
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.assembly import ObjectParts
from neurok_model.device import choose_device
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.networks import BoundDecoder, KinematicPrior, NeurokNetworks, load_checkpoint
from neurok_model.object_model import ObjectModel
from neurok_model.physics import PhysicsParameters
from neurok_model.reduction import compile_object
from neurok_model.scan import PreparedScan, prepare_scan
from neurok_model.weights import packaged_checkpoint

Progress = Callable[[str], None]


class Predictor:
    """Turns scans into objects that can be predicted.

    Args:
        networks: trained networks, in evaluation mode, on the device to compute on.
        checkpoint_name: what to call them in results.
        seed: of surface points and of the compiled map's samples.
    """

    def __init__(self, networks: NeurokNetworks, checkpoint_name: str, seed: int = 0) -> None:
        self.networks = networks.requires_grad_(False)
        self.checkpoint_name = checkpoint_name
        self.seed = seed

    @classmethod
    def load(cls, checkpoint: Path | None = None, *, device: str = "auto", seed: int = 0) -> Predictor:
        """Load a checkpoint, or the packaged one.

        Args:
            checkpoint: safetensors file with its JSON file beside it.
            device: "auto" (CUDA where there is one, else CPU), "cpu" or "cuda".
            seed: see :class:`Predictor`.

        Raises:
            NeurokError: INVALID_CHECKPOINT or INVALID_PARAMETER.
        """
        path = checkpoint or packaged_checkpoint()
        networks, _ = load_checkpoint(path, choose_device(device))
        return cls(networks, path.stem, seed)

    @property
    def device(self) -> torch.device:
        """Where the networks compute."""
        return next(self.networks.parameters()).device

    def encode(
        self,
        scan: TriangleMesh | PointCloud,
        physics: PhysicsParameters | None = None,
        on_progress: Progress | None = None,
    ) -> ObjectModel:
        """Encode a scan of one object and compile its mechanics.

        Args:
            scan: mesh or cloud in metres, z up; the object may stand in any pose.
            physics: mass, gravity, stiffness and damping, which a scan cannot tell.
            on_progress: told the name of each stage as it begins.

        Raises:
            NeurokError: when the scan does not describe an object.
        """
        physics = physics or PhysicsParameters()
        report = on_progress or _ignore
        report("encode")
        begin = time.perf_counter()
        prepared = prepare_scan(scan, self.seed)
        bound, prior, rest = self._encode(prepared)
        encoded = time.perf_counter()
        report("compile")
        box = prepared.normalisation
        # Compiled in the upright box's frame, so that every choice made on the way is the same for a turned scan.
        to_world = torch.as_tensor(box.rotation.T, dtype=torch.float32, device=self.device)
        area = torch.as_tensor(prepared.samples.area_share, dtype=torch.float32, device=self.device)
        upright = compile_object(
            _MetricDecoder(bound, box.scale),
            rest,
            prior.mean[0],
            physics.mass * area,
            torch.Generator().manual_seed(self.seed),
        )
        compiled = upright.turned(to_world)
        parts = ObjectParts(
            prepared,
            compiled,
            compiled.mass_moment,
            compiled.modes,
            cache(lambda: to_world @ upright.modes_at(self._vertex_decoder(prepared, bound))),
            compiled.region,
            physics.mass,
        )
        surface, system = parts.assembled(physics)
        timings = {"encode": 1e3 * (encoded - begin), "compile": 1e3 * (time.perf_counter() - encoded)}
        object_id = self._object_id(prepared, physics)
        error = compiled.relative_error
        return ObjectModel(object_id, surface, system, compiled.region, physics, timings, error, parts)

    @torch.no_grad()
    def _encode(self, prepared: PreparedScan) -> tuple[BoundDecoder, KinematicPrior, Float[Tensor, " k"]]:
        """Bind the decoder to the surface points; returns it, the prior, and the latent of the scanned pose."""
        box, samples = prepared.normalisation, prepared.samples
        points = torch.as_tensor(box.apply(samples.points), dtype=torch.float32, device=self.device)[None]
        normals = torch.as_tensor(box.direction(samples.normals), dtype=torch.float32, device=self.device)[None]
        prior = self.networks.prior_encoder(*self._as_trained(points, normals))
        still = torch.zeros_like(points)[:, None]
        identity = still.new_zeros(*still.shape[:-1], 8)
        identity[..., 0] = 1.0
        posterior = self.networks.deformation_encoder(prior, points, normals, still, identity)
        bound = self.networks.decoder.bind(points, normals, prior)
        return bound, prior, posterior.mean[0, 0]

    def _as_trained(self, *columns: Float[Tensor, "b n 3"]) -> tuple[Float[Tensor, "b s 3"], ...]:
        """As many surface points as the prior encoder was trained with, spread as the others are."""
        count, wanted = columns[0].shape[1], self.networks.configuration.scan_points
        chosen = np.random.default_rng(self.seed).permutation(count)[:wanted]
        return tuple(column[:, torch.as_tensor(chosen, device=column.device)] for column in columns)

    def _vertex_decoder(self, prepared: PreparedScan, bound: BoundDecoder) -> _MetricDecoder:
        box = prepared.normalisation
        vertices = torch.as_tensor(box.apply(prepared.vertices), dtype=torch.float32, device=self.device)[None]
        index = torch.as_tensor(prepared.drive_index, device=self.device)
        weight = torch.as_tensor(prepared.drive_weight, dtype=torch.float32, device=self.device)
        return _MetricDecoder(bound.driven(vertices, index, weight), box.scale)

    def _object_id(self, prepared: PreparedScan, physics: PhysicsParameters) -> str:
        digest = hashlib.blake2b(digest_size=8)
        digest.update(f"{prepared.content_hash} {astuple(physics)} {self.checkpoint_name} {self.seed}".encode())
        return digest.hexdigest()


class _MetricDecoder:
    """Displacement in metres of one object's points, in the frame of its upright box, for latents [b, k]."""

    def __init__(self, bound: BoundDecoder, scale: float) -> None:
        self._bound = bound
        self._scale = scale

    def __call__(self, latents: Float[Tensor, "b k"]) -> Float[Tensor, "b n 3"]:
        return self._bound.displacement(latents[None])[0] * self._scale


def _ignore(stage: str) -> None:
    """Progress that nobody asked for."""
