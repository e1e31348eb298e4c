"""Which run was made where and with what, and what starting its workers cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tradeoff.record import Run

from .format import UNAVAILABLE, is_number, number, printable
from .rows import label_runs
from .table import Cell, Column, Note, Table, without_empty_columns

_RUN_COLUMNS = (
    Column("run", "run", folds=True),
    Column("started", "date (UTC)", importance=2),
    Column("node", "machine", importance=1, folds=True),
    Column("processor", "processor", importance=3, folds=True),
    Column("cores", "cores", "right", importance=4),
    Column("memory_bytes", "memory", "right", "B", 6),
    Column("system", "system", importance=7, folds=True),
    Column("source", "file", importance=5, folds=True),
)
_WORKER_COLUMNS = (
    Column("worker", "worker", folds=True),
    Column("start_seconds", "start", "right", "s", 1),
    Column("import_seconds", "import", "right", "s", 1),
)


def legend(runs: Sequence[Run]) -> Table:
    """Which run is which."""
    labelled = label_runs(runs)
    rows = tuple(_run_cells(label, run) for label, run in labelled)
    table = Table("Runs" if len(runs) > 1 else "Run", _RUN_COLUMNS, rows, tuple(_version_notes(labelled)))
    return without_empty_columns(table)


def _run_cells(label: str, run: Run) -> tuple[Cell, ...]:
    machine = run.machine
    started = run.started.replace("T", " ")[:16]
    memory = machine.get("memory_bytes")
    return (
        _text(label),
        _text(started),
        *(_text(machine.get(name)) for name in ("node", "processor", "cores")),
        Cell(number(memory, "bytes"), memory) if is_number(memory) else _text(memory),
        _text(machine.get("system")),
        _text(run.source),
    )


def _text(value: Any) -> Cell:
    if value is None or value == "":
        return Cell(UNAVAILABLE, tone="dim")
    return Cell(printable(str(value)), str(value))


def _version_notes(labelled: Sequence[tuple[str, Run]]) -> list[Note]:
    """All versions of a single run; of several, those that differ, since the others explain nothing."""
    versions = {label: run.versions for label, run in labelled}
    names = sorted({name for found in versions.values() for name in found})
    if len(versions) == 1:
        told = _versions(names, *versions.values())
        return [Note(f"versions: {told}")] if told else []
    differ = [name for name in names if len({found.get(name) for found in versions.values()}) > 1]
    if not differ:
        return [Note("all versions are the same")] if names else []
    return [Note(f"{printable(label)}: {_versions(differ, found)}") for label, found in versions.items()]


def _versions(names: Sequence[str], found: Mapping[str, str]) -> str:
    return printable(", ".join(f"{name} {found.get(name, 'absent')}" for name in names))


def worker_tables(runs: Sequence[Run]) -> list[Table]:
    """What was paid once per run, and is in no latency."""
    labelled = label_runs(runs)
    several = len(labelled) > 1
    return [_worker_table(label if several else "", run) for label, run in labelled if run.workers]


def _worker_table(label: str, run: Run) -> Table:
    rows = [
        (
            _text(_worker_name(worker)),
            _seconds(worker.get("start_seconds")),
            _seconds(worker.get("import_seconds")),
        )
        for worker in run.workers
    ]
    title = "Workers, paid once per run" + (f" · run {printable(label)}" if label else "")
    return without_empty_columns(Table(title, _WORKER_COLUMNS, tuple(rows)))


def _worker_name(worker: Mapping[str, Any]) -> Any:
    """Its name, and how many they were where one line tells of several."""
    processes = worker.get("processes", 1)
    several = isinstance(processes, int) and processes > 1
    return f"{worker.get('name')}: {processes} of them" if several else worker.get("name")


def _seconds(value: Any) -> Cell:
    if not is_number(value):
        return Cell(UNAVAILABLE, tone="dim")
    return Cell(number(value, "seconds"), value)
