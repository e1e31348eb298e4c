"""Numbers and text as a person reads them: three significant digits, the nearest unit, nothing hidden."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Final, Literal, TypeGuard

from tradeoff.record import Measurement
from tradeoff.vocabulary import Provenance

UNAVAILABLE: Final = "—"
#: No honest name or reason is longer; the rest of it stands in the CSV.
LONGEST: Final = 1000
#: What stands before a number that nobody measured; each has its line in the legend of the table.
MARKS: Final[dict[Provenance, str]] = {"simulated": "≈", "modelled": "~", "published": "†"}

Quantity = Literal["seconds", "bytes", "count", "percent", "fraction", "number", "rate", "joules"]
Ladder = Sequence[tuple[float, str]]

_SECONDS: Final[Ladder] = ((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1.0, "s"), (60.0, "min"), (3600.0, "h"))
_JOULES: Final[Ladder] = ((1e-9, "nJ"), (1e-6, "µJ"), (1e-3, "mJ"), (1.0, "J"), (1e3, "kJ"))
_BYTES: Final[Ladder] = ((1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB"))
_COUNTS: Final[Ladder] = ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"))
_QUANTITY_OF_UNIT: Final[dict[str, Quantity]] = {"s": "seconds", "B": "bytes", "1/s": "rate", "J": "joules"}


def quantity_of(unit: str) -> Quantity:
    """How a number of this unit is written when nothing more is known of it."""
    return _QUANTITY_OF_UNIT.get(unit, "number")


def is_number(value: object) -> TypeGuard[float]:
    """Whether it can be shown as a number; JSON can hold whole numbers that no float can."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def number(value: float | None, quantity: Quantity, unit: str = "") -> str:
    """One number with its unit: ``12.3 ms``, ``50.6 kB``, ``1.20 M``, ``98.61 %``."""
    if not is_number(value):
        return UNAVAILABLE
    if quantity == "seconds":
        return _scaled(value, _SECONDS)
    if quantity == "bytes":
        return _scaled(value, _BYTES)
    if quantity == "joules":
        return _scaled(value, _JOULES)
    if quantity == "count":
        return _scaled(value, _COUNTS)
    if quantity == "rate":
        return f"{_scaled(value, _COUNTS)}/s"
    if quantity == "fraction":
        return f"{value:.4f}"
    if quantity == "percent":
        return f"{_no_minus_zero(f'{100 * value:.2f}')} %"
    return f"{significant(value)} {'' if unit == '1' else printable(unit)}".rstrip()


def is_available(measurement: Measurement | None) -> bool:
    """Whether there is a number at all."""
    return (
        measurement is not None
        and measurement.value is not None
        and measurement.provenance != "unavailable"
        and math.isfinite(measurement.value)
    )


def marked(text: str, provenance: Provenance, *, short: bool = False) -> str:
    """The number's text with what a reader must know of its origin; bare only when it was measured."""
    if provenance == "measured" or text == UNAVAILABLE:
        return text
    mark = MARKS.get(provenance, "?")
    return f"{mark}{text}" if short else f"{mark}{text} ({provenance})"


def interval(low: float | None, high: float | None, quantity: Quantity, unit: str = "") -> str:
    """Both ends, the unit once where it is the same: ``12.1 – 12.6 µs``."""
    if low is None or high is None:
        return UNAVAILABLE
    first, last = number(low, quantity, unit), number(high, quantity, unit)
    digits, _, first_unit = first.partition(" ")
    return f"{digits if last.endswith(f' {first_unit}') else first} – {last}"


def times(value: float) -> str:
    """A ratio: ``2.13x``."""
    return f"{significant(value)}x"


def change(value: float, *, points: bool) -> str:
    """A signed difference; of a fraction, in percentage points."""
    text = f"{100 * value:+.2f}" if points else signed(value)
    return _no_minus_zero(text) + (" pp" if points else "")


def signed(value: float) -> str:
    """Three significant digits with a sign."""
    return significant(value) if value < 0 else f"+{significant(value)}"


def significant(value: float) -> str:
    """Three significant digits without an exponent, as long as a person can read it."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else UNAVAILABLE
    exponent = int(f"{value:.2e}".partition("e")[2])
    if not -4 <= exponent < 7:
        return f"{value:.2e}"
    return f"{value:.{max(0, 2 - exponent)}f}"


def printable(text: str, longest: int = LONGEST) -> str:
    """The text with everything a terminal could obey written out: ``\\x1b``, ``\\n``; and not without end."""
    if len(text) > longest:
        text = f"{text[:longest]}... and {len(text) - longest:,} more characters"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _scaled(value: float, ladder: Ladder) -> str:
    # Rounding comes first: 999.9 µs is 1.00 ms, not 1000 µs.
    rounded = float(f"{value:.2e}")
    scale, unit = ladder[0]
    for step in ladder:
        if abs(rounded) >= step[0]:
            scale, unit = step
    whole = scale == 1.0 and unit not in ("s", "J") and float(value).is_integer()
    digits = str(int(value)) if whole and abs(rounded) < 1000 else significant(rounded / scale)
    return f"{digits} {unit}".rstrip()


def _no_minus_zero(text: str) -> str:
    return text.lstrip("+-") if float(text) == 0 else text
