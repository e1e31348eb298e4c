"""Plain text for the terminal: aligned columns, sizes a person reads, names that cannot do anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_BYTES: Final = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_SECONDS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def safe(text: str) -> str:
    """``text`` on one line and without control characters: names come from files and strangers."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def safe_lines(text: str) -> str:
    """The same for a text of several lines, which stay lines."""
    return "\n".join(map(safe, text.split("\n")))


def columns(rows: Iterable[Sequence[str]], indent: str = "  ", gap: str = "  ") -> list[str]:
    """Rows with their columns under each other; the last column may be as long as it likes."""
    table = [[safe(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in table if i < len(row)) for i in range(max(map(len, table), default=0))]
    return [
        (indent + gap.join([*(c.ljust(w) for c, w in zip(row[:-1], widths, strict=False)), row[-1]])).rstrip()
        for row in table
    ]


def size(count: float) -> str:
    """Bytes, decimal: ``62.1 kB``."""
    return _three_digits(count, _BYTES)


def seconds(value: float) -> str:
    """A time in the unit that a person would choose: ``11.2 µs``."""
    return _three_digits(value, _SECONDS)


def _three_digits(value: float, units: Sequence[tuple[float, str]]) -> str:
    """Three significant digits, in the largest unit of which there is at least one."""
    # 999.7 kB rounds to 1.00 MB, not to 1000 kB.
    scale, unit = next(((s, u) for s, u in units if value >= 0.9995 * s), units[-1])
    scaled = value / scale
    decimals = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
    whole = unit == "B" or value == 0
    return f"{scaled:.{0 if whole else decimals}f} {unit}"


def age(seconds: float) -> str:
    """How long ago, in the largest unit that fits."""
    for unit, scale in (("day", 86_400.0), ("hour", 3_600.0), ("minute", 60.0)):
        if seconds >= scale:
            count = int(seconds / scale)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
