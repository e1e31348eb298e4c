"""Tables as HTML: every number with what it is sorted by, every word harmless."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from ..tables.format import is_number, printable
from ..tables.table import Cell, Column, Note, Quote, Table

#: Columns less important than this are shown when they are asked for.
_IMPORTANT: Final = 9
#: So many notes are in sight.
_NOTES: Final = 3
#: Where all of them are few, none is hidden.
_FEW: Final = 14


def tables_html(tables: Iterable[Table], told: set[str], start: int = 1) -> Iterator[str]:
    """Each table with its title and notes; notes that hold for later ones as well are told once.

    :param start: the number of the first table, for its anchor.
    """
    for number, table in enumerate(tables, start):
        yield _table(table, f"table-{number}", told)


def _table(table: Table, name: str, told: set[str]) -> str:
    notes = [note for note in table.notes if not note.mark and note.text not in told]
    told.update(note.text for note in notes if note.once)
    title = _text(table.title)
    count = f'<span class="count" data-of="{len(table.rows)}"></span>' if len(table.rows) > 1 else ""
    return "\n".join(
        (
            f'<section class="table" id="{name}" aria-labelledby="{name}-title">',
            f'<h3 id="{name}-title">{title} {count}</h3>',
            f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{name}-title"><table>',
            *_grid(table),
            "</table></div>",
            *map(_quote, table.quotes),
            *_notes(notes),
            "</section>",
        )
    )


def _grid(table: Table) -> Iterator[str]:
    classes = [_class_of(column, len(table.columns)) for column in table.columns]
    under = _stacked(table.columns)
    yield "<thead><tr>"
    yield "".join(_head(column, name) for column, name in zip(table.columns, classes, strict=True))
    yield "</tr></thead><tbody>"
    for row in table.rows:
        yield "<tr>" + "".join(
            _field(cell, name, index == 0, row[under] if index == 0 and under else None)
            for index, (cell, name) in enumerate(zip(row, classes, strict=True))
        )
    yield "</tbody>"


def _stacked(columns: Sequence[Column]) -> int:
    """The column that stands under the first one where a page is narrow."""
    return next((i for i, column in enumerate(columns) if i and column.under == columns[0].key), 0)


def _class_of(column: Column, count: int) -> str:
    names = ["r"] if column.align == "right" else []
    names += ["w"] if column.folds else []
    names += ["more"] if column.importance > _IMPORTANT and count > _FEW else []
    names += ["wide"] if column.under else []
    return " ".join(names)


def _head(column: Column, name: str) -> str:
    told = _text(column.header)
    if not told:
        return f"<th scope=col{_attribute('class', name)}>"
    return f"<th scope=col{_attribute('class', name)}><button type=button>{told}</button>"


def _field(cell: Cell, name: str, first: bool, under: Cell | None) -> str:
    tone = "" if cell.tone == "plain" else cell.tone
    names = " ".join(filter(None, (name, tone)))
    raw = f" data-v={cell.raw!r}" if is_number(cell.raw) else ""
    below = f"<small>{_content(under)}</small>" if under else ""
    tag = "th scope=row" if first else "td"
    return f"<{tag}{_attribute('id', escape(cell.anchor))}{_attribute('class', names)}{raw}>{_content(cell)}{below}"


def _content(cell: Cell) -> str:
    links = (f'<a href="#{escape(anchor)}">{_text(text)}</a>' for text, anchor in cell.links)
    return ", ".join(links) or _text(cell.text)


def _attribute(name: str, value: str) -> str:
    return f' {name}="{value}"' if value else ""


def _text(text: str) -> str:
    return escape(printable(text))


def _quote(quote: Quote) -> str:
    lines = "\n".join(map(_text, quote.lines))
    return f"<details><summary>{_text(quote.title)}</summary><pre>{lines}</pre></details>"


def _notes(notes: Sequence[Note]) -> Iterator[str]:
    """The first in sight, where what decides stands; of many the rest behind a line that opens."""
    shown = len(notes) if len(notes) <= _NOTES + 1 else _NOTES
    yield from _list(notes[:shown])
    if notes[shown:]:
        yield f"<details><summary>{len(notes) - shown} more notes</summary>"
        yield from _list(notes[shown:])
        yield "</details>"


def _list(notes: Sequence[Note]) -> Iterator[str]:
    if notes:
        yield '<ul class="notes">'
        yield from (f"<li>{_text(note.text)}</li>" for note in notes)
        yield "</ul>"
