"""Cascades as a table: every pair that was looked at, with its threshold and what that gives on both splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tradeoff.decide.advice import Advice
from tradeoff.decide.candidates import Candidate
from tradeoff.decide.cascades import Cascade, Tried
from tradeoff.decide.cascading import remark
from tradeoff.decide.counting import MEANS
from tradeoff.decide.wishes import Wish

from .conditions import where
from .format import UNAVAILABLE, interval, marked, number, printable, quantity_of
from .table import Cell, Column, Note, Table, without_empty_columns

_MOST: Final = 20
_COLUMNS: Final = (
    Column("cascade", "small > large", folds=True),
    Column("below", "below", "right", importance=1),
    Column("passed", "passed on", "right", importance=1),
    Column("accuracy", "accuracy", "right", importance=1),
    Column("validation", "validation", "right", importance=4),
    Column("latency", "latency", "right", "s", importance=2),
    Column("energy", "energy", "right", "J", importance=3),
    Column("told", "what of it", folds=True),
)
_HOW: Final = (
    Note(
        "below: what the small one is less sure of goes to the large one; chosen on the validation split, told of the "
        "test split; latency and energy are means over requests"
    ),
)


def cascades_table(advice: Advice) -> list[Table]:
    """Those that compete first, then pairs of which one alone is as good; nothing where none was asked for."""
    if advice.cascades is None:
        return []
    tried = sorted(advice.cascades.tried, key=lambda one: one.cascade is None)
    roles = _roles(advice)
    rows = tuple(_row(one, advice.wish, roles) for one in tried[:_MOST])
    more = len(tried) - _MOST
    notes = [Note(printable(text)) for text in advice.cascades.left_out]
    notes += [Note(f"and {more:,} more pairs: they are in the CSV and in the JSON")] if more > 0 else []
    title = f"Cascades: {len(tried):,} pair{'' if len(tried) == 1 else 's'} · {where(advice)}"
    how = _HOW if advice.cascades.candidates else ()
    return [without_empty_columns(Table(title, _COLUMNS, rows, (*how, *notes)))]


def _roles(advice: Advice) -> dict[str, str]:
    """What became of each that competes, by its spelling."""
    found = {
        one.candidate.spelling: "fits" if one.fits else "not within the limits"
        for one in advice.rejected
        if one.candidate.halves
    }
    second = advice.runner_up.candidate.spelling if advice.runner_up is not None else ""
    first = advice.choice.spelling if advice.choice is not None else ""
    return {**found, second: "the runner-up", first: "the choice"}


def called(candidate: Candidate) -> str:
    """The name of a candidate, such that a narrow column breaks it between the two of a cascade."""
    return printable(" > ".join(half.name for half in candidate.halves) or candidate.name)


def _row(one: Tried, wish: Wish, roles: Mapping[str, str]) -> tuple[Cell, ...]:
    pair = Cell(printable(f"{one.small.name} > {one.large.name}"), one.name)
    found = one.cascade
    if found is None:
        nothing = Cell(UNAVAILABLE, tone="dim")
        return (pair, *(nothing,) * 6, Cell(printable(one.why), one.why, tone="dim"))
    told = f"{roles.get(found.spelling, '')}; {remark(found, wish)}"
    return (
        *(pair, Cell(f"{found.threshold:.4g}", found.threshold)),
        *(_percent(share) for share in (found.test.share, found.test.accuracy, found.validation.accuracy)),
        *(_mean(found, name) for name in MEANS),
        Cell(printable(told), told),
    )


def _percent(value: float) -> Cell:
    return Cell(number(value, "percent"), value)


def _mean(found: Cascade, name: str) -> Cell:
    known = found.numbers.get(name)
    if known is None:
        return Cell(UNAVAILABLE, tone="dim")
    bare = number(known.value, quantity_of(known.unit), known.unit)
    return Cell(marked(bare, known.provenance), known.value, marked(bare, known.provenance, short=True))


def cascade_told(choice: Cascade) -> Iterator[str]:
    """How it works, in sentences."""
    test, chosen = choice.test, choice.validation
    yield printable(
        f"a cascade: {choice.small.name} answers; what it is less than {choice.threshold:.4g} sure of goes on to "
        f"{choice.large.name}"
    )
    passed = f"{number(test.share, 'percent')} [{interval(*test.reach, 'percent')}] of the test split is passed on"
    before = f"{number(chosen.share, 'percent')} of the validation split, by which the threshold was chosen"
    right = f"{number(test.accuracy, 'percent')} are right, {number(chosen.accuracy, 'percent')} there"
    yield f"{passed}, {before}; {right}"
