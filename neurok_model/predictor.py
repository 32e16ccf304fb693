"""The one door for users: load a checkpoint, encode a scan, predict."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model import compiled_cache
from neurok_model.assembly import ObjectParts
from neurok_model.cache import DiskCache
from neurok_model.device import choose_device
from neurok_model.encoding import EncodedScan, MetricDecoder
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.exact_object import exact_parts
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.identification import MotionObservation
from neurok_model.mechanics import WatchedCoordinates
from neurok_model.networks import BoundDecoder, NeurokNetworks, load_checkpoint
from neurok_model.object_model import ObjectModel
from neurok_model.physics import PhysicsParameters
from neurok_model.reduction import CompilationSettings, CompiledMap, SampledRegion, compile_object
from neurok_model.refinement import Refinement, refine
from neurok_model.request_size import MEMORY_LIMIT
from neurok_model.scan import PreparedScan, prepare_scan
from neurok_model.seen_moment import SeenPoints, seen_mass_moment
from neurok_model.weights import packaged_checkpoint

Progress = Callable[[str], None]

COORDINATE_LIMIT = 1.732
"""Standard deviations at which coordinates end: where the stops of joints are whose range is filled evenly."""


class RefinedModel(NamedTuple):
    """What watching an object made of it.

    Attributes:
        model: the object.
        misfit_before: root-mean-square distance between watched vertices and the nearest that the object could do as it
            was read off the scan, as a share of the watched motion.
        misfit: the same as it is now.
    """

    model: ObjectModel
    misfit_before: float
    misfit: float


class Predictor:
    """Turns scans into objects that can be predicted.

    Args:
        networks: trained networks, in evaluation mode, on the device to compute on.
        checkpoint_name: what to call them in results.
        seed: of surface points and of the compiled map's samples.
        cache: where compiled objects are kept from one process to the next; nowhere when left out.
        settings: how much work to spend on compiling.
        memory_limit: bytes that one request may take; what would take more is refused before it begins.
    """

    def __init__(
        self,
        networks: NeurokNetworks,
        checkpoint_name: str,
        seed: int = 0,
        cache: DiskCache | None = None,
        settings: CompilationSettings | None = None,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        self.memory_limit = memory_limit
        self.networks = networks.requires_grad_(False)
        self.checkpoint_name = checkpoint_name
        self.seed = seed
        self.cache = cache
        self.settings = settings or CompilationSettings()

    @classmethod
    def load(
        cls,
        checkpoint: Path | None = None,
        *,
        device: str = "auto",
        seed: int = 0,
        cache: DiskCache | None = None,
        settings: CompilationSettings | None = None,
        memory_limit: int = MEMORY_LIMIT,
    ) -> Predictor:
        """Load a checkpoint, or the packaged one.

        Args:
            checkpoint: safetensors file with its JSON file beside it.
            device: "auto" (CUDA where there is one, else CPU), "cpu" or "cuda".
            seed: see :class:`Predictor`.
            cache: see :class:`Predictor`.
            settings: see :class:`Predictor`.
            memory_limit: see :class:`Predictor`.

        Raises:
            NeurokError: INVALID_CHECKPOINT or INVALID_PARAMETER.
        """
        path = checkpoint or packaged_checkpoint()
        networks, _ = load_checkpoint(path, choose_device(device))
        return cls(networks, path.stem, seed, cache, settings, memory_limit)

    @property
    def device(self) -> torch.device:
        """Where the networks compute."""
        return next(self.networks.parameters()).device

    def encode(
        self,
        scan: TriangleMesh | PointCloud,
        physics: PhysicsParameters | None = None,
        on_progress: Progress | None = None,
        *,
        exact: bool = False,
    ) -> ObjectModel:
        """Encode a scan of one object and compile its mechanics.

        Args:
            scan: mesh or cloud in metres, z up; the object may stand in any pose.
            physics: mass, gravity, stiffness and damping, which a scan cannot tell.
            on_progress: told the name of each stage as it begins.
            exact: whether the network itself moves the object in every step, in double precision, instead of what it
                was compiled to: some thousand times slower, to check the compiled object against. The coordinates q
                are the same.

        Raises:
            NeurokError: when the scan does not describe an object; INVALID_PARAMETER for an exact object whose base
                is not fixed.
        """
        report = on_progress or _ignore
        report("encode")
        begin = time.perf_counter()
        prepared = prepare_scan(scan, self.seed)
        encoded = EncodedScan(self.networks, prepared, self.seed)
        return self._made(prepared, encoded, physics or PhysicsParameters(), report, begin, exact=exact)

    def refine(
        self, model: ObjectModel, observations: Sequence[MotionObservation], on_progress: Progress | None = None
    ) -> RefinedModel:
        """Correct what the scan seemed to say about an object's motion by motions that were watched.

        It is not needed to know what caused them; where that is known, ``identify`` can then fit the physical
        parameters of the refined model, its ``reach`` among them, to the same observations. Takes some seconds.

        Args:
            model: the object, encoded from a scan by this predictor. What it was refined by before is forgotten.
            observations: one motion or several; see :class:`MotionObservation`.
            on_progress: told the name of each stage as it begins.

        Returns:
            The same scan with the same physical parameters under other coordinates: states of the model before are not
            states of this one, and a ``reach`` of several ends begins anew.

        Raises:
            NeurokError: INVALID_PARAMETER for no observation, one of other vertices, or a model not made from a scan.
        """
        if model.parts is None or model.parts.scanned_basis is None:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "model", model.object_id, "an object encoded from a scan")
        report = on_progress or _ignore
        report("refine")
        begin = time.perf_counter()
        prepared = model.parts.scan
        basis = model.parts.scanned_basis.to(self.device)
        scanned = EncodedScan(self.networks, prepared, self.seed)
        held = model.physics.support == "anchored"
        found = refine(scanned, basis, observations, self.seed, base_fixed=held)
        encoded = scanned.corrected(found.correction)
        # Where it ends was said of ways in which it was seen to move before.
        physics = replace(model.physics, reach=1.0) if isinstance(model.physics.reach, tuple) else model.physics
        better = self._made(prepared, encoded, physics, report, begin, watched=found)
        return RefinedModel(better, found.misfit_before, found.misfit)

    def _made(
        self,
        prepared: PreparedScan,
        encoded: EncodedScan,
        physics: PhysicsParameters,
        report: Progress,
        begin: float,
        *,
        exact: bool = False,
        watched: Refinement | None = None,
    ) -> ObjectModel:
        """Compile what was read off a scan, or fetch what it was compiled to before.

        Args:
            prepared: the scan.
            encoded: the networks bound to it.
            physics: see :meth:`encode`.
            report: told the names of the stages.
            begin: when encoding began [s].
            exact: see :meth:`encode`.
            watched: what watching the object told; None where it was only scanned.
        """
        learned = encoded.correction_bytes + (b"pushed" if watched is not None and watched.pushed else b"")
        key = self._key(prepared, learned)
        upright = compiled_cache.load_map(self.cache, key, self.device)
        if upright is None:
            _ = encoded.parts
        encode_time = 1e3 * (time.perf_counter() - begin)
        report("compile")
        begin = time.perf_counter()
        if upright is None:
            seen = {} if watched is None else {"taken": watched.latents, "pushed": watched.pushed}
            upright = self._compile(prepared, encoded, **seen)
            compiled_cache.store_map(self.cache, key, upright)
        if exact:
            parts = self._exact_parts(prepared, encoded, upright)
        else:
            parts = self._parts(prepared, encoded, upright, key, watched=watched)
        surface, system = parts.assembled(physics)
        timings = {"encode": encode_time, "compile": 1e3 * (time.perf_counter() - begin)}
        object_id = self._object_id(prepared, learned, physics)
        error = 0.0 if exact else upright.relative_error
        return ObjectModel(object_id, surface, system, parts.region_of(physics), physics, timings, error, parts)

    def _compile(self, prepared: PreparedScan, encoded: EncodedScan, **more: Any) -> CompiledMap:
        """Compile for a mass of one kilogram, in the frame of the upright box: every choice made on the way is then the
        same for a turned scan and for another mass.
        """
        _, prior_mean, rest = encoded.parts
        area = torch.as_tensor(prepared.samples.area_share, dtype=torch.float32, device=self.device)
        generator = torch.Generator().manual_seed(self.seed)
        decoder = encoded.surface_decoder
        limit = COORDINATE_LIMIT if self.networks.configuration.reach else None
        size = prepared.normalisation.scale
        return compile_object(
            decoder,
            rest,
            prior_mean,
            area,
            generator,
            self.settings,
            limit=limit,
            size=size,
            response=encoded.push_response,
            **more,
        )

    def _parts(
        self,
        prepared: PreparedScan,
        encoded: EncodedScan,
        upright: CompiledMap,
        key: str | None,
        centres: tuple[Float[Tensor, " k"], ...] = (),
        watched: Refinement | None = None,
    ) -> ObjectParts:
        """What the object is put together from, moved by its compiled map.

        Args:
            prepared: the scan.
            encoded: the networks bound to it.
            upright: the map, in the frame of the upright box.
            key: of the map in the cache; None for one that is not kept.
            centres: states that the map was refitted to.
            watched: see :meth:`_made`.
        """
        to_world = torch.as_tensor(prepared.normalisation.rotation.T, dtype=torch.float32, device=self.device)
        # A small map costs a GPU far more calls than arithmetic; the CPU's machine code is made for it.
        compiled = upright.turned(to_world).on("cpu")
        store = None if key is None else self.cache
        taken = None if watched is None else watched.latents
        seen = None
        if watched is not None and watched.latents is not None:
            configurations = watched.latents @ upright.subspace.basis
            masses = torch.as_tensor(prepared.samples.area_share)
            seen = WatchedCoordinates.of_surface(configurations, watched.frames, compiled, compiled.modes, masses)
        region, moment = compiled.region, None
        if seen is not None and watched is not None:
            region = seen.within(region)
            vertices = self._seen_points(prepared, encoded, upright, to_world, watched)
            points = torch.as_tensor(prepared.samples.points)
            moment = seen_mass_moment(seen, compiled, points, compiled.modes, masses, region, vertices)
        fitted = centres if seen is None else (*centres, *seen.taken.to(compiled.modes))

        def vertex_modes() -> Float[Tensor, "n 3 r"]:
            modes = compiled_cache.load_vertex_modes(store, key or "", self.device)
            if modes is None:
                with torch.no_grad():
                    modes = to_world @ upright.modes_at(encoded.vertex_decoder)
                compiled_cache.store_vertex_modes(store, key or "", modes)
            return modes

        def refit(centre: Float[Tensor, " k"]) -> ObjectParts:
            around = (*centres, centre.to(compiled.modes))
            there = torch.stack(around).to(self.device)
            fitted = self._compile(prepared, encoded, subspace=upright.subspace, around=there, taken=taken)
            return self._parts(prepared, encoded, fitted, None, around, watched)

        return ObjectParts(
            prepared,
            compiled,
            compiled.mass_moment,
            compiled.modes,
            cache(vertex_modes),
            region,
            mass=1.0,
            latent_mass=compiled.latent_mass,
            memory_limit=self.memory_limit,
            sampled=SampledRegion(compiled.region, compiled.sampled_radius, fitted),
            refit=refit,
            watched=seen,
            seen_moment=None if moment is None else moment.to(compiled.mass_moment),
            scanned_basis=upright.subspace.basis if watched is None else watched.basis,
            batch_device=self.device,
        )

    def _seen_points(
        self,
        prepared: PreparedScan,
        encoded: EncodedScan,
        upright: CompiledMap,
        to_world: Float[Tensor, "3 3"],
        refined: Refinement,
    ) -> SeenPoints:
        """The watched vertices, in the frame of the scan and on the CPU; arguments as of :meth:`_parts`."""
        watched, box = refined.watched, prepared.normalisation
        assert refined.displacements is not None
        bound = encoded.parts[0].driven(watched.vertices, watched.drive_index, watched.drive_weight)
        modes = to_world @ upright.modes_at(MetricDecoder(bound, box.scale))
        return SeenPoints(
            box.scale * (watched.vertices[0] @ to_world.mT).cpu() + torch.as_tensor(box.centre),
            modes.cpu(),
            (box.scale * refined.displacements @ to_world.mT).cpu(),
            watched.seen[0, :, :, 0].cpu(),
        )

    def _exact_parts(self, prepared: PreparedScan, encoded: EncodedScan, upright: CompiledMap) -> ObjectParts:
        """What the object is put together from, moved by the network."""
        parts = exact_parts(prepared, encoded.in_double_precision(), upright)
        return replace(parts, memory_limit=self.memory_limit)

    def _encode(self, prepared: PreparedScan) -> tuple[BoundDecoder, Float[Tensor, " k"], Float[Tensor, " k"]]:
        """Bind the decoder to the surface points; returns it, the prior's mean, and the latent of the scanned pose."""
        return EncodedScan(self.networks, prepared, self.seed).parts

    @cached_property
    def _digest(self) -> str:
        """Digest of the networks, which do not change any more."""
        return compiled_cache.networks_digest(self.networks)

    def _key(self, prepared: PreparedScan, learned: bytes) -> str:
        """The name of the object in the cache, by what else than the scan is known; empty where there is none."""
        if self.cache is None:
            return ""
        return compiled_cache.object_key(prepared, self._digest, self.settings, self.seed, self.device, learned)

    def _object_id(self, prepared: PreparedScan, learned: bytes, physics: PhysicsParameters) -> str:
        digest = hashlib.blake2b(digest_size=8)
        digest.update(f"{prepared.content_hash} {astuple(physics)} {self.checkpoint_name} {self.seed}".encode())
        digest.update(learned)
        return digest.hexdigest()


def _ignore(stage: str) -> None:
    """Progress that nobody asked for."""
