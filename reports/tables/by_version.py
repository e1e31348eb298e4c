"""Runs with several versions of a framework: which version moved which number, and through what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from tradeoff.compare.comparing import Effect
from tradeoff.compare.quantities import QuantityName
from tradeoff.compare.upgrades import Cause, Upgrade, upgrades
from tradeoff.record import Run

from .comparison import change_of, effect_cells
from .format import UNAVAILABLE, printable
from .rows import label_runs
from .table import Cell, Column, Limit, Note, Table, without_empty_columns

#: Each step is a comparison of two runs: of a hundred nightly runs nobody reads all.
_STEPS: Final = 12
_NAMED: Final = 3
_OVERVIEW: Final = (
    Column("versions", "version", folds=True),
    Column("runs", "runs", importance=7, folds=True, under="versions"),
    Column("cells", "cells", "right", importance=4),
    Column("files", "new files", "right", importance=6),
    Column("accuracy", "accuracy", "right"),
    Column("latency", "latency", "right"),
    Column("size", "size", "right"),
    Column("memory", "memory", "right", importance=2),
    Column("energy", "energy", "right", importance=3),
)
#: The order of these columns, and of the rows of what moved.
_ORDER: Final[tuple[QuantityName, ...]] = ("accuracy", "latency", "size", "memory", "energy")
_HOW: Final = (
    "3 of 10: so many of the numbers that can be compared moved beyond chance and by enough to be worth a word; "
    "latency counts speed-ups as well"
)
_SLIGHTLY: Final = "slightly: another number, by less than is worth a word"
_THROUGH: Final = Note(
    "through: what the new version made another in that cell: the shipped file, or the runtime that runs it", "through"
)
_CAUSES: Final[dict[Cause, Note]] = {
    "file and runtime": Note("file and runtime", "through", "both"),
    "surroundings": Note("around: Python or tradeoff itself, which every cell has around it", "through"),
    "unknown": Note("unknown: the records do not say what was run", "through"),
}
#: As the columns of the other tables are called.
_SHORT: Final = {
    "artifact_bytes": "size",
    "peak_bytes": "memory",
    "process_bytes": "process",
    "device_bytes": "on device",
    "speed_up": "speed-up",
}
_SHORT_CAUSES: Final[dict[Cause, str]] = {"file and runtime": "both", "surroundings": "around"}


def version_tables(runs: Sequence[Run], limit: Limit) -> list[Table]:
    """An overview with a line for each step from one version to the next, then what each of them moved."""
    found, more = upgrades(runs, _STEPS)
    if not found:
        return []
    labels = [label for label, _ in label_runs(runs)]
    return [_overview(found, more, labels), *(_moved(one, labels, limit.rows) for one in found if one.moved)]


# --- overview ---------------------------------------------------------------------------------------


def _overview(found: Sequence[Upgrade], more: int, labels: Sequence[str]) -> Table:
    rows = tuple(_summary(one, labels) for one in found)
    slightly = any(_slightly(one, name) for one in found for name in _ORDER)
    notes = [
        Note(_HOW),
        *([Note(_SLIGHTLY)] if slightly else []),
        *_refusals(found),
        *_engines(found, labels),
        *_drifts(found, labels),
    ]
    if more:
        notes.append(Note(f"and {more:,} more steps from one version to the next: report fewer runs at once"))
    return without_empty_columns(Table("What new versions moved", _OVERVIEW, rows, tuple(notes)))


def _summary(one: Upgrade, labels: Sequence[str]) -> tuple[Cell, ...]:
    files = sum(cause in ("file", "file and runtime") for cause in one.causes.values())
    told = _versions(one, one.names)
    return (
        Cell(told, told),
        Cell(_runs(one, labels), labels[one.new]),
        Cell(f"{len(one.causes):,}", len(one.causes)),
        Cell(f"{files:,}", files),
        *(_count(one, name) for name in _ORDER),
    )


def _count(one: Upgrade, name: QuantityName) -> Cell:
    compared = sum(e.quantity == name for e in _comparable(one))
    if not compared:
        return Cell(UNAVAILABLE, tone="dim")
    moved = sum(effect.quantity == name for effect in one.moved)
    slightly = _slightly(one, name)
    text = f"{moved:,} of {compared:,}" + (f", {slightly:,} slightly" if slightly else "")
    return Cell(text, moved, tone="strong" if moved else "plain")


def _slightly(one: Upgrade, name: QuantityName) -> int:
    """How many numbers are others, but by too little; told of those that would repeat to the last digit."""
    small = (effect for effect in _comparable(one) if effect.verdict == "no difference shown" and effect.change)
    return sum(effect.quantity == name for effect in small) if name == "accuracy" else 0


def _comparable(one: Upgrade) -> Iterator[Effect]:
    effects = one.comparison.effects
    return (effect for effect in effects if effect.change is not None and one.cause(effect) != "engine")


def _versions(one: Upgrade, names: Iterable[str]) -> str:
    return printable(", ".join(f"{name} {' → '.join(one.changes[name])}" for name in names))


def _runs(one: Upgrade, labels: Sequence[str]) -> str:
    return printable(f"{labels[one.old]} → {labels[one.new]}")


def _refusals(found: Iterable[Upgrade]) -> Iterator[Note]:
    told = {one.comparison.refusal for one in found} - {""}
    yield from (Note(f"only accuracy and size are compared: {printable(text)}") for text in sorted(told))


def _engines(found: Iterable[Upgrade], labels: Sequence[str]) -> Iterator[Note]:
    for one in found:
        cells = sum(cause == "engine" for cause in one.causes.values())
        if cells:
            told = f"{cells:,} cells" if cells > 1 else "one cell"
            yield Note(f"{_runs(one, labels)}: {told} not counted, since Keras has another engine there")


def _drifts(found: Iterable[Upgrade], labels: Sequence[str]) -> Iterator[Note]:
    """What moved although nothing in its cell is another: a measure of how steady the machine was."""
    for one in found:
        drifted = one.adrift
        if drifted:
            some = ", ".join(f"{_name(effect)} {change_of(effect, effect.change)}" for effect in drifted[:_NAMED])
            more = f" and {len(drifted) - _NAMED:,} more" if len(drifted) > _NAMED else ""
            yield Note(
                f"{_runs(one, labels)}: not counted, since the same file was run by the same runtime, "
                f"so the machine moved it: {printable(some)}{more}"
            )


def _name(effect: Effect) -> str:
    return f"{effect.measurement} of {effect.cell}"


# --- one step ---------------------------------------------------------------------------------------


def _moved(one: Upgrade, labels: Sequence[str], rows: int) -> Table:
    moved = sorted(one.moved, key=lambda effect: (_ORDER.index(effect.quantity), -abs(effect.harm or 0.0)))
    several = len({effect.suite for effect in one.comparison.effects}) > 1
    where = _shared_end({effect.cell for effect in moved[:rows]})
    cells = tuple(_cells(one, effect, several, where) for effect in moved[:rows])
    causes = {one.cause(effect) for effect in moved[:rows]}
    ends = [Note(where, "cell", "/…")] if where else []
    notes = [
        *ends,
        _THROUGH,
        *(note for cause, note in _CAUSES.items() if cause in causes),
        *_others(one),
        *_once(moved),
    ]
    if len(moved) > rows:
        both = " ".join(run.source or run.name for run in (one.comparison.old, one.comparison.new))
        notes.insert(0, Note(f"and {len(moved) - rows:,} more: tradeoff compare {printable(both)}"))
    title = f"Moved by {_versions(one, one.names)} · {_runs(one, labels)}"
    return without_empty_columns(Table(title, _columns(one), cells, tuple(notes)))


def _columns(one: Upgrade) -> tuple[Column, ...]:
    """Old and new are called by their versions, as far as one name does."""
    old, new = (printable(version) for version in one.changes[one.names[0]])
    return (
        Column("cell", "cell", folds=True),
        Column("measurement", "what"),
        Column("old", old, "right", importance=2),
        Column("new", new, "right", importance=1),
        Column("change", "change", "right"),
        Column("interval", "95 % interval", "right", importance=7),
        Column("through", "through", importance=3),
    )


def _shared_end(cells: Collection[str]) -> str:
    """Device and load, where all cells have the same: ``/host-cpu/b1``."""
    ends = {"".join(f"/{part}" for part in cell.split("/")[3:]) for cell in cells}
    return ends.pop() if len(ends) == 1 else ""


def _cells(one: Upgrade, effect: Effect, several: bool, where: str) -> tuple[Cell, ...]:
    cell, what, old, new, *change = effect_cells(effect, several)[:6]
    if old.text == new.text and effect.unit == "B":
        old, new = (replace(one, text=f"{one.raw:,.0f} B") for one in (old, new))
    cause = one.cause(effect)
    return (
        replace(cell, short=cell.text.removesuffix(printable(where)) + "/…" if where else ""),
        replace(what, short=_SHORT.get(effect.measurement, "")),
        *(old, new, *change),
        Cell(cause, cause, _SHORT_CAUSES.get(cause, ""), tone="dim"),
    )


def _others(one: Upgrade) -> Iterator[Note]:
    """Whatever else is another between the two runs may have done it as well."""
    rest = [name for name in one.changes if name not in one.names]
    if rest:
        yield Note(f"another as well: {_versions(one, rest)}")
    if len(one.changes) > 1:
        yield Note("which of several versions it was, no number can tell")


def _once(moved: Iterable[Effect]) -> Iterator[Note]:
    names = dict.fromkeys(effect.measurement for effect in moved if "measured once" in effect.reason)
    if names:
        yield Note(f"measured once in each run, so without an interval: {', '.join(map(printable, names))}")
