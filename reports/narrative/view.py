"""The report in sentences: what helped, what did not, what surprised, what not to trust, each with its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tradeoff.record import Run
from tradeoff.vocabulary import View

from ..tables.columns import columns_for
from ..tables.format import printable
from ..tables.rows import Row, make_rows
from ..tables.table import Cell, Column, Note, Table, without_empty_columns
from .gains import gains
from .sentences import SECTIONS, Section, Sentence
from .surprises import surprises
from .trust import doubts

#: More than this nobody reads; the weightiest come first.
_MOST: Final = 12
_LINKS: Final = 6
_SHOWN: Final = ("metric", "metric_interval", "change", "artifact_bytes", "shrink", "latency", "speed_up", "energy")
_SENTENCE: Final = (Column("sentence", "", folds=True), Column("rows", "rows", folds=True, under="sentence"))


def narrative(runs: Sequence[Run]) -> list[Table]:
    """A table of sentences for each section, then the rows that they rest on."""
    rows = make_rows(runs)
    several = len(runs) > 1
    found = [*gains(rows, several), *surprises(rows, several), *doubts(rows, several)]
    book = _Book(several)
    tables = [_section(section, [one for one in found if one.section == section], book) for section in SECTIONS]
    return [*tables, book.table()] if found else []


VIEW: Final = View("narrative", "what helped, what did not, what surprised, what not to trust", tables=narrative)


def _section(section: Section, sentences: Sequence[Sentence], book: _Book) -> Table:
    ordered = sorted(sentences, key=lambda one: -one.weight)
    shown, left = ordered[:_MOST], len(ordered) - _MOST
    notes = (Note(f"and {left:,} more of less weight"),) if left > 0 else ()
    if not shown:
        notes = (Note("nothing that the numbers show"),)
    rows = tuple((Cell(printable(one.text), one.text), book.links(one.rows)) for one in shown)
    return Table(section, _SENTENCE, rows, notes)


class _Book:
    """The rows that sentences rest on, numbered in the order in which they are first named."""

    def __init__(self, several: bool) -> None:
        self._several = several
        self._numbers: dict[int, int] = {}
        self._rows: list[Row] = []

    def links(self, rows: Sequence[Row]) -> Cell:
        """A link to each of the rows; of many to the first few."""
        links = tuple((str(number), f"row-{number}") for number in map(self._number, rows[:_LINKS]))
        more = f" and {len(rows) - _LINKS:,} more" if len(rows) > _LINKS else ""
        text = ", ".join(f"[{name}]" for name, _ in links) + more
        return Cell(text, text, links=links, tone="dim")

    def _number(self, row: Row) -> int:
        if id(row.record) not in self._numbers:
            self._rows.append(row)
            self._numbers[id(row.record)] = len(self._rows)
        return self._numbers[id(row.record)]

    def table(self) -> Table:
        """What is linked to."""
        shown = [one for one in columns_for(self._rows) if one.column.key in _SHOWN]
        columns = (
            Column("number", "row", "right"),
            Column("cell", "cell", folds=True),
            *([Column("run", "run", folds=True, under="cell")] if self._several else []),
            *(one.column for one in shown),
            Column("remarks", "notes", importance=1, folds=True),
        )
        cells = tuple(
            (
                Cell(str(number), number, anchor=f"row-{number}"),
                Cell(printable(row.cell.spelling), row.cell.spelling),
                *([Cell(printable(row.run), row.run)] if self._several else []),
                *(one.cell(row) for one in shown),
                _remarks(row),
            )
            for number, row in enumerate(self._rows, 1)
        )
        return without_empty_columns(Table("The rows", columns, cells))


def _remarks(row: Row) -> Cell:
    said = row.record.verdicts if row.record.status == "measured" else (f"{row.record.status}: {row.record.reason}",)
    text = printable("; ".join(verdict.partition(":")[0] for verdict in said), 200)
    return Cell(text, text or None, tone="warning")
