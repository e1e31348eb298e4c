"""Tables for a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from ..tables.by_operator import by_operator
from ..tables.comparison import compared
from ..tables.over_time import over_time
from ..tables.recommendation import recommended
from ..tables.report import NOTHING, report
from ..tables.table import Cell, Note, Quote, Table, Tone
from ..views.shipped import NOTHING as NOTHING_ASKED
from ..views.shipped import view_tables

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable
    from rich.text import Text

    from .layout import Layout, Placed

_STYLES: Final[dict[Tone, str]] = {
    "plain": "",
    "good": "green",
    "bad": "red",
    "warning": "yellow",
    "dim": "dim",
    "strong": "bold",
}
_NARROWEST: Final = 40


class Terminal(tradeoff.Renderer):
    """As many columns as there is room for; in colour where the terminal has it."""

    name = "terminal"
    summary = "tables for reading in a terminal, as wide as it is"

    def render(self, runs: Any, width: int, colour: bool) -> str:
        """The report over ``runs``."""
        return _printed(report(runs), width, colour) or f"{NOTHING}\n"

    def render_comparison(self, outcome: Any, width: int, colour: bool) -> str:
        """What changed, what did not, and what became of the limits."""
        return _printed(compared(outcome), width, colour)

    def render_history(self, series: Any, width: int, colour: bool) -> str:
        """Values over time, and where they changed."""
        return _printed(over_time(series), width, colour)

    def render_profiles(self, profiles: Any, width: int, colour: bool) -> str:
        """Where requests go, a table for each cell."""
        return _printed(by_operator(profiles), width, colour)

    def render_recommendation(self, found: Any, width: int, colour: bool) -> str:
        """What to ship, with the answer at the end, where it is read first."""
        return _printed(recommended(found), width, colour)

    def render_view(self, view: Any, runs: Any, width: int, colour: bool) -> str:
        """The tables of a view."""
        return _printed(view_tables(view, runs), width, colour) or f"{NOTHING_ASKED}\n"


def _printed(tables: Iterable[Table], width: int, colour: bool) -> str:
    from rich.console import Console

    room = max(_NARROWEST, width)
    console = Console(
        file=StringIO(),
        width=room,
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
    told: set[str] = set()
    for table in tables:
        for part in _parts(table, room, told):
            console.print(part)
        console.print()
    written: str = console.file.getvalue()  # type: ignore[attr-defined]
    lines = [line.rstrip() for line in written.rstrip().splitlines()]
    return "\n".join(lines) + "\n" if lines else ""


def _parts(table: Table, width: int, told: set[str]) -> Iterator[RenderableType]:
    """Title, table, what a program printed, and the notes that were not told before."""
    from rich.padding import Padding
    from rich.text import Text

    from .layout import fit

    layout = fit(table, width)
    yield Text(table.title, style="bold cyan", overflow="fold")
    yield _grid(table, layout)
    yield from (_quote(quote) for quote in table.quotes)
    for note in table.notes:
        line = _note(note, layout)
        if line and line not in told:
            yield Padding(Text(line, style="dim", overflow="fold"), (0, 0, 0, 2))
        told.update([line] if note.once else [])


def _grid(table: Table, layout: Layout) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable

    # With the divider of the box, one column of padding makes the gap that the layout reckons with.
    grid = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for place in layout.placed:
        column = place.column
        grid.add_column(
            column.header,
            justify=column.align,
            # Known widths spare rich the measuring of every cell.
            width=None if column.folds else place.width,
            no_wrap=not column.folds,
            overflow="fold",
            header_style="bold",
        )
    for row in table.rows:
        grid.add_row(*(_cell(row, place, layout.short) for place in layout.placed))
    return grid


def _cell(row: Sequence[Cell], place: Placed, short: bool) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding

    text = _text(row[place.index], short)
    if place.stacked is None:
        return text
    # What is stacked stands a little to the right, so that it is not taken for a row of its own.
    return Group(text, Padding(_text(row[place.stacked], short), (0, 0, 0, 2)))


def _text(cell: Cell, short: bool) -> Text:
    from rich.text import Text

    return Text(_said(cell, short), style=_STYLES[cell.tone])


def _said(cell: Cell, short: bool) -> str:
    return cell.short if short and cell.short else cell.text


def _note(note: Note, layout: Layout) -> str:
    """The note, unless it explains something that is not shown, or that stands there in full."""
    about = (note.column, *note.among) if note.column else note.among
    if about and not any(layout.shows(key) for key in about):
        return ""
    if not note.mark:
        return note.text
    return f"{note.mark}  {note.text}" if layout.short else ""


def _quote(quote: Quote) -> RenderableType:
    from rich.padding import Padding
    from rich.text import Text

    lines = "\n".join(f"│ {line}" for line in quote.lines)
    return Padding(Text.assemble((f"{quote.title}\n", "red"), lines, overflow="fold"), (0, 0, 0, 2))
