"""Training configurations as JSON files: those that checkpoints carry, and those written by hand."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.training.configuration import TrainingConfiguration

RECORDS = ("finished_steps", "held_out", "compute", "changes", "stored_motions")
"""Entries of a checkpoint's description that say how the run went, and are no settings."""


def read_configuration(path: Path) -> TrainingConfiguration:
    """Read the settings of a run; those that the file leaves out have their defaults.

    Args:
        path: the JSON file beside a checkpoint, or one with the fields of :class:`TrainingConfiguration`, nested as
            they are (``{"steps": 8000, "pairs": {"objects": 32}}``).

    Raises:
        NeurokError: ``INVALID_PARAMETER`` for a file that cannot be read, an unknown setting, or a value of a wrong
            type; the message names it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise _refusal(path, str(error)) from error
    return parse_configuration(content, path)


def parse_configuration(content: Any, path: Path = Path("configuration")) -> TrainingConfiguration:
    """The same as :func:`read_configuration` for values that were read already; ``path`` names them in errors."""
    if isinstance(content, dict) and "format_version" in content:
        content = content.get("training")
    if not isinstance(content, dict):
        raise _refusal(path, "not an object with settings")
    settings = {name: value for name, value in content.items() if name not in RECORDS}
    try:
        # As JSON, because only there lists stand for tuples and strings for paths; strict, so that "8" is no number.
        parsed = TypeAdapter(TrainingConfiguration).validate_json(json.dumps(settings), strict=True)
    except (ValidationError, ValueError) as error:
        raise _refusal(path, _first_problem(error)) from error
    unknown = sorted(_names(settings) - _names(asdict(parsed)))
    if unknown:
        raise _refusal(path, "unknown settings " + ", ".join(unknown))
    return parsed


def motions_needed(path: Path) -> str:
    """Name of the folder of stored motions that the run of a checkpoint's JSON file drew from; empty for none."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return str(content.get("training", content).get("stored_motions", ""))


def _names(values: dict[str, Any], prefix: str = "") -> set[str]:
    """Dotted names of all settings."""
    names: set[str] = set()
    for name, value in values.items():
        names.add(f"{prefix}{name}")
        if isinstance(value, dict):
            names |= _names(value, f"{prefix}{name}.")
    return names


def _first_problem(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])} = {problem['input']!r}: {problem['msg']}"


def _refusal(path: Path, reason: str) -> NeurokError:
    return NeurokError(
        ErrorCode.INVALID_PARAMETER,
        "configuration",
        f"{path}: {reason}",
        "JSON with the settings that `neurok train --help` lists, or the JSON file beside a checkpoint",
    )
