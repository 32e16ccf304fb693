"""The ``neurok eval`` commands that judge motion."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from neurok_model.evaluation.energy import EnergyEvaluation, evaluate_energy
from neurok_model.evaluation.reporting import write_json


@dataclass(frozen=True)
class Energy:
    """Energy, momentum and work over seconds of motion, for every family and integrator."""

    configuration: Annotated[EnergyEvaluation, tyro.conf.arg(name="")] = field(default_factory=EnergyEvaluation)
    json: Path | None = None
    """File for the machine-readable result."""

    def run(self, console: Console) -> None:
        """Evaluate, print tables and write the JSON file."""
        result = evaluate_energy(self.configuration, console)
        table = Table("integrator", "largest drift", "median drift", "diverged", title="energy without damping")
        for name, figures in result["integrators"].items():
            table.add_row(
                name, f"{figures['max_drift']:.3%}", f"{figures['median_drift']:.3%}", f"{figures['diverged']:.0f}"
            )
        console.print(table)
        for name, value in result["overall"].items():
            console.print(f"{name.replace('_', ' '):32} {value:.3g}")
        write_json(self.json, result)
