"""A number of a view as a cell: by itself or against the reference, with its provenance, or with why there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..tables.format import (
    UNAVAILABLE,
    change,
    interval,
    marked,
    number,
    printable,
    quantity_of,
    signed,
    significant,
    times,
)
from ..tables.measured import letter
from ..tables.table import Cell, Note, Tone
from .files import ColumnOfView
from .terms import METRIC, VALIDATION, Found
from .units import dimension_of, scaled

_REASONS: Final = 12
_LONGEST: Final = 300
#: These are told in per cent where they are shares.
_SHARES: Final = (METRIC, VALIDATION, "accuracy", "top1_agreement", "parity_top1")
#: With these no number has a unit.
_BARE: Final = frozenset({"ratio", "share", "reduction"})


class Whys:
    """The reasons for which there is nothing, each with a letter that stands in the cells."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}
        self.unsure = False

    def cell(self, why: str) -> Cell:
        """A cell without a number."""
        told = printable(why, _LONGEST)
        mark = self._letters.setdefault(told, letter(len(self._letters)))
        return Cell(f"{UNAVAILABLE} {mark}", None, tone="dim", why=told)

    def notes(self) -> list[Note]:
        """What the letters stand for."""
        told = [Note(f"{mark}  {text}") for text, mark in self._letters.items()]
        more = [Note(f"and {len(told) - _REASONS} more reasons: the CSV has them")] if len(told) > _REASONS else []
        unsure = [Note("? no difference is shown: the two intervals overlap")] if self.unsure else []
        return [*unsure, *told[:_REASONS], *more]


def number_cell(column: ColumnOfView, found: Found, reference: Found | None, whys: Whys) -> Cell:
    """What a column tells of a number."""
    if found.value is None:
        return whys.cell(found.why)
    if column.how == "value":
        return _marked(_written(column, found, found.value), found, _in_unit(column, found, found.value))
    if column.how == "interval":
        return _interval(column, found, whys)
    if reference is None or reference.value is None:
        return whys.cell(reference.why if reference is not None else "there is no reference")
    if reference.provenance != found.provenance:
        return whys.cell(f"{found.provenance} here, {reference.provenance} in the reference")
    return _against(column, found, reference, whys)


def _against(column: ColumnOfView, found: Found, reference: Found, whys: Whys) -> Cell:
    ours, theirs = found.value or 0.0, reference.value or 0.0
    if column.how in _BARE and (theirs == 0 or ours == 0):
        return whys.cell("of zero there is no share")
    value = _compared(column.how, ours, theirs, found.direction)
    unsure = ours != theirs and _overlap(found, reference)
    whys.unsure |= unsure
    text = _relation(column, found, value) + "?" * unsure
    tone: Tone = "dim" if unsure else "plain"
    raw = value if column.how in _BARE else _in_unit(column, found, value)
    return replace(_marked(text, found, raw), tone=tone)


def _compared(how: str, ours: float, theirs: float, direction: str) -> float:
    if how == "ratio":
        return theirs / ours
    if how == "share":
        return ours / theirs
    if how == "reduction":
        return 1 - ours / theirs
    worse = theirs - ours if direction == "higher" else ours - theirs
    return worse if how == "loss" else ours - theirs


def _relation(column: ColumnOfView, found: Found, value: float) -> str:
    if column.how == "ratio":
        return times(value)
    if column.how in _BARE:
        return f"{100 * value:.1f} %".replace("-0.0 %", "0.0 %")
    if _in_percent(column, found):
        return change(value, points=True)
    return signed(_in_unit(column, found, value)) if column.unit else f"{'+' * (value > 0)}{_plain(found, value)}"


def _overlap(ours: Found, theirs: Found) -> bool:
    """Whether the intervals that both are compared by overlap; what has none is exact."""
    if ours.least is None or ours.most is None or theirs.least is None or theirs.most is None:
        return False
    exact = ours.least == ours.most and theirs.least == theirs.most
    return not exact and ours.least <= theirs.most and theirs.least <= ours.most


def _marked(text: str, found: Found, raw: float) -> Cell:
    return Cell(marked(text, found.provenance, short=True), raw)


def _interval(column: ColumnOfView, found: Found, whys: Whys) -> Cell:
    if found.low is None or found.high is None:
        return whys.cell("it has no interval")
    if _in_percent(column, found):
        text = f"{100 * found.low:.2f} – {100 * found.high:.2f} %"
    elif column.unit:
        text = f"{significant(scaled(found.low, column.unit))} – {significant(scaled(found.high, column.unit))}"
    else:
        text = interval(found.low, found.high, quantity_of(found.unit))
    return _marked(text, found, _in_unit(column, found, found.low))


def _in_percent(column: ColumnOfView, found: Found) -> bool:
    """Shares are told in per cent: the task's metric where it is one, and whatever the file asks so."""
    if column.unit:
        return column.unit == "%"
    plain = column.term.plain if column.term is not None else ""
    return plain in _SHARES and found.unit == "1" and _is_share(found)


def _is_share(found: Found) -> bool:
    return found.value is not None and 0 <= found.value <= 1 and found.direction == "higher"


def _written(column: ColumnOfView, found: Found, value: float) -> str:
    if _in_percent(column, found):
        return f"{100 * value:.2f} %"
    return _readable(_in_unit(column, found, value)) if column.unit else _plain(found, value)


def _readable(value: float) -> str:
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else significant(value)


def _plain(found: Found, value: float) -> str:
    if found.unit in ("", "1"):
        return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e9 else significant(value)
    return number(value, quantity_of(found.unit), found.unit)


def _in_unit(column: ColumnOfView, found: Found, value: float) -> float:
    return scaled(value, column.unit) if column.unit else value


def misfit(column: ColumnOfView, found: Found) -> str:
    """What is wrong with the unit of a column whose number is in another one; arithmetic can give any."""
    if not column.unit or not found.unit or dimension_of(column.unit) == found.unit:
        return ""
    return (
        f"column {column.header!r} is in {column.unit}, and {column.term.text if column.term else ''} in {found.unit}"
    )
