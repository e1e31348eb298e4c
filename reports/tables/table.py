"""Tables as plain data: what stands in them, and what may be left out where there is little room."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Align = Literal["left", "right"]
Tone = Literal["plain", "good", "bad", "warning", "dim", "strong"]


@dataclass(frozen=True)
class Cell:
    """One field of a table.

    :param text: as a person reads it.
    :param raw: what it is sorted and compared by.
    :param short: for narrow places; the text when it is empty.
    :param tone: what a renderer may show by colour; never the only place where something is said.
    :param why: why there is nothing in it, in full; a note tells it where the text has a letter for it.
    :param anchor: it can be led to under this name.
    :param links: what it leads to: the text of each link and the anchor that it names; together they are the text.
    """

    text: str
    raw: float | str | None = None
    short: str = ""
    tone: Tone = "plain"
    why: str = ""
    anchor: str = ""
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Column:
    """One column.

    :param key: its name in the code.
    :param header: its name for a person.
    :param align: numbers stand right, words left.
    :param unit: of the raw values.
    :param importance: 0 is never left out; the larger, the sooner it is.
    :param folds: may be broken over several lines; a number never is.
    :param under: where there is little room, it goes on a line of its own in this column.
    """

    key: str
    header: str
    align: Align = "left"
    unit: str = ""
    importance: int = 0
    folds: bool = False
    under: str = ""


@dataclass(frozen=True)
class Note:
    """A line under a table.

    :param text: what it says.
    :param column: it is told only where this column is shown.
    :param mark: what it explains, where the column is shown in short.
    :param once: it holds for later tables as well, and is not told again.
    :param among: it is told only where one of these columns is shown.
    """

    text: str
    column: str = ""
    mark: str = ""
    once: bool = False
    among: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quote:
    """The end of what a program printed, word for word."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A title, columns, rows as long as the columns are many, and what must be said below."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[Note, ...] = ()
    quotes: tuple[Quote, ...] = ()


@dataclass(frozen=True)
class Limit:
    """How much a person is shown; the rest is counted, and stands in the CSV.

    :param rows: of one table.
    :param total: of all tables of measured cells together.
    """

    rows: int = 40
    total: int = 160

    def rows_per_table(self, tables: int) -> int:
        """A fair share for each of so many tables, but never so few that nothing can be compared."""
        return max(5, min(self.rows, self.total // max(1, tables)))


def without_empty_columns(table: Table) -> Table:
    """The table without the columns in which no row has anything to say."""
    kept = [
        index
        for index, column in enumerate(table.columns)
        if column.importance == 0 or any(row[index].raw is not None for row in table.rows)
    ]
    return replace(
        table,
        columns=tuple(table.columns[index] for index in kept),
        rows=tuple(tuple(row[index] for index in kept) for row in table.rows),
    )
