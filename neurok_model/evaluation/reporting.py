"""Means over tasks, tables and JSON files of evaluations."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.table import Column, Table

Figures = Mapping[str, Mapping[str, float]]
"""Method, then metric."""


def mean_figures(results: Sequence[Figures]) -> dict[str, dict[str, float]]:
    """Means over tasks, method by method and metric by metric; NaN (not applicable) does not count."""
    return _combined(results, np.mean)


def median_figures(results: Sequence[Figures]) -> dict[str, dict[str, float]]:
    """Medians over tasks, as :func:`mean_figures`."""
    return _combined(results, np.median)


def _combined(results: Sequence[Figures], combine: Any) -> dict[str, dict[str, float]]:
    combined: dict[str, dict[str, float]] = {}
    for method in results[0]:
        combined[method] = {}
        for metric in results[0][method]:
            values = np.array([result[method][metric] for result in results])
            known = values[np.isfinite(values)]
            combined[method][metric] = float(combine(known)) if len(known) else math.nan
    return combined


def method_table(figures: Figures, title: str) -> Table:
    """Methods down, metrics across."""
    metrics = list(next(iter(figures.values())))
    table = _table("method", metrics, title)
    for method, row in figures.items():
        table.add_row(_words(method), *(_number(row[metric]) for metric in metrics))
    return table


def family_table(families: Mapping[str, Figures], metric: str, title: str) -> Table:
    """Families down, methods across, for one metric."""
    methods = list(next(iter(families.values())))
    table = _table("family", methods, title)
    for family, figures in sorted(families.items()):
        table.add_row(family, *(_number(figures[method][metric]) for method in methods))
    return table


def _table(first: str, others: Sequence[str], title: str) -> Table:
    # Narrow enough for eight columns in a terminal of 80, with every name legible.
    table = Table(Column(first, no_wrap=True), title=title, box=SIMPLE, pad_edge=False, collapse_padding=True)
    for name in others:
        table.add_column(_words(name), justify="right")
    return table


def write_json(path: Path | None, result: object) -> None:
    """Write a result; what is not applicable (NaN) becomes null, as JSON wants it. Without a path, nothing."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_plain(result), indent=2, sort_keys=True, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _words(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"
