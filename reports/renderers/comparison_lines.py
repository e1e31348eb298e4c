"""Comparisons and histories for a spreadsheet or a data frame: every number, nothing rounded."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Final

from tradeoff.compare.gate import Outcome
from tradeoff.compare.history import Series

from ..tables.format import printable
from ..tables.volumes import changes_of, front_name, reference_of

_EFFECT: Final = (
    *("suite", "cell", "measurement", "quantity", "unit", "old", "new", "verdict", "change", "change_low"),
    *("change_high", "in_points", "harm", "p", "p_adjusted", "smallest", "breaks_limit", "reason"),
)
_POINT: Final = (
    "suite",
    "cell",
    "measurement",
    "unit",
    "machine",
    "run",
    "started",
    "value",
    "noisy",
    "step",
    "change",
)
#: A spreadsheet takes what begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
Line = Sequence[str | float | None]


def lines_of(lines: Iterable[Line]) -> str:
    """CSV, with no text that could be a formula."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([_field(value) for value in line] for line in lines)
    return out.getvalue()


def _field(value: str | float | None) -> str | float | None:
    if not isinstance(value, str):
        return value
    return f"'{printable(value)}" if value.startswith(_FORMULA) else printable(value)


def comparison_lines(outcome: Outcome) -> Iterator[Line]:
    """A line for each effect, one for each front, then one for each cell that only one run has."""
    yield _EFFECT
    broken = {id(effect) for judgement in outcome.judgements for effect in judgement.effects}
    for effect in outcome.comparison.effects:
        yield (
            *(effect.suite, effect.cell, effect.measurement, effect.quantity, effect.unit, effect.old, effect.new),
            *(effect.verdict, effect.change, effect.low, effect.high, "yes" if effect.points else "no", effect.harm),
            *(effect.p, effect.adjusted, effect.smallest, "yes" if id(effect) in broken else "no", effect.reason),
        )
    comparison = outcome.comparison
    for front in changes_of(comparison):
        told = f"hypervolume of {front.old.cells} and {front.new.cells} cells; reference {reference_of(front)}"
        by = front.new.value - front.old.value
        ends = (front.new.low - front.old.high, front.new.high - front.old.low)
        yield (
            *(front.conditions.suite, front_name(front), "hypervolume", None, "1", front.old.value, front.new.value),
            *(front.verdict, by, *ends, "yes", -by, None, None, None, "no", told),
        )
    for role, lone in (("old", comparison.only_old), ("new", comparison.only_new)):
        for one in lone:
            told = f"only in the {role} run; in the other: {one.elsewhere} {one.reason}".rstrip()
            yield (one.suite, one.cell, *[None] * 5, "cannot be compared", *[None] * 9, told)


def history_lines(series: Sequence[Series]) -> Iterator[Line]:
    """A line for each run of each series."""
    yield _POINT
    for one in series:
        steps = {step.run: step.change for step in one.changes}
        for point in one.points:
            yield (
                *(one.suite, one.cell, one.measurement, one.unit, " ".join(one.machine), point.run, point.started),
                *(point.value, "yes" if point.noisy else "no"),
                *("yes" if point.run in steps else "no", steps.get(point.run)),
            )
