"""Where a series changed, and where it did not."""

from __future__ import annotations

import math
import random
import statistics
from itertools import pairwise

import pytest
from compared_runs import CELL, accuracy, latency, record, run, with_verdict
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.compare.history import FEWEST, SHORTEST, _costs, change_points, histories
from tradeoff.errors import TradeoffError
from tradeoff.record import Measurement, Run


def noisy_levels(generator: random.Random, *levels: tuple[int, float], noise: float = 0.01) -> list[float]:
    return [level * math.exp(generator.gauss(0, noise)) for count, level in levels for _ in range(count)]


# --- steps ------------------------------------------------------------------------------------------


def test_one_step_is_found_where_it_is() -> None:
    generator = random.Random(1)
    hits = 0
    for _ in range(100):
        found = change_points(noisy_levels(generator, (10, 1e-3), (10, 1.05e-3)))
        hits += len(found) == 1 and abs(found[0] - 10) <= 1
    assert hits >= 90


def test_several_steps_are_found() -> None:
    values = noisy_levels(random.Random(2), (10, 1.0), (8, 1.2), (12, 0.9))
    assert change_points(values) == [10, 18]


@pytest.mark.parametrize("runs", [6, 10, 20, 50])
def test_noise_is_taken_for_a_step_in_at_most_one_of_twenty_series(runs: int) -> None:
    generator = random.Random(runs)
    false = sum(bool(change_points(noisy_levels(generator, (runs, 1.0)))) for _ in range(200))
    assert false <= 10


def test_one_bad_run_is_no_step() -> None:
    values = noisy_levels(random.Random(3), (20, 1.0))
    values[7] *= 3
    assert change_points(values) == []


def test_a_step_needs_two_runs_to_be_believed() -> None:
    steady = [1.0] * 8
    assert change_points([*steady, 1.5]) == []
    assert change_points([*steady, 1.5, 1.5]) == [8]


@given(st.lists(st.floats(1e-6, 1e6), max_size=FEWEST - 1))
def test_too_few_runs_say_nothing(values: list[float]) -> None:
    assert change_points(values) == []


@given(st.floats(1e-9, 1e9), st.integers(0, 40))
def test_what_never_changes_has_no_step(value: float, count: int) -> None:
    assert change_points([value] * count) == []


@given(st.lists(st.floats(0.5, 2.0), max_size=25), st.floats(1e-6, 1e6))
def test_the_unit_does_not_matter_and_pieces_are_long_enough(values: list[float], unit: float) -> None:
    found = change_points(values)
    # Cuts of equal cost may be chosen otherwise when rounding has been otherwise.
    assert abs(len(change_points([value * unit for value in values])) - len(found)) <= 1
    bounds = [0, *found, len(values)]
    assert all(end - begin >= SHORTEST for begin, end in pairwise(bounds) if found)


@given(st.integers(5, 30), st.integers(5, 30), st.floats(1.1, 10) | st.floats(0.1, 0.9), st.integers(0, 2**32))
def test_a_step_far_above_the_noise_is_always_found(before: int, after: int, factor: float, seed: int) -> None:
    values = noisy_levels(random.Random(seed), (before, 1.0), (after, factor), noise=0.001)
    assert before in change_points(values)


@given(st.lists(st.floats(-10, 10), max_size=30))
def test_the_running_cost_is_that_of_the_median(values: list[float]) -> None:
    for count, cost in enumerate(_costs(values, 0)):
        middle = statistics.median(values[:count]) if count else 0.0
        assert cost == pytest.approx(sum(abs(value - middle) for value in values[:count]), abs=1e-9)


def test_what_is_not_above_zero_has_no_logarithm_and_no_step() -> None:
    assert change_points([0.0, 0.0, 1.0, 1.0, 1.0]) == []


# --- of runs ----------------------------------------------------------------------------------------


def runs_with(values: list[float], **machine: object) -> list[Run]:
    return [
        run(record(latency(value)), name=f"run {n}", started=f"2026-01-{n + 1:02}T00:00:00+00:00", **machine)
        for n, value in enumerate(values)
    ]


STEP = [1.0, 1.0, 1.0, 1.0, 1.2, 1.2, 1.2]


def test_a_change_point_has_date_run_before_after_and_effect() -> None:
    (series,) = histories(runs_with(STEP)[::-1])
    (step,) = series.changes
    assert [point.value for point in series.points] == STEP
    assert (step.run, step.started[:10], step.before, step.after) == ("run 4", "2026-01-05", 1.0, 1.2)
    assert step.change == pytest.approx(0.2)
    assert step.worse


def test_faster_is_no_change_for_the_worse() -> None:
    (series,) = histories(runs_with(STEP[::-1]))
    assert [step.worse for step in series.changes] == [False]


def test_what_is_smaller_than_two_percent_is_not_told_of_a_latency() -> None:
    (series,) = histories(runs_with([1.0] * 10 + [1.015] * 10))
    assert series.changes == ()


def test_machines_have_series_of_their_own() -> None:
    both = [*runs_with([1.0] * 4), *runs_with([2.0] * 4, processor="Intel Xeon")]
    assert [len(series.points) for series in histories(both)] == [4, 4]
    assert not any(series.changes for series in histories(both))


def test_accuracy_is_one_series_over_all_machines() -> None:
    one, other = run(record(accuracy(0.9))), run(record(accuracy(0.9)), processor="Intel Xeon")
    assert len(histories([one, other], "accuracy")) == 1


def test_noisy_runs_are_shown_and_decide_nothing() -> None:
    runs = runs_with([1.0] * 6)
    loud = [run(with_verdict(record(latency(9.0)), "noisy"), name=f"loud {n}", started="2026-02-01") for n in range(3)]
    (series,) = histories([*runs, *loud])
    assert (len(series.points), series.left_out, series.changes) == (9, 3, ())


def test_cells_are_chosen_by_glob() -> None:
    two = [run(record(latency(1.0)), record(latency(1.0), "dense/int8/litert/host-cpu/b1"))]
    assert [series.cell for series in histories(two, cells="cnn/*")] == [CELL]
    assert len(histories(two)) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("latancy",), "unknown measurement in these runs 'latancy'; did you mean 'latency'"),
        (("latency", "nothing/*"), "no cell of these runs matches 'nothing/.'"),
    ],
)
def test_what_is_not_there_is_named(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(TradeoffError, match=said):
        histories(runs_with([1.0]), *arguments)


def test_a_number_that_is_not_available_is_no_point() -> None:
    missing = run(record({"latency": Measurement(None, "s", "lower", "unavailable")}))
    (series,) = histories([*runs_with([1.0]), missing])
    assert len(series.points) == 1
