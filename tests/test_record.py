"""What is written is what is read, and what cannot be read is refused with a reason."""

from __future__ import annotations

import gc
import json
import math
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.errors import BadInput
from tradeoff.record import (
    JSON_KEY,
    SCHEMA,
    STATUSES,
    Axes,
    Measurement,
    Record,
    Run,
    last_words,
    read_run,
    record_from_json,
    record_to_json,
    run_from_json,
    run_to_json,
)
from tradeoff.vocabulary import Direction, Provenance

numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
names = st.text(min_size=1).filter(lambda text: "/" not in text)
plain = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False)
facts = st.dictionaries(st.text(), plain, max_size=3)
measurements = st.builds(
    Measurement,
    value=numbers,
    unit=st.text(),
    direction=st.sampled_from(get_args(Direction)),
    provenance=st.sampled_from(get_args(Provenance)),
    low=numbers,
    high=numbers,
    note=st.text(),
)
records = st.builds(
    Record,
    cell=st.builds(Axes, names, names, names, names, names),
    suite=st.text(),
    status=st.sampled_from(list(STATUSES)),
    reason=st.text(),
    detail=st.text(),
    measurements=st.dictionaries(st.text(), measurements, max_size=3),
    verdicts=st.lists(st.text(), max_size=2).map(tuple),
    facts=facts,
    same_as=st.none() | st.text(),
)
runs = st.builds(
    Run,
    name=st.text(),
    started=st.text(),
    machine=facts,
    versions=st.dictionaries(st.text(), st.text(), max_size=3),
    options=facts,
    workers=st.lists(facts, max_size=2).map(tuple),
    records=st.lists(records, max_size=2).map(tuple),
    source=st.just(""),
)
CELL = Axes("cnn", "int8", "litert", "host-cpu", "b1")


def written(folder: Path, data: Any) -> Path:
    path = folder / "run.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@given(runs)
def test_a_run_survives_the_way_through_json(run: Run) -> None:
    assert run_from_json(json.loads(json.dumps(run_to_json(run)))) == run


def test_a_cell_reads_back_from_its_spelling() -> None:
    assert Axes.parse(CELL.spelling) == CELL


@pytest.mark.parametrize("text", ["", "cnn", "cnn/int8/litert/host-cpu", "cnn//litert/host-cpu/b1", "a/b/c/d/e/f"])
def test_what_is_not_a_cell_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="MODEL/CHAIN/BACKEND/DEVICE/LOAD"):
        Axes.parse(text)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_written_as_unavailable(value: float) -> None:
    data = record_to_json(Record(CELL, status="measured", measurements={"latency": Measurement(value, "s")}))
    assert json.loads(json.dumps(data, allow_nan=False))["measurements"]["latency"]["value"] is None


def test_a_nan_in_a_file_is_read_as_unavailable(tmp_path: Path) -> None:
    data = run_to_json(Run("a", "now", records=(Record(CELL),)))
    data["records"][0]["measurements"] = {"latency": {"value": math.nan, "unit": "s"}}
    path = written(tmp_path, {"benchmarks": [{"stats": {"mean": math.inf}}], JSON_KEY: data})
    assert "NaN" in path.read_text()
    assert read_run(path).records[0].measurements["latency"].value is None


def test_a_newer_schema_is_refused_with_the_way_out() -> None:
    with pytest.raises(BadInput, match="pip install -U tradeoff"):
        record_from_json(record_to_json(Record(CELL)) | {"schema": SCHEMA + 1})


@pytest.mark.parametrize("schema", [None, 0, -1, "1", 1.5, True])
def test_a_schema_that_is_no_version_is_refused(schema: object) -> None:
    with pytest.raises(BadInput, match="schema version"):
        run_from_json(run_to_json(Run("a", "")) | {"schema": schema})


@pytest.mark.parametrize(
    "wrong",
    [
        {"cell": 5},
        {"cell": "cnn/int8"},
        {"status": "happy"},
        {"status": []},
        {"measurements": []},
        {"measurements": {"latency": 3.0}},
        {"measurements": {"latency": {"value": 3.0}}},
        {"measurements": {"latency": {"value": "3", "unit": "s"}}},
        {"measurements": {"latency": {"value": True, "unit": "s"}}},
        {"measurements": {"latency": {"value": 10**400, "unit": "s"}}},
        {"measurements": {"latency": {"value": 3.0, "unit": "s", "provenance": "guessed"}}},
        {"measurements": {"latency": {"value": 3.0, "unit": "s", "direction": []}}},
        {"verdicts": "noisy"},
        {"verdicts": [1]},
        {"facts": 7},
        {"same_as": 7},
    ],
)
def test_a_record_of_the_wrong_shape_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        record_from_json(record_to_json(Record(CELL, status="measured")) | wrong)


def test_a_bad_record_is_named_by_its_position(tmp_path: Path) -> None:
    data = run_to_json(Run("a", "", records=(Record(CELL), Record(CELL))))
    data["records"][1]["status"] = "happy"
    with pytest.raises(BadInput, match=r"run\.json: record 2 does not have .*'happy'"):
        read_run(written(tmp_path, {JSON_KEY: data}))


@pytest.mark.parametrize("wrong", [{"records": 5}, {"records": [5]}, {"machine": 5}, {"workers": [5]}])
def test_a_run_of_the_wrong_shape_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        run_from_json(run_to_json(Run("a", "")) | wrong)


def test_a_run_remembers_its_file(tmp_path: Path) -> None:
    path = written(tmp_path, {"benchmarks": [], JSON_KEY: run_to_json(Run("a", "now", records=(Record(CELL),)))})
    assert read_run(path) == Run("a", "now", records=(Record(CELL),), source=str(path))


def test_a_file_cut_short_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    whole = written(tmp_path, {JSON_KEY: run_to_json(Run("a", "now", records=(Record(CELL),)))}).read_bytes()
    path = tmp_path / "short.json"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(BadInput, match="cut short"):
            read_run(path)


@pytest.mark.parametrize("content", [b"\xff\xfe\xfa", b"[" * 100_000, b"1" * 10_000, b"\x00\x01"])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"run\.json"):
        read_run(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_run(tmp_path / "absent.json")
    with pytest.raises(BadInput, match="cannot be read"):
        read_run(tmp_path)


@pytest.mark.parametrize("data", [{}, [], "tradeoff", {"benchmarks": []}])
def test_a_file_of_another_origin_is_told_apart(tmp_path: Path, data: object) -> None:
    with pytest.raises(BadInput, match="was not written by"):
        read_run(written(tmp_path, data))


def test_reading_leaves_the_garbage_collector_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        read_run(tmp_path / "absent.json")
    assert gc.isenabled()


def test_the_last_word_on_a_cell_wins_and_suites_keep_apart() -> None:
    first, again = Record(CELL, status="crashed"), Record(CELL, status="measured")
    other = Record(CELL, suite="test_memory", status="skipped")
    assert list(last_words([first, other, again]).values()) == [again, other]
