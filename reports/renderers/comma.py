"""Comma-separated values for a spreadsheet or a data frame: every record, every number, nothing rounded."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from io import StringIO
from typing import Any, Final

import tradeoff
from tradeoff.record import Measurement, Run

from ..tables.by_operator import profile_lines
from ..tables.columns import KNOWN
from ..tables.format import is_number, printable
from ..tables.fronts import Fronts
from ..tables.rows import METRICS, Ratio, Row, label_runs, make_rows
from ..tables.table import Limit
from ..views.shipped import view_tables
from .comparison_lines import comparison_lines, history_lines, lines_of
from .recommendation_lines import recommendation_lines
from .view_lines import view_lines

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_RUN: Final = ("run", "file", "started", "node", "processor", "cores", "system")
_CELL: Final = ("suite", "cell", "model", "chain", "backend", "device", "load", "status", "reason")
_TOLD: Final = ("verdicts", "same_as")
_LATENCY: Final = ("latency_s", "latency_low_s", "latency_high_s", "latency_provenance")
_DERIVED: Final = ("speed_up", "speed_up_low", "speed_up_high", "size_ratio", "metric", "metric_value", "metric_change")
_METRIC_ENDS: Final = ("metric_low", "metric_high")
_ESTIMATE: Final = ("device_error", "fits")
_FRONT: Final = ("front", "front_by_estimate", "dominated_by")
#: The columns of the measurements that the suite itself makes; they are there in every file.
_MEASURED: Final = (
    *(*METRICS, "loss", "top1_agreement", "cosine", "artifact_bytes", "gzip_bytes"),
    *("parameters", "macs", "build_seconds", "build_epochs", "conversion_seconds"),
    *("load_seconds", "first_seconds", "peak_bytes", "process_bytes", "python_bytes", "native_bytes"),
    *("device_bytes", "weights_bytes", "activations_bytes"),
    *("parity_top1", "parity_cosine", "snr", "max_error"),
)
_FACTS: Final = (
    *("threads", "engine", "runtime", "precision", "seed", "rounds"),
    *("iterations", "floor", "device_provenance"),
)
_ORIGINS: Final = "not_measured"
#: More columns than this of measurements by plugins would make the file grow with rows times columns.
_OTHERS: Final = 500
_MORE: Final = "more_measurements"
_EVERYTHING: Final = Limit(rows=sys.maxsize, total=sys.maxsize)
Field = str | float | int | None


class CommaSeparated(tradeoff.Renderer):
    """One line for each record, also for those that were not measured."""

    name = "csv"
    suffix = ".csv"
    summary = "every record and every number, for a spreadsheet"

    def render(self, runs: Any, width: int, colour: bool) -> str:
        """The records of ``runs``; CSV has neither width nor colour."""
        rows = make_rows(runs)
        others = sorted(_others(rows))
        machines = {label: _run_fields(label, run) for label, run in label_runs(runs)}
        out = StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_header(others))
        fronts = Fronts(runs)
        writer.writerows([*machines[row.run], *_row_fields(row, others, fronts)] for row in rows)
        return out.getvalue()

    def render_comparison(self, outcome: Any, width: int, colour: bool) -> str:
        """Every number of every cell, one line each."""
        return lines_of(comparison_lines(outcome))

    def render_history(self, series: Any, width: int, colour: bool) -> str:
        """Every value of every run, one line each."""
        return lines_of(history_lines(series))

    def render_profiles(self, profiles: Any, width: int, colour: bool) -> str:
        """Every operator of every cell, one line each."""
        return lines_of(profile_lines(profiles))

    def render_recommendation(self, found: Any, width: int, colour: bool) -> str:
        """Every cell, what became of it and why, one line each."""
        return lines_of(recommendation_lines(found))

    def render_view(self, view: Any, runs: Any, width: int, colour: bool) -> str:
        """Every row of every table, one line each, and why there is nothing where there is nothing."""
        return lines_of(view_lines(view_tables(view, runs, _EVERYTHING)))


def _others(rows: Iterable[Row]) -> set[tuple[str, str]]:
    """Name and unit of the measurements that the suite itself does not make."""
    return {
        (name, measurement.unit)
        for row in rows
        for name, measurement in row.record.measurements.items()
        if name not in KNOWN
    }


def _header(others: Sequence[tuple[str, str]]) -> list[str]:
    known = (
        *_RUN,
        *_CELL,
        *_TOLD,
        *_LATENCY,
        *_DERIVED,
        *_FRONT,
        *_MEASURED,
        *_FACTS,
        _ORIGINS,
        *_METRIC_ENDS,
        *_ESTIMATE,
    )
    names = [text(name if unit in ("1", "") else f"{name}_{unit}") for name, unit in others[:_OTHERS]]
    return [*known, *names, *([_MORE] if len(others) > _OTHERS else [])]


def _run_fields(label: str, run: Run) -> list[Field]:
    machine = (run.machine.get(name) for name in ("node", "processor", "cores", "system"))
    return [text(label), text(run.source), text(run.started), *(_field(value) for value in machine)]


def _row_fields(row: Row, others: Sequence[tuple[str, str]], fronts: Fronts) -> list[Field]:
    record, cell, found = row.record, row.cell, row.record.measurements
    values = {name: measurement.value for name, measurement in found.items()}
    names = (record.suite, cell.spelling, cell.model, cell.chain, cell.backend, cell.device, cell.load)
    return [
        *map(text, names),
        *map(text, (record.status, record.reason, "; ".join(record.verdicts), record.same_as or "")),
        *_latency(found.get("latency")),
        *(*_with_interval(row.speed_up), _ratio(row.shrink), text(row.metric), row.value(row.metric), row.change),
        *_place(fronts, row),
        *map(values.get, _MEASURED),
        *map(_field, map(record.facts.get, _FACTS)),
        text(_origins(found)),
        *(row.metric_interval or (None, None)),
        *_estimate(record.facts.get("estimate")),
        *[_value(found.get(name), unit) for name, unit in others[:_OTHERS]],
        *([text(_rest(found, others[:_OTHERS]))] if len(others) > _OTHERS else []),
    ]


def _estimate(told: Any) -> tuple[Field, Field]:
    """Of a device that is not here: the mean error of its latencies, and whether there is room."""
    if not isinstance(told, dict):
        return None, None
    error, fits = told.get("error"), told.get("fits")
    return error if is_number(error) else None, ("yes" if fits else "no") if isinstance(fits, bool) else None


def _place(fronts: Fronts, row: Row) -> tuple[Field, Field, Field]:
    """Where it stands in everything at once, and what dominates it."""
    place = fronts.place(row.record)
    if place is None:
        return None, None, None
    by = text(place.by.spelling) if place.by else None
    return place.standing, "yes" if place.estimated else "no", by


def _rest(found: Mapping[str, Measurement], shown: Sequence[tuple[str, str]]) -> str:
    """The measurements for which there is no column: ``joules 0.1 J; cells 3``."""
    columns = set(shown)
    left = ((name, m) for name, m in found.items() if name not in KNOWN and (name, m.unit) not in columns)
    return "; ".join(f"{name} {m.value} {'' if m.unit == '1' else m.unit}".rstrip() for name, m in left)


def _value(measurement: Measurement | None, unit: str) -> Field:
    return measurement.value if measurement is not None and measurement.unit == unit else None


def _latency(latency: Measurement | None) -> tuple[Field, ...]:
    if latency is None:
        return (None, None, None, "unavailable")
    return (latency.value, latency.low, latency.high, latency.provenance)


def _ratio(ratio: Ratio | None) -> Field:
    return ratio.value if ratio else None


def _with_interval(ratio: Ratio | None) -> tuple[Field, Field, Field]:
    return (ratio.value, ratio.low, ratio.high) if ratio else (None, None, None)


def _origins(measurements: Mapping[str, Measurement]) -> str:
    """Whatever in this line nobody measured: ``macs modelled; energy published``."""
    return "; ".join(f"{name} {m.provenance}" for name, m in measurements.items() if m.provenance != "measured")


def _field(value: Any) -> Field:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return text(str(value))


@lru_cache(maxsize=4096)
def text(value: str) -> str:
    """The text in one line, and such that no spreadsheet takes it for a formula."""
    shown = printable(value, sys.maxsize)
    return f"'{shown}" if value.startswith(_FORMULA) else shown
