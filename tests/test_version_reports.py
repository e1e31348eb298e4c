"""What a person sees of runs with several versions: which version moved which number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from compared_runs import CELL, accuracy, latency, record, run, size

from tradeoff.record import Measurement, Record, Run
from tradeoff.reports.renderers.markdown import Markdown
from tradeoff.reports.renderers.terminal import Terminal
from tradeoff.reports.tables.by_version import version_tables
from tradeoff.reports.tables.table import Limit

EVIL = "\x1b[31mred\n|`<script>*_~~a~~=1 @everyone www.evil.com\ud800"
DENSE = "dense/int8/litert/host-cpu/b1"


def cell(spelling: str, numbers: Mapping[str, Measurement], runtime: str = "jax 1", content: str = "1") -> Record:
    return record(numbers, spelling, content=content, runtime=runtime)


def with_versions(name: str, versions: Mapping[str, str], *records: Record) -> Run:
    return replace(run(*records, name=name), versions=versions, source=f"{name}/benchmark.json")


def old(**versions: str) -> Run:
    numbers = latency(1e-3) | accuracy(0.98)
    records = cell(CELL, numbers | size(1000)), cell(DENSE, numbers | size(500))
    return with_versions("then", {"jax": "0.10.0", **versions}, *records)


def new(**versions: str) -> Run:
    moved = cell(CELL, latency(1.2e-3) | accuracy(0.981) | size(1100), "jax 2", "2")
    same = cell(DENSE, latency(1.1e-3) | accuracy(0.98) | size(500))
    return with_versions("now", {"jax": "0.10.2", **versions}, moved, same)


def terminal(*runs: Run, width: int = 200) -> str:
    return Terminal().render(runs, width, False)


def line_of(text: str, *words: str) -> str:
    (line,) = (line for line in text.splitlines() if all(word in line for word in words))
    return " ".join(line.split())


def test_the_report_says_which_version_moved_which_number_from_what_to_what() -> None:
    text = terminal(old(), new())
    assert "Moved by jax 0.10.0 → 0.10.2 · then → now" in text
    assert "cell what 0.10.0 0.10.2 change 95 % interval through" in " ".join(text.split())
    assert line_of(text, CELL, "artifact_bytes") == f"{CELL} artifact_bytes 1.00 kB 1.10 kB +10.0 % file and runtime"
    assert "1.00 ms 1.20 ms +20.0 %" in line_of(text, CELL, "latency", "+20")


def test_sizes_that_would_read_alike_are_told_to_the_byte() -> None:
    before = with_versions("then", {"jax": "1"}, cell(CELL, size(104_256)))
    after = with_versions("now", {"jax": "2"}, cell(CELL, size(104_480), content="2"))
    assert "104,256 B 104,480 B +0.215 % file" in line_of(terminal(before, after), CELL, "artifact_bytes")


def test_the_overview_counts_what_moved_among_what_was_compared() -> None:
    text = terminal(old(), new())
    assert line_of(text, "jax 0.10.0", "of 2") == (
        "jax 0.10.0 → 0.10.2 then → now 2 1 0 of 2, 1 slightly 1 of 2 1 of 2"
    )
    assert "by less than is worth a word" in text


def test_what_the_machine_moved_is_told_and_laid_to_no_version() -> None:
    text = terminal(old(), new())
    assert "the machine moved it: latency of dense/int8/litert/host-cpu/b1 +10.0 %" in text
    assert DENSE not in text[text.index("Moved by") :]


def test_cells_in_which_keras_has_another_engine_are_told_and_not_counted() -> None:
    runs = [
        with_versions(name, {"jax": version}, record(size(bytes_), engine=engine))
        for name, version, bytes_, engine in (("then", "1", 10, "jax"), ("now", "2", 20, "tensorflow"))
    ]
    text = terminal(*runs)
    assert "then → now: one cell not counted, since Keras has another engine there" in text
    assert "Moved by" not in text
    assert not re.search(r"\d of 1\b", text)


def test_the_section_stands_at_the_end_where_a_terminal_stops() -> None:
    text = terminal(old(), new())
    assert text.index("Runs\n") < text.index("What new versions moved") < text.index("Moved by")


def test_in_a_narrow_terminal_the_cause_is_shown_and_the_shared_end_of_the_cells_is_told_once() -> None:
    text = terminal(old(), new(), width=80)
    line = line_of(text, "cnn/int8/litert/…", "size")
    assert line == "cnn/int8/litert/… size 1.00 kB 1.10 kB +10.0 % both"
    assert "/…  /host-cpu/b1" in text
    assert "both  file and runtime" in text


@pytest.mark.parametrize("width", [40, 60, 80, 140])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    shown = terminal(old(tensorflow="2.20.0"), new(tensorflow="2.21.0"), width=width)
    assert max(map(len, shown.splitlines())) <= width


def test_what_python_moved_is_said_to_be_around_the_cells() -> None:
    python = [
        replace(with_versions(name, {}, cell(CELL, latency(seconds))), machine={**run().machine, "python": name})
        for name, seconds in (("3.12.1", 1e-3), ("3.13.0", 1.2e-3))
    ]
    text = terminal(*python)
    assert "Moved by Python 3.12.1 → 3.13.0" in text
    assert line_of(text, CELL, "latency").endswith("surroundings")
    assert "around: Python or tradeoff itself" in text


def test_where_several_versions_changed_together_none_is_blamed() -> None:
    text = terminal(old(keras="3.14"), new(keras="3.15"))
    assert "Moved by jax 0.10.0 → 0.10.2, keras 3.14 → 3.15" in text
    assert "which of several versions it was, no number can tell" in text


def test_what_is_another_beside_the_version_in_question_is_told() -> None:
    both = (
        with_versions("both old", {"jax": "0.10.0", "keras": "3.14"}, cell(CELL, size(900))),
        with_versions("both new", {"jax": "0.10.2", "keras": "3.15"}, cell(CELL, size(1000), content="2")),
    )
    keras = [with_versions(f"keras {v}", {"keras": v}, cell(CELL, size(1000), content=v)) for v in ("3.14", "3.15")]
    text = terminal(*both, *keras)
    assert "Moved by jax 0.10.0 → 0.10.2 · both old → both new" in text
    assert "another as well: keras 3.14 → 3.15" in text
    assert "which of several versions it was, no number can tell" in text
    assert line_of(text, "keras 3.14 → keras 3.15").endswith("0 of 1")


def test_a_version_that_moved_nothing_has_its_line_and_no_table() -> None:
    same = replace(old(), name="later", versions={"jax": "0.10.2"})
    text = terminal(old(), same)
    assert line_of(text, "jax 0.10.0", "of 2").endswith("0 of 2 0 of 2 0 of 2")
    assert "Moved by" not in text


def test_runs_with_the_same_versions_have_no_such_section() -> None:
    assert version_tables([old(), old()], Limit()) == []
    assert version_tables([old()], Limit()) == []


def test_times_of_another_machine_are_not_compared_and_the_report_says_so() -> None:
    elsewhere = replace(new(), machine={**new().machine, "processor": "Intel Xeon"})
    text = terminal(old(), elsewhere)
    assert "only accuracy and size are compared: another machine: processor AMD EPYC 7B13 -> Intel Xeon" in text
    assert line_of(text, "jax 0.10.0", "of 2").endswith("0 of 2, 1 slightly — 1 of 2")


def test_more_rows_than_a_person_reads_are_counted_with_the_command_that_shows_them() -> None:
    cells = [f"model{place}/int8/litert/host-cpu/b1" for place in range(9)]
    before = with_versions("then", {"jax": "1"}, *(cell(one, size(1000)) for one in cells))
    after = with_versions("now", {"jax": "2"}, *(cell(one, size(1100), content="2") for one in cells))
    overview, moved = version_tables([before, after], Limit(rows=4))
    assert len(moved.rows) == 4
    assert moved.notes[0].text == "and 5 more: tradeoff compare then/benchmark.json now/benchmark.json"
    assert overview.rows[0][-1].text == "9 of 9"


def test_more_steps_than_a_person_reads_are_counted() -> None:
    runs = [with_versions(f"run{minor}", {"jax": f"0.{minor}"}, cell(CELL, size(1000))) for minor in range(15)]
    (overview,) = version_tables(runs, Limit())
    assert len(overview.rows) == 12
    assert "and 2 more steps" in overview.notes[-1].text


def test_in_markdown_the_section_is_two_tables() -> None:
    text = Markdown().render([old(), new()], 80, False)
    assert "### What new versions moved" in text
    assert "| version | runs |" in text
    assert "### Moved by jax 0.10.0 → 0.10.2 · then → now" in text


def test_no_version_and_no_name_can_forge_a_report() -> None:
    evil = [with_versions(EVIL, {EVIL: version}, cell(CELL, size(bytes_))) for version, bytes_ in (("1", 1), (EVIL, 2))]
    shown = terminal(*evil)
    assert "\x1b" not in shown
    assert "<script>" not in Markdown().render(evil, 80, False)
    shown.encode()
