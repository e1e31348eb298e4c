"""Medians, ratios and percentiles, and how well each of them is known."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeoff.measure.estimating import (
    FEWEST_LOTS,
    Estimate,
    bootstrap,
    control_of,
    estimate,
    estimate_lots,
    ordered_interval,
    percentile,
    ratios,
    samples_needed,
    sift,
    timings,
    widened,
)
from tradeoff.measure.timing import Lot

QUIET = 1e-6


def lot(rounds: int, *, slow: int = 0, waiting: int = 0, process: int = 1) -> Lot:
    """Rounds of which the first are slow, and the next ones wait."""
    pace = [2.0] * slow + [1.0] * (rounds - slow)
    waits = [0.0] * slow + [0.5] * waiting + [0.0] * (rounds - slow - waiting)
    seconds = [p / (1 - w) for p, w in zip(pace, waits, strict=True)]
    return Lot(
        tuple(seconds), 1, tuple(2 * s for s in seconds), tuple(QUIET * p for p in pace), tuple(waits), (), process
    )


@pytest.mark.parametrize("lots", [1, 3, FEWEST_LOTS, 15])
def test_the_interval_contains_the_true_median_nineteen_times_in_twenty(lots: int) -> None:
    """Where loads differ, and there are enough of them; else as far as one load can tell."""
    generator = random.Random(lots)
    between = 0.05 if lots >= FEWEST_LOTS else 0.0
    hits = 0
    for _ in range(200):
        groups = [
            [generator.gauss(centre, 0.1) for _ in range(40)]
            for centre in (generator.gauss(10, between) for _ in range(lots))
        ]
        found = estimate(groups)
        hits += found.low <= 10 <= found.high
    assert hits / 200 >= 0.88


def test_a_few_slow_rounds_do_not_move_the_median_and_a_wide_spread_is_noisy() -> None:
    assert estimate([[1.0] * 95 + [100.0] * 5]).median == 1.0
    assert not estimate([[1.0] * 95 + [100.0] * 5]).noisy
    assert estimate([[1.0, 2.0] * 50]).noisy


def test_one_sample_is_its_own_interval() -> None:
    found = estimate([[2.0]])
    assert (found.low, found.median, found.high) == (2.0, 2.0, 2.0)


def test_it_is_told_whether_the_interval_is_over_loads_or_over_rounds() -> None:
    assert estimate([[1.0, 2.0]] * (FEWEST_LOTS - 1)).over == "rounds"
    assert estimate([[1.0, 2.0]] * FEWEST_LOTS).over == "loads"


def test_the_interval_is_over_processes_where_there_are_enough_of_them() -> None:
    """Loads of one process resemble each other: over them alone it would be too narrow."""
    lots = [Lot((float(process),) * 4, 1, process=process) for process in (1, 2, 3) for _ in range(5)]
    found = estimate_lots(lots, timings)
    assert (found.median, found.over) == (2.0, "processes")
    assert found.low < 1.0 < 3.0 < found.high
    assert estimate_lots(lots[:10], timings).over == "loads"
    assert estimate_lots(lots[:2], timings).over == "rounds"


def test_nothing_has_no_median() -> None:
    with pytest.raises(ValueError, match="needs a sample"):
        estimate([])


def test_the_margin_is_half_the_interval_as_a_share() -> None:
    assert Estimate(2.0, 1.9, 2.1, 0.0, "loads").margin == pytest.approx(0.05)
    assert Estimate(0.0, 0.0, 0.0, 0.0, "loads").margin == math.inf


def test_the_same_values_give_the_same_interval() -> None:
    values = [random.Random(1).gauss(5, 1) for _ in range(12)]
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap([3.0] * 6) == (3.0, 3.0)


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=60))
def test_the_median_lies_in_the_interval_of_its_order_statistics(values: list[float]) -> None:
    low, high = ordered_interval(sorted(values))
    assert low <= statistics.median(values) <= high


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.floats(0.001, 1000), min_size=1, max_size=9), min_size=1, max_size=9))
def test_an_estimate_lies_within_its_interval_and_its_samples(groups: list[list[float]]) -> None:
    found = estimate(groups)
    values = [value for group in groups for value in group]
    assert min(values) <= found.median <= max(values)
    assert 0 < found.low <= found.median <= found.high


def test_an_interval_over_few_values_is_wider_than_their_range() -> None:
    """Of five, the smallest and the largest bound the median of all in 94 of 100 cases at best."""
    few, many = [[float(value)] for value in (98, 99, 100, 101, 102)], [[95.0 + value / 10] for value in range(101)]
    found = estimate(few)
    assert found.low < 98
    assert found.high > 102
    assert estimate(many).high - estimate(many).low < 6


@given(st.floats(0.5, 1.0), st.floats(1.0, 2.0), st.integers(3, 60))
def test_widening_keeps_signs_and_fades_with_the_number_of_values(low: float, high: float, count: int) -> None:
    found = widened((low, high), 1.0, count)
    assert 0 < found[0] <= low <= 1.0 <= high <= found[1]
    assert widened((low, high), 1.0, 10_000) == pytest.approx((low, high), rel=0.001)


def test_an_interval_that_reaches_zero_is_widened_by_sums() -> None:
    low, high = widened((0.0, 2.0), 1.0, 5)
    assert (low, high) == pytest.approx((-0.416, 2.416), abs=0.001)


# --- what was disturbed -----------------------------------------------------------------------------


def test_rounds_in_which_the_processor_was_slow_are_left_out() -> None:
    found = sift([lot(20, slow=8), lot(20)], QUIET)
    assert {seconds for one in found.lots for seconds in one.rounds} == {1.0}
    assert (found.share, found.disturbed) == (0.8, False)


def test_rounds_in_which_somebody_else_had_the_processor_are_left_out_with_their_pairs() -> None:
    (left,) = sift([lot(20, waiting=5)], QUIET).lots
    assert set(left.rounds) == {1.0}
    assert len(left.rounds) == len(left.baseline) == len(left.controls) == 15
    assert ratios(left) == (2.0,) * 15


def test_waiting_that_is_usual_does_not_count_as_a_disturbance() -> None:
    """A request on an accelerator waits in every round."""
    waiting = Lot((1.0,) * 10, 1, (), (QUIET,) * 10, (0.7,) * 10)
    assert sift([waiting], QUIET).share == 1.0


def test_a_machine_that_is_slow_all_the_time_is_noticed_and_its_rounds_are_kept() -> None:
    found = sift([lot(20, slow=20)], QUIET)
    assert found.disturbed
    assert found.speed == pytest.approx(0.5)
    assert len(found.lots[0].rounds) == 20


def test_without_a_control_everything_is_kept() -> None:
    plain = Lot((1.0, 2.0), 1)
    assert sift([plain], QUIET).lots == (plain,)
    assert sift([lot(4)], None).lots == (lot(4),)
    assert control_of([plain]) is None


def test_the_best_speed_is_that_of_the_quickest_lot() -> None:
    assert control_of([lot(9, slow=9), lot(9)]) == QUIET


# --- percentiles ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "needed"), [(0.5, 5), (0.9, 29), (0.99, 299)])
def test_too_few_samples_give_no_percentile(share: float, needed: int) -> None:
    assert samples_needed(share) == needed
    samples = [float(number) for number in range(needed)]
    assert percentile(samples[:-1], share) is None
    found = percentile(samples, share)
    assert found is not None
    assert found.low <= found.value <= found.high == samples[-1]


def test_a_percentile_is_the_sample_that_so_many_do_not_exceed() -> None:
    found = percentile([float(number) for number in range(1, 1001)], 0.99)
    assert found is not None
    assert found.value == 990.0


def test_the_interval_of_a_percentile_contains_it_nineteen_times_in_twenty() -> None:
    generator = random.Random(3)
    true = -math.log(0.1)
    hits = 0
    for _ in range(300):
        found = percentile([generator.expovariate(1) for _ in range(300)], 0.9)
        assert found is not None
        hits += found.low <= true <= found.high
    assert 0.91 <= hits / 300 <= 0.99
