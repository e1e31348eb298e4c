"""The units that a column of a view may be written in, and the amounts that its file may name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tradeoff.decide.amounts import parse_amount
from tradeoff.errors import BadInput, nearest

#: Unit of the records to what it may be written in; a number is divided by what stands beside it.
UNITS: Final[Mapping[str, Mapping[str, float]]] = {
    "s": {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "days": 86400.0},
    "B": {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20},
    "J": {"nJ": 1e-9, "uJ": 1e-6, "µJ": 1e-6, "mJ": 1e-3, "J": 1.0, "kJ": 1e3, "mWh": 3.6, "Wh": 3600.0},
    "1/s": {"1/s": 1.0, "1/min": 1 / 60, "1/h": 1 / 3600},
    "1/B": {"1/kB": 1e-3, "1/MB": 1e-6},
    "1": {"1": 1.0, "%": 0.01, "thousand": 1e3, "million": 1e6},
}
_SCALES: Final = {name: scale for group in UNITS.values() for name, scale in group.items()}
_DIMENSIONS: Final = {name: unit for unit, group in UNITS.items() for name in group}


def check_unit(unit: str) -> str:
    """The unit, if a column can be written in it."""
    if unit in _SCALES:
        return unit
    near = nearest(unit, _SCALES)
    hint = f"did you mean {near!r}? " if near else ""
    raise BadInput(f"unit {unit!r} is not known; {hint}Known: {', '.join(_SCALES)}")


def dimension_of(unit: str) -> str:
    """The unit of the records that this one is a multiple of."""
    return _DIMENSIONS[unit]


def scaled(value: float, unit: str) -> float:
    """The value, in a unit of the records, in this one."""
    return value / _SCALES[unit]


def parse_named_amount(name: str, value: object) -> tuple[float, str]:
    """An amount that a file names, with the unit of the records that it is in."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value), "1"
    if not isinstance(value, str):
        raise BadInput(f"amounts.{name} is {value!r}; write an amount such as '3.7Wh', '1s' or 100")
    for unit in ("J", "s", "B", "1/s"):
        try:
            return parse_amount(f"amounts.{name}", value, unit), unit
        except BadInput:
            continue
    raise BadInput(f"amounts.{name} {value!r} is no amount; write a number and a unit, such as '3.7Wh', '1s' or '2MB'")
