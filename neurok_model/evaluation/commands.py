"""The ``neurok eval`` commands that judge poses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from neurok_model.evaluation.inverse_kinematics import InverseKinematicsEvaluation, evaluate_inverse_kinematics
from neurok_model.evaluation.plausibility import PlausibilityEvaluation, evaluate_plausibility
from neurok_model.evaluation.reporting import family_table, method_table, write_json
from neurok_model.evaluation.tangents import TangentEvaluation, evaluate_tangents
from neurok_model.evaluation.triangulation import TriangulationEvaluation, evaluate_triangulation
from neurok_model.evaluation.watching import WatchingEvaluation, evaluate_watching


@dataclass(frozen=True)
class InverseKinematics:
    """Find the latent of another pose of the same object, beside methods that know nothing of objects."""

    configuration: Annotated[InverseKinematicsEvaluation, tyro.conf.arg(name="")] = field(
        default_factory=InverseKinematicsEvaluation
    )
    json: Path | None = None
    """File for the machine-readable result."""

    def run(self, console: Console) -> None:
        """Evaluate, print tables and write the JSON file."""
        result = evaluate_inverse_kinematics(self.configuration, console)
        settings = result["settings"]
        known = f"{settings['protocol']}, {settings['source']}, scan: {settings['scan']}"
        console.print(family_table(result["families"], "chamfer_l1", f"Chamfer L1, longest side = 1 ({known})"))
        console.print(family_table(result["families"], "correspondence_error", "correspondence error"))
        for group in ("seen", "unseen"):
            if group in result and len({"seen", "unseen"} & set(result)) == 2:
                console.print(method_table(result[group], f"families {group} in training"))
        console.print(method_table(result["overall"], f"mean of {len(result['tasks'])} tasks ({known})"))
        write_json(self.json, result)


@dataclass(frozen=True)
class Plausibility:
    """Draw poses from the prior and compare them with the poses that objects can really take."""

    configuration: Annotated[PlausibilityEvaluation, tyro.conf.arg(name="")] = field(
        default_factory=PlausibilityEvaluation
    )
    json: Path | None = None
    """File for the machine-readable result."""

    def run(self, console: Console) -> None:
        """Evaluate, print tables, write the JSON file and the contact sheets."""
        result = evaluate_plausibility(self.configuration, console)
        for measure in ("distance", "coverage"):
            console.print(family_table(result["families"], measure, f"{measure}, longest side = 1"))
        console.print(method_table(result["overall"], "draws from the prior, and true poses"))
        write_json(self.json, result)


@dataclass(frozen=True)
class Triangulation:
    """Scan the same surfaces with other triangles and compare the answers."""

    configuration: Annotated[TriangulationEvaluation, tyro.conf.arg(name="")] = field(
        default_factory=TriangulationEvaluation
    )
    json: Path | None = None
    """File for the machine-readable result."""

    def run(self, console: Console) -> None:
        """Evaluate, print tables and write the JSON file."""
        result = evaluate_triangulation(self.configuration, console)
        console.print(family_table(result["families"], "solved", "distance of the poses found, longest side = 1"))
        console.print(method_table(result["overall"], "answers against those for the mesh as given"))
        write_json(self.json, result)


@dataclass(frozen=True)
class Tangents:
    """Compare the directions in which the latent moves scans with the ways in which the objects can truly move."""

    configuration: Annotated[TangentEvaluation, tyro.conf.arg(name="")] = field(default_factory=TangentEvaluation)
    json: Path | None = None
    """File for the machine-readable result."""

    def run(self, console: Console) -> None:
        """Evaluate, print tables and write the JSON file."""
        result = evaluate_tangents(self.configuration, console)
        for measure in ("missing", "spurious"):
            console.print(family_table(result["families"], measure, f"{measure} share of the motion about the scan"))
        for group in ("overall", "metaworld"):
            if group in result:
                console.print(method_table(result[group], f"motion about the scan, and the answer to pushes, {group}"))
        write_json(self.json, result)


@dataclass(frozen=True)
class Watching:
    """Watch one joint of objects, and see how near they come to poses that were not seen."""

    configuration: Annotated[WatchingEvaluation, tyro.conf.arg(name="")] = field(default_factory=WatchingEvaluation)
    json: Path | None = None
    """File for the machine-readable result."""

    def run(self, console: Console) -> None:
        """Evaluate, print tables and write the JSON file."""
        result = evaluate_watching(self.configuration, console)
        for measure in ("between", "beyond"):
            title = f"distance from poses {measure} those that were seen, share of the motion"
            console.print(family_table(result["families"], measure, title))
        for group in ("overall", "median", "metaworld"):
            if group in result:
                console.print(method_table(result[group], f"distance from true poses, share of the motion, {group}"))
        write_json(self.json, result)
