"""Plain text for the terminal: aligned columns, sizes a person reads, names that cannot do anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def safe(text: str) -> str:
    """``text`` on one line and without control characters: names come from files and strangers."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def columns(rows: Iterable[Sequence[str]], indent: str = "  ", gap: str = "  ") -> list[str]:
    """Rows with their columns under each other; the last column may be as long as it likes."""
    table = [[safe(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in table if i < len(row)) for i in range(max(map(len, table), default=0))]
    return [
        (indent + gap.join([*(c.ljust(w) for c, w in zip(row[:-1], widths, strict=False)), row[-1]])).rstrip()
        for row in table
    ]


def size(count: float) -> str:
    """Bytes, decimal."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f} B"


def age(seconds: float) -> str:
    """How long ago, in the largest unit that fits."""
    for unit, scale in (("day", 86_400.0), ("hour", 3_600.0), ("minute", 60.0)):
        if seconds >= scale:
            count = int(seconds / scale)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
