"""The timing loop follows pytest-benchmark's options, and a summary says how far to believe it."""

from __future__ import annotations

import gc
import random
import statistics
from dataclasses import replace
from time import perf_counter

import pytest

from tradeoff.measuring import Samples, Timing, measure, measure_beside, summarise

QUICK = Timing(min_rounds=3, min_time=1e-5, max_time=0.01, warmup=False)


class Spin:
    """A request that takes a known time, and counts how often it was made."""

    def __init__(self, seconds: float = 2e-5) -> None:
        self.seconds = seconds
        self.calls = 0
        self.collecting: set[bool] = set()

    def __call__(self) -> None:
        self.calls += 1
        self.collecting.add(gc.isenabled())
        end = perf_counter() + self.seconds
        while perf_counter() < end:
            pass


def test_a_round_lasts_as_long_as_was_asked() -> None:
    samples = measure(Spin(), replace(QUICK, min_time=0.002, max_time=0.05))
    assert statistics.median(samples.rounds) >= 0.0018
    assert samples.iterations > 20


def test_rounds_go_on_until_the_time_is_used() -> None:
    samples = measure(Spin(), replace(QUICK, max_time=0.05))
    assert sum(samples.rounds) >= 0.05
    assert len(samples.rounds) > 3


def test_there_are_at_least_so_many_rounds_however_slow_the_request() -> None:
    assert len(measure(Spin(0.002), replace(QUICK, min_rounds=7, max_time=0.001)).rounds) == 7


def test_warming_up_calls_the_request_at_most_so_often() -> None:
    cold, warm = Spin(0.001), Spin(0.001)
    measure(cold, replace(QUICK, max_time=0.001))
    measure(warm, replace(QUICK, max_time=0.001, warmup=True, warmup_iterations=50))
    assert cold.calls < warm.calls <= cold.calls + 50


def test_the_collector_is_off_when_asked_and_on_again_afterwards() -> None:
    request = Spin()
    measure(request, replace(QUICK, disable_gc=True))
    assert request.collecting == {False}
    assert gc.isenabled()


def test_the_collector_is_on_again_when_a_request_fails() -> None:
    def request() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        measure(request, replace(QUICK, disable_gc=True))
    assert gc.isenabled()


def test_a_precision_that_is_reached_ends_the_rounds_early() -> None:
    timing = replace(QUICK, min_time=0.0005, max_time=2.0, precision=0.5)
    assert sum(measure(Spin(), timing).rounds) < 1.0


def test_calibration_asks_for_enough_ticks_of_the_clock() -> None:
    coarse = replace(QUICK, min_time=0.0, calibration_precision=1_000_000, max_time=0.002)
    assert measure(Spin(), coarse).iterations > 10


def test_once_means_one_call_and_no_sample() -> None:
    request = Spin()
    assert measure(request, replace(QUICK, once=True)) == Samples((), 1)
    assert request.calls == 1


def test_samples_are_told_per_call() -> None:
    assert Samples((1.0, 3.0), 2).per_call == (0.5, 1.5)


def test_the_interval_of_the_median_contains_it_nineteen_times_in_twenty() -> None:
    generator = random.Random(0)
    hits = 0
    for _ in range(400):
        summary = summarise([generator.lognormvariate(0, 1) for _ in range(101)])
        hits += summary.low <= 1.0 <= summary.high
    assert 0.92 <= hits / 400 <= 0.985


def test_a_few_slow_rounds_do_not_move_the_median_and_a_wide_spread_is_noisy() -> None:
    assert summarise([1.0] * 95 + [100.0] * 5).median == 1.0
    assert not summarise([1.0] * 95 + [100.0] * 5).noisy
    assert summarise([1.0, 2.0] * 50).noisy


def test_one_sample_is_its_own_interval() -> None:
    summary = summarise([2.0])
    assert (summary.low, summary.median, summary.high) == (2.0, 2.0, 2.0)


def test_two_requests_are_timed_in_turns_so_that_a_drift_hits_both() -> None:
    """Both slow down at the same moments; their ratio does not notice."""
    begun = perf_counter()

    def drifting(share: float) -> Spin:
        class Drifting(Spin):
            def __call__(self) -> None:
                self.seconds = share * (1e-5 if int((perf_counter() - begun) * 20) % 2 else 5e-5)
                super().__call__()

        return Drifting()

    ours, theirs = measure_beside(drifting(1.0), drifting(2.0), replace(QUICK, min_time=0.0005, max_time=0.5))
    ratios = [b / a for a, b in zip(ours.per_call, theirs.per_call, strict=True)]
    assert len(ours.rounds) == len(theirs.rounds)
    assert 1.6 < statistics.median(ratios) < 2.4


def test_two_requests_under_once_are_not_timed() -> None:
    request = Spin()
    assert measure_beside(request, request, replace(QUICK, once=True)) == (Samples((), 1), Samples((), 1))
