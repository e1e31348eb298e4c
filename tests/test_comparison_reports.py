"""What a person and a CI server are shown of a comparison, and what no name may do to them."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

import pytest
from compared_runs import CELL, accuracy, latency, record, run, size, speed_up, with_verdict

import tradeoff
from tradeoff.compare.comparing import compare
from tradeoff.compare.gate import Outcome, judge, parse_limits
from tradeoff.compare.history import histories
from tradeoff.errors import BadInput
from tradeoff.record import Record, Run
from tradeoff.reports.plugin import tradeoff_renderers
from tradeoff.reports.renderers.comma import CommaSeparated
from tradeoff.reports.renderers.junit import JUnit
from tradeoff.reports.renderers.markdown import Markdown
from tradeoff.reports.renderers.terminal import Terminal

EVIL = "\x1b[31mred\n|`<script>*_~~a~~=1 @everyone www.evil.com\ud800"
OTHER = "dense/int8/litert/host-cpu/b1"


def outcome(old: Run, new: Run, limits: str = "", *, force: bool = False) -> Outcome:
    found = compare(old, new, force=force)
    return Outcome(found, judge(found, parse_limits(limits)) if limits else ())


def mixed() -> Outcome:
    old = run(record(latency(1e-3) | accuracy(0.98) | size(1000)), record(size(10), OTHER), name="then")
    new = run(record(latency(1.2e-3) | accuracy(0.98) | size(900)), name="now")
    return outcome(old, new, "latency:5%")


def terminal(shown: Outcome, width: int = 140) -> str:
    return Terminal().render_comparison(shown, width, False)


def markdown(shown: Outcome) -> str:
    return Markdown().render_comparison(shown, 100, False)


def junit(shown: Outcome) -> ElementTree.Element:
    return ElementTree.fromstring(JUnit().render_comparison(shown, 100, False))  # noqa: S314


# --- in words ---------------------------------------------------------------------------------------


def test_the_terminal_tells_effect_interval_and_significance() -> None:
    text = terminal(mixed())
    for told in ("1.00 ms", "1.20 ms", "+20.0 %", "< 0.001", "-10.0 %", "0.00 pp", "then", "now", "Holm", "1 tests"):
        assert told.replace("1 tests", "tests;") in text
    assert "1 worse, 1 better, 1 no difference shown" in text
    assert "not selected" in text


def test_the_verdict_stands_at_the_end_where_a_terminal_stops() -> None:
    text = terminal(mixed())
    assert text.index("Better") < text.index("Worse") < text.index("Limits")
    assert "NO" in text


@pytest.mark.parametrize("width", [40, 60, 80, 140])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, terminal(mixed(), width).splitlines())) <= width


def test_what_cannot_be_compared_is_told_by_reason() -> None:
    old = run(record(latency(1e-3)), record(latency(1e-3), OTHER))
    text = terminal(outcome(old, run(*old.records, processor="Intel Xeon")))
    assert "only accuracy and size are compared: another machine: processor AMD EPYC 7B13 -> Intel Xeon" in text
    assert "such as latency of cnn/int8" in text
    forced = terminal(outcome(old, run(*old.records, processor="Intel Xeon"), force=True))
    assert "FORCED: times, memory and energy of different machines are compared" in forced


def test_runs_with_nothing_in_common_say_so() -> None:
    text = terminal(outcome(run(record(size(1))), run(record(size(1), OTHER))))
    assert "the runs have nothing in common that can be compared" in text


def test_two_suites_are_told_apart() -> None:
    from dataclasses import replace

    one = record(size(1))
    both = run(one, replace(one, suite="test_other"))
    assert "test_other: cnn/int8" in terminal(outcome(both, both))


# --- a comment --------------------------------------------------------------------------------------


def test_a_comment_begins_with_the_verdict_and_folds_what_is_not_worse() -> None:
    text = markdown(mixed())
    assert text.startswith("## tradeoff: **failed**\n")
    first, folded = text.split("<details>")
    assert "### Limits" in first
    assert "### Worse" in first
    assert "### Better" not in first
    assert "### Better" in folded
    assert folded.rstrip().endswith("</details>")
    assert markdown(outcome(run(record(size(1))), run(record(size(1))), "size:1%")).startswith("## tradeoff: passed\n")


def test_a_comment_on_thousands_of_cells_is_one_that_can_be_posted() -> None:
    cells = [f"model{n}/int8/litert/host-cpu/b1" for n in range(3000)]
    old, new = (run(*(record(size(n) | speed_up(2.0), cell) for cell in cells)) for n in (1000, 1100))
    assert len(markdown(outcome(old, new, "size:1%"))) < 65_536


# --- for programs -----------------------------------------------------------------------------------


def test_csv_has_every_number_unrounded() -> None:
    rows = list(csv.DictReader(io.StringIO(CommaSeparated().render_comparison(mixed(), 0, False))))
    by_name = {row["measurement"]: row for row in rows}
    assert float(by_name["latency"]["change"]) == pytest.approx(0.2)
    assert (by_name["latency"]["verdict"], by_name["latency"]["breaks_limit"]) == ("worse", "yes")
    assert by_name["accuracy"]["in_points"] == "yes"
    assert rows[-1]["cell"] == OTHER
    assert "only in the old run" in rows[-1]["reason"]
    assert all(None not in row and None not in row.values() for row in rows)


def test_junit_has_a_case_for_each_measurement_and_each_limit() -> None:
    limits, comparison = junit(mixed())
    assert (limits.get("tests"), limits.get("failures")) == ("1", "1")
    assert (comparison.get("tests"), comparison.get("failures")) == ("3", "1")
    (failed,) = (case for case in comparison if case.find("failure") is not None)
    assert failed.get("name") == f"{CELL} latency"
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == "0.001 -> 0.0012 s: +20.0 %"


def test_in_junit_what_cannot_be_compared_is_skipped_and_without_limits_worse_is_a_failure() -> None:
    noisy = run(with_verdict(record(latency(1e-3)), "noisy"))
    (suite,) = junit(outcome(noisy, noisy))
    assert suite.get("skipped") == "1"
    (suite,) = junit(outcome(run(record(size(1))), run(record(size(2)))))
    assert suite.get("failures") == "1"


def test_in_junit_what_keeps_its_limit_does_not_fail() -> None:
    _, suite = junit(outcome(run(record(size(100))), run(record(size(101))), "size:5%"))
    assert suite.get("failures") == "0"


def test_junit_of_a_run_has_a_case_for_each_cell() -> None:
    crashed = Record(record({}, OTHER).cell, status="crashed", reason="SIGSEGV", detail="the end\nof it")
    text = JUnit().render([run(record(size(10)), crashed)], 100, False)
    (suite,) = ElementTree.fromstring(text)  # noqa: S314
    measured, dead = suite
    assert {p.get("name"): p.get("value") for p in measured.iter("property")} == {"artifact_bytes": "10"}
    error = dead.find("error")
    assert error is not None
    assert (error.get("message"), error.text) == ("crashed: SIGSEGV", "the end\nof it")


# --- strangers --------------------------------------------------------------------------------------


def hostile() -> Outcome:
    from dataclasses import replace

    cell = record(size(1)).cell
    evil = [replace(cell, model=EVIL), replace(cell, model="=cmd()", chain=EVIL)]
    old = run(*(replace(record(size(1)), cell=one, suite=EVIL) for one in evil), name=EVIL, node=EVIL)
    new = run(*(replace(record(size(2)), cell=one, suite=EVIL) for one in evil), name=EVIL)
    return outcome(replace(old, source=EVIL), new, "size:1%")


@pytest.mark.parametrize("renderer", tradeoff_renderers(), ids=lambda renderer: renderer.name)
def test_no_name_can_do_anything(renderer: tradeoff.Renderer) -> None:
    text = renderer.render_comparison(hostile(), 100, False)
    assert text.encode("utf-8")
    assert "\x1b" not in text
    if renderer.name in ("markdown", "junit"):
        assert "<script>" not in text
    if renderer.name == "markdown":
        assert "@everyone" not in text
    if renderer.name == "junit":
        assert ElementTree.fromstring(text) is not None  # noqa: S314


@pytest.mark.parametrize("renderer", tradeoff_renderers(), ids=lambda renderer: renderer.name)
def test_an_empty_comparison_is_no_error(renderer: tradeoff.Renderer) -> None:
    assert renderer.render_comparison(outcome(run(), run()), 80, False).strip()


# --- over time --------------------------------------------------------------------------------------


def months(*values: float) -> list[Run]:
    return [
        run(record(latency(value)), name=f"run{n}", started=f"2026-{n + 1:02}-03T10:20:30+00:00")
        for n, value in enumerate(values)
    ]


STEP = histories(months(1e-3, 1e-3, 1e-3, 1e-3, 1.25e-3, 1.25e-3))


@pytest.mark.parametrize("renderer", [Terminal(), Markdown()], ids=lambda renderer: renderer.name)
def test_a_history_tells_steps_first_and_then_every_value(renderer: tradeoff.Renderer) -> None:
    text = renderer.render_history(STEP, 120, False)
    for told in ("2026-05-03 10:20", "1.00 ms", "1.25 ms", "+25.0 %", "run4", "run0"):
        assert told in text
    assert text.index("Steps") < text.index("latency of cnn/int8")


def test_a_history_as_csv_has_a_line_for_each_run() -> None:
    rows = list(csv.DictReader(io.StringIO(CommaSeparated().render_history(STEP, 0, False))))
    assert [row["step"] for row in rows] == ["no", "no", "no", "no", "yes", "no"]
    assert float(rows[4]["change"]) == pytest.approx(0.25)


def test_a_format_without_histories_says_so() -> None:
    with pytest.raises(BadInput, match="'junit' does not show histories"):
        JUnit().render_history(STEP, 80, False)
