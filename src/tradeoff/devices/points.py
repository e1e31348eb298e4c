"""The published measurements that models of latency and energy are fitted to, as this package ships them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from tradeoff.devices.costs import COSTS
from tradeoff.devices.fitting import Samples
from tradeoff.errors import BadInput

#: What is left out of a fit to see how wrong it is: all models of one architecture, in every system, or all systems
#: of one submitter, of which the system at hand then tells its other models only.
LeftOut = Literal["family", "submitter"]
_FOLDER: Final = "data"
#: Fewer systems tell less of what they have in common than a whole population does.
_ENOUGH: Final = 8


@dataclass(frozen=True)
class Point:
    """One published latency; ``energy`` in joules where it was published with it."""

    model: str
    family: str
    counts: Mapping[str, float]
    seconds: float
    energy: float | None
    source: str


@dataclass(frozen=True)
class System:
    """A device with a runtime, for one precision, and what was published of it."""

    name: str
    precision: str
    population: str
    form: str
    clock_hz: float
    left_out: LeftOut
    submitter: str
    kernels: str
    points: tuple[Point, ...] = field(default=(), repr=False)

    def samples(self, without: frozenset[str] = frozenset()) -> Samples:
        """Its points for a fit, in cycles, without those of some families."""
        kept = [point for point in self.points if point.family not in without]
        return Samples([point.counts for point in kept], [point.seconds * self.clock_hz for point in kept])


@cache
def published() -> tuple[System, ...]:
    """Every system that something was published of."""
    models = {row["model"]: row for row in _rows("models")}
    points: dict[tuple[str, str], list[Point]] = {}
    for row in _rows("points"):
        points.setdefault((row["system"], row["precision"]), []).append(_point(row, models[row["model"]]))
    return tuple(
        System(
            row["system"],
            row["precision"],
            row["population"],
            row["form"],
            float(row["clock_mhz"]) * 1e6,
            "family" if row["left_out"] == "family" else "submitter",
            row["submitter"],
            row["kernels"],
            tuple(points[row["system"], row["precision"]]),
        )
        for row in _rows("systems")
    )


def systems_of(name: str) -> tuple[System, ...]:
    """The systems of one name, one for each precision."""
    return tuple(system for system in published() if system.name == name)


def population(name: str) -> tuple[System, ...]:
    """The systems that are fitted together."""
    found = tuple(system for system in published() if system.population == name)
    if not found:
        known = sorted({system.population for system in published()})
        raise BadInput(f"there is no population {name!r}; known: {', '.join(known)}")
    return found


def kin(system: System, members: Iterable[System]) -> tuple[System, ...]:
    """Those of a population that tell most of a system: with kernels from the same maker, if they are enough."""
    every = tuple(members)
    same = tuple(member for member in every if member.kernels == system.kernels)
    return same if len(same) >= _ENOUGH else every


def _rows(name: str) -> Iterable[dict[str, str]]:
    text = (files("tradeoff.devices") / _FOLDER / f"{name}.csv").read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


def _point(row: Mapping[str, str], model: Mapping[str, str]) -> Point:
    return Point(
        row["model"],
        model["family"],
        {cost: float(model[cost]) for cost in COSTS},
        float(row["latency_ms"]) / 1e3,
        float(row["energy_uj"]) / 1e6 if row["energy_uj"] else None,
        row["source"],
    )
