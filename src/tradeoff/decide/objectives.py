"""What a decision is made in: accuracy, latency, size, memory ..., each read from a record with its interval."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tradeoff.compare.quantities import BUSY, QUIET, fact, is_quiet, metric_of
from tradeoff.measure.estimating import CONFIDENCE
from tradeoff.record import Measurement, Record
from tradeoff.vocabulary import Direction, Provenance

_Z: Final = statistics.NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
#: Taken once, such a number has no interval; it repeats within this share, and memory comes in pages.
_TAKEN_ONCE: Final = 0.025
_PAGES: Final = 128 * 1024


@dataclass(frozen=True)
class Objective:
    """One dimension of a decision.

    :param measurements: the names it is recorded under; the first that a record has counts. Empty: the task's metric.
    :param unit: of the values.
    :param direction: which way is better; the task's metric says so itself.
    :param timed: it comes from timing, so that noise spoils it.
    """

    name: str
    measurements: tuple[str, ...]
    unit: str
    direction: Direction = "lower"
    timed: bool = False


#: What a chip would need, by the model of the device or by what was simulated; a process here says nothing of that.
_OF_DEVICES: Final = ("ram_bytes", "arena_32bit_bytes", "arena_bytes")
ACCURACY: Final = "accuracy"
#: In the order in which equals are told apart.
OBJECTIVES: Final[Mapping[str, Objective]] = {
    one.name: one
    for one in (
        Objective(ACCURACY, (), "1", "higher"),
        Objective("latency", ("latency",), "s", timed=True),
        Objective("p99", ("latency_p99",), "s", timed=True),
        Objective("throughput", ("throughput",), "1/s", "higher", timed=True),
        Objective("energy", ("energy",), "J", timed=True),
        Objective("size", ("artifact_bytes",), "B"),
        Objective("ram", ("peak_bytes", *_OF_DEVICES), "B"),
        Objective("flash", ("flash_bytes",), "B"),
    )
}


@dataclass(frozen=True, slots=True)
class Number:
    """What a candidate has of an objective.

    :param name: the measurement it is.
    :param low: end of the interval as recorded, or of that of a share of samples; the value where there is none.
    :param least: the lowest cost that it may have, with what two cells differ by that are timed one after the other.
    :param most: the highest.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    direction: Direction
    provenance: Provenance
    least: float
    most: float
    note: str = ""

    @property
    def cost(self) -> float:
        """The value, turned so that less is better."""
        return -self.value if self.direction == "higher" else self.value

    def tied(self, other: Number) -> bool:
        """Whether the two intervals overlap: neither is shown to be better."""
        return self.least <= other.most and other.least <= self.most


def numbers_of(record: Record) -> dict[str, Number]:
    """All that a record has, by objective."""
    metric, found = metric_of(record), {}
    for name, objective in OBJECTIVES.items():
        for measurement in _names(record, objective, metric):
            number = record.measurements.get(measurement)
            if number is not None and number.provenance != "unavailable" and _finite(number.value):
                found[name] = _with_interval(record, objective, measurement, number)
                break
    return found


def why_missing(record: Record, name: str) -> str:
    """What the record says of a number that it does not have."""
    for measurement in _names(record, OBJECTIVES[name], metric_of(record)):
        found = record.measurements.get(measurement)
        if found is not None and found.note:
            return found.note
    return ""


def _names(record: Record, objective: Objective, metric: str) -> tuple[str, ...]:
    if objective.name == "ram" and record.facts.get("device_provenance") not in (None, "measured"):
        return _OF_DEVICES
    return objective.measurements or (metric,)


def _finite(value: float | None) -> bool:
    # JSON can hold whole numbers that no float can.
    return value is not None and abs(value) < 1e300 and math.isfinite(value)


def _with_interval(record: Record, objective: Objective, name: str, found: Measurement) -> Number:
    value = float(found.value or 0.0)
    direction = found.direction if objective.name == ACCURACY and found.direction != "none" else objective.direction
    low, high = _interval(record, name, found, value)
    below, above = _compared(record, objective, found, value, (low, high))
    least, most = (-above, -below) if direction == "higher" else (below, above)
    # The unit is the objective's: a plugin may write its own word for it, but not its own scale.
    return Number(name, value, low, high, objective.unit, direction, found.provenance, least, most, found.note)


def _interval(record: Record, name: str, found: Measurement, value: float) -> tuple[float, float]:
    low, high = found.low, found.high
    if low is not None and high is not None and _finite(low) and _finite(high):
        return min(float(low), value), max(float(high), value)
    samples = fact(record.facts, "test_samples")
    if name == ACCURACY and samples is not None and samples > 0 and 0 <= value <= 1:
        return wilson(value, samples)
    return value, value


def wilson(share: float, samples: float) -> tuple[float, float]:
    """The 95 % interval of a share of right answers out of so many."""
    shrink = 1 + _Z**2 / samples
    centre = (share + _Z**2 / (2 * samples)) / shrink
    half = _Z / shrink * math.sqrt(share * (1 - share) / samples + _Z**2 / (4 * samples**2))
    # At 0 and at 1 an end is the share itself, but for a rounding error.
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def _compared(
    record: Record, objective: Objective, found: Measurement, value: float, interval: tuple[float, float]
) -> tuple[float, float]:
    """The interval that is compared: wider than the recorded one where that does not know all."""
    low, high = interval
    if found.provenance != "measured":
        return low, high
    apart = 0.0
    if objective.timed:
        apart = _Z * (QUIET if is_quiet(record) else BUSY).apart * abs(value)
    elif objective.name == "ram" and low == high:
        apart = max(_TAKEN_ONCE * abs(value), _PAGES)
    return value - math.hypot(value - low, apart), value + math.hypot(high - value, apart)
