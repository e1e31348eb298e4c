"""Runs to compare: cells with numbers that a test chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tradeoff.record import Axes, Measurement, Record, Run

MACHINE: Mapping[str, Any] = {
    "node": "lab1",
    "system": "Linux 6.1",
    "architecture": "x86_64",
    "processor": "AMD EPYC 7B13",
    "cores": 8,
    "memory_bytes": 16_000_000_000,
    "python": "3.12.1",
}
CELL = "cnn/int8/litert/host-cpu/b1"
QUIET: Mapping[str, Any] = {"metric": "accuracy", "undisturbed": 1.0, "speed": 1.0, "loads": 15}


def sampled(value: float, share: float = 0.001, **more: Any) -> Measurement:
    """A number with an interval of so large a share on both sides."""
    return Measurement(
        value, **{"unit": "s", "direction": "lower", "low": value * (1 - share), "high": value * (1 + share)} | more
    )


def latency(value: float, share: float = 0.001) -> dict[str, Measurement]:
    return {"latency": sampled(value, share)}


def speed_up(value: float, share: float = 0.001) -> dict[str, Measurement]:
    return {"speed_up": sampled(value, share, unit="1", direction="higher")}


def accuracy(value: float) -> dict[str, Measurement]:
    return {"accuracy": Measurement(value, "1", "higher")}


def size(value: float) -> dict[str, Measurement]:
    return {"artifact_bytes": Measurement(value, "B", "lower")}


def record(measurements: Mapping[str, Measurement], cell: str = CELL, **facts: Any) -> Record:
    return Record(Axes.parse(cell), status="measured", measurements=measurements, facts={**QUIET, **facts})


def run(*records: Record, name: str = "a run", started: str = "2026-01-01T00:00:00+00:00", **machine: Any) -> Run:
    return Run(name, started, {**MACHINE, **machine}, {"keras": "3.12"}, {"seed": 0}, records=records)


def with_verdict(one: Record, verdict: str) -> Record:
    return replace(one, verdicts=(verdict,))
