"""Arrivals are as random as promised, never depend on what is measured, and are waited for precisely."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise

import pytest
from scipy import stats

from tradeoff.loads.arrivals import SPIN_SECONDS, poisson_arrivals, wait_until

RATE, COUNT = 200.0, 20_000
SEEDS = ["0/0", "0/1", "1/0", "7/3"]


def gaps(arrivals: tuple[float, ...]) -> list[float]:
    return [later - earlier for earlier, later in pairwise((0.0, *arrivals))]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_time_between_two_arrivals_is_exponential(seed: str) -> None:
    found = stats.kstest(gaps(poisson_arrivals(RATE, COUNT, seed)), "expon", args=(0, 1 / RATE))
    assert found.pvalue > 0.01


def test_that_test_would_notice_another_distribution() -> None:
    jittered = [2 * stats.expon.cdf(gap, scale=1 / RATE) / RATE for gap in gaps(poisson_arrivals(RATE, 2000, "0/0"))]
    assert stats.kstest(jittered, "expon", args=(0, 1 / RATE)).pvalue < 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_the_arrivals_in_equal_windows_are_spread_as_poisson_says(seed: str) -> None:
    arrivals = poisson_arrivals(RATE, COUNT, seed)
    windows = math.floor(arrivals[-1] / 0.1)
    counts = [0] * windows
    for moment in arrivals:
        if moment < windows * 0.1:
            counts[int(moment / 0.1)] += 1
    dispersion = (windows - 1) * statistics.variance(counts) / statistics.fmean(counts)
    assert stats.chi2.ppf(0.005, windows - 1) < dispersion < stats.chi2.ppf(0.995, windows - 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rate_is_kept_within_the_error_that_so_many_arrivals_have(seed: str) -> None:
    kept = COUNT / poisson_arrivals(RATE, COUNT, seed)[-1]
    assert abs(kept / RATE - 1) < 3.3 / math.sqrt(COUNT)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_gap_says_nothing_of_the_next_one(seed: str) -> None:
    between = gaps(poisson_arrivals(RATE, COUNT, seed))
    assert abs(statistics.correlation(between[:-1], between[1:])) < 3.3 / math.sqrt(COUNT)


def test_arrivals_are_in_order_and_those_of_a_seed() -> None:
    arrivals = poisson_arrivals(RATE, 1000, "0/0")
    assert list(arrivals) == sorted(arrivals)
    assert arrivals[0] > 0
    assert arrivals == poisson_arrivals(RATE, 1000, "0/0") != poisson_arrivals(RATE, 1000, "0/1")


def test_another_rate_has_the_same_arrivals_stretched() -> None:
    slow, quick = poisson_arrivals(10, 500, "0/0"), poisson_arrivals(1000, 500, "0/0")
    assert [100 * moment for moment in quick] == pytest.approx(list(slow))


class Clock:
    """A clock that goes on when it is looked at, and when somebody sleeps: longer than was asked for."""

    def __init__(self, oversleeps: float = 0.0) -> None:
        self.now, self.oversleeps, self.slept = 0.0, oversleeps, list[float]()

    def __call__(self) -> float:
        self.now += 2e-6
        return self.now

    def pause(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds + self.oversleeps


def test_a_sleeper_that_wakes_up_late_is_still_in_time() -> None:
    clock = Clock(oversleeps=0.9 * SPIN_SECONDS)
    assert 0.01 <= wait_until(0.01, clock, clock.pause) < 0.01 + 1e-5
    assert sum(clock.slept) < 0.01


def test_a_moment_that_is_near_is_not_slept_for_and_one_that_is_past_not_waited_for() -> None:
    clock = Clock()
    assert wait_until(SPIN_SECONDS / 2, clock, clock.pause) >= SPIN_SECONDS / 2
    assert wait_until(0.0, clock, clock.pause) == clock.now
    assert not clock.slept
