"""Where a request goes, operator by operator: one table for each cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tradeoff.compare.profiles import CellProfile
from tradeoff.vocabulary import Operator, Provenance

from .format import UNAVAILABLE, marked, number, printable
from .table import Cell, Column, Note, Table, without_empty_columns

_COLUMNS = (
    Column("number", "#", "right"),
    Column("kind", "operator"),
    Column("name", "where", importance=3, folds=True),
    Column("seconds", "time", "right", "s", importance=1),
    Column("share", "share", "right", importance=1),
    Column("flops", "FLOP", "right", importance=2),
    Column("weights", "weights", "right", "B", importance=1),
    Column("output", "gives", "right", "B", importance=2),
)
_HEADER = (
    "run", "cell", "number", "operator", "name", "seconds", "seconds_provenance", "flops", "weights_bytes",
    "output_bytes", "source",
)  # fmt: skip


def by_operator(profiles: Sequence[CellProfile]) -> list[Table]:
    """One table for each cell, in the order in which operators run."""
    return [_table(one) for one in profiles]


def profile_lines(profiles: Iterable[CellProfile]) -> Iterator[Sequence[str | float | None]]:
    """Every operator of every cell, one line each."""
    yield _HEADER
    for one in profiles:
        for number_, found in enumerate(one.profile.operators, 1):
            yield (
                one.run, one.cell, number_, found.kind, found.name,
                found.seconds, one.profile.seconds, found.flops, found.weights_bytes, found.output_bytes,
                one.profile.source,
            )  # fmt: skip


def _table(one: CellProfile) -> Table:
    profile = one.profile
    total = sum(found.seconds or 0.0 for found in profile.operators)
    rows = tuple(_row(number_, found, total, profile.seconds) for number_, found in enumerate(profile.operators, 1))
    table = Table(printable(one.cell), _COLUMNS, rows, tuple(_notes(one, total)))
    return without_empty_columns(table)


def _row(number_: int, found: Operator, total: float, provenance: Provenance) -> tuple[Cell, ...]:
    share = found.seconds / total if found.seconds is not None and total else None
    return (
        Cell(str(number_), number_),
        Cell(printable(found.kind)),
        Cell(printable(found.name, 200), found.name or None),
        Cell(marked(number(found.seconds, "seconds"), provenance, short=True), found.seconds),
        Cell(UNAVAILABLE if share is None else f"{100 * share:.1f} %", share),
        Cell(number(found.flops, "count"), found.flops),
        Cell(number(found.weights_bytes, "bytes"), found.weights_bytes),
        Cell(number(found.output_bytes, "bytes"), found.output_bytes),
    )


def _notes(one: CellProfile, total: float) -> Iterator[Note]:
    profile = one.profile
    told = [f"told by {printable(profile.source)}"] if profile.source else []
    weights = [found.weights_bytes for found in profile.operators if found.weights_bytes is not None]
    if total:
        whole = f"; a whole request took {number(one.latency, 'seconds')}" if one.latency is not None else ""
        told.append(f"all operators {number(total, 'seconds')}, {profile.seconds}{whole}")
    if weights:
        told.append(f"all weights {number(sum(weights), 'bytes')}")
    if told:
        yield Note("; ".join(told))
    if profile.note:
        yield Note(printable(profile.note))
