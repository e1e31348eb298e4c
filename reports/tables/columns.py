"""The columns of the table of measured cells: what each is called, and what it shows of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tradeoff.record import Measurement

from .format import UNAVAILABLE, Quantity, change, interval, is_number, marked, number, printable, quantity_of, times
from .rows import METRICS, Ratio, Row
from .table import Cell, Column, Tone

#: Names that have a column of their own or are shown within another; all others are added as they come.
KNOWN: Final = frozenset(
    {
        *METRICS,
        *("latency", "speed_up", "loss", "top1_agreement", "cosine", "artifact_bytes", "gzip_bytes"),
        *("parameters", "macs", "build_seconds", "build_epochs", "conversion_seconds"),
        *("load_seconds", "first_seconds", "peak_bytes", "process_bytes", "python_bytes", "native_bytes"),
        *("device_bytes", "weights_bytes", "activations_bytes"),
        *("arena_bytes", "arena_32bit_bytes", "flash_bytes", "ram_bytes"),
        *("parity_top1", "parity_cosine", "snr", "max_error"),
    }
)
#: How the note of a modelled number begins that says how wrong such numbers are.
MEAN_ERROR: Final = "mean error "
UNVALIDATED: Final = "unvalidated"
#: These have a column of their own here, and are told by the CSV as they come.
_AS_THEY_COME: Final = (
    "throughput",
    "best_batch",
    "latency_p50",
    "latency_p90",
    "latency_p99",
    "energy",
    "energy_above_idle",
    "instructions",
)


@dataclass(frozen=True)
class ColumnOfRows:
    """A column, and the cell it shows for a row.

    :param measurement: the measurement it stands for, whose notes belong below the table.
    """

    column: Column
    cell: Callable[[Row], Cell]
    measurement: str = ""


def columns_for(rows: Sequence[Row]) -> list[ColumnOfRows]:
    """All columns that could say something of these rows, in reading order."""
    metric = _only({row.metric for row in rows if row.metric})
    places = {row.cell.device for row in rows}
    models = (
        [ColumnOfRows(Column("model", "model", folds=True), _model)] if len({r.cell.model for r in rows}) > 1 else []
    )
    # Rows of thousands of cells: what none of them has is not looked for in each.
    there = {name for row in rows for name in row.record.measurements}
    found = [
        *models,
        ColumnOfRows(Column("technique", "technique", folds=True), _technique),
        ColumnOfRows(Column("backend", "backend", folds=True, under="technique"), _backend),
        *([ColumnOfRows(Column("device", "device", folds=True), _device)] if len(places) > 1 else []),
        _metric_column(metric, rows),
        ColumnOfRows(Column("metric_interval", f"{metric or 'quality'} 95 %", "right", "1", 8), _metric_interval),
        ColumnOfRows(Column("change", "change", "right", "1", 6), _change),
        _measured("artifact_bytes", "size", "bytes", 3, "B"),
        ColumnOfRows(Column("shrink", "smaller", "right", "1", 7), lambda row: _ratio(row.shrink)),
        _measured("latency", "latency", "seconds", 1, "s"),
        ColumnOfRows(Column("interval", "95 % interval", "right", "s", 8), _interval),
        _measured("latency_p50", "p50", "seconds", 16, "s"),
        _measured("latency_p90", "p90", "seconds", 19, "s"),
        _measured("instructions", "instructions", "count", 2),
        *_columns_of_estimates(rows),
        *_throughput_columns(rows),
        ColumnOfRows(Column("speed_up", "speed-up", "right", "1", 4), lambda row: _ratio(row.speed_up)),
        _measured("energy", "energy", "joules", 5, "J"),
        _measured("energy_above_idle", "above idle", "joules", 12, "J"),
        _measured("peak_bytes", "memory", "bytes", 9, "B"),
        _measured("ram_bytes", "RAM", "bytes", 3, "B"),
        _measured("flash_bytes", "flash", "bytes", 3, "B"),
        _measured("arena_bytes", "arena", "bytes", 6, "B"),
        _measured("arena_32bit_bytes", "32-bit arena", "bytes", 7, "B"),
        _measured("load_seconds", "load", "seconds", 10, "s"),
        _measured("top1_agreement", "agreement", "percent", 9),
        _measured("loss", "loss", "number", 10),
        ColumnOfRows(Column("snr", "SNR", "right", "dB", 10), _snr),
        _measured("cosine", "cosine", "fraction", 16),
        _measured("parity_top1", "parity", "percent", 16),
        _measured("parity_cosine", "parity cosine", "fraction", 18),
        _measured("max_error", "max error", "number", 18),
        _measured("gzip_bytes", "gzip", "bytes", 13, "B"),
        _measured("parameters", "params", "count", 11),
        _measured("macs", "MACs", "count", 12),
        _measured("build_seconds", "build", "seconds", 14, "s"),
        _measured("build_epochs", "epochs", "count", 15),
        _measured("conversion_seconds", "convert", "seconds", 15, "s"),
        _measured("first_seconds", "first", "seconds", 17, "s"),
        _measured("weights_bytes", "weights", "bytes", 17, "B"),
        _measured("activations_bytes", "activations", "bytes", 18, "B"),
        _measured("python_bytes", "Python", "bytes", 18, "B"),
        _measured("native_bytes", "native", "bytes", 18, "B"),
        _measured("process_bytes", "process", "bytes", 19, "B"),
        _measured("device_bytes", "on device", "bytes", 19, "B"),
        *_unknown_columns(rows),
    ]
    return [one for one in found if not one.measurement or one.measurement in there or not one.column.importance]


def _columns_of_estimates(rows: Sequence[Row]) -> list[ColumnOfRows]:
    """Of devices that are not here: how wrong such latencies were, and whether there is room."""
    if not any("estimate" in row.record.facts for row in rows):
        return []
    return [
        ColumnOfRows(Column("error", "mean error", "right", "1", 2), _error),
        ColumnOfRows(Column("fits", "fits", importance=1), _fits),
    ]


def _error(row: Row) -> Cell:
    told = row.record.facts.get("estimate")
    if not isinstance(told, dict) or "error" not in told:
        return Cell(UNAVAILABLE, tone="dim")
    if not is_number(told["error"]):
        return Cell("unvalidated", tone="warning")
    return Cell(number(float(told["error"]), "percent"), float(told["error"]))


def _fits(row: Row) -> Cell:
    told = row.record.facts.get("estimate")
    fits = told.get("fits") if isinstance(told, dict) else None
    if not isinstance(fits, bool):
        return Cell(UNAVAILABLE, tone="dim")
    return Cell("yes" if fits else "no", fits, tone="good" if fits else "bad")


def _throughput_columns(rows: Sequence[Row]) -> list[ColumnOfRows]:
    """Where requests came as a scenario has it, what was answered in a second and the slowest answers count."""
    served = any(row.get("throughput") for row in rows)
    return [
        _measured("throughput", "throughput", "rate", 1, "1/s"),
        ColumnOfRows(Column("best_batch", "batch", "right", "1", 4), _best_batch, "best_batch"),
        _measured("latency_p99", "p99", "seconds", 2 if served else 20, "s"),
    ]


def _best_batch(row: Row) -> Cell:
    value = row.value("best_batch")
    return Cell(UNAVAILABLE, tone="dim") if value is None else Cell(f"{value:,.0f}", value)


def _only(names: Iterable[str]) -> str:
    found = list(names)
    return found[0] if len(found) == 1 else ""


def _measured(
    name: str, header: str, quantity: Quantity, importance: int, unit: str = "1", *, key: str = ""
) -> ColumnOfRows:
    column = Column(key or name, header, "right", unit, importance)
    return ColumnOfRows(column, lambda row: measurement_cell(row.get(name), quantity), name)


def measurement_cell(measurement: Measurement | None, quantity: Quantity, prefix: str = "") -> Cell:
    """A number with its unit and, unless it was measured, its provenance."""
    if measurement is None:
        return Cell(UNAVAILABLE, tone="dim")
    text = prefix + number(measurement.value, quantity, measurement.unit)
    origin = measurement.provenance
    full = marked(text, origin)
    error = error_of(measurement)
    return Cell(f"{full[:-1]}, {error})" if error else full, measurement.value, marked(text, origin, short=True))


def error_of(measurement: Measurement) -> str:
    """How wrong such numbers of the device's model are, as its note begins: ``mean error 13.9 %``, ``unvalidated``.

    A latency's stands in a column of its own.
    """
    if measurement.provenance == "measured" or (measurement.unit, measurement.direction) == ("s", "lower"):
        return ""
    first = measurement.note.partition("; ")[0]
    return first if first == UNVALIDATED or first.startswith(MEAN_ERROR) else ""


def _model(row: Row) -> Cell:
    return Cell(printable(row.cell.model), row.cell.model)


def _technique(row: Row) -> Cell:
    text = printable(row.cell.chain)
    return Cell(text, row.cell.chain, tone="warning" if row.record.verdicts else "strong")


def _backend(row: Row) -> Cell:
    return Cell(printable(row.cell.backend), row.cell.backend)


def _device(row: Row) -> Cell:
    return Cell(printable(row.cell.device), row.cell.device)


def _snr(row: Row) -> Cell:
    """Where an artifact differs in nothing from what it was converted from there is no number."""
    if row.value("snr") is None and row.value("max_error") == 0:
        return Cell("∞", "exact")
    return measurement_cell(row.get("snr"), "number")


def _metric_column(metric: str, rows: Sequence[Row]) -> ColumnOfRows:
    """The task's metric under its own name; where tasks are mixed, each cell tells its own."""
    directions = {m.direction for row in rows if (m := row.get(row.metric)) is not None}
    arrow = {"higher": " ↑", "lower": " ↓"}.get(_only(directions), "")
    header = printable(metric or "quality") + arrow

    def cell(row: Row) -> Cell:
        prefix = "" if metric else f"{printable(row.metric)} "
        return measurement_cell(row.get(row.metric), "percent" if row.metric == "accuracy" else "number", prefix)

    return ColumnOfRows(Column("metric", header, "right", "1", 2), cell, metric)


def _metric_interval(row: Row) -> Cell:
    """Of an accuracy that of its samples: two cells in which it overlaps may be equally good."""
    found, metric = row.metric_interval, row.get(row.metric)
    if found is None or metric is None:
        return Cell(UNAVAILABLE, tone="dim")
    percent = f"{100 * found[0]:.2f} – {100 * found[1]:.2f} %"
    text = percent if row.metric == "accuracy" else interval(*found, "number")
    return Cell(marked(text, metric.provenance, short=True), found[0], tone="dim")


def _change(row: Row) -> Cell:
    metric = row.get(row.metric)
    if row.change is None or metric is None:
        return Cell(UNAVAILABLE, tone="dim")
    text = change(row.change, points=row.metric == "accuracy")
    gain = row.change if metric.direction == "higher" else -row.change
    tone: Tone = "plain" if metric.direction == "none" or not gain else "good" if gain > 0 else "bad"
    full, short = marked(text, metric.provenance), marked(text, metric.provenance, short=True)
    return Cell(full, row.change, short, tone)


def _ratio(ratio: Ratio | None) -> Cell:
    if ratio is None:
        return Cell(UNAVAILABLE, tone="dim")
    text = times(ratio.value) + ("" if ratio.certain else "?")
    tone: Tone = "dim" if not ratio.certain else "good" if ratio.value > 1 else "bad" if ratio.value < 1 else "plain"
    full, short = marked(text, ratio.provenance), marked(text, ratio.provenance, short=True)
    return Cell(full, ratio.value, short, tone)


def _interval(row: Row) -> Cell:
    """That of the latency, or of the throughput where nobody waits for an answer."""
    found = row.get("latency") or row.get("throughput")
    if found is None or found.low is None or found.high is None:
        return Cell(UNAVAILABLE, tone="dim")
    text = marked(interval(found.low, found.high, quantity_of(found.unit)), found.provenance, short=True)
    return Cell(text, found.low, tone="dim")


def _unknown_columns(rows: Iterable[Row]) -> list[ColumnOfRows]:
    """Measurements of plugins that this module has never heard of, after everything else."""
    metrics, units = set(), dict[str, str]()
    for row in rows:
        metrics.add(row.metric)
        for name, measurement in row.record.measurements.items():
            units.setdefault(name, measurement.unit)
    names = [name for name in units if name not in KNOWN and name not in metrics and name not in _AS_THEY_COME]
    return [
        _measured(name, printable(name), quantity_of(units[name]), 20 + position, units[name], key=f"other {name}")
        for position, name in enumerate(sorted(names))
    ]
