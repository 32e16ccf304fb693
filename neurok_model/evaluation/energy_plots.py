"""Pictures of how energy is kept: its error over time, every family in one panel per integrator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

COLOURS = {"joints": "#4c8dd6", "floating": "#5fb37c", "encoded": "#e08a3c"}
"""By the kind of case."""


def draw_energy(curves: Mapping[str, Mapping[str, np.ndarray]], folder: Path) -> Path:
    """Write ``energy.png``.

    Args:
        curves: integrator, then case ("kind family"), then the relative error of the energy over time.
        folder: made when missing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 2.6 * len(curves)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(curves), 1, squeeze=False, sharex=True)[:, 0]
    for panel, (method, cases) in zip(panels, curves.items(), strict=True):
        for name, error in cases.items():
            kind = name.split()[0]
            panel.plot(np.arange(len(error)) / 60.0, 100.0 * error, color=COLOURS[kind], linewidth=0.6, alpha=0.7)
        panel.axhspan(-0.1, 0.1, color="black", alpha=0.07)
        panel.set_title(method.replace("_", " "), fontsize=9, loc="left")
        panel.set_ylabel("energy error [%]", fontsize=8)
        panel.set_yscale("symlog", linthresh=0.1)
        panel.tick_params(labelsize=7)
    for kind, colour in COLOURS.items():
        panels[0].plot([], [], color=colour, label=kind)
    panels[0].legend(fontsize=7, ncols=3, loc="upper right")
    panels[-1].set_xlabel("seconds", fontsize=8)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "energy.png"
    figure.savefig(path)
    return path
