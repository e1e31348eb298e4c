"""What a person reads in the reports, and what no name or number may do to them."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tradeoff.record import STATUSES, Axes, Measurement, Record, Run, Status
from tradeoff.reports.plugin import tradeoff_renderers
from tradeoff.reports.renderers.comma import CommaSeparated
from tradeoff.reports.renderers.markdown import Markdown, escape
from tradeoff.reports.renderers.terminal import Terminal
from tradeoff.reports.tables import format as units
from tradeoff.reports.tables.report import report
from tradeoff.reports.tables.rows import label_runs, make_rows
from tradeoff.reports.tables.table import Limit, Table
from tradeoff.reports.tables.unmeasured import describe
from tradeoff.vocabulary import Provenance

WIDTHS = (40, 60, 80, 100, 140, 200)
EVIL = "\x1b[31mred[/bold][link=x]\n|`<script>*_~~a~~=1\r\t\u202e\ud800"


def cell(spelling: str = "cnn/int8/litert/host-cpu/b1") -> Axes:
    return Axes.parse(spelling)


def measured(
    spelling: str = "cnn/int8/litert/host-cpu/b1",
    latency: float | None = 1e-3,
    *,
    accuracy: float = 0.98,
    size: int = 50_000,
    spread: float = 0.01,
    provenance: Provenance = "measured",
    **extra: Measurement,
) -> Record:
    low, high = (latency * (1 - spread), latency * (1 + spread)) if latency else (None, None)
    numbers = {
        "latency": Measurement(latency, "s", "lower", provenance, low, high),
        "accuracy": Measurement(accuracy, "1", "higher"),
        "artifact_bytes": Measurement(size, "B", "lower"),
    }
    return Record(cell(spelling), status="measured", measurements=numbers | extra, facts={"metric": "accuracy"})


def run(*records: Record, name: str = "quick") -> Run:
    return Run(name, "2026-01-02T09:30:00+00:00", machine={"node": "lab1", "cores": 2}, records=records)


def terminal(*runs: Run, width: int = 200, colour: bool = False) -> str:
    return Terminal().render(runs, width, colour)


def markdown(*runs: Run) -> str:
    return Markdown().render(runs, 80, False)


def lines_of_csv(*runs: Run) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(CommaSeparated().render(runs, 80, False))))


def texts(table: Table, key: str) -> list[str]:
    index = [column.key for column in table.columns].index(key)
    return [row[index].text for row in table.rows]


# --- numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "quantity", "text"),
    [
        (5e-10, "seconds", "0.500 ns"),
        (3.9e-6, "seconds", "3.90 µs"),
        (999.9e-6, "seconds", "1.00 ms"),
        (0.0123, "seconds", "12.3 ms"),
        (2.5, "seconds", "2.50 s"),
        (59.99, "seconds", "1.00 min"),
        (5400, "seconds", "1.50 h"),
        (512, "bytes", "512 B"),
        (999_999, "bytes", "1.00 MB"),
        (50_600, "bytes", "50.6 kB"),
        (7, "count", "7"),
        (50_600, "count", "50.6 k"),
        (1_200_000, "count", "1.20 M"),
        (50_600, "rate", "50.6 k/s"),
        (99.5, "rate", "99.5/s"),
        (0.9861, "percent", "98.61 %"),
        (-0.000001, "percent", "0.00 %"),
        (0.0412, "number", "0.0412"),
        (4.12e-9, "number", "4.12e-09"),
        (0, "seconds", "0 ns"),
        (None, "seconds", "—"),
        (float("nan"), "bytes", "—"),
        (float("inf"), "count", "—"),
    ],
)
def test_a_number_has_the_unit_a_person_reads(value: float | None, quantity: units.Quantity, text: str) -> None:
    assert units.number(value, quantity) == text


@given(st.floats(min_value=1e-9, max_value=5e4))
def test_a_written_time_is_within_half_of_its_third_digit(seconds: float) -> None:
    digits, unit = units.number(seconds, "seconds").split()
    scale = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600}[unit]
    assert float(digits) * scale == pytest.approx(seconds, rel=0.0101)


def test_an_interval_tells_its_unit_once_when_it_is_one() -> None:
    assert units.interval(12.1e-6, 12.6e-6, "seconds") == "12.1 – 12.6 µs"
    assert units.interval(990e-6, 1.2e-3, "seconds") == "990 µs – 1.20 ms"
    assert units.interval(None, 1.2e-3, "seconds") == "—"


@given(st.text())
def test_printable_text_has_nothing_a_terminal_obeys(text: str) -> None:
    assert units.printable(text).isprintable()


@pytest.mark.parametrize("provenance", ["modelled", "simulated", "published"])
def test_a_number_nobody_measured_is_never_printed_bare(provenance: Provenance) -> None:
    shown = run(measured(latency=12.3e-3, provenance=provenance, energy=Measurement(3.0, "J", provenance=provenance)))
    for text in [markdown(shown), *(terminal(shown, width=width) for width in WIDTHS)]:
        assert not re.search(r"(?<![~≈†\d.])12\.3 ms", text)
        assert not re.search(r"(?<![~≈†\d.])3\.00 J", text)
        assert f"latency {provenance}" in text
        assert f"{units.MARKS[provenance]} {provenance}: " in text.replace("\\", "")


def test_the_csv_tells_the_provenance_of_everything_that_was_not_measured() -> None:
    (line,) = lines_of_csv(run(measured(provenance="modelled", energy=Measurement(3.0, "J", provenance="published"))))
    assert line["latency_provenance"] == "modelled"
    assert line["not_measured"] == "latency modelled; energy published"


# --- ratios -----------------------------------------------------------------------------------------


def test_ratios_compare_with_the_baseline_of_the_same_backend_device_and_load() -> None:
    rows = make_rows(
        [
            run(
                measured("cnn/baseline/litert/host-cpu/b1", 4e-3, accuracy=0.99, size=100_000),
                measured("cnn/baseline/keras/host-cpu/b1", 8e-3),
                measured("cnn/int8/litert/host-cpu/b1", 1e-3, accuracy=0.98, size=25_000),
            )
        ]
    )
    speed_up, shrink, change = rows[2].speed_up, rows[2].shrink, rows[2].change
    assert speed_up is not None
    assert shrink is not None
    assert (speed_up.value, shrink.value, change) == (4.0, 4.0, pytest.approx(-0.01))


@pytest.mark.parametrize(
    "other",
    [
        measured("cnn/baseline/keras/host-cpu/b1"),
        measured("cnn/baseline/litert/host-cpu/b8"),
        measured("cnn/baseline/litert/stm32h743/b1"),
        measured("dense/baseline/litert/host-cpu/b1"),
        measured("cnn/baseline/litert/host-cpu/b1", None),
        measured("cnn/baseline/litert/host-cpu/b1", 0.0),
        measured("cnn/baseline/litert/host-cpu/b1", provenance="modelled"),
        replace(measured("cnn/baseline/litert/host-cpu/b1"), status="crashed"),
        replace(measured("cnn/baseline/litert/host-cpu/b1"), suite="test_other"),
    ],
)
def test_without_a_comparable_baseline_no_speed_up_is_invented(other: Record) -> None:
    assert make_rows([run(other, measured())])[1].speed_up is None


def test_a_baseline_of_another_run_is_not_compared_with() -> None:
    rows = make_rows([run(measured("cnn/baseline/litert/host-cpu/b1")), run(measured())])
    assert [row.speed_up is None for row in rows] == [False, True]


def test_a_speed_up_that_was_timed_in_turns_is_taken_as_it_is() -> None:
    base = measured("cnn/baseline/litert/host-cpu/b1", 1e-3)
    ratio = Measurement(1.4, "1", "higher", low=1.3, high=1.5)
    none = Measurement(1.01, "1", "higher", low=1.005, high=1.015)
    timed = replace(measured(latency=0.1e-3), verdicts=("noisy",))
    rows = [replace(timed, measurements={**timed.measurements, "speed_up": ratio})]
    near = measured("cnn/fp16/litert/host-cpu/b1", 0.9e-3)
    rows.append(replace(near, measurements={**near.measurements, "speed_up": none}))
    assert texts(report([run(base, *rows)])[0], "speed_up") == ["1.40x", "1.01x?", "1.00x"]


def test_a_speed_up_within_the_intervals_or_of_a_noisy_cell_is_marked() -> None:
    base = measured("cnn/baseline/litert/host-cpu/b1", 1e-3)
    near, far = measured("cnn/fp16/litert/host-cpu/b1", 0.99e-3), measured(latency=0.5e-3)
    noisy = replace(measured("cnn/prune/litert/host-cpu/b1", 0.4e-3), verdicts=("noisy",))
    table = report([run(base, near, far, noisy)])[0]
    assert texts(table, "speed_up") == ["2.50x?", "2.00x", "1.01x?", "1.00x"]
    assert any(note.text.startswith("? no difference shown") for note in table.notes)


# --- what is shown, and in which order --------------------------------------------------------------


def test_the_fastest_comes_first_by_value_and_not_by_text() -> None:
    latencies = {"a": 9e-3, "b": 10e-6, "c": 100e-9, "d": 1.0}
    records = [measured(f"cnn/{name}/litert/host-cpu/b1", value) for name, value in latencies.items()]
    missing = measured("cnn/e/litert/host-cpu/b1", None)
    assert texts(report([run(missing, *records)])[0], "technique") == ["c", "b", "a", "d", "e"]


def offline(spelling: str, rate: float) -> Record:
    """A cell whose requests nobody waits for."""
    throughput = Measurement(rate, "1/s", "higher", low=0.99 * rate, high=1.01 * rate)
    numbers = {name: one for name, one in measured(spelling).measurements.items() if name != "latency"}
    return replace(measured(spelling), measurements={**numbers, "throughput": throughput})


def test_where_nobody_waits_for_an_answer_the_most_answers_come_first_and_make_the_speed_up() -> None:
    spellings = [f"cnn/{chain}/litert/host-cpu/offline" for chain in ("baseline", "fp16", "int8")]
    rows = run(*(offline(spelling, rate) for spelling, rate in zip(spellings, (1000.0, 500.0, 4000.0), strict=True)))
    (table, *_) = report([rows], Limit())
    assert texts(table, "technique") == ["int8", "baseline", "fp16"]
    assert texts(table, "throughput") == ["4.00 k/s", "1.00 k/s", "500/s"]
    assert texts(table, "speed_up") == ["4.00x", "1.00x", "0.500x"]
    assert texts(table, "interval")[0] == "3.96 – 4.04 k/s"
    assert "throughput measured" in terminal(rows)


def test_the_loads_of_a_model_stand_in_the_order_of_their_numbers() -> None:
    loads = ("server:1000", "b10", "server:200", "b2", "server:200:lanes=2")
    tables = report([run(*(measured(f"cnn/int8/litert/host-cpu/{load}") for load in loads))], Limit())
    titles = [table.title.split(" · ")[2] for table in tables if " · " in table.title]
    assert [title for title in titles if title in ("b2", "b10")] == ["b2", "b10"]
    assert [title for title in titles if title in ("server:200", "server:1000")] == ["server:200", "server:1000"]


def test_percentiles_and_the_best_batch_have_columns_where_requests_come_as_a_scenario_has_it() -> None:
    served = {
        "throughput": Measurement(200.0, "1/s", "higher"),
        "latency_p99": Measurement(0.0123, "s", "lower"),
        "best_batch": Measurement(64.0, "1"),
    }
    shown = terminal(run(measured("cnn/int8/litert/host-cpu/server:200", **served)), width=80)
    assert all(text in shown for text in ("throughput", "200/s", "p99", "12.3 ms", "batch", " 64 "))


def test_only_cells_under_the_same_conditions_share_a_table() -> None:
    records = [measured(f"cnn/int8/litert/{rest}") for rest in ("host-cpu/b10", "host-cpu/b2", "stm32h743@tflm/b1")]
    titles = [table.title for table in report([run(*records)])[:3]]
    assert titles == ["cnn · host-cpu · b2", "cnn · host-cpu · b10", "cnn · stm32h743@tflm · b1"]


def test_what_nobody_measured_never_ranks_among_what_somebody_did() -> None:
    modelled = measured("cnn/a/litert/host-cpu/b1", 1e-9, provenance="modelled")
    assert texts(report([run(modelled, measured())])[0], "technique") == ["int8", "a"]


def estimated(device: str, latency: float, error: float | None, fits: bool) -> Record:
    record = measured(f"cnn/int8/mcu/{device}/b1", latency, provenance="modelled")
    facts = {**record.facts, "device_provenance": "modelled", "estimate": {"source": "s", "fits": fits, "error": error}}
    return replace(record, facts=facts)


def test_devices_that_are_not_here_stand_in_one_table_with_the_error_of_each_and_whether_there_is_room() -> None:
    rows = [estimated("a@tflm", 2e-3, 0.083, True), estimated("b@tflm", 1e-3, None, False)]
    here, table = report([run(measured(), *rows)])[:2]
    assert (here.title, table.title) == ("cnn · host-cpu · b1", "cnn · devices that are not here · b1")
    assert texts(table, "device") == ["b@tflm", "a@tflm"]
    assert texts(table, "error") == ["unvalidated", "8.30 %"]
    assert texts(table, "fits") == ["no", "yes"]
    assert report([run(rows[0])])[0].title == "cnn · a@tflm · b1"


def test_what_intervals_were_made_over_is_told_once_with_the_backends_it_is_true_of() -> None:
    def timed(backend: str, over: str) -> Record:
        spelling = f"cnn/int8/{backend}/host-cpu/b1"
        latency = Measurement(1e-5 * len(over), "s", "lower", note=f"95 % interval of the median, over {over}")
        return replace(measured(spelling), measurements={"latency": latency})

    table = report([run(timed("litert", "processes"), timed("onnxruntime", "processes"), timed("keras", "loads"))])[0]
    told = [note.text for note in table.notes if "interval" in note.text]
    assert told == ["latency: 95 % interval of the median, over loads (keras), processes (litert, onnxruntime)"]


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "measured"])
def test_every_other_status_is_told_with_its_reason(status: Status) -> None:
    gone = Record(cell(), status=status, reason="not installed: pip install 'tradeoff[litert]'")
    for text in (terminal(run(gone)), markdown(run(gone)).replace("\\", "")):
        assert "Not measured: 1 of 1 cells" in text
        assert "not installed: pip install 'tradeoff[litert]'" in text
        assert "cnn/int8/litert/host-cpu/b1" in text
    assert lines_of_csv(run(gone))[0]["status"] == status


def test_crashes_come_first_with_the_last_lines_of_the_worker() -> None:
    skips = [Record(cell(f"cnn/{n}/jax/host-cpu/b1"), status="skipped", reason="not installed") for n in "abcd"]
    detail = "\n".join(f"line {number}" for number in range(30))
    crash = Record(cell(), status="crashed", reason="SIGSEGV", detail=detail)
    table = report([run(*skips, crash)])[0]
    assert texts(table, "status") == ["crashed", "skipped"]
    assert texts(table, "which")[1] == "cnn/*/jax/host-cpu/b1, such as cnn/a/jax/host-cpu/b1"
    assert table.quotes[0].lines[-1] == "line 29"
    assert "line 29" in terminal(run(crash), width=80)
    assert "line 2\n" not in terminal(run(crash), width=80)


def test_cells_without_anything_in_common_are_told_by_example() -> None:
    cells = [Axes(*letter * 5) for letter in "abcde"]
    assert describe(cells) == "a/a/a/a/a, b/b/b/b/b, c/c/c/c/c and 2 more"


def test_verdicts_and_equal_cells_are_told_at_every_width() -> None:
    record = replace(measured(), verdicts=("below floor 0.97",), same_as="cnn/baseline/litert/host-cpu/b1")
    for width in WIDTHS:
        text = terminal(run(record), width=width)
        assert "below floor 0.97" in text
        assert "baseline/litert" in text


def test_an_unknown_measurement_is_in_the_csv_and_in_a_wide_table() -> None:
    shown = run(measured(energy=Measurement(3.5, "J", "lower")))
    assert lines_of_csv(shown)[0]["energy_J"] == "3.5"
    assert "3.50 J" in terminal(shown)


def test_the_csv_has_a_line_for_each_cell_whatever_became_of_it() -> None:
    records = [Record(cell(f"cnn/{i}/litert/host-cpu/b1"), status=status) for i, status in enumerate(STATUSES)]
    assert [line["status"] for line in lines_of_csv(run(*records))] == list(STATUSES)


def test_the_columns_of_the_csv_do_not_depend_on_what_was_measured() -> None:
    full, empty = (CommaSeparated().render([shown], 80, False).splitlines()[0] for shown in (run(measured()), run()))
    assert full == empty


def test_the_last_word_on_a_cell_is_the_one_shown() -> None:
    text = terminal(run(measured(latency=7e-3), measured(latency=5e-3)))
    assert "5.00 ms" in text
    assert "7.00 ms" not in text


def test_a_regression_shows_its_metric_and_which_way_is_better() -> None:
    base, ours = (
        replace(record, facts={"metric": "mae"}, measurements={"mae": Measurement(value, "1", "lower")})
        for record, value in ((measured("cnn/baseline/litert/host-cpu/b1"), 0.5), (measured(), 0.25))
    )
    text = terminal(run(base, ours))
    assert "mae ↓" in text
    assert "-0.250" in text
    assert "%" not in text


def only_sized(spelling: str, size: int) -> Record:
    """A cell of a format that nothing runs."""
    why = f"{cell(spelling).backend} only has a size: nothing here runs it"
    numbers = {
        "latency": Measurement(None, "s", "lower", "unavailable", note=why),
        "artifact_bytes": Measurement(size, "B", "lower"),
    }
    return Record(cell(spelling), status="measured", measurements=numbers)


def test_what_only_has_a_size_stands_last_and_hides_nothing_of_the_others() -> None:
    timed = replace(
        measured("cnn/baseline/keras/host-cpu/b1"), facts={"metric": "accuracy", "threads": 2, "floor": 0.9}
    )
    sized = [only_sized("cnn/int8w/tfjs/host-cpu/b1", 10_000), only_sized("cnn/baseline/tfjs/host-cpu/b1", 40_000)]
    text = terminal(run(*sized, timed))
    lines = text.splitlines()
    rows = [line for line in lines if "tfjs" in line or "keras " in line]
    assert [row.split()[1] for row in rows[:3]] == ["keras", "tfjs", "tfjs"]
    assert "4.00x" in next(row for row in rows if row.startswith("int8w"))
    assert "latency measured; 2 threads; accuracy floor 90.00 %" in text
    assert text.count("no latency: tfjs only has a size: nothing here runs it") == 1
    assert "no latency: tfjs only has a size" in markdown(run(*sized, timed))


# --- several runs -----------------------------------------------------------------------------------


def test_runs_of_the_same_name_are_told_apart() -> None:
    same = [run(name="a"), run(name="a"), run(name="a #1")]
    labels = [label for label, _ in label_runs(same)]
    assert len(set(labels)) == 3
    assert "a #1" in labels


def test_several_runs_have_tables_of_their_own_and_a_legend() -> None:
    first = replace(run(measured(latency=1e-3)), versions={"keras": "3.12", "numpy": "2.3"}, source="one.json")
    second = replace(run(measured(latency=2e-3)), versions={"keras": "3.13", "numpy": "2.3"}, source="two.json")
    text = terminal(first, second)
    for told in ("run quick #1", "run quick #2", "one.json", "two.json", "keras 3.12", "keras 3.13"):
        assert told in text
    assert "numpy" not in text


def test_a_mark_is_explained_only_where_a_number_with_it_is_shown() -> None:
    whole = measured()
    extra = {"activations_bytes": Measurement(5e3, "B", provenance="modelled")}
    shown = run(replace(whole, measurements={**whole.measurements, **extra}))
    wide, narrow = terminal(shown, width=250), terminal(shown, width=60)
    assert "~5.00 kB" in wide
    assert "~ modelled: computed, not measured" in wide
    assert "modelled" not in narrow


def test_workers_of_one_request_each_stand_in_one_line_that_says_how_many_they_were() -> None:
    sums = {"name": "litert, alone", "start_seconds": 0.4, "import_seconds": 1.2, "processes": 12}
    assert "litert, alone: 12 of them" in terminal(replace(run(measured()), workers=(sums,)))


def test_what_workers_cost_is_told_as_paid_once() -> None:
    shown = replace(run(measured()), workers=({"name": "litert", "start_seconds": 0.04, "import_seconds": 6.2},))
    text = terminal(shown)
    assert "paid once per run" in text
    assert re.search(r"litert\s+40\.0 ms\s+6\.20 s", text)


@pytest.mark.parametrize("renderer", tradeoff_renderers(), ids=lambda renderer: renderer.name)
def test_no_run_and_an_empty_run_are_no_error(renderer: Terminal | Markdown | CommaSeparated) -> None:
    assert renderer.render([], 80, False).strip()
    assert renderer.render([run()], 80, False).strip()


# --- room -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(width: int) -> None:
    chain = "prune:0.5+cluster:16+distill:student=ds_cnn:temperature=4+int8+huffman"
    shown = run(measured("cnn/baseline/litert/host-cpu/b1"), measured(f"cnn/{chain}/litert:kernels=ref/host-cpu/b1"))
    text = terminal(shown, width=width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "…" not in text
    assert "1.00 ms" in text
    first_column = "".join(re.split(r"\s{2,}", line)[0] for line in text.splitlines())
    assert chain in first_column


def test_a_wide_terminal_shows_more_than_a_narrow_one() -> None:
    shown = run(measured("cnn/baseline/litert/host-cpu/b1"), measured(macs=Measurement(1.2e6, "1", "lower")))
    assert "MACs" not in terminal(shown, width=80)
    assert "MACs" in terminal(shown, width=200)


def test_a_long_table_says_what_it_leaves_out() -> None:
    records = [measured(f"cnn/prune:{n}/litert/host-cpu/b1", n * 1e-6) for n in range(1, 1001)]
    for text in (terminal(run(*records)), markdown(run(*records))):
        assert re.search(r"and 9\d\d more, .* in the CSV", text)
    assert len(lines_of_csv(run(*records))) == 1000


def test_tables_for_which_there_is_no_room_are_counted() -> None:
    records = [measured(f"m{n}/int8/litert/host-cpu/b1") for n in range(20)]
    tables = report([run(*records)], Limit(rows=5, total=10))
    (rest,) = [table for table in tables if table.title == "More measured cells"]
    shown = sum(table.title.startswith("m") for table in tables)
    assert shown + len(rest.rows) == 20


# --- hostile text -----------------------------------------------------------------------------------


def hostile() -> Run:
    axes = Axes(EVIL, EVIL, EVIL, EVIL, EVIL)
    bad = replace(measured(), cell=axes, verdicts=(EVIL,), facts={"metric": EVIL, "threads": EVIL})
    crash = Record(replace(axes, chain="x"), EVIL, "crashed", EVIL, EVIL, same_as=EVIL)
    named = {EVIL: Measurement(1.0, EVIL, note=EVIL)}
    return replace(
        run(replace(bad, measurements=dict(bad.measurements) | named), crash, name=EVIL),
        machine={"node": EVIL},
        versions={EVIL: EVIL},
        workers=({"name": EVIL},),
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_no_name_can_command_the_terminal(width: int) -> None:
    lines = terminal(hostile(), width=width).split("\n")
    assert all(line.isprintable() for line in lines)
    assert "[/bold]" in "".join(lines)


def test_colour_is_used_when_asked_for_and_never_else() -> None:
    assert "\x1b[" in terminal(run(measured()), colour=True)
    assert "\x1b" not in terminal(run(measured()), colour=False)


def test_no_name_can_break_a_markdown_table() -> None:
    text = markdown(hostile())
    outside = re.sub(r"(?ms)^(`{3,})text$.*?^\1$", "", text)
    assert "<script>" not in outside
    assert not re.search(r"(?<!\\)`", outside)
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) <= 1


def test_markdown_escapes_what_has_a_meaning_there() -> None:
    assert escape("a|b`c<d>*e*\nf") == "a\\|b\\`c&lt;d&gt;\\*e\\* f"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_is_a_formula_to_a_spreadsheet(start: str) -> None:
    name = f"{start}1+cmd"
    (line,) = lines_of_csv(run(Record(Axes(name, name, name, name, name), status="skipped", reason=name), name=name))
    for column in ("run", "cell", "model", "chain", "backend", "device", "load", "reason"):
        assert line[column].startswith("'"), column


def test_negative_numbers_in_the_csv_stay_numbers() -> None:
    shown = run(measured("cnn/baseline/litert/host-cpu/b1", accuracy=0.99), measured(accuracy=0.98))
    assert float(lines_of_csv(shown)[1]["metric_change"]) == pytest.approx(-0.01)


@pytest.mark.parametrize("renderer", tradeoff_renderers(), ids=lambda renderer: renderer.name)
def test_every_report_can_be_written_to_a_file(renderer: Terminal | Markdown | CommaSeparated) -> None:
    assert renderer.render([hostile()], 80, False).encode("utf-8")


def test_a_hostile_record_is_one_line_of_csv() -> None:
    assert len(CommaSeparated().render([hostile()], 80, False).splitlines()) == 3


# --- start-up ---------------------------------------------------------------------------------------


def test_registering_the_reports_imports_no_rich() -> None:
    code = "import sys, tradeoff.reports.plugin as p; p.tradeoff_renderers(); sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- parity -----------------------------------------------------------------------------------------


def converted(snr: float | None, error: float, *verdicts: str) -> Record:
    extra = {"snr": Measurement(snr, "dB", "higher"), "max_error": Measurement(error, "1", "lower")}
    return replace(measured(**extra), verdicts=verdicts)


def test_the_signal_to_noise_ratio_is_told_in_decibels_and_what_is_beyond_its_threshold_in_words() -> None:
    told = "parity: SNR 12.0 dB < 20 dB"
    text = terminal(run(converted(12.04, 0.5, told)))
    assert "12.0 dB" in text
    assert told in text
    assert told in markdown(run(converted(12.04, 0.5, told))).replace("\\", "").replace("&lt;", "<")
    (line,) = lines_of_csv(run(converted(12.04, 0.5, told)))
    assert (line["snr"], line["max_error"], line["verdicts"]) == ("12.04", "0.5", told)


def test_what_differs_in_nothing_has_an_infinite_ratio_and_what_is_no_number_none() -> None:
    assert "∞" in terminal(run(converted(None, 0.0)))
    assert "∞" not in terminal(run(converted(None, 0.5)))
    assert "∞" not in terminal(run(measured()))
