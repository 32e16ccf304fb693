"""The ``neurok eval`` commands that judge motion."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from neurok_model.evaluation.energy import EnergyEvaluation, evaluate_energy
from neurok_model.evaluation.forward import ForwardEvaluation, evaluate_forward, target_of
from neurok_model.evaluation.reporting import method_table, write_json


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


@dataclass(frozen=True)
class Forward:
    """Predicted against simulated motion on held-out pokes, beside baselines and the true joints."""

    configuration: Annotated[ForwardEvaluation, tyro.conf.arg(name="")] = field(default_factory=ForwardEvaluation)
    json: Path | None = None
    """File for the machine-readable result."""

    def run(self, console: Console) -> None:
        """Evaluate, print tables, write the JSON file and the film strips."""
        result = evaluate_forward(self.configuration, console)
        tables = {name: result[name] for name in ("articulated", "soft", "metaworld")}
        tables |= {f"{name}, a part filled": table for name, table in result["volume_inertia"].items()}
        for name, table in tables.items():
            console.print(method_table(table, f"{name}: vertex error as a share of the true motion, by seconds"))
        for name, figures in result["typical"].items():
            title = name.replace("volume_inertia/", "a part filled, ")
            target = target_of(name)
            console.print(method_table(figures["median"], f"{title}: median over the records"))
            console.print(method_table(figures["within_target"], f"{title}: share of the records within {target:.0%}"))
        for record, reason in result["skipped"].items():
            console.print(f"skipped {record}: {reason}")
        write_json(self.json, result)
