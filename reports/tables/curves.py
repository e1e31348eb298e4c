"""Ranges of a parameter as tables: quality against size and MACs, value by value, over the seeds of several runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tradeoff.record import Run

from .format import UNAVAILABLE, Quantity, interval, number, printable
from .rows import Row
from .table import Cell, Column, Note, Table, without_empty_columns

#: Fewer values than this are no curve.
_FEWEST: Final = 3
_TABLES: Final = 6
#: By degrees of freedom, how many standard errors lie between the mean and either end of its 95 % interval; of more
#: of them the last.
_STUDENT: Final = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
_COSTS: Final[Mapping[str, tuple[str, Quantity, str]]] = {
    "artifact_bytes": ("size", "bytes", "B"),
    # What zeros and shared values save in a file whose format stores every weight.
    "gzip_bytes": ("gzip", "bytes", "B"),
    "macs": ("MACs", "count", "1"),
    "latency": ("latency", "seconds", "s"),
}


@dataclass
class _Curve:
    """The rows of one model, backend, device and load along one range.

    :param values: each chain's value, in the order of the range.
    :param rows: of each chain by the seed of its run; of one seed the last run counts.
    """

    parameter: str
    values: Mapping[str, float | int]
    rows: dict[str, dict[Any, Row]] = field(default_factory=dict)


def curve_tables(runs: Sequence[Run], rows: Sequence[Row]) -> list[Table]:
    """A table for each range that was asked for and each place at which it was run; of very many the first few."""
    seeds = {id(record): run.options.get("seed") for run in runs for record in run.records}
    asked = list(_asked(runs))
    curves: dict[tuple[Any, ...], _Curve] = {}
    for number_, (parameter, values) in enumerate(asked):
        for row in rows:
            if row.cell.chain in values and row.record.status == "measured" and row.metric:
                place = (number_, row.cell.model, row.cell.backend, row.cell.device, row.cell.load)
                curve = curves.setdefault(place, _Curve(parameter, values))
                curve.rows.setdefault(row.cell.chain, {})[str(seeds.get(id(row.record)))] = row
    found = [(place, curve) for place, curve in curves.items() if len(curve.rows) >= _FEWEST]
    tables = [_table(place[1:], curve) for place, curve in found[:_TABLES]]
    if len(found) > _TABLES:
        last = tables[-1]
        more = Note(f"and {len(found) - _TABLES:,} more curves")
        tables[-1] = Table(last.title, last.columns, last.rows, (*last.notes, more))
    return tables


def _asked(runs: Sequence[Run]) -> Iterator[tuple[str, dict[str, float | int]]]:
    """The ranges of all runs, each once. What a file says of them need not be so."""
    seen = set()
    for run in runs:
        told = run.options.get("curves")
        for curve in told if isinstance(told, list | tuple) else ():
            try:
                parameter = str(curve["parameter"])
                values = {str(chain): value for value, chain in curve["points"] if isinstance(value, int | float)}
            except (KeyError, TypeError, ValueError):
                continue
            key = (parameter, *values)
            if key not in seen:
                seen.add(key)
                yield parameter, values


def _table(place: Sequence[str], curve: _Curve) -> Table:
    rows = [
        _row(value, list(curve.rows[chain].values())) for chain, value in curve.values.items() if chain in curve.rows
    ]
    metric = next(iter(next(iter(curve.rows.values())).values())).metric
    title = " · ".join(printable(part) for part in ("Curve", curve.parameter, *place))
    columns = (
        Column("value", printable(curve.parameter.rpartition(" ")[2]), "right"),
        Column("metric", printable(metric), "right", "1"),
        Column("interval", "95 % interval", "right", "1", 2),
        Column("seeds", "seeds", "right", "1", 3),
        *(Column(name, header, "right", unit, 1) for name, (header, _, unit) in _COSTS.items()),
    )
    several = max(len(found) for found in curve.rows.values()) > 1
    told = (
        "the interval is that of the mean over seeds (Student's t); sizes, MACs and latencies are their means"
        if several
        else "one seed: what chance does is not known; runs with another --tradeoff-seed, reported together, tell it"
    )
    return without_empty_columns(Table(title, columns, tuple(rows), (Note(told),)))


def _row(value: float, found: Sequence[Row]) -> tuple[Cell, ...]:
    quantity: Quantity = "percent" if found[0].metric == "accuracy" else "number"
    scores = [score for row in found if (score := row.value(row.metric)) is not None]
    mean = statistics.fmean(scores) if scores else None
    ends = _ends(scores)
    between = Cell(interval(*ends, quantity), ends[0]) if ends else Cell(UNAVAILABLE, tone="dim")
    costs = [_cost(found, name, quantity) for name, (_, quantity, _) in _COSTS.items()]
    return (
        Cell(f"{value:g}", value, tone="strong"),
        Cell(number(mean, quantity), mean),
        between,
        Cell(f"{len(found)}", len(found) if len(found) > 1 else None),
        *costs,
    )


def _cost(found: Sequence[Row], name: str, quantity: Quantity) -> Cell:
    values = [value for row in found if (value := row.value(name)) is not None]
    mean = statistics.fmean(values) if values else None
    return Cell(number(mean, quantity), mean)


def _ends(scores: Sequence[float]) -> tuple[float, float] | None:
    """Of the mean's interval; of one seed there is none."""
    if len(scores) < 2:
        return None
    factor = _STUDENT[min(len(scores) - 1, len(_STUDENT)) - 1]
    half = factor * statistics.stdev(scores) / math.sqrt(len(scores))
    mean = statistics.fmean(scores)
    return mean - half, mean + half
