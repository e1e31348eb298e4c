"""What runs are compared in: latency, accuracy, size, memory and energy, and the smallest effect worth a word."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from tradeoff.measure.estimating import FEWEST_LOTS
from tradeoff.record import Measurement, Record

QuantityName = Literal["latency", "accuracy", "size", "memory", "energy"]
QUANTITIES: Final[tuple[QuantityName, ...]] = ("latency", "accuracy", "size", "memory", "energy")
#: What depends on the machine that measured it.
OF_THE_MACHINE: Final = frozenset({"latency", "memory", "energy"})
RELATIVE: Final = "speed_up"
_TIMES: Final = ("latency", RELATIVE, "throughput")
_MEMORY: Final = ("peak_bytes", "process_bytes", "device_bytes")
#: Memory comes in pages, and an allocator takes some at once: a smaller step says nothing.
_MEMORY_STEP: Final = 256 * 1024
METRICS: Final = ("accuracy", "mae", "mse", "r2")
#: The metrics whose change is told as a difference; of an error a share of it is told.
IN_POINTS: Final = frozenset({"accuracy", "r2"})

#: A cell was quiet when so much of its rounds count, and the processor was so near to its best.
QUIET_ROUNDS: Final = 0.9
QUIET_SPEED: Final = 0.95


@dataclass(frozen=True)
class Worth:
    """How an effect of a measurement is judged.

    :param smallest: the smallest effect worth reporting, as a share or in points.
    :param apart: what two runs differ by of themselves, as a standard deviation that no interval of one run knows.
    :param exact: the number is counted, not sampled: whatever differs does so for certain.
    """

    smallest: float
    apart: float = 0.0
    exact: bool = False


# Two runs of the same files on two shared, busy cores: of one cell the speed-ups differed by 0.05 to 1 %, the latencies
# by 0.5 to 2 % (standard deviations), the medians over eight cells by 0.8 %: docs/compare.md.
IN_TURNS: Final = Worth(0.02, apart=0.006)
#: An interval over the rounds of few loads does not know that the next load would lie elsewhere in memory.
FEW_LOADS: Final = Worth(0.02, apart=0.012)
QUIET: Final = Worth(0.02, apart=0.008)
BUSY: Final = Worth(0.05, apart=0.02)
TOGETHER: Final = Worth(0.02, apart=0.01)


def quantity_of(name: str, measurement: Measurement, metric: str) -> QuantityName | None:
    """The quantity that a measurement tells of; nothing for what is not compared."""
    if name in _TIMES:
        return "latency"
    if name == "artifact_bytes":
        return "size"
    if name == metric:
        return "accuracy"
    if measurement.unit == "J":
        return "energy"
    return "memory" if measurement.unit == "B" and (name in _MEMORY or "memory" in name) else None


def metric_of(record: Record) -> str:
    """The name of the task's metric; empty where the record has none."""
    named = record.facts.get("metric")
    if isinstance(named, str) and named:
        return named
    return next((name for name in METRICS if name in record.measurements), "")


def worth_of(name: str, quantity: QuantityName, old: Record, new: Record) -> Worth:
    """How a change of the measurement between the two records is judged."""
    if quantity == "size":
        return Worth(0.0, exact=True)
    if quantity == "accuracy":
        return Worth(0.002 if name in IN_POINTS else 0.01)
    if quantity == "memory":
        before = old.measurements[name].value or 0.0
        return Worth(max(0.05, _MEMORY_STEP / before) if before > 0 else 0.05)
    if quantity == "energy":
        return Worth(0.05, apart=0.02)
    if name == RELATIVE:
        return IN_TURNS if _loads(old) >= FEWEST_LOTS and _loads(new) >= FEWEST_LOTS else FEW_LOADS
    return QUIET if is_quiet(old) and is_quiet(new) else BUSY


def is_quiet(record: Record) -> bool:
    """Whether nothing disturbed the timing of the cell, as far as its record tells."""
    rounds, speed = fact(record.facts, "undisturbed"), fact(record.facts, "speed")
    return rounds is not None and speed is not None and rounds >= QUIET_ROUNDS and speed >= QUIET_SPEED


def _loads(record: Record) -> float:
    return fact(record.facts, "loads") or 0.0


def fact(facts: Mapping[str, Any], name: str) -> float | None:
    """A fact that is a finite number."""
    value = facts.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
