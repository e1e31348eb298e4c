"""Which file of rows a name stands for, by its ending."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tradeoff.compare.reading import GIT, read_named_run, read_saved_run, run_file
from tradeoff.exchange.json_file import is_rows, read_json, write_json
from tradeoff.exchange.parquet_file import read_parquet, write_parquet
from tradeoff.record import Run

PARQUET: Final = ".parquet"
JSON: Final = ".json"


def writes_rows(name: str) -> bool:
    """Whether a file of this name is one of rows, not of tables."""
    return Path(name).suffix.lower() in (PARQUET, JSON)


def write_rows(runs: Sequence[Run], path: Path) -> None:
    """Write all records of all runs, in the format that the ending names."""
    if path.suffix.lower() == PARQUET:
        write_parquet(runs, path)
    else:
        write_json(runs, path)


def read_runs(name: str) -> list[Run]:
    """What a name holds: a run's folder, its JSON, its journal, or the rows of any number of runs."""
    path = Path(name)
    rows = _rows(path)
    return [read_saved_run(run_file(path))] if rows is None else rows


def read_named_runs(name: str) -> list[Run]:
    """The same, also of a git revision."""
    rows = None if name.startswith(GIT) else _rows(Path(name).expanduser())
    return [read_named_run(name)] if rows is None else rows


def _rows(path: Path) -> list[Run] | None:
    if path.suffix.lower() == PARQUET:
        return read_parquet(path)
    return read_json(path) if path.suffix.lower() == JSON and is_rows(path) else None
