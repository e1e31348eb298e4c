"""Large files of rows: what DuckDB finds in them is what looking at every row would find."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
from decided_runs import cell, number, run, runs
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeoff.cli import main
from tradeoff.decide.objectives import numbers_of
from tradeoff.errors import BadInput
from tradeoff.exchange import files
from tradeoff.exchange.files import read_selected, write_rows
from tradeoff.exchange.parquet_file import read_parquet
from tradeoff.exchange.selecting import select_rows
from tradeoff.record import Record, Run
from tradeoff.reports.tables.report import NOTHING

COSTS = ("latency", "artifact_bytes", "peak_bytes", "energy")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and the import path as it was; DuckDB and pyarrow are in the extra dev."""
    pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


def written(*found: Run, name: str = "rows.parquet") -> Path:
    write_rows(found, Path(name))
    return Path(name)


def spelled(found: list[Run]) -> list[tuple[str, str]]:
    return [(one.name, record.cell.spelling) for one in found for record in one.records]


def old_and_new() -> tuple[Run, Run]:
    """The newer run is the first in the file; it has measured one cell less, and one has failed in it."""
    newer = run(
        cell("m/a", {"accuracy": 0.9, "latency": 2.0}),
        Record(cell("m/b", {}).cell, status="crashed", reason="killed"),
        name="new",
        started="2026-02-01T00:00:00+00:00",
    )
    older = run(
        cell("m/a", {"accuracy": 0.8, "latency": 3.0}),
        cell("m/b", {"accuracy": 0.8, "latency": 4.0}),
        cell("m/c", {"accuracy": 0.7, "latency": 5.0}),
        name="old",
    )
    return newer, older


# --- conditions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "cells"),
    [
        ("", 5),
        ("chain = 'a'", 2),
        ("m_latency.value > 2.5", 3),
        ("run = 'old' AND m_accuracy.value >= 0.8", 2),
        ("status <> 'measured'", 1),
        ("chain = 'a' OR chain = 'c'", 3),
        ("false", 0),
    ],
)
def test_a_condition_finds_the_rows_for_which_it_holds(where: str, cells: int) -> None:
    path = written(*old_and_new())
    found = select_rows(path, where)
    assert sum(len(one.records) for one in found.runs) == cells
    assert all(one.records for one in found.runs)
    assert found.told == ((f"{cells} of 5 rows",) if where else ())


def test_what_is_found_is_what_reading_everything_gives() -> None:
    path = written(*old_and_new())
    assert select_rows(path, "").runs == read_parquet(path)
    (kept,) = select_rows(path, "status = 'measured' AND run_number = 0").runs
    assert kept.records == read_parquet(path)[0].records[:1]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("chain = a", "--where 'chain = a': Binder Error: Referenced column \"a\" not found"),
        ("chain = ", "--where 'chain = ': Parser Error"),
        ("chain IN (SELECT * FROM read_csv('other.csv'))", "Permission Error"),
        ("true); CREATE TABLE x (i INTEGER); SELECT (true", "Error"),
    ],
)
def test_a_condition_that_cannot_be_asked_is_told_and_reads_no_other_file(where: str, message: str) -> None:
    path = written(*old_and_new())
    Path("other.csv").write_text("chain\na\n", encoding="utf-8")
    with pytest.raises(BadInput) as error:
        select_rows(path, where)
    assert message in str(error.value)


def test_names_of_files_and_columns_are_only_names() -> None:
    odd = run(cell("m/a", {"accuracy": 0.9, 'it"s': number("latency", 1.0)}))
    path = written(odd, name='it\'s "one".parquet')
    assert select_rows(path, "true").runs[0].records == read_parquet(path)[0].records


# --- too many rows ----------------------------------------------------------------------------------


def test_of_more_rows_than_are_read_the_newest_measured_one_of_each_cell_counts() -> None:
    found = select_rows(written(*old_and_new()), "", most=3)
    assert spelled(found.runs) == [
        ("new", "m/a/litert/host-cpu/b1"),
        ("old", "m/b/litert/host-cpu/b1"),
        ("old", "m/c/litert/host-cpu/b1"),
    ]
    assert found.told == ("5 rows: of each cell on each machine the newest measured one counts, 3 in all",)


def test_cells_of_two_machines_are_two_cells() -> None:
    here, there = run(cell("m/a", {"latency": 1.0}), name="here"), run(cell("m/a", {"latency": 2.0}), name="there")
    there = Run(there.name, there.started, {**there.machine, "processor": "another"}, records=there.records)
    assert len(spelled(select_rows(written(here, here, there), "", most=2).runs)) == 2


def test_a_decision_is_not_made_from_fronts_alone() -> None:
    path = written(*old_and_new())
    assert len(spelled(select_rows(path, "", "decision", most=3).runs)) == 3
    with pytest.raises(BadInput, match="3 cells, too many to decide between: ask for some with --where"):
        select_rows(path, "", "decision", most=2)
    assert len(spelled(select_rows(path, "", "all", most=2).runs)) == 5


def on_fronts(one: Run) -> set[str]:
    """The plainest way: every row against every other."""
    found = set()
    rows = [(record.cell.spelling, numbers_of(record)) for record in one.records]
    names = {"artifact_bytes": "size", "peak_bytes": "ram"}
    for cost in (names.get(name, name) for name in COSTS):
        both = [(s, n["accuracy"].cost, n[cost].cost) for s, n in rows if {"accuracy", cost} <= n.keys()]
        for spelling, worse, dear in both:
            if not any(w <= worse and d <= dear and (w < worse or d < dear) for _, w, d in both):
                found.add(spelling)
    return found


@settings(deadline=None, max_examples=25)
@given(runs(2, 9))
def test_of_more_cells_than_are_read_the_fronts_are_kept_and_nothing_else(one: Run) -> None:
    if not any("accuracy" in r.measurements and r.measurements["accuracy"].value is not None for r in one.records):
        return
    try:
        found = select_rows(written(one), "", most=1)
    except BadInput as error:
        assert "no quality or no cost" in str(error)
        return
    assert {name for _, name in spelled(found.runs)} == on_fronts(one)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.4]), st.integers(1, 4)), min_size=3, max_size=8))
def test_of_an_error_less_is_better(rows: list[tuple[float, int]]) -> None:
    one = run(*(cell(f"m/c{place}", {"mae": mae, "latency": dear}) for place, (mae, dear) in enumerate(rows)))
    kept = {int(name.split("/")[1][1:]) for _, name in spelled(select_rows(written(one), "", most=1).runs)}
    best = {p for p, (m, d) in enumerate(rows) if not any(a <= m and b <= d and (a, b) != (m, d) for a, b in rows)}
    assert kept == best


def test_fronts_are_of_what_may_be_compared() -> None:
    one = run(
        cell("m/a", {"accuracy": 0.9, "latency": 1.0}),
        cell("m/a/litert/host-cpu/b8", {"accuracy": 0.9, "latency": 9.0}),
        cell("n/a", {"accuracy": 0.5, "latency": 9.0}, task="another"),
        cell("m/b", {"accuracy": 0.8, "latency": math.nan}),
    )
    found = spelled(select_rows(written(one), "", most=1).runs)
    assert [name for _, name in found] == ["m/a/litert/host-cpu/b1", "m/a/litert/host-cpu/b8", "n/a/litert/host-cpu/b1"]


# --- the commands -----------------------------------------------------------------------------------


def test_report_and_recommend_take_a_condition(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(written(*old_and_new()))
    assert main(["report", path, "--where", "run = 'old' AND chain = 'c'", "--format", "csv"]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2
    assert "tradeoff: rows.parquet: 1 of 5 rows" in told.err
    assert main(["recommend", path, "--where", "run = 'old'", "--objective", "latency", "--width", "100"]) == 0
    assert "ship m/a/litert" in capsys.readouterr().out


def test_where_nothing_is_found_the_report_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(written(*old_and_new()))
    assert main(["report", path, "--where", "chain = 'z'"]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == (f"{NOTHING}\n", "tradeoff: rows.parquet: 0 of 5 rows\n")


def test_rows_can_be_taken_from_a_file_into_another(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(written(*old_and_new()))
    assert main(["report", path, "--where", "chain = 'a'", "-o", "some.json"]) == 0
    assert [name for _, name in spelled(files.read_runs("some.json"))] == ["m/a/litert/host-cpu/b1"] * 2


def test_a_condition_needs_a_file_of_rows(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(old_and_new(), Path("rows.json"))
    assert main(["report", "rows.json", "--where", "true"]) == 2
    told = "tradeoff: --where is about a .parquet file, and rows.json is none: write one with -o rows.parquet\n"
    assert capsys.readouterr().err == told


def test_only_a_large_file_is_looked_through_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    path, said = written(*old_and_new()), list[str]()
    assert len(spelled(read_selected(str(path), "", "report", said.append))) == 5
    monkeypatch.setattr(files, "MANY", 4)
    monkeypatch.setattr("tradeoff.exchange.selecting.MOST", 3)
    assert len(spelled(read_selected(str(path), "", "all", said.append))) == 5
    assert said == []
    assert len(spelled(read_selected(str(path), "", "report", said.append))) == 3
    assert said == ["rows.parquet: 5 rows: of each cell on each machine the newest measured one counts, 3 in all"]


def test_without_duckdb_a_large_file_is_read_and_a_condition_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, said = written(*old_and_new()), list[str]()
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.setattr(files, "MANY", 4)
    assert len(spelled(read_selected(str(path), "", "report", said.append))) == 5
    assert said == ["rows.parquet has 5 rows, which takes long and much memory; pip install 'tradeoff[duckdb]'"]
    assert main(["report", str(path), "--where", "true"]) == 2
    assert "not installed: DuckDB looks into large files; pip install 'tradeoff[duckdb]'" in capsys.readouterr().err
