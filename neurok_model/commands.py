"""What the ``neurok`` command can do; one dataclass per command, its fields are the arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import trimesh
import tyro
from rich.console import Console
from rich.table import Table

from neurok_model.cache import cache_called
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.evaluation.compactness import CompactnessEvaluation, evaluate_compactness
from neurok_model.evaluation.reconstruction import ReconstructionEvaluation, evaluate_reconstruction
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.identification import LEARNED_MODEL_ERROR, MotionObservation
from neurok_model.mechanics import Push, prepare
from neurok_model.motion_files import read_motion
from neurok_model.object_model import ObjectModel
from neurok_model.physics import PhysicsParameters
from neurok_model.predictor import Predictor
from neurok_model.profiling import Stopwatch
from neurok_model.results import Prediction

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Predict:
    """Push an object once and write its motion.

    Args:
        scan: mesh or point cloud file (obj, ply, stl, glb, ...), in metres, z up.
        point: where to push, metres, in the scan's frame.
        force: newtons.
        duration: seconds that the force acts.
        horizon: seconds to look ahead.
        step: seconds between frames.
        output: file for the frames (npz: times, vertices, triangles, q, energies, and the push as in
            :mod:`neurok_model.motion_files`).
        checkpoint: safetensors file; the packaged weights when left out.
        device: "auto", "cpu" or "cuda".
        seed: of the surface points.
        cache: where compiled objects are kept, so that the same scan never costs twice: "auto" (the user's cache
            folder), "off", or a folder.
        exact: move the object by the network itself in every step instead of by its compiled map; minutes, to check.
        refit: where the motion leaves what the object was compiled for, fit it there and predict again.
        profile: show where the time went.
        watched: npz files of motions of the object that were watched before, by which it is corrected; see
            :mod:`neurok_model.motion_files`. What this command writes is one.
        identify: physical parameters to fit to these then, where the files say what was done: reach, mass, ...
        physics: mass, gravity, stiffness and damping.
    """

    scan: tyro.conf.Positional[Path]
    point: Vector
    force: Vector
    duration: float = 0.1
    horizon: float = 0.5
    step: float = 1.0 / 60.0
    output: Path = Path("out/prediction.npz")
    checkpoint: Path | None = None
    device: str = "auto"
    seed: int = 0
    cache: str = "auto"
    exact: bool = False
    refit: bool = False
    profile: bool = False
    watched: tuple[Path, ...] = ()
    identify: tuple[str, ...] = ()
    physics: PhysicsParameters = field(default_factory=PhysicsParameters)

    def run(self, console: Console) -> None:
        """Encode, predict and write.

        Raises:
            NeurokError: for what cannot be read, predicted or fitted.
        """
        if self.identify and not self.watched:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "identify", self.identify, "none without --watched")
        stages = Stopwatch()
        with stages("read"):
            scan = read_scan(self.scan)
            motions = [read_motion(path) for path in self.watched]
        with stages("load"):
            predictor = Predictor.load(
                self.checkpoint, device=self.device, seed=self.seed, cache=cache_called(self.cache)
            )
            prepare()
        with console.status("encoding"):
            model = predictor.encode(scan, self.physics, exact=self.exact)
        stages.add(model.timings)
        if motions:
            model = self._after_watching(predictor, model, motions, stages, console)
        push = Push(self.point, self.force, self.duration)
        with console.status("predicting"):
            prediction = model.predict([push], horizon=self.horizon, step=self.step, refit=self.refit)
            vertices = prediction.vertices()
        stages.add(prediction.timings)
        with stages("convert"):
            self._write(model, prediction, vertices)
        console.print(
            f"{prediction.outcome.name}: {model.dimension} coordinates, residual {prediction.residual:.2f}, "
            f"energy drift {prediction.energy_drift:.2%}; frames in {self.output}"
        )
        for warning in prediction.warnings:
            console.print(f"note: {warning}")
        if self.profile:
            console.print(stages.table())

    def _after_watching(
        self,
        predictor: Predictor,
        model: ObjectModel,
        motions: list[MotionObservation],
        stages: Stopwatch,
        console: Console,
    ) -> ObjectModel:
        """The object, corrected by motions that were watched."""
        with console.status("watching"), stages("refine"):
            refined = predictor.refine(model, motions)
        model = refined.model
        console.print(f"the watched motion is followed to {refined.misfit:.1%}, before to {refined.misfit_before:.1%}")
        if not self.identify:
            return model
        with console.status("fitting"), stages("identify"):
            found = model.identify(motions, self.identify, LEARNED_MODEL_ERROR)
        for name in found.names:
            lower, upper = found.interval(name)
            console.print(f"{name} = {found.value(name):.3g} ({lower:.3g} to {upper:.3g})")
        return model.with_physics(found.physics)

    def _write(self, model: ObjectModel, prediction: Prediction, vertices: np.ndarray) -> None:
        """Write the frames."""
        self.output.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            self.output,
            times=prediction.times,
            vertices=vertices,
            triangles=model.triangles,
            q=prediction.q,
            kinetic_energy=prediction.kinetic_energy,
            potential_energy=prediction.potential_energy,
            points=np.array([self.point]),
            forces=np.array([self.force]),
            starts=np.zeros(1),
            durations=np.array([self.duration]),
        )


@dataclass(frozen=True)
class Reconstruction:
    """Held-out reconstruction error beside predicting no motion, per family."""

    configuration: Annotated[ReconstructionEvaluation, tyro.conf.arg(name="")] = field(
        default_factory=ReconstructionEvaluation
    )
    json: Path | None = None
    """File for the machine-readable result."""

    def run(self, console: Console) -> None:
        """Evaluate, print a table and write the JSON file."""
        result = evaluate_reconstruction(self.configuration, console)
        columns = {"error": ".4f", "no_motion": ".4f"}
        console.print(_table(result, columns, "mean distance, longest side of the scan = 1"))
        console.print(f"squared motion explained: {result['overall']['explained']:.1%}")
        _write_json(self.json, result)


@dataclass(frozen=True)
class Compactness:
    """Directions of the latent that an object uses, against its true degrees of freedom, per family."""

    configuration: Annotated[CompactnessEvaluation, tyro.conf.arg(name="")] = field(
        default_factory=CompactnessEvaluation
    )
    json: Path | None = None
    """File for the machine-readable result."""

    def run(self, console: Console) -> None:
        """Evaluate, print a table and write the JSON file."""
        result = evaluate_compactness(self.configuration, console)
        columns = {
            "degrees_of_freedom": ".1f",
            "directions": ".1f",
            "reduced_dimensions": ".1f",
            "compile_error": ".2%",
            "compile_ms": ".0f",
        }
        console.print(_table(result, columns, "directions that hold 95 % of E[JᵀMJ]"))
        _write_json(self.json, result)


def read_scan(path: Path) -> TriangleMesh | PointCloud:
    """Read a mesh or, where the file holds no triangles, a point cloud.

    Raises:
        NeurokError: INVALID_MESH for a file that cannot be read as either.
    """
    try:
        loaded = trimesh.load(path, process=False)
    except Exception as error:
        raise NeurokError(ErrorCode.INVALID_MESH, "scan", f"{path}: {error}", "a readable mesh or cloud") from error
    geometry = loaded.to_geometry() if isinstance(loaded, trimesh.Scene) else loaded
    if isinstance(geometry, trimesh.Trimesh):
        return TriangleMesh(np.asarray(geometry.vertices), np.asarray(geometry.faces))
    return PointCloud(np.asarray(geometry.vertices))


def _table(result: Mapping[str, Any], columns: Mapping[str, str], title: str) -> Table:
    table = Table("family", *(name.replace("_", " ") for name in columns), title=title)
    for name, row in [("overall", result["overall"]), *sorted(result["families"].items())]:
        table.add_row(name, *(format(row[column], form) for column, form in columns.items()))
    return table


def _write_json(path: Path | None, result: object) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n", encoding="utf-8")
