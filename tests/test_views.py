"""Views: the tables of record, and a person's own as a file."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from decided_runs import cell, number, run
from hypothesis import given, settings
from hypothesis import strategies as st

import tradeoff
from tradeoff.cli import main
from tradeoff.record import JSON_KEY, Axes, Measurement, Record, Run, run_to_json
from tradeoff.registry import load_registry
from tradeoff.reports.renderers.comma import CommaSeparated
from tradeoff.reports.renderers.markdown import Markdown
from tradeoff.reports.renderers.terminal import Terminal
from tradeoff.reports.views import files as view_files
from tradeoff.reports.views.shipped import shipped, view_tables

VIEWS = {view.name: view for view in shipped()}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and the import path as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


def made(
    chain: str, backend: str, accuracy: float | None, size: float, latency: float | None = 1e-3, **more: Any
) -> Record:
    """A cell of the model ``m``."""
    device, load = more.pop("device", "host-cpu"), more.pop("load", "b1")
    numbers: dict[str, Measurement | float | None] = {
        "accuracy": accuracy,
        "artifact_bytes": size,
        "latency": number("latency", latency, 0.01),
        **more.pop("numbers", {}),
    }
    told = {"test_samples": 1000, "precision": chain.rpartition("+")[2] if "int8" in chain else "float32", **more}
    return cell(f"m/{chain}/{backend}/{device}/{load}", numbers, **told)


def refused(spelling: str, reason: str) -> Record:
    return Record(Axes.parse(spelling), status="skipped", reason=reason)


EXAMPLE = run(
    made("baseline", "keras", 0.98, 400e3, 4e-3),
    made("baseline", "litert", 0.98, 200e3, 2e-3),
    made("fp16", "litert", 0.979, 100e3, 2e-3),
    made("int8", "litert", 0.90, 50e3, 1e-3),
    made("prune:0.8", "litert", 0.97, 200e3, 2e-3),
    made("prune:0.8+int8", "litert", 0.96, 50e3, 1e-3),
    refused("m/int8/keras/host-cpu/b1", "not implemented here: Keras quantizes dense layers only"),
)


def told(view: tradeoff.View, *runs: Run) -> list[dict[str, str]]:
    """The lines of the CSV."""
    return list(csv.DictReader(io.StringIO(CommaSeparated().render_view(view, runs, 100, False))))


def own(text: str) -> tradeoff.View:
    """A view of a person's own."""
    return tradeoff.View("own", definition='title = "Own"\nsummary = "mine"\n' + text, source="own.toml")


COLUMN = '[[column]]\nshow = "chain"\n[[column]]\nheader = "n"\nvalue = "{}"\n'


def numbers_of(expression: str, *records: Record) -> list[float | None]:
    """What a column with this value tells of the records."""
    lines = told(own(COLUMN.format(expression)), run(*records))
    name = next(iter(header for header in lines[0] if header == "n" or header.startswith("n (")))
    return [float(line[name]) if line[name] else None for line in lines]


# --- those that come with the package ---------------------------------------------------------------


def test_all_tables_of_record_are_there_and_come_through_the_hook() -> None:
    expected = {"battery", "best", "formats", "frameworks", "inference", "pruning", "quantization", "training"}
    registry = load_registry()
    assert expected <= registry.views.keys()
    assert all(registry.views[name].summary for name in expected)


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_every_shipped_view_fills_its_table_in_every_format(name: str) -> None:
    view = VIEWS[name]
    shown = Terminal().render_view(view, [EXAMPLE], 200, False)
    assert Markdown().render_view(view, [EXAMPLE], 100, False).startswith("### ")
    assert told(view, EXAMPLE)
    assert "\x1b" not in shown


def test_quantization_is_told_against_the_keras_model() -> None:
    lines = {(line["weights"], line["backend"]): line for line in told(VIEWS["quantization"], EXAMPLE)}
    assert [key[0] for key in lines] == ["original", "float32", "float16", "dynamic", "int8"]
    original, int8 = lines["original", "keras"], lines["int8", "litert"]
    assert (float(original["size (MB)"]), float(original["reduction"])) == (0.4, 0.0)
    assert (float(int8["size (MB)"]), float(int8["reduction"])) == (0.05, 0.875)
    assert float(int8["loss"]) == pytest.approx(0.08)
    assert lines["dynamic", ""]["why"].endswith("these runs have no such cell")


def test_a_loss_within_the_interval_is_no_difference_shown() -> None:
    lines = {line["weights"]: line for line in told(VIEWS["quantization"], EXAMPLE)}
    assert lines["float16"]["no_difference_shown"] == "loss"
    assert lines["int8"]["no_difference_shown"] == ""
    shown = Terminal().render_view(VIEWS["quantization"], [EXAMPLE], 200, False)
    assert "+0.10 pp?" in shown
    assert "+8.00 pp " in shown
    assert "? no difference is shown: the two intervals overlap" in shown


def test_pruned_and_quantized_is_another_row_than_pruned() -> None:
    lines = [line for line in told(VIEWS["pruning"], EXAMPLE) if line["table"].endswith("litert")]
    assert [(line["model"], line["technique"]) for line in lines] == [
        ("original", "baseline"),
        ("pruned", "prune:0.8"),
        ("pruned and quantized", "prune:0.8+int8"),
    ]


def test_a_row_that_was_planned_and_not_measured_tells_the_reason() -> None:
    only_keras = run(made("baseline", "keras", 0.98, 400e3), EXAMPLE.records[-1])
    line = next(line for line in told(VIEWS["quantization"], only_keras) if line["weights"] == "int8")
    assert "skipped: not implemented here: Keras quantizes dense layers only" in line["why"]
    assert line["accuracy"] == ""


def test_the_best_of_each_priority_is_what_recommend_answers() -> None:
    lines = {line["priority"]: line for line in told(VIEWS["best"], EXAMPLE)}
    assert lines["accuracy"]["best"] in {"m/baseline/keras", "m/baseline/litert"}
    assert lines["size"]["best"] == "m/prune:0.8+int8/litert"
    assert float(lines["size"]["accuracy per MB"]) == pytest.approx(0.96 / 0.05)


def test_a_priority_that_nothing_fits_names_the_nearest_miss() -> None:
    view = own('[[row]]\nlabel = "tiny"\nobjective = "accuracy"\nmax-size = "1kB"\n' + COLUMN.format("metric"))
    (line,) = told(view, EXAMPLE)
    assert "nothing fits; m/" in line["why"]
    assert "above max-size" in line["why"]


def test_battery_counts_what_has_no_energy_and_says_why() -> None:
    dry = made(
        "int8", "litert", 0.9, 1e3, numbers={"energy": Measurement(None, "J", "lower", "unavailable", note="dry")}
    )
    wet = made("int8", "mcu", 0.9, 1e3, numbers={"energy": Measurement(3.7, "J", "lower", "modelled")}, device="chip")
    (line,) = told(VIEWS["battery"], run(dry, wet))
    assert float(line["answers for a charge (million)"]) == pytest.approx(3600e-6)
    assert float(line["every second (h)"]) == pytest.approx(1.0)
    assert "energy (J) modelled" in line["not_measured"]
    shown = Terminal().render_view(VIEWS["battery"], [run(dry, wet)], 200, False)
    assert "1 more cells: no energy: dry" in shown
    assert "~3.70 J" in shown


def test_training_tells_samples_in_a_second_once_for_a_model() -> None:
    training = {"samples": 100, "epochs": 10, "seconds": 2.0, "validation": 0.97}
    both = [made("baseline", backend, 0.98, 1e3, training=training) for backend in ("keras", "litert")]
    (line,) = told(VIEWS["training"], run(*both))
    assert float(line["samples/s"]) == 500
    assert float(line["validation"]) == 0.97
    assert line["hardware"] == "host-cpu: AMD EPYC 7B13, 8 cores"


def test_inference_tells_samples_in_a_second_by_batch() -> None:
    cells = [made("baseline", "litert", 0.98, 1e3, 1e-3), made("baseline", "litert", 0.98, 1e3, 4e-3, load="b8")]
    lines = told(VIEWS["inference"], run(*cells))
    assert [(float(line["batch"]), float(line["samples/s"])) for line in lines] == [(8, 2000), (1, 1000)]


# --- what a column computes -------------------------------------------------------------------------


def test_a_column_can_be_arithmetic_with_measurements_facts_and_the_machine() -> None:
    record = made("int8", "litert", 0.5, 2e6, threads=4)
    assert numbers_of("metric / artifact_bytes * 1e6", record) == [0.25]
    assert numbers_of("facts.threads * 2 - (1 + machine.cores)", record) == [-1]


def test_what_is_missing_in_a_sum_is_named_and_never_zero() -> None:
    (line,) = told(own(COLUMN.format("artifact_bytes + flash_bytes")), run(made("int8", "litert", 0.5, 1e3)))
    assert line["n"] == ""
    assert line["why"] == "n: the record has no flash_bytes"


def test_a_division_by_zero_is_no_number() -> None:
    zero = made("int8", "litert", 0.5, 0.0)
    (line,) = told(own(COLUMN.format("accuracy / artifact_bytes")), run(zero))
    assert (line["n"], line["why"]) == ("", "n: accuracy / artifact_bytes is no number: 0.5 and 0")


def test_a_number_is_as_good_as_the_worst_that_went_into_it() -> None:
    record = made("int8", "mcu", 0.5, 1e3, numbers={"latency": Measurement(1.0, "s", "lower", "modelled")})
    (line,) = told(own(COLUMN.format("artifact_bytes / latency")), run(record))
    assert line["not_measured"] == "n modelled"


def test_nothing_measured_is_told_against_a_reference_that_was_modelled() -> None:
    text = '[reference]\nchain = "baseline"\n' + COLUMN.format("latency") + 'as = "ratio"\n'
    modelled = {"latency": Measurement(1.0, "s", "lower", "modelled")}
    lines = told(own(text), run(made("baseline", "litert", 1, 1, numbers=modelled), made("int8", "litert", 1, 1)))
    assert [line["n"] for line in lines] == ["1.0", ""]
    assert lines[1]["why"] == "n: measured here, modelled in the reference"


def test_times_are_told_against_a_reference_on_the_same_device_and_load_alone() -> None:
    text = '[reference]\nchain = "baseline"\nbackend = "keras"\n' + COLUMN.format("latency") + 'as = "ratio"\n'
    cells = [made("baseline", "keras", 1, 1, 4e-3), made("int8", "litert", 1, 1, 1e-3)]
    away = made("int8", "mcu", 1, 1, 1e-3, device="chip")
    lines = told(own(text), run(*cells, away))
    assert [line["n"] for line in lines] == ["1.0", "4.0", ""]
    assert lines[2]["why"] == "n: the reference was not measured on chip with b1"


def test_the_reference_is_one_of_the_same_run() -> None:
    text = '[reference]\nchain = "baseline"\n' + COLUMN.format("artifact_bytes") + 'as = "share"\n'
    first = run(made("baseline", "litert", 1, 100.0), made("int8", "litert", 1, 50.0), name="first")
    second = run(made("int8", "litert", 1, 50.0), name="second")
    lines = told(own(text), first, second)
    assert [line["n"] for line in lines] == ["1.0", "0.5", ""]
    assert "was not measured" in lines[2]["why"]


@pytest.mark.parametrize(
    ("how", "shown"),
    [("ratio", "4.00x"), ("share", "25.0 %"), ("reduction", "75.0 %"), ("difference", "-300 B"), ("loss", "-300 B")],
)
def test_a_column_says_how_it_stands_to_the_reference(how: str, shown: str) -> None:
    text = f'[reference]\nchain = "baseline"\n{COLUMN.format("artifact_bytes")}as = "{how}"\n'
    both = run(made("baseline", "litert", 1, 400.0), made("int8", "litert", 1, 100.0))
    lines = Terminal().render_view(own(text), [both], 100, False).splitlines()
    assert next(line for line in lines if line.startswith("int8")).endswith(f" {shown}")


def test_rows_are_chosen_by_patterns_and_ordered_by_a_number() -> None:
    text = 'sort = "-artifact_bytes"\n[cells]\nchain = ["*int8", "!prune*"]\nbackend = "litert*"\n'
    cells = [made(chain, "litert", 1, size) for chain, size in (("int8", 1.0), ("prune:0.5+int8", 2.0), ("fp16", 3.0))]
    big = made("cluster:16+int8", "litert:threads=2", 1, 9.0)
    assert [line["chain"] for line in told(own(text + COLUMN.format("metric")), run(*cells, big))] == [
        "cluster:16+int8",
        "int8",
    ]


def test_many_rows_are_counted_where_there_is_no_room_and_stand_in_the_csv() -> None:
    many = run(*(made(f"prune:0.{place:03}", "litert", 1, 1.0) for place in range(60)))
    view = own(COLUMN.format("metric"))
    assert "and 20 more rows: the CSV has them" in Terminal().render_view(view, [many], 100, False)
    assert len(told(view, many)) == 60


def test_no_measured_cell_is_said() -> None:
    empty = run(EXAMPLE.records[-1])
    for renderer in (Terminal(), Markdown()):
        assert renderer.render_view(VIEWS["inference"], [empty], 100, False).startswith("No measured cell")


# --- mistakes in a file -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows = 3", "'rows' is no field of a view; did you mean 'row'?"),
        ("", "there is no column"),
        ("per = 'modle'\n" + COLUMN.format("latency"), "per is 'modle'; did you mean 'model'?"),
        (
            "[cells]\nbakend = 'x'\n" + COLUMN.format("latency"),
            "'bakend' is no field of cells; did you mean 'backend'?",
        ),
        (COLUMN.format("latency") + "unit = 'sec'", "column 2: unit 'sec' is not known; "),
        (COLUMN.format("latency") + "as = 'ratio'", "column 'n' is told against a reference; write [reference]"),
        (COLUMN.format("latency") + "as = 'twice'", "column 2: as is 'twice'; "),
        (COLUMN.format("latency **2"), "column 2: value 'latency **2' cannot be read; write names"),
        (COLUMN.format("open('x')"), "cannot be read; write names of measurements"),
        (COLUMN.format("latency +"), "cannot be read: invalid syntax"),
        (COLUMN.format("3"), "names no measurement"),
        (COLUMN.format("latency.__class__"), "cannot be read; write names of measurements"),
        ("[[row]]\nchain = 'x'\n" + COLUMN.format("latency"), "row 1: label is missing; write label = '...'"),
        ("[[row]]\nlabel = 'x'\nobjective = 'speed'\n" + COLUMN.format("latency"), "unknown objective 'speed'"),
        ("[amounts]\ncharge = '3 apples'\n" + COLUMN.format("latency"), "amounts.charge '3 apples' is no amount"),
        ("[[column]]\nshow = 'colour'", "column 1: show is 'colour'; "),
        ("[[column]]\nheader = 'x'", "column 1: write either show, for words, or value, for a number"),
        ("notes = [1]\n" + COLUMN.format("latency"), "notes is [1]; write a text in quotes"),
    ],
)
def test_a_mistake_names_the_file_the_field_and_what_would_be_valid(text: str, message: str) -> None:
    with pytest.raises(tradeoff.BadInput) as caught:
        view_tables(own(text), [EXAMPLE])
    assert str(caught.value).startswith("own.toml: ")
    assert message in str(caught.value)


def test_a_unit_of_another_kind_is_told_once_the_numbers_are_there() -> None:
    with pytest.raises(tradeoff.BadInput, match=r"own\.toml: column 'n' is in MB, and latency in s"):
        view_tables(own(COLUMN.format("latency") + "unit = 'MB'"), [EXAMPLE])


def test_what_is_no_toml_is_told() -> None:
    with pytest.raises(tradeoff.BadInput, match="own is not TOML"):
        view_tables(tradeoff.View("own", definition="= 3", source="own"), [EXAMPLE])


PAGE = Path(__file__).parent.parent / "docs" / "views.md"


def test_the_page_has_every_view_every_field_and_every_unit() -> None:
    page = PAGE.read_text(encoding="utf-8")
    views = {row for row in re.findall(r"^\| `([a-z]+)` \|", page, re.MULTILINE) if row in load_registry().views}
    assert views == set(load_registry().views)
    running = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    words = set(re.findall(r"`([^`]+)`", running))
    assert {*view_files.HOWS, *view_files.AXES, *view_files._COLUMN, *view_files.SHOWN} <= words
    assert {name.strip("[]") for name in words} >= {*view_files._TOP}


def test_the_example_of_the_page_is_a_view() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = told(tradeoff.View("page", definition=text, source="page"), EXAMPLE)
    assert [line["chain"] for line in lines] == ["prune:0.8+int8", "int8", "baseline", "baseline"]


# --- the command ------------------------------------------------------------------------------------


def saved(one: Run) -> str:
    Path("run.json").write_text(json.dumps({"benchmarks": [], JSON_KEY: run_to_json(one)}), encoding="utf-8")
    return "run.json"


def test_the_command_lists_views_and_shows_one_and_takes_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--view", "list"]) == 0
    assert "quantization  original, float32" in capsys.readouterr().out
    assert main(["report", saved(EXAMPLE), "--view", "quantization", "--width", "100"]) == 0
    assert capsys.readouterr().out.startswith("Quantization · m\n")
    Path("mine.toml").write_text('title = "Mine"\nsummary = "s"\n' + COLUMN.format("latency"), encoding="utf-8")
    assert main(["report", "run.json", "--view", "mine.toml", "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("### Mine\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--view", "quantisation"), "unknown view 'quantisation'; did you mean 'quantization'?"),
        (("--view", "none.toml"), "none.toml: there is no such file"),
        (("--view", "best", "--format", "junit"), "the report format 'junit' does not show views"),
    ],
)
def test_a_mistake_at_the_command_line_is_one_message(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", saved(EXAMPLE), *arguments]) == 2
    assert message in capsys.readouterr().err


# --- names that are not nice ------------------------------------------------------------------------

NAMES = st.text(st.characters(exclude_characters="/", exclude_categories=("Cs",)), min_size=1, max_size=12)
VALUES = st.one_of(st.none(), st.floats(), st.integers(-(10**40), 10**40), st.just(0.0))


@settings(deadline=None)
@given(st.sampled_from(sorted(VIEWS)), NAMES, NAMES, st.lists(VALUES, min_size=5, max_size=5))
def test_odd_names_and_numbers_do_no_harm(name: str, model: str, backend: str, values: list[Any]) -> None:
    axes = [Axes(model, chain, backend, "host-cpu", "b1") for chain in ("baseline", "int8")]
    names: Mapping[str, str] = {"accuracy": "1", "artifact_bytes": "B", "latency": "s", "energy": "J", "loss": "1"}
    found = {name: Measurement(v, unit, "lower") for (name, unit), v in zip(names.items(), values, strict=True)}
    odd = run(*(Record(one, status="measured", measurements=found, reason=model) for one in axes))
    shown = Terminal().render_view(VIEWS[name], [odd], 80, False)
    assert all(c.isprintable() or c == "\n" for c in shown)
    Markdown().render_view(VIEWS[name], [odd], 80, False)
    for line in csv.reader(io.StringIO(CommaSeparated().render_view(VIEWS[name], [odd], 80, False))):
        assert not any(field.startswith(("=", "+", "@")) for field in line)


def test_a_cell_that_is_recorded_twice_counts_once_with_its_last_word() -> None:
    first = made("baseline", "litert", 0.5, 100.0)
    last = replace(first, measurements={**first.measurements, "accuracy": Measurement(0.75, "1", "higher")})
    (line,) = told(own(COLUMN.format("metric")), run(first, last))
    assert float(line["n"]) == 0.75
