"""Which numbers are compared, and from which change on that is worth a word."""

from __future__ import annotations

import pytest
from compared_runs import record, sampled

from tradeoff.compare.quantities import BUSY, FEW_LOADS, IN_TURNS, QUIET, is_quiet, metric_of, quantity_of, worth_of
from tradeoff.record import Measurement


@pytest.mark.parametrize(
    ("name", "unit", "quantity"),
    [
        ("latency", "s", "latency"),
        ("speed_up", "1", "latency"),
        ("throughput", "1/s", "latency"),
        ("artifact_bytes", "B", "size"),
        ("gzip_bytes", "B", None),
        ("accuracy", "1", "accuracy"),
        ("loss", "1", None),
        ("peak_bytes", "B", "memory"),
        ("gpu_memory", "B", "memory"),
        ("energy", "J", "energy"),
        ("build_seconds", "s", None),
        ("latency_p99", "s", None),
    ],
)
def test_each_number_tells_of_one_quantity_or_of_none(name: str, unit: str, quantity: str | None) -> None:
    assert quantity_of(name, Measurement(1.0, unit), "accuracy") == quantity


def test_the_metric_is_what_the_task_names() -> None:
    assert metric_of(record({}, metric="mae")) == "mae"
    assert metric_of(record({"r2": Measurement(0.9, "1")}, metric=None)) == "r2"
    assert metric_of(record({}, metric=None)) == ""


def test_a_latency_is_judged_by_the_busier_of_the_two_runs() -> None:
    quiet, busy = record({"latency": sampled(1.0)}), record({"latency": sampled(1.0)}, undisturbed=0.5)
    assert worth_of("latency", "latency", quiet, quiet) == QUIET
    assert worth_of("latency", "latency", quiet, busy) == worth_of("latency", "latency", busy, quiet) == BUSY
    assert worth_of("speed_up", "latency", busy, busy) == IN_TURNS
    assert worth_of("speed_up", "latency", quiet, record({}, loads=2)) == FEW_LOADS


@pytest.mark.parametrize("missing", ["undisturbed", "speed"])
def test_who_does_not_say_that_it_was_quiet_was_not(missing: str) -> None:
    assert is_quiet(record({}))
    assert not is_quiet(record({}, **{missing: None}))
    assert not is_quiet(record({}, **{missing: float("nan")}))
    assert not is_quiet(record({}, **{missing: "fast"}))
