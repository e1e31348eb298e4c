"""One measurement over many runs, and where it changed: a piecewise constant fit of the logarithms.

Steps are found by optimal partitioning: of all ways to cut the series, the one whose absolute deviations from the
medians of its pieces, with a penalty for each cut, are smallest. Absolute deviations let a single bad run pass.
"""

from __future__ import annotations

import math
import statistics
from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Final

from tradeoff.compare.comparable import machine_key
from tradeoff.compare.quantities import OF_THE_MACHINE, Worth, metric_of, quantity_of
from tradeoff.errors import BadInput, UnknownName
from tradeoff.record import Measurement, Record, Run, last_words

#: A piece has at least so many runs: of one run alone nobody knows whether it is a step or an accident.
SHORTEST: Final = 2
#: What one more cut must gain, in units of the noise and of the logarithm of the number of runs.
PENALTY: Final = 5.0
#: Two runs differ by so much of themselves, also where the series happens to be quieter.
QUIETEST: Final = 0.002
#: Fewer runs say nothing of how much they differ of themselves.
FEWEST: Final = 4


@dataclass(frozen=True)
class Point:
    """What one run measured."""

    run: str
    started: str
    value: float
    noisy: bool = False


@dataclass(frozen=True)
class ChangePoint:
    """A step: the first run after it, and the medians of the runs before and after it.

    :param change: after by before, less one.
    :param worse: whether that is for the worse; ``None`` where nothing says which way is better.
    """

    run: str
    started: str
    before: float
    after: float
    change: float
    worse: bool | None


@dataclass(frozen=True)
class Series:
    """One measurement of one cell on one kind of machine, the oldest run first.

    :param machine: processor, architecture and cores; empty for what does not depend on the machine.
    :param left_out: noisy runs, which are shown and decide nothing.
    """

    suite: str
    cell: str
    measurement: str
    unit: str
    machine: tuple[str, ...]
    points: tuple[Point, ...]
    changes: tuple[ChangePoint, ...]

    @property
    def left_out(self) -> int:
        """How many of the runs were noisy."""
        return sum(point.noisy for point in self.points)


def histories(runs: Sequence[Run], measurement: str = "latency", cells: str = "*") -> list[Series]:
    """The series of every cell that matches, with its change points."""
    if not runs:
        raise BadInput("a history needs at least one run")
    found: dict[tuple[str, str, tuple[str, ...]], list[tuple[Run, Record, Measurement]]] = {}
    known: set[str] = set()
    for run in sorted(runs, key=lambda run: run.started):
        for record in last_words(run.records).values():
            known |= record.measurements.keys()
            number = record.measurements.get(measurement)
            if number is not None and number.value is not None and fnmatchcase(record.cell.spelling, cells):
                key = record.suite, record.cell.spelling, _machine(run, record, measurement, number)
                found.setdefault(key, []).append((run, record, number))
    if measurement not in known:
        raise UnknownName("measurement in these runs", measurement, known)
    if not found:
        raise BadInput(f"no cell of these runs matches {cells!r} and has {measurement}")
    return [_series(*key, measurement, members) for key, members in sorted(found.items())]


def _machine(run: Run, record: Record, name: str, number: Measurement) -> tuple[str, ...]:
    quantity = quantity_of(name, number, metric_of(record))
    timed = number.unit in ("s", "J") or quantity in OF_THE_MACHINE
    return machine_key(run) if timed and number.provenance == "measured" else ()


def _series(
    suite: str,
    cell: str,
    machine: tuple[str, ...],
    measurement: str,
    members: Sequence[tuple[Run, Record, Measurement]],
) -> Series:
    timed = measurement.startswith(("latency", "speed_up"))
    points = tuple(
        Point(run.name, run.started, number.value or 0.0, timed and "noisy" in record.verdicts)
        for run, record, number in members
    )
    last = members[-1][2]
    good = [point for point in points if not point.noisy]
    changes = tuple(_changes(good, last, Worth(0.02 if timed else 0.0)))
    return Series(suite, cell, measurement, last.unit, machine, points, changes)


def _changes(points: Sequence[Point], number: Measurement, worth: Worth) -> Iterator[ChangePoint]:
    values = [point.value for point in points]
    bounds = [0, *change_points(values), len(values)]
    for (begin, cut), (_, end) in pairwise(pairwise(bounds)):
        before, after = statistics.median(values[begin:cut]), statistics.median(values[cut:end])
        change = after / before - 1
        if abs(change) >= worth.smallest:
            worse = None if number.direction == "none" else (change > 0) == (number.direction == "lower")
            yield ChangePoint(points[cut].run, points[cut].started, before, after, change, worse)


# --- steps ------------------------------------------------------------------------------------------


def change_points(values: Sequence[float], penalty: float = PENALTY) -> list[int]:
    """The positions at which a new level begins; nothing for a series that is too short, or not above zero."""
    if len(values) < FEWEST or min(values) <= 0:
        return []
    logs = [math.log(value) for value in values]
    price = penalty * math.log(len(logs)) * noise(logs)
    # The best cost of the first so many values, and where its last piece begins.
    best: list[tuple[float, int]] = [(-price, 0)]
    costs = [_costs(logs, begin) for begin in range(len(logs))]
    for end in range(1, len(logs) + 1):
        ways = ((best[begin][0] + costs[begin][end - begin] + price, begin) for begin in _begins(end))
        best.append(min(ways, default=(math.inf, 0)))
    return _cuts(best)


def _begins(end: int) -> Iterable[int]:
    return range(end - SHORTEST + 1)


def _cuts(best: Sequence[tuple[float, int]]) -> list[int]:
    found = []
    place = best[-1][1]
    while place > 0:
        found.append(place)
        place = best[place][1]
    return found[::-1]


def noise(logs: Sequence[float]) -> float:
    """How far values lie from their level, in the middle: from neighbours, which a step parts only once."""
    apart = statistics.median(abs(after - before) for before, after in pairwise(logs))
    # Of two values each with this median deviation, the difference is that much larger.
    return max(QUIETEST, apart / math.sqrt(2))


def _costs(logs: Sequence[float], begin: int) -> list[float]:
    """The absolute deviations from their median of the first 0, 1, 2 ... values from ``begin`` on."""
    ordered: list[float] = []
    found = [0.0]
    total = 0.0
    for value in logs[begin:]:
        # Anywhere between the two middle values the deviations are the same: a new one adds its distance from there.
        if ordered:
            total += max(0.0, ordered[(len(ordered) - 1) // 2] - value, value - ordered[len(ordered) // 2])
        insort(ordered, value)
        found.append(total)
    return found
