"""Values over many runs as tables: the steps first, then each series."""

from __future__ import annotations

from collections.abc import Sequence

from tradeoff.compare.history import Series

from .format import Quantity, number, printable, quantity_of, signed
from .table import Cell, Column, Note, Table, Tone

_CHANGES = (
    Column("cell", "cell", folds=True),
    Column("started", "date (UTC)"),
    Column("run", "first run after it", importance=3, folds=True),
    Column("before", "before", "right", importance=1),
    Column("after", "after", "right", importance=1),
    Column("change", "change", "right"),
)
_VALUES = (
    Column("started", "date (UTC)"),
    Column("run", "run", importance=1, folds=True),
    Column("value", "value", "right"),
    Column("note", "note", importance=1),
)


def over_time(series: Sequence[Series], most: int = 100) -> list[Table]:
    """The steps of all series, and the values of the first so many."""
    tables = [_changes(series), *(_values(one) for one in series[:most])]
    if len(series) > most:
        note = Note(f"and {len(series) - most:,} more series: choose some with --cell, or write the CSV")
        tables.append(
            Table("More series", (Column("cells", "series", "right"),), ((Cell(f"{len(series):,}"),),), (note,))
        )
    return tables


def _changes(series: Sequence[Series]) -> Table:
    rows = tuple(
        (
            Cell(printable(one.cell)),
            Cell(_date(step.started)),
            Cell(printable(step.run)),
            Cell(number(step.before, _quantity(one), one.unit)),
            Cell(number(step.after, _quantity(one), one.unit)),
            Cell(f"{signed(100 * step.change)} %", step.change, tone=_tone(step.worse)),
        )
        for one in series
        for step in one.changes
    )
    searched = sum(len(one.points) for one in series)
    note = Note(f"{len(rows)} in {len(series):,} series of {searched:,} values; a single run apart is not a step")
    return Table("Steps", _CHANGES, rows, (note,))


def _values(one: Series) -> Table:
    steps = {step.run for step in one.changes}
    rows = tuple(
        (
            Cell(_date(point.started)),
            Cell(printable(point.run)),
            Cell(number(point.value, _quantity(one), one.unit), point.value),
            Cell("; ".join(["noisy, left out"] * point.noisy + ["step"] * (point.run in steps))),
        )
        for point in one.points
    )
    where = f" · {', '.join(one.machine)}" if any(one.machine) else ""
    return Table(printable(f"{one.measurement} of {one.cell}{where}"), _VALUES, rows)


def _tone(worse: bool | None) -> Tone:
    return "plain" if worse is None else "bad" if worse else "good"


def _date(started: str) -> str:
    return printable(started[:16].replace("T", " "))


def _quantity(one: Series) -> Quantity:
    return "percent" if one.measurement == "accuracy" else quantity_of(one.unit)
