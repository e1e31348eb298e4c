"""Which columns of a table are shown at a given width, and how: a number is never broken, a name never cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from rich.cells import cell_len

from ..tables.table import Column, Table

GAP = 2
#: Columns up to this importance are what a decision needs; they go short before any of them is left out.
_NEEDED = 6
#: Room that makes running text worth a column of its own.
_READABLE = 36


@dataclass(frozen=True)
class Placed:
    """A column that is shown.

    :param index: of it in the table.
    :param width: of its widest text.
    :param stacked: of the column that goes on a second line of this one.
    """

    column: Column
    index: int
    width: int
    stacked: int | None = None


@dataclass(frozen=True)
class Layout:
    """The columns to show, from left to right, and whether in short."""

    placed: tuple[Placed, ...]
    short: bool

    @property
    def width(self) -> int:
        """What it takes, with running text as narrow as can still be read."""
        return _width_of(self.placed)

    def shows(self, key: str) -> bool:
        """Whether the column is there."""
        return any(place.column.key == key for place in self.placed)


def fit(table: Table, width: int) -> Layout:
    """The richest layout of the table that fits: short texts first, then stacking, then leaving out."""
    needed = [_needed(table, short, stacked) for stacked in (False, True) for short in (False, True)]
    chosen = next((layout for layout in needed if layout.width <= width), None)
    if chosen is None:
        return _smallest(needed[-1], width)
    return _extend(table, chosen, width)


def _needed(table: Table, short: bool, stacked: bool) -> Layout:
    places = [place for place in _places(table, short) if place.column.importance <= _NEEDED]
    return Layout(_stack(places) if stacked else tuple(places), short)


def _places(table: Table, short: bool) -> list[Placed]:
    return [Placed(column, index, _column_width(table, index, short)) for index, column in enumerate(table.columns)]


def _column_width(table: Table, index: int, short: bool) -> int:
    texts = {(row[index].short if short else "") or row[index].text for row in table.rows}
    return max(map(_length, (table.columns[index].header, *texts)))


@lru_cache(maxsize=4096)
def _length(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _stack(places: Sequence[Placed]) -> tuple[Placed, ...]:
    """The columns that may go under another one, under it."""
    keys = {place.column.key for place in places}
    under = {place.column.under: place for place in places if place.column.under in keys}
    kept = (place for place in places if place.column.under not in keys)
    return tuple(
        replace(place, stacked=below.index, width=max(place.width, below.width + 2))
        if (below := under.get(place.column.key)) is not None
        else place
        for place in kept
    )


def _width_of(places: Iterable[Placed]) -> int:
    widths = [min(place.width, _READABLE) if place.column.folds else place.width for place in places]
    return sum(widths) + GAP * (len(widths) - 1)


def _smallest(layout: Layout, width: int) -> Layout:
    """Leave out the least important until it fits; what identifies a row stays, and is folded if it must be."""
    places = list(layout.placed)
    spare = sorted((place for place in places if place.column.importance > 1), key=lambda p: -p.column.importance)
    for place in spare:
        if _width_of(places) <= width:
            break
        places.remove(place)
    return replace(layout, placed=tuple(places))


def _extend(table: Table, layout: Layout, width: int) -> Layout:
    """Add what is useful beyond the needed, the most important first, while there is room."""
    optional = [place for place in _places(table, layout.short) if place.column.importance > _NEEDED]
    for place in sorted(optional, key=lambda place: place.column.importance):
        wider = tuple(sorted((*layout.placed, place), key=lambda place: place.index))
        if _width_of(wider) <= width:
            layout = replace(layout, placed=wider)
    return layout
