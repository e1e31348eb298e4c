"""The columns of the table of cells that tell how sure a number is."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from decided_runs import cell, run

from tradeoff.record import Measurement, Record
from tradeoff.reports.renderers.comma import CommaSeparated
from tradeoff.reports.renderers.markdown import Markdown
from tradeoff.reports.renderers.terminal import Terminal
from tradeoff.reports.tables.columns import error_of
from tradeoff.reports.tables.rows import Row


def made(chain: str, accuracy: float | Measurement, **facts: Any) -> Record:
    return cell(f"m/{chain}", {"accuracy": accuracy, "latency": 1e-3, "artifact_bytes": 1e3}, **facts)


def line(*records: Record) -> dict[str, str]:
    """The last line of the CSV."""
    return list(csv.DictReader(io.StringIO(CommaSeparated().render([run(*records)], 100, False))))[-1]


def test_accuracy_has_the_interval_of_its_samples() -> None:
    one = made("int8", 0.98, test_samples=360)
    told = line(one)
    assert (float(told["metric_low"]), float(told["metric_high"])) == pytest.approx((0.9596, 0.9902), abs=2e-4)
    assert "95.9" in Terminal().render([run(one)], 200, False)


def test_an_interval_that_was_recorded_is_told_as_it_is() -> None:
    told = line(made("int8", Measurement(0.9, "1", "higher", low=0.8, high=0.95), test_samples=10))
    assert (told["metric_low"], told["metric_high"]) == ("0.8", "0.95")


@pytest.mark.parametrize("samples", [None, 0, "many", True])
def test_without_a_number_of_samples_there_is_no_interval(samples: object) -> None:
    assert Row("run", made("int8", 0.9, test_samples=samples)).metric_interval is None
    assert line(made("int8", 0.9, test_samples=samples))["metric_low"] == ""


def test_a_modelled_energy_stands_beside_the_error_of_such_numbers() -> None:
    energy = Measurement(1e-3, "J", "lower", "modelled", note="mean error 14 %; power x latency")
    one = cell("m/int8", {"accuracy": 0.9, "energy": energy}, estimate={"error": 0.14, "fits": True})
    assert "1.00 mJ (modelled, mean error 14 %)" in Markdown().render([run(one)], 100, False)
    assert (line(one)["device_error"], line(one)["fits"]) == ("0.14", "yes")


def test_a_measured_number_has_no_error_of_a_model() -> None:
    assert error_of(Measurement(1.0, "J", "lower", note="mean error 14 %")) == ""
    assert error_of(Measurement(1.0, "J", "lower", "modelled", note="power")) == ""
    assert error_of(Measurement(1.0, "B", "lower", "modelled", note="unvalidated")) == "unvalidated"


def test_percentiles_of_single_requests_have_columns() -> None:
    percentile = {"latency_p50": Measurement(2e-3, "s", "lower"), "latency_p90": Measurement(3e-3, "s", "lower")}
    one = cell("m/int8", {"accuracy": 0.9, **percentile})
    header, _, row = [one for one in Markdown().render([run(one)], 100, False).splitlines() if "|" in one][:3]
    told = dict(zip(*(line.strip("| ").split(" | ") for line in (header, row)), strict=True))
    assert (told["p50"], told["p90"]) == ("2.00 ms", "3.00 ms")


def test_narrow_tables_keep_to_what_a_decision_needs() -> None:
    shown = Terminal().render([run(made("int8", 0.9, test_samples=360))], 80, False)
    assert "accuracy 95 %" not in shown.splitlines()[1] or max(map(len, shown.splitlines())) <= 80
    assert max(map(len, shown.splitlines())) <= 80


def test_instructions_that_an_emulated_processor_counted_have_a_column_in_narrow_tables_too() -> None:
    counted = Measurement(39_500.0, "1", "lower", "simulated", note="of one call")
    one = cell("m/int8", {"accuracy": 0.9, "artifact_bytes": 1e3, "instructions": counted})
    assert "39.5 k" in Terminal().render([run(one)], 80, False)
    assert float(line(one)["instructions"]) == 39_500
