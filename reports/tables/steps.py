"""What each step of a chain contributed to size and quality, and what it took, as records tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import tradeoff
from tradeoff.decide.objectives import wilson
from tradeoff.record import Record, Run

from .format import UNAVAILABLE, Quantity, is_number, number, printable
from .table import Cell, Column, Note, Table

_CHAINS: Final = 200
_COLUMNS: Final = (
    Column("chain", "chain", folds=True),
    Column("backend", "backend", under="chain"),
    Column("step", "after"),
    Column("size", "size", "right", "B"),
    Column("share", "of it left", "right", "1", importance=4),
    Column("gzip", "gzip", "right", "B", importance=7),
    Column("quality", "quality", "right", "1"),
    Column("change", "change", "right", "1", importance=2),
    Column("seconds", "took", "right", "s", importance=8),
    Column("epochs", "epochs", "right", "1", importance=9),
)


@dataclass(frozen=True)
class Waterfall:
    """One chain on the way from the trained model to its last step.

    :param chain: as the cell is spelled.
    :param backends: whose files are these; several of them can share a format.
    :param samples: on which the quality was judged, where that is known.
    :param steps: what a record says after each step, the trained model first.
    """

    model: str
    chain: str
    backends: tuple[str, ...]
    metric: str
    samples: float | None
    steps: tuple[Mapping[str, Any], ...]


def waterfalls_of(runs: Sequence[Run]) -> list[Waterfall]:
    """Each once, however many devices and batches its cell is asked on."""
    found: dict[tuple[Any, ...], dict[str, Waterfall]] = {}
    for run in runs:
        for record in run.records:
            one = _of_record(record)
            if one is not None:
                told = tuple(str([step.get(name) for name in ("step", "bytes", "quality")]) for step in one.steps)
                found.setdefault((one.model, one.chain, told), {})[one.backends[0]] = one
    return [_merged(list(same.values())) for same in found.values()]


def _merged(same: Sequence[Waterfall]) -> Waterfall:
    first = same[0]
    backends = tuple(name for one in same for name in one.backends)
    return replace(first, backends=backends)


def _of_record(record: Record) -> Waterfall | None:
    told = record.facts.get("waterfall")
    steps = tuple(step for step in told if isinstance(step, Mapping)) if isinstance(told, list | tuple) else ()
    if not steps:
        return None
    cell = record.cell
    metric, samples = str(record.facts.get("metric") or "metric"), record.facts.get("test_samples")
    known = samples if is_number(samples) and samples > 0 else None
    return Waterfall(cell.model, str(cell.chain), (cell.backend,), metric, known, steps)


def step_tables(runs: Sequence[Run]) -> list[Table]:
    """A table for each model: for each of its chains a row for the trained model, and one for each step."""
    found = waterfalls_of(runs)
    models = dict.fromkeys(one.model for one in found)
    return [_table(model, [one for one in found if one.model == model]) for model in models]


def _table(model: str, found: Sequence[Waterfall]) -> Table:
    notes = [Note("size and gzip: of the artifact after the step; of it left, and change: against the row above")]
    notes.append(Note(f"quality: {printable(' and '.join(dict.fromkeys(one.metric for one in found)))} on test"))
    notes.append(Note("? no difference is shown: the two 95 % intervals overlap", "change"))
    if len(found) > _CHAINS:
        notes.append(Note(f"and {len(found) - _CHAINS:,} more chains"))
    rows = tuple(row for one in found[:_CHAINS] for row in _rows(one))
    return Table(f"Steps · {printable(model)}", _COLUMNS, rows, tuple(notes))


def _rows(one: Waterfall) -> Iterator[tuple[Cell, ...]]:
    quantity: Quantity = "percent" if one.metric == "accuracy" else "number"
    chain, backends = printable(one.chain), printable(", ".join(one.backends))
    before: Mapping[str, Any] = {}
    for place, step in enumerate(one.steps):
        why = printable(str(step.get("note") or ""))
        yield (
            Cell("" if place else chain, chain, tone="strong"),
            Cell("" if place else backends, backends),
            Cell(printable(str(step.get("step") or UNAVAILABLE))),
            _number(step.get("bytes"), "bytes", why),
            _share(before.get("bytes"), step.get("bytes")),
            _number(step.get("gzip_bytes"), "bytes"),
            _number(step.get("quality"), quantity),
            _change(before.get("quality"), step.get("quality"), one),
            _number(step.get("seconds"), "seconds"),
            _number(step.get("epochs"), "count"),
        )
        before = step


def _number(value: Any, quantity: Quantity, why: str = "") -> Cell:
    return Cell(number(value, quantity), value) if is_number(value) else Cell(UNAVAILABLE, tone="dim", why=why)


def _share(before: Any, after: Any) -> Cell:
    if not (is_number(before) and is_number(after) and before > 0):
        return Cell("")
    return Cell(f"{after / before:.0%}".replace("%", " %"), after / before)


def _change(before: Any, after: Any, one: Waterfall) -> Cell:
    if not (is_number(before) and is_number(after)):
        return Cell("")
    change = after - before
    if one.metric != "accuracy":
        return Cell(f"{change:+.3g}", change)
    shown = one.samples is not None and _apart(before, after, one.samples)
    return Cell(f"{100 * change:+.2f} pp{'' if shown else '?'}", change, tone="plain" if shown else "dim")


def _apart(one: float, other: float, samples: float) -> bool:
    """Whether neither accuracy is within what the other one could be by chance."""
    below, above = sorted((one, other))
    return wilson(below, samples)[1] < wilson(above, samples)[0]


VIEW: Final = tradeoff.View(
    "steps", "what each step of a chain contributed: size, accuracy, and what it took", tables=step_tables
)
