"""What each step of a chain contributed, as a table: the trained model first, and changes only where they show."""

from __future__ import annotations

from typing import Any

import pytest
from decided_runs import cell, run

from tradeoff.record import Run
from tradeoff.reports.tables.steps import step_tables, waterfalls_of
from tradeoff.reports.tables.table import Table

TRAINED = {"step": "baseline", "bytes": 1000, "gzip_bytes": 900, "quality": 0.96, "seconds": 2.0, "epochs": 0}
PRUNED = {"step": "prune:0.5", "bytes": 1000, "gzip_bytes": 450, "quality": 0.955, "seconds": 3.0, "epochs": 6}
QUANTIZED = {"step": "int8", "bytes": 250, "gzip_bytes": 100, "quality": 0.86, "seconds": 0.5, "epochs": 0}


def told(*steps: Any, backend: str = "litert", **facts: Any) -> Run:
    found = {"waterfall": list(steps), "metric": "accuracy", "test_samples": 500, **facts}
    return run(cell("m/prune:0.5+int8", {"accuracy": 0.9}, backend=backend, **found))


def texts(table: Table, key: str) -> list[str]:
    place = [column.key for column in table.columns].index(key)
    return [row[place].text for row in table.rows]


def test_each_step_is_told_against_the_one_before_it() -> None:
    (table,) = step_tables([told(TRAINED, PRUNED, QUANTIZED)])
    assert table.title == "Steps · m"
    assert texts(table, "step") == ["baseline", "prune:0.5", "int8"]
    assert texts(table, "size") == ["1.00 kB", "1.00 kB", "250 B"]
    assert texts(table, "share") == ["", "100 %", "25 %"]
    assert texts(table, "epochs") == ["0", "6", "0"]


def test_a_change_within_what_chance_does_is_marked() -> None:
    (table,) = step_tables([told(TRAINED, PRUNED, QUANTIZED)])
    assert texts(table, "change") == ["", "-0.50 pp?", "-9.50 pp"]
    (unknown,) = step_tables([told(TRAINED, QUANTIZED, test_samples=None)])
    assert texts(unknown, "change") == ["", "-10.00 pp?"]


def test_a_chain_is_named_once_for_a_person_and_in_each_row_for_a_program() -> None:
    (table,) = step_tables([told(TRAINED, PRUNED)])
    assert [row[0].text for row in table.rows] == ["prune:0.5+int8", ""]
    assert {row[0].raw for row in table.rows} == {"prune:0.5+int8"}


def test_backends_with_the_same_files_are_told_together() -> None:
    here, there = told(TRAINED, PRUNED), told(TRAINED, PRUNED, backend="mcu")
    (found,) = waterfalls_of([here, there, here])
    assert found.backends == ("litert", "mcu")
    other = told(TRAINED, {**PRUNED, "bytes": 700}, backend="onnxruntime")
    assert [one.backends for one in waterfalls_of([here, other])] == [("litert",), ("onnxruntime",)]


def test_a_step_without_an_artifact_says_why() -> None:
    (table,) = step_tables([told(TRAINED, {"step": "prune:0.5", "note": "no such format"}, QUANTIZED)])
    assert texts(table, "size") == ["1.00 kB", "—", "250 B"]
    assert table.rows[1][3].why == "no such format"
    assert texts(table, "change") == ["", "", ""]


def test_other_metrics_are_told_as_they_are() -> None:
    (table,) = step_tables([told({**TRAINED, "quality": 2.0}, {**PRUNED, "quality": 2.5}, metric="mae")])
    assert texts(table, "change") == ["", "+0.5"]


@pytest.mark.parametrize("waterfall", [None, [], "x", [1, 2]])
def test_what_is_told_in_another_shape_is_no_table(waterfall: Any) -> None:
    found = run(cell("m/int8", {"accuracy": 0.9}, waterfall=waterfall))
    assert step_tables([found]) == []


def test_words_in_place_of_numbers_are_told_as_missing() -> None:
    (table,) = step_tables([told(TRAINED, {"step": ["x"], "bytes": [1], "quality": "high", "note": {}})])
    assert texts(table, "step") == ["baseline", "['x']"]
    assert texts(table, "size") == ["1.00 kB", "—"]
