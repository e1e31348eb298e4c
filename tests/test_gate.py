"""How much worse a run may be: the grammar of the limits, and what breaks them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from compared_runs import accuracy, latency, record, run, size, speed_up, with_verdict

from tradeoff.compare.comparing import compare
from tradeoff.compare.gate import Judgement, Limit, Outcome, judge, parse_limits
from tradeoff.errors import BadInput, TradeoffError
from tradeoff.record import Measurement, Record


def judged(limits: str, old: Record, new: Record, **machine: object) -> tuple[Judgement, ...]:
    return judge(compare(run(old), run(new, **machine)), parse_limits(limits))


def test_limits_are_read_with_or_without_blanks() -> None:
    assert parse_limits(" latency:5%, accuracy : 0.5 pt ,size:.5%") == (
        Limit("latency", 0.05),
        Limit("accuracy", 0.005, points=True),
        Limit("size", 0.005),
    )
    assert [str(limit) for limit in parse_limits("latency:5%,accuracy:0.5pt")] == ["latency 5 %", "accuracy 0.5 pt"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name nothing"),
        (",", "name nothing"),
        ("latancy:5%", "did you mean 'latency'"),
        ("speed:5%", "Known: accuracy, energy, latency, memory, size"),
        ("latency", "NAME:NUMBER%"),
        ("latency:5", "NAME:NUMBER%"),
        ("latency:-5%", "NAME:NUMBER%"),
        ("latency:inf%", "NAME:NUMBER%"),
        ("latency:5%%", "NAME:NUMBER%"),
        ("latency:5%,latency:6%", "name latency twice"),
        ("size:1pt", "write size:1%"),
    ],
)
def test_what_is_no_limit_is_refused_with_what_would_be_one(text: str, said: str) -> None:
    with pytest.raises(TradeoffError) as error:
        parse_limits(text)
    assert said in str(error.value)
    assert isinstance(error.value, BadInput) or "unknown quantity" in str(error.value)


def test_a_limit_is_kept_up_to_it_and_broken_beyond() -> None:
    assert judged("size:10%", record(size(1000)), record(size(1100)))[0].passed
    (broken,) = judged("size:10%", record(size(1000)), record(size(1101)))
    assert not broken.passed
    assert "artifact_bytes worse by 10.1 %" in broken.text
    assert len(broken.effects) == 1


def test_what_is_better_never_breaks_a_limit() -> None:
    assert judged("latency:0%,size:0%", record(latency(2e-3) | size(20)), record(latency(1e-3) | size(10)))[0].passed


def test_what_could_be_chance_does_not_break_a_limit_and_is_told() -> None:
    (one,) = judged("latency:5%", record(latency(1e-3, 0.3)), record(latency(1.2e-3, 0.3)))
    assert one.passed
    assert "1 number beyond it, but not beyond chance" in one.text


def test_a_lost_speed_up_breaks_the_limit_on_latency() -> None:
    assert not judged("latency:5%", record(speed_up(2.0)), record(speed_up(1.8)))[0].passed


def test_accuracy_is_limited_in_points() -> None:
    old, new = record(accuracy(0.98)), record(accuracy(0.97))
    assert not judged("accuracy:0.5pt", old, new)[0].passed
    assert judged("accuracy:2pt", old, new)[0].passed
    (one,) = judged("accuracy:5%", old, new)
    assert not one.passed
    assert "write accuracy:NUMBERpt" in one.text


def test_an_error_is_limited_in_percent() -> None:
    old, new = (record({"mae": Measurement(value, "1", "lower")}, metric="mae") for value in (2.0, 2.2))
    assert not judged("accuracy:5%", old, new)[0].passed
    assert "write accuracy:NUMBER%" in judged("accuracy:0.5pt", old, new)[0].text


def test_another_machine_fails_the_limits_that_depend_on_it() -> None:
    whole = record(latency(1e-3) | size(1))
    time, bytes_ = judged("latency:5%,size:1%", whole, whole, processor="Intel Xeon")
    assert not time.passed
    assert "cannot be judged: another machine: processor AMD EPYC 7B13 -> Intel Xeon" in time.text
    assert bytes_.passed


def test_what_nobody_measured_is_not_taken_for_good() -> None:
    (energy,) = judged("energy:10%", record(size(1)), record(size(1)))
    assert not energy.passed
    assert "neither run has measured it" in energy.text
    other = "dense/int8/litert/host-cpu/b1"
    (nothing,) = judged("size:1%", record(size(1)), record(size(1), other))
    assert "no measured cell in common" in nothing.text


def test_noisy_cells_are_counted_beside_those_that_could_be_judged() -> None:
    other = "dense/int8/litert/host-cpu/b1"
    old = run(record(latency(1e-3)), record(latency(1e-3), other))
    new = run(record(latency(1e-3)), with_verdict(record(latency(1e-3), other), "noisy"))
    (one,) = judge(compare(old, new), parse_limits("latency:5%"))
    assert one.passed
    assert one.text == "latency 5 %: kept by 1 number; 1 number could not be compared"


def test_a_cell_that_crashes_now_fails_the_gate_and_one_that_was_not_selected_does_not() -> None:
    other = record(size(1), "dense/int8/litert/host-cpu/b1")
    old = run(record(size(1)), other)
    crashed = replace(other, status="crashed", reason="SIGSEGV")
    kept, lost = judge(compare(old, run(record(size(1)), crashed)), parse_limits("size:1%"))
    assert kept.passed
    assert not lost.passed
    assert lost.text == "no longer measured: dense/int8/litert/host-cpu/b1 (crashed: SIGSEGV)"
    assert len(judge(compare(old, run(record(size(1)))), parse_limits("size:1%"))) == 1


def test_the_worst_is_named_first_and_the_rest_is_counted() -> None:
    cells = [f"cnn/prune:0.{n}/litert/host-cpu/b1" for n in range(1, 6)]
    old = run(*(record(size(1000), cell) for cell in cells))
    new = run(*(record(size(1000 + 100 * n), cell) for n, cell in enumerate(cells, start=1)))
    (one,) = judge(compare(old, new), parse_limits("size:1%"))
    assert one.text.startswith("size 1 %: broken by cnn/prune:0.5/")
    assert one.text.endswith("and 2 more")


def test_without_limits_everything_passes() -> None:
    assert Outcome(compare(run(), run())).passed
