"""Fronts as a report shows them."""

from __future__ import annotations

import csv
import io

from decided_runs import cell, number, run

from tradeoff.record import Record, Run
from tradeoff.reports.renderers.comma import CommaSeparated
from tradeoff.reports.renderers.markdown import Markdown
from tradeoff.reports.renderers.terminal import Terminal
from tradeoff.reports.tables.fronts import Fronts


def point(name: str, latency: float, accuracy: float, size: float, *verdicts: str, **facts: object) -> Record:
    told = {"test_samples": 1_000_000, **facts}
    values = {"latency": number("latency", latency, 0.001), "accuracy": accuracy, "artifact_bytes": size}
    return cell(name, values, *verdicts, **told)


EXAMPLE = run(
    point("cnn/baseline", 9e-3, 0.99, 200e3),
    point("cnn/int8", 2e-3, 0.985, 60e3),
    point("cnn/dynamic", 3e-3, 0.97, 90e3),
    point("dense/int8", 1e-3, 0.90, 20e3),
)


def shown(*runs: Run, width: int = 200) -> str:
    return Terminal().render(runs, width, False)


def test_the_baseline_takes_part_and_models_of_one_task_meet() -> None:
    text = shown(EXAMPLE)
    assert "Fronts · digits · host-cpu · b1" in text
    line = next(line for line in text.splitlines() if line.startswith("latency "))
    assert "cnn/baseline/litert, cnn/int8/litert, dense/int8/litert" in line
    assert "cnn/int8/litert is better all at once than cnn/dynamic/litert" in text


def test_the_table_of_cells_marks_the_front() -> None:
    column = [line.rstrip().rpartition("  ")[2] for line in shown(EXAMPLE).splitlines() if " litert " in line]
    assert column == ["front", "no", "front", "front"]


def test_a_lead_within_the_interval_has_a_question_mark() -> None:
    few = run(
        *(
            point(n, t, a, s, test_samples=100)
            for n, t, a, s in (("m/a", 1e-3, 0.95, 1e3), ("m/b", 2e-3, 0.96, 2e3), ("m/c", 3e-3, 0.95, 3e3))
        )
    )
    text = shown(few)
    assert "b/litert?, a/litert " in text
    assert "? what it leads by is within the intervals" in text


def test_the_csv_tells_the_standing_of_every_cell_and_what_dominates_it() -> None:
    lines = list(csv.DictReader(io.StringIO(CommaSeparated().render([EXAMPLE], 80, False))))
    assert [(line["front"], line["front_by_estimate"], line["dominated_by"]) for line in lines] == [
        ("front", "yes", ""),
        ("front", "yes", ""),
        ("dominated", "no", "cnn/int8/litert/host-cpu/b1"),
        ("front", "yes", ""),
    ]


def test_what_has_no_accuracy_or_no_time_has_no_place_and_is_counted() -> None:
    weighed = cell("cnn/baseline/hdf5/host-cpu/b1", {"artifact_bytes": 1.0})
    text = shown(run(*EXAMPLE.records, weighed))
    assert "1 more without an accuracy or a time has no place" in text
    assert Fronts([run(weighed)]).place(weighed) is None


def test_an_objective_that_not_all_have_is_left_out_of_everything_at_once_and_told() -> None:
    metered = cell("cnn/fp16", {"latency": 5e-3, "accuracy": 0.5, "artifact_bytes": 3e5, "energy": 1e-3})
    other = cell("cnn/fp8", {"latency": 6e-3, "accuracy": 0.5, "artifact_bytes": 3e5, "energy": 2e-3})
    assert "all at once is accuracy, latency, size; without energy, which" in shown(
        run(*EXAMPLE.records, metered, other)
    )


def test_noise_and_numbers_that_nobody_measured_are_told() -> None:
    noisy = point("cnn/fp16", 5e-3, 0.98, 1e5, "noisy")
    modelled = cell("cnn/int4", {"latency": number("latency", 4e-3, provenance="modelled"), "accuracy": 0.9})
    text = shown(run(*EXAMPLE.records, noisy, modelled))
    assert "noisy: its timing is not to be relied on: cnn/fp16/litert" in text
    assert "some numbers are modelled, not measured" in text


def test_two_runs_are_compared_by_hypervolume_and_the_newest_counts() -> None:
    later = run(
        *(point(f"cnn/{n}", t, 0.99, 5e4) for n, t in (("int8", 1.5e-3), ("dynamic", 2e-3))),
        name="later",
        started="2026-03-01",
    )
    text = shown(EXAMPLE, later)
    assert "2 measured in several runs: the newest run counts" in text
    (line,) = (line for line in text.splitlines() if "hypervolume" in line)
    shares = dict(part.rsplit(" ", 1) for part in line.partition("better: ")[2].split(", "))
    assert 0 < float(shares["a run"]) < 1
    assert 0 < float(shares["later"]) < 1


def test_two_cells_need_no_table_and_markdown_has_one_for_more() -> None:
    assert "Fronts" not in shown(run(*EXAMPLE.records[:2]))
    assert "### Fronts · digits" in Markdown().render([EXAMPLE], 80, False)


def test_cells_of_different_devices_and_machines_are_never_on_one_front() -> None:
    there = run(point("cnn/fp16", 1e-6, 0.999, 1.0), cores=2, name="there")
    other = point("cnn/fp16/litert/host-gpu/b1", 1e-6, 0.999, 1.0)
    fronts = Fronts([run(*EXAMPLE.records, other), there])
    places = [fronts.place(record) for group in fronts.groups for record in (c.record for c in group.candidates)]
    assert len(fronts.groups) == 3
    assert [place.standing for place in places[:4] if place] == ["front", "front", "dominated", "front"]
