"""The tables of a view for a spreadsheet: nothing rounded, and why there is nothing where there is nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..tables.format import MARKS
from ..tables.table import Cell, Column, Table

_SAID: Final = ("", "1", "%")
_ORIGINS: Final = {mark: name for name, mark in MARKS.items()}
Line = tuple[str | float | None, ...]


def view_lines(tables: Sequence[Table]) -> Iterator[Line]:
    """The header, then a line for each row; tables of one view can have different columns.

    Beside the numbers stand those that nobody measured, those of which the intervals show no difference, and why
    others are missing.
    """
    headers = list(dict.fromkeys(_header(column) for table in tables for column in table.columns))
    yield ("table", *headers, "not_measured", "no_difference_shown", "why")
    for table in tables:
        names = list(map(_header, table.columns))
        for row in table.rows:
            found = dict(zip(names, row, strict=True))
            told = [_field(found.get(name)) for name in headers]
            yield (table.title, *told, _origins(names, row), _unsure(names, row), _why(names, row))


def _header(column: Column) -> str:
    """With the unit of the numbers, unless it is there already."""
    told = column.unit in _SAID or column.unit.startswith("1/") or column.header.endswith(f"({column.unit})")
    return column.header if told else f"{column.header} ({column.unit})"


def _field(cell: Cell | None) -> str | float | None:
    if cell is None or cell.why:
        return None
    return cell.text or None if cell.raw is None else cell.raw


def _origins(names: Iterable[str], row: Sequence[Cell]) -> str | None:
    marked = ((name, _ORIGINS.get(cell.text[:1])) for name, cell in zip(names, row, strict=True))
    return "; ".join(f"{name} {origin}" for name, origin in marked if origin) or None


def _unsure(names: Iterable[str], row: Sequence[Cell]) -> str | None:
    numbers = ((name, cell) for name, cell in zip(names, row, strict=True) if isinstance(cell.raw, float))
    return "; ".join(name for name, cell in numbers if cell.text.endswith("?")) or None


def _why(names: Iterable[str], row: Sequence[Cell]) -> str | None:
    """Each reason once, behind the columns that it is the reason of: ``energy, every second: no meter``."""
    reasons: dict[str, list[str]] = {}
    for name, cell in zip(names, row, strict=True):
        if cell.why:
            reasons.setdefault(cell.why, []).append(name)
    return "; ".join(f"{', '.join(found)}: {why}" for why, found in reasons.items()) or None
