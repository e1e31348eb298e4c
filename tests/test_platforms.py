"""Cloud, edge and microcontroller side by side, and the facts that backends declare of shipping."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from decided_runs import cell, number, run

import tradeoff
from tradeoff.record import Measurement, Record, Run
from tradeoff.registry import load_registry
from tradeoff.reports.renderers.comma import CommaSeparated
from tradeoff.reports.renderers.terminal import Terminal
from tradeoff.reports.tables.platforms import VIEW, platforms

PAGE = Path(__file__).parent.parent / "docs" / "smallest-programs.md"
BACKENDS = load_registry().backends
DECLARED = sorted(name for name, backend in BACKENDS.items() if backend.capabilities.effort and name != "hdf5")
EFFORT = {
    "cloud": asdict(tradeoff.Effort("cloud", "Python", 4, ("install", "run"), (), ("runtime",))),
    "microcontroller": asdict(tradeoff.Effort("microcontroller", "C++", 21, ("compile",), ("a compiler",), ())),
}


def made(name: str, platform: str, accuracy: float, latency: float, size: float, **more: Any) -> Record:
    numbers = {"latency": number("latency", latency, 0.001), "accuracy": accuracy, "artifact_bytes": size}
    return cell(name, {**numbers, **more.pop("numbers", {})}, effort=EFFORT.get(platform), test_samples=10**6, **more)


CHIP = "m/int8/mcu/chip@tflm/b1"
EXAMPLE = run(
    made("m/baseline", "cloud", 0.98, 1e-3, 200e3),
    made("m/int8", "cloud", 0.95, 5e-4, 50e3),
    made(CHIP, "microcontroller", 0.95, 0.1, 50e3, numbers={"energy": Measurement(2e-3, "J", "lower", "modelled")}),
)


def told(*runs: Run) -> list[dict[str, str]]:
    """The lines of the CSV that are of the first table."""
    text = CommaSeparated().render_view(VIEW, runs, 100, False)
    return [line for line in csv.DictReader(io.StringIO(text)) if line["table"].startswith("Platforms")]


def test_each_platform_has_its_best_with_its_numbers() -> None:
    cloud, chip = told(EXAMPLE)
    assert (cloud["platform"], cloud["best"], cloud["accuracy"]) == ("cloud", "m/baseline/litert", "0.98")
    assert (chip["platform"], chip["device"], chip["best"]) == ("microcontroller", "chip@tflm", "m/int8/mcu")
    assert float(chip["power (W)"]) == pytest.approx(0.02)
    assert "energy (J) modelled" in chip["not_measured"]


def test_complexity_is_counted_from_what_the_backend_declares() -> None:
    cloud, chip = told(EXAMPLE)
    assert [cloud[name] for name in ("lines", "steps", "tools", "ships")] == ["4", "2", "0", "1"]
    assert [chip[name] for name in ("lines", "steps", "tools", "ships")] == ["21", "1", "1", "0"]
    shown = Terminal().render_view(VIEW, [EXAMPLE], 120, False)
    assert "microcontroller, to ship in C++: compile; needs a compiler" in shown


def test_it_is_said_why_and_what_is_next() -> None:
    shown = Terminal().render_view(VIEW, [EXAMPLE], 200, False)
    assert "m/baseline/litert: the most accurate, then the fastest, of 2; next is m/int8/litert" in shown


def test_cells_of_backends_that_declare_nothing_are_counted() -> None:
    silent = made("m/fp16", "nowhere", 0.99, 1e-3, 1e3, backend="other")
    (*_, last) = platforms([run(*EXAMPLE.records, silent)])
    assert last.notes[-1].text == "1 cells are not here, since their records name no platform: other"
    (only,) = platforms([run(silent)])
    assert (only.rows, only.notes[-1].text) == ((), last.notes[-1].text)


def test_odd_facts_do_no_harm() -> None:
    odd = {"platform": "cloud", "lines": "many", "steps": 3, "tools": None}
    (line,) = told(run(cell("m/int8", {"accuracy": 1.0, "latency": 1e-3}, effort=odd)))
    assert (line["lines"], line["steps"]) == ("", "")
    assert "the backend does not declare it" in line["why"]


@pytest.mark.parametrize("name", DECLARED)
def test_a_declared_number_of_lines_is_that_of_the_program_in_the_docs(name: str) -> None:
    effort = BACKENDS[name].capabilities.effort
    found = re.search(rf"^## {name}\n.*?```\w+\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert effort is not None
    assert found is not None
    assert sum(bool(line.strip()) for line in found[1].splitlines()) == effort.lines


def test_every_built_in_backend_declares_what_shipping_takes() -> None:
    assert {*DECLARED, "hdf5"} >= {"keras", "litert", "onnxruntime", "jax", "mcu", "savedmodel", "hdf5", "tfjs"}
