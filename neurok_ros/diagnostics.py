"""What the node reports about itself on /diagnostics."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from neurok_model.errors import ErrorCode, NeurokError

REPEAT_AFTER = 5.0
"""Seconds after which the same refusal of the same input is logged again."""


class Diagnostics:
    """Collects latencies, refusals and drops, and publishes them at a fixed rate and after every refusal.

    Args:
        node: the node.
        rate: messages per second.
        describe: gives the model, device and object in words, at the moment of asking.
        dropped: gives the number of messages dropped by stream, at the moment of asking.
    """

    def __init__(
        self,
        node: Any,
        rate: float,
        describe: Callable[[], Mapping[str, str]],
        dropped: Callable[[], Mapping[str, int]],
    ) -> None:
        self._node = node
        self._describe = describe
        self._dropped = dropped
        self._lock = threading.Lock()
        self._latencies: dict[str, float] = {}
        self._refusals: dict[str, int] = {}
        self._last_refusal: tuple[str, ErrorCode, str] | None = None
        self._logged: dict[str, tuple[str, float]] = {}
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = node.create_timer(1.0 / rate, self.publish)

    def served(self, what: str, timings: Mapping[str, float]) -> None:
        """Note the milliseconds that the stages of a piece of work took."""
        with self._lock:
            for stage, milliseconds in timings.items():
                self._latencies[f"{what}.{stage}"] = milliseconds

    def refused(self, where: str, error: Exception) -> bool:
        """Note a refusal, publish it, and return whether it is new enough to be logged."""
        code = error.code if isinstance(error, NeurokError) else ErrorCode.INTERNAL
        now = time.monotonic()
        with self._lock:
            self._refusals[code.name] = self._refusals.get(code.name, 0) + 1
            self._last_refusal = (where, code, str(error))
            text, when = self._logged.get(where, ("", -REPEAT_AFTER))
            is_new = text != str(error) or now - when >= REPEAT_AFTER
            if is_new:
                self._logged[where] = (str(error), now)
        self.publish()
        return is_new

    def publish(self) -> None:
        """Publish everything known now."""
        with self._lock:
            values = {
                **self._describe(),
                "memory_megabytes": f"{_resident_megabytes():.0f}",
                **{f"dropped.{stream}": str(count) for stream, count in self._dropped().items()},
                **{f"refused.{name}": str(count) for name, count in self._refusals.items()},
                **{f"milliseconds.{stage}": f"{value:.2f}" for stage, value in self._latencies.items()},
            }
            if torch.cuda.is_available():
                values["gpu_memory_megabytes"] = f"{torch.cuda.memory_allocated() / 1e6:.0f}"
            refusal = self._last_refusal
        level, message = DiagnosticStatus.OK, "ready"
        if refusal is not None:
            where, code, text = refusal
            level = DiagnosticStatus.ERROR if code is ErrorCode.INTERNAL else DiagnosticStatus.WARN
            message = f"last refusal: {where}: {code.name}"
            values |= {
                "last_refusal.input": where,
                "last_refusal.code": str(int(code)),
                "last_refusal.message": text,
            }
        status = DiagnosticStatus(
            level=level,
            name=f"{self._node.get_fully_qualified_name()}: predictor",
            message=message,
            hardware_id=os.uname().nodename,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)

    def destroy(self) -> None:
        """Stop publishing."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)


def _resident_megabytes() -> float:
    """Return the memory that the process occupies, in megabytes (0 where /proc is missing)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
