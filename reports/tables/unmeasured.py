"""What was planned and not measured, told by status and reason, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from tradeoff.record import STATUSES, Axes, Status

from .format import printable
from .rows import Row
from .table import Cell, Column, Limit, Note, Quote, Table

#: What needs somebody's attention comes before what is as it should be.
_URGENCY: Final[tuple[Status, ...]] = ("crashed", "failed", "interrupted", "refused", "skipped", "not run")
_ALARMING: Final = frozenset({"crashed", "failed"})
_EXAMPLES: Final = 3
_LAST_LINES: Final = 6
_COLUMNS: Final = (
    Column("status", "status"),
    Column("count", "cells", "right", "1"),
    Column("reason", "reason", folds=True),
    Column("which", "which", folds=True, under="reason"),
)


class _Cause(NamedTuple):
    status: Status
    reason: str
    suite: str


def unmeasured_tables(rows: Sequence[Row], limit: Limit) -> list[Table]:
    """One table for each run in which something was not measured."""
    by_run: dict[str, list[Row]] = {}
    for row in rows:
        by_run.setdefault(row.run, []).append(row)
    several = len(by_run) > 1
    found = [_table(run if several else "", members, limit) for run, members in by_run.items()]
    return [table for table in found if table.rows]


def _table(run: str, rows: Sequence[Row], limit: Limit) -> Table:
    groups = _group(row for row in rows if row.record.status != "measured")
    missing = sum(len(members) for members in groups.values())
    shown = list(groups.items())[: limit.rows]
    title = f"Not measured: {missing:,} of {len(rows):,} cells" + (f" · run {printable(run)}" if run else "")
    told = {cause.status: STATUSES[cause.status] for cause, _ in shown}
    notes = [Note(f"{status}: {meaning}") for status, meaning in told.items()]
    if len(groups) > len(shown):
        notes.insert(0, Note(f"and {len(groups) - len(shown):,} more reasons: they are in the CSV"))
    quotes = [quote for cause, members in shown for quote in _quotes(cause, members)]
    return Table(title, _COLUMNS, tuple(_cells(c, m) for c, m in shown), tuple(notes), tuple(quotes))


def _group(rows: Iterable[Row]) -> dict[_Cause, list[Row]]:
    groups: dict[_Cause, list[Row]] = {}
    for row in rows:
        record = row.record
        groups.setdefault(_Cause(record.status, record.reason, record.suite), []).append(row)
    urgency = {status: position for position, status in enumerate(_URGENCY)}
    order = sorted(groups, key=lambda cause: (urgency[cause.status], -len(groups[cause])))
    return {cause: groups[cause] for cause in order}


def _cells(cause: _Cause, members: Sequence[Row]) -> tuple[Cell, ...]:
    which = printable(describe([row.cell for row in members]))
    reason = printable(cause.reason) or "no reason was recorded"
    return (
        Cell(cause.status, cause.status, tone="bad" if cause.status in _ALARMING else "plain"),
        Cell(f"{len(members):,}", len(members)),
        Cell(reason, cause.reason),
        Cell(which, which, tone="dim"),
    )


def describe(cells: Sequence[Axes]) -> str:
    """The cells by name while they are few, else the pattern they share and an example."""
    spellings = [cell.spelling for cell in cells]
    if len(spellings) <= _EXAMPLES:
        return ", ".join(spellings)
    shared = pattern(cells)
    if shared == "*/*/*/*/*":
        return ", ".join(spellings[:_EXAMPLES]) + f" and {len(spellings) - _EXAMPLES:,} more"
    return f"{shared}, such as {spellings[0]}"


def pattern(cells: Iterable[Axes]) -> str:
    """What the cells share, with ``*`` for each axis in which they differ."""
    axes = zip(*((c.model, c.chain, c.backend, c.device, c.load) for c in cells), strict=True)
    values = [set(axis) for axis in axes]
    return "/".join(next(iter(axis)) if len(axis) == 1 else "*" for axis in values)


def _quotes(cause: _Cause, members: Sequence[Row]) -> list[Quote]:
    """The last lines of what the worker printed, for the first cell that has any."""
    told = next((row for row in members if row.record.detail.strip()), None)
    if cause.status not in _ALARMING or told is None:
        return []
    lines = [printable(line.rstrip()) for line in told.record.detail.splitlines() if line.strip()]
    more = f" (the first of {len(members):,})" if len(members) > 1 else ""
    return [Quote(f"{cause.status}: {printable(told.cell.spelling)}{more}", tuple(lines[-_LAST_LINES:]))]
