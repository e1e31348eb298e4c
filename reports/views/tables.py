"""A view over runs: its rows picked and its columns filled in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from tradeoff.decide.recommending import recommend
from tradeoff.decide.wishes import Wish
from tradeoff.errors import BadInput, TradeoffError
from tradeoff.record import Run
from tradeoff.vocabulary import Provenance

from ..tables.format import MARKS, UNAVAILABLE, printable
from ..tables.rows import Row, label_runs, make_rows
from ..tables.table import Cell, Column, Limit, Note, Table
from .files import AXES, ColumnOfView, Definition, RowOfView, selects
from .numbers import Whys, misfit, number_cell
from .terms import Found

#: Beside what has a unit of time or energy.
_OF_THE_MACHINE = frozenset(
    {
        *("ram", "ram_bytes", "arena_bytes", "arena_32bit_bytes"),
        *("peak_bytes", "process_bytes", "python_bytes", "native_bytes"),
    }
)
_ORIGINS: Mapping[Provenance, str] = {
    "simulated": "run on a simulator of the device",
    "modelled": "computed, not measured",
    "published": "taken from a publication",
}


@dataclass(frozen=True)
class _Line:
    """One row of a table; ``row`` is nothing where no cell was measured, and ``why`` then tells the reason."""

    label: str
    row: Row | None
    why: str = ""


class Picture:
    """A definition with the runs that it is asked of."""

    def __init__(self, definition: Definition, runs: Sequence[Run]) -> None:
        self._definition = definition
        self._runs = dict(label_runs(runs))
        self._rows = make_rows(runs)

    def tables(self, limit: Limit) -> list[Table]:
        """One for each group of cells in which something was measured."""
        groups = self._groups()
        share = limit.rows_per_table(len(groups))
        shown = list(groups.items())[: max(1, limit.total // share)]
        tables = [self._table(key, rows, share) for key, rows in shown]
        left = len(groups) - len(shown)
        if left and tables:
            note = Note(f"and {left:,} more tables: the CSV has them")
            tables[-1] = replace(tables[-1], notes=(*tables[-1].notes, note))
        return tables

    def _groups(self) -> dict[tuple[str, ...], list[Row]]:
        definition, groups = self._definition, dict[tuple[str, ...], list[Row]]()
        for row in self._rows:
            if selects(definition.cells, row):
                groups.setdefault(tuple(self._axis(axis, row) for axis in definition.per), []).append(row)
        return {key: rows for key, rows in groups.items() if any(row.record.status == "measured" for row in rows)}

    def _axis(self, axis: str, row: Row) -> str:
        """A cell that nothing runs does not say what its model's task is; others of that model do."""
        return AXES[axis](row) or (self._tasks.get(row.family, row.family) if axis == "task" else "")

    @cached_property
    def _tasks(self) -> dict[str, str]:
        return {row.family: task for row in self._rows if (task := AXES["task"](row))}

    @cached_property
    def _families(self) -> dict[tuple[str, str], list[Row]]:
        """What may be a reference, by run and by the model that is compared with."""
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self._rows:
            if row.record.status == "measured" and selects(self._definition.reference, row):
                found.setdefault((row.run, row.family), []).append(row)
        return found

    # --- rows ---------------------------------------------------------------------------------------

    def _lines(self, rows: Sequence[Row]) -> list[_Line]:
        definition = self._definition
        if not definition.rows:
            return self._sorted([_Line("", row) for row in _once(_measured(rows), definition.once)])
        return [line for asked in definition.rows for line in self._lines_of(asked, rows)]

    def _lines_of(self, asked: RowOfView, rows: Sequence[Row]) -> list[_Line]:
        chosen = [row for row in rows if selects(asked.cells, row)]
        measured = _once(_measured(chosen), self._definition.once)
        if not chosen and not set(self._definition.per).isdisjoint(asked.cells):
            # The row is about other tables.
            return []
        if not measured:
            why = f"{chosen[0].record.status}: {chosen[0].record.reason}" if chosen else "these runs have no such cell"
            return [_Line(asked.label, None, why)]
        if asked.wish is None:
            return self._sorted([_Line(asked.label, row) for row in measured])
        return self._picked(asked, asked.wish, measured)

    def _picked(self, asked: RowOfView, wish: Wish, rows: Sequence[Row]) -> list[_Line]:
        """What would be recommended of these, for each group that can be compared."""
        by_record = {id(row.record): row for row in rows}
        runs = [
            replace(run, records=tuple(row.record for row in rows if row.run == label))
            for label, run in self._runs.items()
        ]
        try:
            advice = recommend(runs, wish).advice
        except TradeoffError as error:
            return [_Line(asked.label, None, str(error))]
        lines = [_Line(asked.label, by_record[id(one.choice.record)]) for one in advice if one.choice is not None]
        if lines:
            return lines
        nearest = next((one.nearest for one in advice if one.nearest is not None), None)
        missed = f"; {nearest.candidate.name} comes nearest: {nearest.reasons[0].text}" if nearest else ""
        return [_Line(asked.label, None, f"nothing fits{missed}")]

    def _sorted(self, lines: list[_Line]) -> list[_Line]:
        term, turned = self._definition.sort, self._definition.descending
        if term is None:
            return lines
        found = [(self._found(line.row, term), line) for line in lines if line.row is not None]
        known = [(one.value, line) for one, line in found if one.value is not None]
        known.sort(key=lambda pair: -pair[0] if turned else pair[0])
        return [*(line for _, line in known), *(line for one, line in found if one.value is None)]

    # --- columns ------------------------------------------------------------------------------------

    def _table(self, key: Sequence[str], rows: Sequence[Row], share: int) -> Table:
        definition, whys = self._definition, Whys()
        lines, lacking = self._needed(self._lines(rows))
        hidden = len(lines) - share
        lines = lines[:share]
        columns = [one for one in definition.columns if not one.varies or self._varies(one, lines)]
        cells = tuple(tuple(self._cell(column, line, whys) for column in columns) for line in lines)
        title = " · ".join((definition.title, *(printable(part) for part in key if part)))
        more = [Note(f"and {hidden:,} more rows: the CSV has them")] if hidden > 0 else []
        origins = self._origins(columns, lines)
        notes = (*more, *lacking, *map(Note, definition.notes), *whys.notes(), *origins)
        units = [column.unit or self._unit_of(column, lines) for column in columns]
        return Table(title, tuple(map(_column, range(len(columns)), columns, units)), cells, notes)

    def _unit_of(self, column: ColumnOfView, lines: Sequence[_Line]) -> str:
        """That of the raw numbers of a column whose file names none; nothing where they differ."""
        if column.term is None or column.how in ("ratio", "share", "reduction"):
            return ""
        found = [self._found(line.row, column.term) for line in lines if line.row is not None]
        units = {one.unit for one in found if one.value is not None}
        return units.pop() if len(units) == 1 else ""

    def _needed(self, lines: list[_Line]) -> tuple[list[_Line], list[Note]]:
        """The lines that have what the view is about, and why others do not, the commonest reason first."""
        term = self._definition.needs
        if term is None:
            return lines, []
        found = [(line, self._found(line.row, term) if line.row else Found(None, why=line.why)) for line in lines]
        kept = [line for line, one in found if one.value is not None]
        if not kept:
            return lines, []
        whys = Counter(printable(one.why, 200) for _, one in found if one.value is None)
        return kept, [Note(f"{count:,} more cells: {why}") for why, count in whys.most_common(4)]

    def _varies(self, column: ColumnOfView, lines: Sequence[_Line]) -> bool:
        return len({self._said(column.show, line.row) for line in lines if line.row is not None}) > 1

    def _cell(self, column: ColumnOfView, line: _Line, whys: Whys) -> Cell:
        if column.show == "label":
            return Cell(line.label, line.label, tone="strong")
        if column.show:
            if line.row is None:
                return Cell("" if column.show == "notes" else UNAVAILABLE, None, tone="dim", why=line.why)
            return _words(column.show, self._said(column.show, line.row))
        if line.row is None or column.term is None:
            return whys.cell(line.why)
        found = self._found(line.row, column.term)
        if wrong := misfit(column, found):
            raise BadInput(f"{self._definition.source}: {wrong}; write a unit of the same kind")
        needed = column.how not in ("value", "interval") and found.value is not None
        return number_cell(column, found, self._reference(column, line.row) if needed else None, whys)

    def _said(self, show: str, row: Row | None) -> str:
        if row is None:
            return ""
        if show == "hardware":
            return hardware(row, self._runs[row.run])
        if show == "cell":
            return f"{row.cell.model}/{row.cell.chain}/{row.cell.backend}"
        if show == "notes":
            return "; ".join(row.record.verdicts)
        return AXES[show](row)

    def _found(self, row: Row, term: object) -> Found:
        return term.of(row, self._runs[row.run], self._definition.amounts)  # type: ignore[attr-defined,no-any-return]

    def _reference(self, column: ColumnOfView, row: Row) -> Found:
        """The number of the reference: that nearest to the row, and of the same device where that matters."""
        rows = self._families.get((row.run, row.family), [])
        if not rows:
            asked = ", ".join(f"{axis} {' or '.join(p)}" for axis, p in self._definition.reference.items())
            return Found(None, why=f"there is no reference in that run: {row.family} with {asked} was not measured")
        if column.term is not None and _is_local(column.term.names, row):
            rows = [one for one in rows if (one.cell.device, one.cell.load) == (row.cell.device, row.cell.load)]
            if not rows:
                return Found(None, why=f"the reference was not measured on {row.cell.device} with {row.cell.load}")
        nearest = max(rows, key=lambda one: _likeness(one, row))
        return self._found(nearest, column.term)

    def _origins(self, columns: Sequence[ColumnOfView], lines: Sequence[_Line]) -> Iterator[Note]:
        shown = {
            self._found(line.row, column.term).provenance
            for column in columns
            for line in lines
            if column.term is not None and line.row is not None
        }
        for name, text in _ORIGINS.items():
            if name in shown:
                yield Note(f"{MARKS[name]} {name}: {text}", once=True)


def _words(show: str, text: str) -> Cell:
    if show != "notes":
        return Cell(printable(text), text or None)
    # What stands behind a colon explains a verdict; the table of all cells has it in full.
    short = "; ".join(dict.fromkeys(part.partition(":")[0] for part in text.split("; ")))
    return Cell(printable(short), text or None, tone="warning")


def hardware(row: Row, run: Run) -> str:
    """The processor that a host's cell was run on, else the device."""
    if not row.cell.device.startswith("host-"):
        return row.cell.device
    processor, cores = run.machine.get("processor"), run.machine.get("cores")
    told = [str(part) for part in (processor, f"{cores} cores" if cores else "") if part]
    return f"{row.cell.device}: {', '.join(told)}" if told else row.cell.device


def _is_local(names: Sequence[str], row: Row) -> bool:
    """Whether it can only be compared on one device under one load."""
    units = {found.unit for name in names if (found := row.record.measurements.get(name)) is not None}
    return bool(units & {"s", "J", "1/s"}) or not _OF_THE_MACHINE.isdisjoint(names)


def _likeness(one: Row, row: Row) -> tuple[bool, ...]:
    return tuple(getattr(one.cell, axis) == getattr(row.cell, axis) for axis in ("device", "load", "backend", "model"))


def _measured(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.record.status == "measured"]


def _once(rows: Sequence[Row], axes: Sequence[str]) -> list[Row]:
    """The first of those that are alike in these axes; all of them where there are none."""
    if not axes:
        return list(rows)
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        found.setdefault(tuple(AXES[axis](row) for axis in axes), row)
    return list(found.values())


def _column(place: int, column: ColumnOfView, raw: str) -> Column:
    told = not column.unit or column.unit == "%" or column.unit.startswith("1/")
    unit = "" if told else f" ({column.unit})"
    words = bool(column.show)
    # The first columns say what a row is; of the others the last are left out first where there is little room.
    importance = 0 if place < 2 else max(1, place - 2)
    if column.show == "notes":
        importance = 1
    return Column(f"{place}", column.header + unit, "left" if words else "right", raw, importance, folds=words)
