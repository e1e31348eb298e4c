"""Rows as a file: what is written comes back, from Parquet and from JSON alike."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from decided_runs import cell, run
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeoff.cli import main
from tradeoff.errors import BadInput, Refused
from tradeoff.exchange.files import read_runs, write_rows
from tradeoff.exchange.heads import SCHEMA
from tradeoff.exchange.parquet_file import COLUMNS, FIELDS, PREFIX, write_parquet
from tradeoff.record import JSON_KEY, STATUSES, Axes, Measurement, Record, Run, run_to_json
from tradeoff.reports.renderers.comma import CommaSeparated
from tradeoff.reports.renderers.terminal import Terminal

SUFFIXES = (".parquet", ".json")
DOCS = Path(__file__).parent.parent / "docs" / "reference" / "rows.md"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and the import path as it was; Parquet needs pyarrow, which is in the extra dev."""
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


def there_and_back(runs: list[Run], suffix: str) -> list[Run]:
    path = Path(f"rows{suffix}")
    write_rows(runs, path)
    return read_runs(str(path))


EXAMPLE = run(
    cell("m/baseline", {"accuracy": 0.98, "artifact_bytes": 200e3, "latency": 2e-3}, test_samples=1000),
    cell("m/int8", {"accuracy": 0.97, "artifact_bytes": 50e3, "latency": 1e-3}, "noisy", estimate={"fits": True}),
    Record(Axes.parse("m/int4/litert/host-cpu/b1"), status="crashed", reason="killed", detail="line 1\nline 2"),
)


# --- round trips ------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
AXIS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="/"), min_size=1, max_size=6)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
MEASUREMENTS = st.builds(
    Measurement,
    st.none() | st.integers(-(2**53), 2**53) | FLOATS,
    TEXT,
    st.sampled_from(["lower", "higher", "none"]),
    st.sampled_from(["measured", "simulated", "modelled", "published", "unavailable"]),
    st.none() | FLOATS,
    st.none() | FLOATS,
    TEXT,
)
RECORDS = st.builds(
    Record,
    st.builds(Axes, AXIS, AXIS, AXIS, AXIS, AXIS),
    TEXT,
    st.sampled_from(list(STATUSES)),
    TEXT,
    TEXT,
    st.dictionaries(TEXT, MEASUREMENTS, max_size=4),
    st.lists(TEXT, max_size=2).map(tuple),
    st.dictionaries(TEXT, JSON, max_size=3),
    st.none() | TEXT,
)
RUNS = st.builds(
    Run,
    TEXT,
    TEXT,
    st.dictionaries(TEXT, JSON, max_size=2),
    st.dictionaries(TEXT, TEXT, max_size=2),
    st.dictionaries(TEXT, JSON, max_size=2),
    st.lists(st.dictionaries(TEXT, JSON, max_size=2), max_size=2).map(tuple),
    st.lists(RECORDS, max_size=4).map(tuple),
    TEXT.filter(bool),
)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(deadline=None, max_examples=40)
@given(runs=st.lists(RUNS, max_size=3))
def test_what_is_written_comes_back(suffix: str, runs: list[Run]) -> None:
    found = there_and_back(runs, suffix)
    assert found == runs


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_report_over_the_rows_is_that_over_the_runs(suffix: str) -> None:
    newer = run(replace(EXAMPLE.records[0]), name="another", started="2026-02-01T00:00:00+00:00")
    before = [replace(one, source="from.json") for one in (EXAMPLE, newer)]
    back = there_and_back(before, suffix)
    for renderer in (Terminal(), CommaSeparated()):
        assert renderer.render(back, 160, False) == renderer.render(before, 160, False)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_was_not_available(suffix: str, value: float) -> None:
    odd = run(cell("m/int8", {"latency": Measurement(value, "s", low=value, high=1.0)}))
    (found,) = there_and_back([odd], suffix)
    assert found.records[0].measurements["latency"] == Measurement(None, "s", low=None, high=1.0)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_measurement_that_one_record_lacks_is_not_there(suffix: str) -> None:
    (found,) = there_and_back([run(cell("m/a", {"accuracy": 1.0}), cell("m/b", {"latency": 1.0}))], suffix)
    assert [sorted(one.measurements) for one in found.records] == [["accuracy"], ["latency"]]
    assert found.records[0].measurements.get("latency") is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_thousands_of_series_come_back(suffix: str) -> None:
    many: Mapping[str, Measurement] = {f"n{place}": Measurement(float(place), "1") for place in range(2000)}
    record = Record(Axes.parse("m/baseline/b/d/b1"), status="measured", measurements=many)
    (found,) = there_and_back([run(record)], suffix)
    assert dict(found.records[0].measurements) == many


def test_rows_of_several_batches_come_back_in_their_order() -> None:
    records = [cell(f"m/prune:0.{place:05}", {"latency": float(place)}) for place in range(6000)]
    (found,) = there_and_back([run(*records)], ".parquet")
    assert [one.measurements["latency"].value for one in found.records] == [float(place) for place in range(6000)]


def test_a_document_that_another_tool_has_written_anew_is_read_as_well() -> None:
    write_rows([EXAMPLE], Path("rows.json"))
    told = json.loads(Path("rows.json").read_text(encoding="utf-8"))
    Path("rows.json").write_text(json.dumps(told, indent=2, sort_keys=True), encoding="utf-8")
    (found,) = read_runs("rows.json")
    assert found.records == EXAMPLE.records


def test_other_tools_read_the_numbers_by_name() -> None:
    import pyarrow.parquet as pq

    write_rows([EXAMPLE], Path("rows.parquet"))
    table = pq.read_table("rows.parquet").to_pydict()
    assert table["chain"] == ["baseline", "int8", "int4"]
    assert [one and one["value"] for one in table["m_latency"]] == [2e-3, 1e-3, None]


# --- files that are not ours, or newer --------------------------------------------------------------


def rewritten(**metadata: bytes) -> str:
    """The rows of the example with other metadata."""
    import pyarrow.parquet as pq

    write_parquet([EXAMPLE], Path("rows.parquet"))
    table = pq.read_table("rows.parquet")
    kept = {key: value for key, value in (table.schema.metadata or {}).items() if key.startswith(b"tradeoff")}
    changed = {**kept, **{f"tradeoff.{key}".encode(): value for key, value in metadata.items()}}
    pq.write_table(table.replace_schema_metadata(changed), "rows.parquet")
    return "rows.parquet"


def test_rows_of_a_newer_version_say_what_to_do() -> None:
    newer = f"its rows have schema version {SCHEMA + 1}, this tradeoff reads up to {SCHEMA}; upgrade with `pip install"
    with pytest.raises(BadInput, match=newer):
        read_runs(rewritten(schema=str(SCHEMA + 1).encode()))
    write_rows([EXAMPLE], Path("rows.json"))
    text = Path("rows.json").read_text(encoding="utf-8")
    for changed in (text.replace('"schema": 1', '"schema": 2', 1), json.dumps({**json.loads(text), "schema": 2})):
        Path("rows.json").write_text(changed, encoding="utf-8")
        with pytest.raises(BadInput, match=newer):
            read_runs("rows.json")


def test_a_parquet_file_of_somebody_else_is_told() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), "other.parquet")
    with pytest.raises(BadInput, match=r"other\.parquet has no rows of tradeoff in it"):
        read_runs("other.parquet")
    Path("broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadInput, match=r"broken\.parquet cannot be read as Parquet"):
        read_runs("broken.parquet")
    with pytest.raises(BadInput, match=r"none\.parquet: there is no such file"):
        read_runs("none.parquet")
    with pytest.raises(BadInput, match="row of run 0, and there are 0 runs"):
        read_runs(rewritten(runs=b"[]"))
    with pytest.raises(BadInput, match="a run does not have the shape of schema 1"):
        read_runs(rewritten(runs=b'[{"name": 3}]'))


def changed_column(name: str, change: Any) -> str:
    """The rows of the example, one of their columns changed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_parquet([EXAMPLE], Path("rows.parquet"))
    table = pq.read_table("rows.parquet")
    place = table.column_names.index(name)
    values = [change(one) for one in table.column(name).to_pylist()]
    pq.write_table(table.set_column(place, name, pa.array(values)), "rows.parquet")
    return "rows.parquet"


@pytest.mark.parametrize(
    ("column", "change", "message"),
    [
        ("status", lambda one: "lost", "there is a row with the status 'lost'; known: measured"),
        ("facts", lambda one: "[1]", "facts are list, not a table"),
        ("facts", lambda one: "{", "facts that are not JSON"),
        ("m_latency", lambda one: 1.0, "column m_latency is no structure with value, low"),
        (
            "m_latency",
            lambda one: one and {**one, "provenance": "guessed"},
            "the provenance 'guessed'; known: measured",
        ),
    ],
)
def test_a_row_that_is_wrong_is_told(column: str, change: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_runs(changed_column(column, change))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (lambda lines: lines[:-1], "is cut short: its last line is missing"),
        (lambda lines: [*lines[:3], lines[3][:40]], "rows.json, line 4: "),
        (lambda lines: lines[:1], "does not have the shape of schema 1, or is cut short"),
        (lambda lines: [*lines[:3], lines[3].replace('"run": 0', '"run": 7'), *lines[4:]], "it is of run 7"),
        (lambda lines: [*lines[:3], lines[3].replace('"measured"', '"lost"'), *lines[4:]], "rows.json, line 4: "),
    ],
)
def test_a_json_document_that_is_cut_short_or_wrong_is_told(cut: Any, message: str) -> None:
    write_rows([EXAMPLE], Path("rows.json"))
    lines = Path("rows.json").read_text(encoding="utf-8").splitlines()
    Path("rows.json").write_text("\n".join(cut(lines)), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read_runs("rows.json")
    assert message in str(caught.value)


def test_without_pyarrow_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Refused, match=r"pip install 'tradeoff\[parquet\]'"):
        write_rows([EXAMPLE], Path("rows.parquet"))


# --- the command ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_command_writes_rows_and_reports_on_them(suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("run.json").write_text(json.dumps({"benchmarks": [], JSON_KEY: run_to_json(EXAMPLE)}), encoding="utf-8")
    assert main(["report", "run.json", "-o", f"rows{suffix}"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["report", "run.json"]) == 0
    direct = capsys.readouterr().out
    assert main(["report", f"rows{suffix}"]) == 0
    assert capsys.readouterr().out == direct
    assert main(["recommend", f"rows{suffix}", "--objective", "size", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["groups"][0]["choice"]["cell"] == "m/int8/litert/host-cpu/b1"
    assert main(["report", "run.json", "--view", "best", "-o", f"rows{suffix}"]) == 2
    assert "leave out --view, or name a --format" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_command_about_one_run_says_where_rows_are_read(suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows([EXAMPLE], Path(f"rows{suffix}"))
    assert main(["compare", f"rows{suffix}", f"rows{suffix}"]) == 2
    assert "`tradeoff report` and `tradeoff recommend` read it" in capsys.readouterr().err


def test_the_reference_has_every_column_and_every_field() -> None:
    page = DOCS.read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in (*COLUMNS, *FIELDS, f"{PREFIX}NAME"))
    assert f"schema version {SCHEMA}" in page
