"""Amounts with units, as a person writes and reads them: ``200ms``, ``512kB``, ``1.5 mJ``, ``90%``, ``30/s``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from tradeoff.errors import BadInput

_AMOUNT: Final = re.compile(r"\s*(-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|-?\.[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(\S*)\s*")
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
_BYTES: Final = {"B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}
_WATT_HOURS: Final = {"mWh": 3.6, "Wh": 3600.0}
_JOULES: Final = {"nJ": 1e-9, "uJ": 1e-6, "µJ": 1e-6, "μJ": 1e-6, "mJ": 1e-3, "J": 1.0, "kJ": 1e3, **_WATT_HOURS}
_RATES: Final = {"/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600}
_SHARES: Final = {"": 1.0, "%": 0.01}
#: What each unit of the records may be written in, and an example.
_WRITTEN: Final[Mapping[str, tuple[Mapping[str, float], str]]] = {
    "s": (_SECONDS, "200ms"),
    "B": (_BYTES, "512kB"),
    "J": (_JOULES, "1.5mJ"),
    "1/s": (_RATES, "30/s"),
    "1": (_SHARES, "0.9 or 90%"),
}


def parse_amount(what: str, text: str, unit: str) -> float:
    """The amount in ``unit``; ``what`` is the option or field that an error names."""
    units, example = _WRITTEN[unit]
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise BadInput(f"{what} {text!r} is no amount; write a number and a unit, such as {example}")
    number, written = float(found[1]), found[2]
    if written not in units:
        raise BadInput(f"{what} {text!r} {_wrong_unit(written, units)}, such as {example}")
    value = number * units[written]
    if not math.isfinite(value) or (value <= 0 and unit != "1"):
        raise BadInput(f"{what} {text!r} cannot be kept by anything; write an amount above zero, such as {example}")
    return value


def _wrong_unit(written: str, units: Mapping[str, float]) -> str:
    known = ", ".join(unit for unit in units if unit and unit != "μs" and unit != "μJ")
    near = next((unit for unit in units if unit.lower() == written.lower()), "")
    if not written:
        return f"has no unit; write one of {known}"
    return f"has the unit {written!r}; " + (f"{near!r} may be meant; " if near else "") + f"write one of {known}"


def written(value: float, unit: str) -> str:
    """The amount for an option or a sentence: ``38 kB``, three significant digits."""
    if unit == "1":
        return f"{value:.4g}"
    ladder = {
        "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
        "B": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")),
        "J": ((1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ")),
        "1/s": ((1.0, "/s"),),
    }[unit]
    # 999.7 kB rounds to 1 MB, not to 1e+03 kB.
    scale, name = next(((s, u) for s, u in ladder if abs(value) >= 0.9995 * s), ladder[-1])
    number = value / scale
    digits = f"{number:.3g}" if abs(number) < 999.5 else f"{number:.0f}"
    return f"{digits}{name}" if unit == "1/s" else f"{digits} {name}"


def as_limit(value: float, unit: str, most: bool) -> str:
    """The tightest round amount that ``value`` keeps, as an option takes it: ``51.3kB``."""
    number, _, name = written(value, unit).partition(" ")
    if unit in ("1", "1/s"):
        number, name = (number.removesuffix("/s"), "/s" if unit == "1/s" else "")
    digits = max(0, 2 - math.floor(math.log10(abs(float(number))))) if float(number) else 2
    digits = max(digits, 4) if unit == "1" else digits
    step = 10.0**-digits
    for tries in range(3):
        shifted = float(number) + (tries if most else -tries) * step
        text = f"{shifted:.{digits}f}{name}"
        # Only what has no unit, such as r2, can be below zero.
        kept = parse_amount("", text, unit) if shifted > 0 or unit == "1" else 0.0
        if (value <= kept) if most else (value >= kept):
            return text
    return f"{value!r}{ {'s': 's', 'B': 'B', 'J': 'J', '1/s': '/s', '1': ''}[unit] }"
