"""Measured cells to tables, each of which a person can decide from: one model under the same conditions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from tradeoff.vocabulary import Provenance

from .columns import MEAN_ERROR, UNVALIDATED, ColumnOfRows, columns_for
from .format import MARKS, is_number, number, printable
from .fronts import Fronts, front_column
from .rows import Row
from .table import Cell, Column, Limit, Note, Table, without_empty_columns

_ORIGINS: dict[Provenance, str] = {
    "simulated": "run on a simulator of the device, not on the device",
    "modelled": "computed, not measured",
    "published": "taken from a publication, not measured here",
}
#: What stands in a note before the word for what an interval was made over.
_OVER: Final = ", over "


#: Nothing is timed on them, so that they may stand in one table, each with its error.
_AWAY: Final = "devices that are not here"


class Conditions(NamedTuple):
    """What two latencies must share before they may be compared."""

    model: str
    device: str
    load: str
    suite: str
    run: str


def measured_tables(rows: Iterable[Row], limit: Limit, fronts: Fronts) -> list[Table]:
    """One table for each model, device and load of each run, the fastest first."""
    groups = _group(row for row in rows if row.record.status == "measured")
    if not groups:
        return []
    several_runs = len({conditions.run for conditions in groups}) > 1
    several_suites = len({conditions.suite for conditions in groups}) > 1
    share = limit.rows_per_table(len(groups))
    shown = dict(islice(groups.items(), max(1, limit.total // share)))
    tables = [
        _table(_title(key, members, several_runs, several_suites), members, share, fronts)
        for key, members in shown.items()
    ]
    return tables + _left_out(list(groups.items())[len(shown) :])


def _group(rows: Iterable[Row]) -> dict[Conditions, list[Row]]:
    """By conditions: models as they come, and the same conditions of several runs side by side."""
    groups: dict[Conditions, list[Row]] = {}
    for row in rows:
        cell = row.cell
        device = _AWAY if "estimate" in row.record.facts else cell.device
        key = Conditions(row.family, device, cell.load, row.record.suite, row.run)
        groups.setdefault(key, []).append(row)
    first = {name: position for position, name in reversed(list(enumerate(k.model for k in groups)))}

    # A stable sort: within equal conditions the runs keep the order in which they were given.
    def order(key: Conditions) -> tuple[Any, ...]:
        return (first[key.model], key.device == _AWAY, key.device, natural(key.load), key.suite)

    return {key: groups[key] for key in sorted(groups, key=order)}


def natural(text: str) -> tuple[str, int, str]:
    """A key that puts ``b2`` before ``b10``, and ``server:200`` before ``server:1000``."""
    digits = text.lstrip(":abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    prefix = text[: len(text) - len(digits)]
    return (
        (prefix, int(digits), "") if digits.isascii() and digits.isdigit() and len(digits) < 20 else (prefix, 0, digits)
    )


def _title(key: Conditions, members: Sequence[Row], several_runs: bool, several_suites: bool) -> str:
    devices = {row.cell.device for row in members}
    parts = [key.model, key.device if len(devices) > 1 else devices.pop(), key.load]
    parts += [key.suite] if several_suites else []
    parts += [f"run {key.run}"] if several_runs else []
    return " · ".join(printable(part) for part in parts)


def _table(title: str, rows: list[Row], share: int, fronts: Fronts) -> Table:
    ordered = sorted(rows, key=_order)
    shown, hidden = ordered[:share], len(ordered) - share
    columns = [*columns_for(shown), front_column(fronts)]
    remarks = _Remarks()
    cells = [(*(column.cell(row) for column in columns), remarks.cell(row)) for row in shown]
    said = [*_more(hidden), *_conditions(shown), *_origins(columns, shown), *_noise(shown)]
    notes = [*said, *_measurement_notes(columns, shown), *remarks.notes()]
    return without_empty_columns(
        Table(title, (*(column.column for column in columns), _REMARKS), tuple(cells), tuple(notes))
    )


def _order(row: Row) -> tuple[bool, bool, float, str]:
    latency, throughput = row.get("latency"), row.get("throughput")
    awaited = "latency" in row.record.measurements
    found = latency if awaited else throughput
    if found is None or found.value is None:
        return (True, True, math.inf, row.cell.spelling)
    worth = found.value if awaited else -found.value
    # What nobody measured never ranks among what somebody did.
    return (False, found.provenance != "measured", worth, row.cell.spelling)


# A verdict is never left out: a number without it says more than is known.
_UNSHOWN = "under 0.5 % (2 % in one process) when timed in turns, under 10 % or noisy otherwise"
_REMARKS = Column("remarks", "notes", importance=1)


class _Remarks:
    """Verdicts and equal cells, in words where there is room, else as a letter with a note below."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}
        self._equal = False

    def cell(self, row: Row) -> Cell:
        remarks = {printable(verdict): printable(verdict) for verdict in row.record.verdicts}
        if row.record.same_as:
            self._equal = True
            told = printable(row.record.same_as)
            remarks[f"= {_shorten(told, row)}"] = f"= {told}"
        if not remarks:
            return Cell("")
        letters = [self._letters.setdefault(text, letter(len(self._letters))) for text in remarks.values()]
        text = "; ".join(remarks)
        return Cell(text, text, " ".join(letters), "warning" if row.record.verdicts else "dim")

    def notes(self) -> list[Note]:
        explained = [Note(text, _REMARKS.key, mark) for text, mark in self._letters.items()]
        return explained + [Note("= has the same content as, and was measured once", _REMARKS.key)] * self._equal


def _shorten(spelling: str, row: Row) -> str:
    """Another cell's spelling, without what it shares with this one."""
    axes = spelling.split("/")
    cell = row.cell
    same = len(axes) == 5 and (axes[0], axes[3], axes[4]) == (cell.model, cell.device, cell.load)
    return "/".join(axes[1:3]) if same else spelling


def letter(position: int) -> str:
    """``a`` to ``z``, then ``aa``, as footnotes are marked."""
    above, last = divmod(position, 26)
    return (letter(above - 1) if above else "") + chr(ord("a") + last)


def _more(hidden: int) -> list[Note]:
    return [Note(f"and {hidden:,} more, all slower or without a latency: they are in the CSV")] if hidden > 0 else []


def _conditions(rows: Sequence[Row]) -> list[Note]:
    """What holds for the whole table: where the numbers come from, and how they were taken."""
    notes = [Note(_latency_note(rows))]
    if any(row.speed_up is not None and not row.speed_up.certain for row in rows):
        notes.append(Note(f"? no difference shown: {_UNSHOWN}", "speed_up"))
    untimed = [row for row in rows if _is_untimed(row)]
    estimated = any("estimate" in row.record.facts for row in rows)
    if len(untimed) < len(rows) and not estimated and not any(row.speed_up for row in rows):
        notes.append(Note("no speed-up is shown: no baseline was measured here"))
    told = dict.fromkeys(printable(row.record.measurements["latency"].note) for row in untimed)
    return [*notes, *(Note(f"no latency: {why}") for why in told if why)]


def _is_untimed(row: Row) -> bool:
    """Whether nothing was timed, and it is said why: a format that only has a size."""
    return "latency" in row.record.measurements and not row.get("latency") and not row.get("throughput")


def _origins(columns: Iterable[ColumnOfRows], rows: Sequence[Row]) -> list[Note]:
    """What the marks mean of numbers that nobody measured, where such a number is shown."""
    found: dict[Provenance, dict[str, None]] = {}
    for column in columns:
        for measurement in (row.get(column.measurement) for row in rows):
            if measurement is not None:
                found.setdefault(measurement.provenance, {})[column.column.key] = None
    return [
        Note(f"{MARKS[name]} {name}: {text}", among=tuple(found[name]))
        for name, text in _ORIGINS.items()
        if name in found
    ]


def _noise(rows: Sequence[Row]) -> list[Note]:
    """What made a cell noisy, cells with the same reason together; more than three reasons are told by the CSV."""
    found: dict[str, list[str]] = {}
    for row in rows:
        why = row.record.facts.get("why_noisy")
        if isinstance(why, str) and why:
            found.setdefault(printable(why), []).append(printable(f"{row.cell.chain}/{row.cell.backend}"))
    told = [f"noisy: {', '.join(cells[:3])}{' ...' * (len(cells) > 3)}: {why}" for why, cells in found.items()]
    more = [f"noisy: and {len(told) - 3} more, each for its own reason"] * (len(told) > 3)
    return [Note(text) for text in (*told[:3], *more)]


def _latency_note(rows: Sequence[Row]) -> str:
    asked = "latency" if any("latency" in row.record.measurements for row in rows) else "throughput"
    asked = asked if any(row.get("throughput") for row in rows) else "latency"
    found = {timed.provenance for row in rows if (timed := row.get(asked)) is not None}
    parts = [f"{asked} {', '.join(sorted(found)) or 'unavailable'}"]
    threads = _common(rows, "threads")
    if threads is not None:
        parts.append(f"{threads} thread{'' if threads == 1 else 's'}")
    floor = _common(rows, "floor")
    if is_number(floor):
        metric = rows[0].metric
        parts.append(f"{metric} floor {number(float(floor), 'percent' if metric == 'accuracy' else 'number')}")
    return printable("; ".join(parts))


def _common(rows: Iterable[Row], fact: str) -> Any:
    """What all cells have in common that were timed; those that only have a size know nothing of it."""
    found = {repr(row.record.facts.get(fact)): row.record.facts.get(fact) for row in rows if not _is_untimed(row)}
    return next(iter(found.values())) if len(found) == 1 else None


def _measurement_notes(columns: Iterable[ColumnOfRows], rows: Sequence[Row]) -> list[Note]:
    """Each note that measurements carry, once for its column; more than three are told by the CSV."""
    notes: list[Note] = []
    for column in columns:
        texts: dict[str, dict[str, None]] = {}
        for row in rows:
            measured = row.get(column.measurement)
            told = _beside_error(row, measured.note) if measured is not None else ""
            if told:
                texts.setdefault(printable(told), {})[printable(row.cell.backend)] = None
        kinds = _apart(texts) if len(texts) > 1 else list(texts)
        more = f"; {len(kinds) - 3} more kinds of notes" if len(kinds) > 3 else ""
        if kinds:
            notes.append(Note(f"{column.column.header}: {'; '.join(kinds[:3])}{more}", column.column.key, once=True))
    return notes


def _beside_error(row: Row, note: str) -> str:
    """A note less the error of an estimate, which has a column of its own."""
    if "estimate" not in row.record.facts:
        return note
    return "; ".join(part for part in note.split("; ") if not part.startswith(MEAN_ERROR) and part != UNVALIDATED)


def _apart(texts: Mapping[str, Iterable[str]]) -> list[str]:
    """Notes that differ in their end alone as one, with the backends that each end is true of."""
    joined: dict[str, list[str]] = {}
    for text, backends in texts.items():
        start, over, end = text.rpartition(_OVER)
        joined.setdefault(f"{start}{over}" if over else text, []).append(f"{end} ({', '.join(backends)})")
    return [start if not start.endswith(_OVER) else f"{start}{', '.join(ends)}" for start, ends in joined.items()]


def _left_out(groups: Sequence[tuple[Conditions, list[Row]]]) -> list[Table]:
    """One table that counts the groups for which there was no room."""
    if not groups:
        return []
    counts: dict[str, list[int]] = {}
    for key, rows in groups:
        counts.setdefault(key.model, []).append(len(rows))
    cells = [
        (Cell(printable(model), model), Cell(f"{len(sizes):,}", len(sizes)), Cell(f"{sum(sizes):,}", sum(sizes)))
        for model, sizes in counts.items()
    ]
    columns = (Column("model", "model"), Column("tables", "tables", "right"), Column("cells", "cells", "right"))
    notes = (Note("there was no room for these; they are in the CSV, or select fewer cells"),)
    return [Table("More measured cells", columns, tuple(cells), notes)]
