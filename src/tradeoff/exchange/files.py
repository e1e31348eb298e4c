"""Which file of rows a name stands for, by its ending."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tradeoff.compare.reading import GIT, read_named_run, read_saved_run, run_file
from tradeoff.errors import BadInput
from tradeoff.exchange.json_file import is_rows, read_json, write_json
from tradeoff.exchange.parquet_file import read_parquet, rows_in, write_parquet
from tradeoff.exchange.selecting import Purpose, select_rows
from tradeoff.record import Run

PARQUET: Final = ".parquet"
JSON: Final = ".json"
#: How the commands call such a condition.
WHERE: Final = "only rows of a .parquet file for which this holds, as in \"model = 'cnn' AND m_latency.value < 0.001\""
#: More rows than this are looked through by DuckDB instead of being read.
MANY: Final = 200_000


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


def read_selected(name: str, where: str, purpose: Purpose, tell: Callable[[str], None]) -> list[Run]:
    """What a name holds, of large files the rows that serve a purpose; what is left behind is told.

    :param where: a condition in SQL over the columns of a Parquet file; empty for none.
    """
    path = Path(name).expanduser()
    if name.startswith(GIT) or path.suffix.lower() != PARQUET:
        if where:
            raise BadInput(f"--where is about a .parquet file, and {name} is none: write one with -o rows.parquet")
        return read_named_runs(name)
    if not where and (purpose == "all" or rows_in(path) <= MANY or not _duckdb(path, tell)):
        return read_parquet(path)
    found = select_rows(path, where, purpose)
    for line in found.told:
        tell(f"{name}: {line}")
    return found.runs


def _duckdb(path: Path, tell: Callable[[str], None]) -> bool:
    try:
        found = importlib.util.find_spec("duckdb") is not None
    except ValueError:
        found = False
    if not found:
        tell(f"{path} has {rows_in(path):,} rows, which takes long and much memory; pip install 'tradeoff[duckdb]'")
    return found


def _rows(path: Path) -> list[Run] | None:
    if path.suffix.lower() == PARQUET:
        return read_parquet(path)
    return read_json(path) if path.suffix.lower() == JSON and is_rows(path) else None
