"""What ``summary.json`` holds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Latencies:
    """Milliseconds of each stage.

    Attributes:
        encode: from the scan to the learned prior and rest state.
        compile: from there to the small smooth map that is integrated.
        predict: one prediction with all its frames decoded, inside the node (median of several).
        predict_batch: 64 predictions with the path of every pushed point, inside the node.
        ros_overhead: what a call of ``predict`` takes beyond that: messages and transport (median).
    """

    encode: float
    compile: float
    predict: float
    predict_batch: float
    ros_overhead: float


@dataclass(frozen=True)
class ObjectSummary:
    """One object.

    Attributes:
        name: of the object's files.
        input: ``mesh`` or ``cloud``.
        outcome: how the prediction ended, by name.
        residual: share of the push that the object could not follow.
        energy_drift: energy without a cause, as a share of what was exchanged.
        pushed_point_displacement_m: how far the pushed point went at most, metres.
        latency_ms: of all stages.
    """

    name: str
    input: str
    outcome: str
    residual: float
    energy_drift: float
    pushed_point_displacement_m: float
    latency_ms: Latencies


@dataclass(frozen=True)
class Summary:
    """The whole demonstration.

    Attributes:
        checkpoint: name of the model.
        device: where it ran.
        objects: in the order of the demonstration.
    """

    checkpoint: str
    device: str
    objects: list[ObjectSummary]

    def write(self, path: Path) -> None:
        """Write as JSON, with numbers rounded to six significant digits."""
        path.write_text(json.dumps(_rounded(asdict(self)), indent=2) + "\n", encoding="utf-8")

    def table(self) -> str:
        """A table of the objects for the terminal."""
        head = (
            f"{'object':<14}{'outcome':<12}{'moved':>9}{'encode':>10}{'compile':>10}"
            f"{'predict':>10}{'64 pushes':>11}{'ROS':>9}"
        )
        rows = [
            f"{entry.name:<14}{entry.outcome:<12}{100 * entry.pushed_point_displacement_m:>6.1f} cm"
            + "".join(
                f"{value:>{width - 3}.1f} ms"
                for value, width in zip(asdict(entry.latency_ms).values(), (10, 10, 10, 11, 9), strict=True)
            )
            for entry in self.objects
        ]
        return "\n".join([f"checkpoint {self.checkpoint} on {self.device}", head, *rows])


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
