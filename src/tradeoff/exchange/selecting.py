"""Rows of a large Parquet file: DuckDB finds those that a condition asks for, or that are worth a look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

from tradeoff.compare.comparable import machine_key
from tradeoff.errors import BadInput, Refused
from tradeoff.exchange.heads import run_of
from tradeoff.exchange.parquet_file import COLUMNS, PREFIX, open_parquet, runs_of
from tradeoff.record import Run

Purpose = Literal["report", "decision", "all"]
#: More rows than this are not read as they are: a report over them is read by nobody.
MOST: Final = 50_000
#: What a cell is, beside the machine that measured it.
_CELL: Final = ("model", "chain", "backend", "device", "load", "suite")
_PLACE: Final = "file_row_number"
#: What rows must have in common before they are compared.
_GROUP: Final = "device, load, suite, machine, task, metric"
#: Places of rows are below this, so that a run's rank and a row's place make one number.
_ROOM: Final = 1 << 40
#: What a front is made over: less of each is better.
_COSTS: Final = ("latency", "artifact_bytes", "peak_bytes", "energy")
_QUALITY: Final = (("accuracy", "-"), ("r2", "-"), ("mae", ""), ("mse", ""))


@dataclass(frozen=True)
class Selection:
    """Rows of a file, and what was left behind.

    :param told: for a person, one line each.
    """

    runs: list[Run]
    told: tuple[str, ...] = ()


def select_rows(path: Path, where: str, purpose: Purpose = "report", most: int | None = None) -> Selection:
    """The rows for which ``where`` holds; of more than ``most`` the newest of each cell, and of these the fronts.

    :param where: a condition in SQL over the columns of the file; empty for all.
    :param most: :data:`MOST`, unless told.
    :param purpose: a report shows fronts, a decision is made among all cells, and all rows are all rows.
    """
    file, heads = open_parquet(path)
    with _Query(path, where, [run_of(head, (), str(path)) for head in heads]) as query:
        chosen, told = query.narrowed(purpose, MOST if most is None else most)
        tables = query.fetched(chosen, file.schema_arrow.names)
        runs = runs_of(tables, heads, path)
        # Of a thousand runs a few have such rows: the others have nothing to do with the question.
        return Selection([run for run in runs if run.records] if told else runs, told)


class _Query:
    """One file, open in a database of its own that can read nothing else."""

    def __init__(self, path: Path, where: str, runs: Sequence[Run]) -> None:
        try:
            import duckdb
        except ImportError as error:
            raise Refused("not installed", "DuckDB looks into large files; pip install 'tradeoff[duckdb]'") from error
        self._error = duckdb.Error
        self._path, self._where = path, where
        self._base = duckdb.connect(":memory:")
        self._columns: frozenset[str] = frozenset()
        self._runs = runs

    def __enter__(self) -> Self:
        # A condition comes from somebody's command line: it is about this file, and no other.
        self._base.execute("SET allowed_paths = [?]", [str(self._path)])
        self._base.execute("SET enable_external_access = false")
        source = str(self._path).replace("'", "''")
        self._run(f"CREATE VIEW every AS SELECT * FROM read_parquet('{source}', {_PLACE} = true)")
        self._columns = frozenset(name for name, *_ in self._run("DESCRIBE every").fetchall())
        missing = [name for name in COLUMNS if name not in self._columns]
        if missing:
            raise BadInput(f"{self._path} lacks the column {missing[0]!r}")
        if len(self._run(f"SELECT {self._where or 'true'}", self._base.extract_statements)) != 1:
            raise BadInput(f"--where {self._where!r} is more than one condition; write one")
        self._run(f"CREATE VIEW asked AS SELECT * FROM every WHERE {f'({self._where})' if self._where else 'true'}")
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def _run(self, sql: str, run: Callable[[str], Any] | None = None) -> Any:
        try:
            return (run or self._base.execute)(sql)
        except self._error as error:
            first = str(error).partition("\n")[0]
            about = f"--where {self._where!r}" if self._where else str(self._path)
            raise BadInput(f"{about}: {first}") from error

    def _count(self, table: str) -> int:
        return int(self._run(f"SELECT count(*) FROM {table}").fetchall()[0][0])

    # --- which --------------------------------------------------------------------------------------

    def narrowed(self, purpose: Purpose, most: int) -> tuple[str, tuple[str, ...]]:
        """A table of the places that are worth reading, or nothing where all are asked for."""
        count = self._count("asked")
        if count <= most or purpose == "all":
            return ("asked" if self._where else ""), self._told_of_all(count)
        self._find_newest()
        newest = self._count("newest")
        told = (f"{count:,} rows: of each cell on each machine the newest measured one counts, {newest:,} in all",)
        if newest <= most:
            return "newest", told
        if purpose == "decision":
            raise BadInput(f"{self._path} has {newest:,} cells, too many to decide between: ask for some with --where")
        self._find_fronts()
        kept = self._count("fronts")
        costs = ", ".join(_COSTS)
        more = f"of these the {kept:,} on a front of quality against {costs} are shown; --where asks for others"
        return "fronts", (*told, more)

    def _told_of_all(self, count: int) -> tuple[str, ...]:
        return (f"{count:,} of {self._count('every'):,} rows",) if self._where else ()

    def _find_newest(self) -> None:
        """The last word on each cell: of the newest run, and within it of the last row."""
        order = sorted(range(len(self._runs)), key=lambda number: self._runs[number].started)
        ranks = {number: rank for rank, number in enumerate(order)}
        machines: dict[tuple[str, ...], int] = {}
        rows = [
            (number, ranks[number], machines.setdefault(machine_key(run), len(machines)))
            for number, run in enumerate(self._runs)
        ]
        self._run("CREATE TEMP TABLE runs (run_number INTEGER, rank BIGINT, machine INTEGER)")
        self._base.executemany("INSERT INTO runs VALUES (?, ?, ?)", rows)
        measured = "FROM asked JOIN runs USING (run_number) WHERE status = 'measured'"
        if len(machines) == len(rows):
            # A run says one thing of a cell: with one run of each machine there is nothing to choose from.
            self._run(f"CREATE TEMP VIEW newest AS SELECT *, {_PLACE} AS place {measured}")
            return
        cell = ", ".join(_CELL)
        self._run(
            f"CREATE TEMP TABLE lasts AS SELECT max(rank * {_ROOM} + {_PLACE}) % {_ROOM} AS place, machine "
            f"{measured} GROUP BY {cell}, machine"
        )
        self._run(f"CREATE TEMP VIEW newest AS SELECT * FROM every JOIN lasts ON {_PLACE} = place")

    def _find_fronts(self) -> None:
        """Of what may be compared, all that nothing is better than in quality and one cost."""
        quality = [f"{sign}m_{name}.value" for name, sign in _QUALITY if f"{PREFIX}{name}" in self._columns]
        costs = [name for name in _COSTS if f"{PREFIX}{name}" in self._columns]
        if not quality or not costs:
            raise BadInput(f"{self._path} has no quality or no cost to make a front of; ask for rows with --where")
        # Facts are long: one row of each model says what its task is.
        self._run("CREATE TEMP TABLE told AS SELECT model, max(place) AS place FROM newest GROUP BY model")
        self._run(
            "CREATE TEMP TABLE models AS SELECT told.model, coalesce(facts->>'$.task', told.model) AS task, "
            f"facts->>'$.metric' AS metric FROM every JOIN told ON {_PLACE} = place"
        )
        told = ", ".join(f"m_{name}.value AS {name}" for name in costs)
        self._run(
            f"CREATE TEMP VIEW points AS SELECT place, {_GROUP}, coalesce({', '.join(quality)}) AS worse, {told} "
            "FROM newest JOIN models USING (model)"
        )
        least = ", ".join(f"min({name}) AS {name}" for name in costs)
        self._run(
            f"CREATE TEMP TABLE best AS SELECT {_GROUP}, worse, {least} FROM points WHERE worse IS NOT NULL "
            f"GROUP BY {_GROUP}, worse"
        )
        # Of each quality the cheapest, where nothing better is as cheap; what has no such cost is on no such front.
        ends = ", ".join(f"CASE WHEN {name} < {_before(name)} THEN {name} END AS {name}" for name in costs)
        self._run(f"CREATE TEMP TABLE ends AS SELECT {_GROUP}, worse, {ends} FROM best")
        same = " AND ".join(f"p.{name} IS NOT DISTINCT FROM e.{name}" for name in _GROUP.split(", "))
        on = " OR ".join(f"p.{name} = e.{name}" for name in costs)
        self._run(
            f"CREATE TEMP TABLE fronts AS SELECT p.place FROM points p JOIN ends e ON {same} AND p.worse = e.worse "
            f"WHERE {on}"
        )

    # --- reading ------------------------------------------------------------------------------------

    def fetched(self, chosen: str, names: Sequence[str]) -> Iterator[Any]:
        """The rows as tables of Arrow, in the order of the file."""
        columns = ", ".join(_quoted(name) for name in names)
        if chosen in ("", "asked"):
            source = chosen or "every"
        else:
            source = f"every WHERE {_PLACE} IN (SELECT place FROM {chosen})"
        yield self._run(f"SELECT {columns} FROM {source} ORDER BY {_PLACE}", self._base.sql).to_arrow_table()


def _before(cost: str) -> str:
    """The least of a cost among all that is better."""
    window = f"PARTITION BY {_GROUP} ORDER BY worse ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    return f"coalesce(min({cost}) OVER ({window}), 'infinity'::DOUBLE)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
