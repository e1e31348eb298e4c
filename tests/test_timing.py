"""The timing loop follows pytest-benchmark's options, and a summary says how far to believe it."""

from __future__ import annotations

import gc
import json
import statistics
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter, sleep

import pytest

from tradeoff.measure.estimating import ratios
from tradeoff.measure.timing import MOST_SINGLES, Lot, Timing, measure_lot

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


def measure(call: Callable[[], object], timing: Timing) -> Lot:
    return measure_lot(call, None, timing)


def total(lot: Lot) -> float:
    """Seconds of all rounds together."""
    return sum(lot.rounds) * lot.iterations


def test_a_round_lasts_as_long_as_was_asked() -> None:
    lot = measure(Spin(), replace(QUICK, min_time=0.002, max_time=0.05))
    assert statistics.median(lot.rounds) * lot.iterations >= 0.0018
    assert lot.iterations > 20


def test_rounds_go_on_until_the_time_is_used() -> None:
    lot = measure(Spin(), replace(QUICK, max_time=0.05))
    assert total(lot) >= 0.0499
    assert len(lot.rounds) > 3


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
    assert total(measure(Spin(), timing)) < 1.0


def test_calibration_asks_for_enough_ticks_of_the_clock() -> None:
    coarse = replace(QUICK, min_time=0.0, calibration_precision=1_000_000, max_time=0.002)
    assert measure(Spin(), coarse).iterations > 10


def test_once_means_one_call_and_no_sample() -> None:
    request = Spin()
    assert measure(request, replace(QUICK, once=True)) == Lot((), 1)
    assert request.calls == 1


def test_beside_each_round_stands_what_the_control_took_and_how_long_was_waited() -> None:
    lot = measure(Spin(), QUICK)
    assert len(lot.rounds) == len(lot.controls) == len(lot.waits)
    assert all(seconds > 0 for seconds in lot.controls)


def test_a_round_in_which_the_process_only_waits_is_seen_as_such() -> None:
    spinning, waiting = measure(Spin(0.001), QUICK), measure(lambda: sleep(0.001), QUICK)
    assert min(spinning.waits) < 0.2
    assert min(waiting.waits) > 0.5


def test_single_requests_are_timed_one_by_one_and_are_not_too_many() -> None:
    lot = measure(Spin(1e-6), replace(QUICK, max_time=0.5))
    assert len(lot.singles) == MOST_SINGLES
    assert min(lot.singles) >= 1e-6


def test_a_lot_is_the_same_after_the_way_from_the_worker() -> None:
    lot = measure_lot(Spin(), Spin(), QUICK)
    assert Lot.from_json(json.loads(json.dumps(lot.to_json())), 2) == replace(lot, process=2)


def test_parts_of_the_time_make_up_the_whole() -> None:
    part = replace(QUICK, max_time=0.9, min_rounds=20).divided(3)
    assert (part.max_time, part.min_rounds) == (pytest.approx(0.3), 7)


def test_two_requests_are_timed_in_turns_so_that_a_drift_hits_both() -> None:
    """Both slow down at the same moments; their ratio does not notice."""
    begun = perf_counter()

    def drifting(share: float) -> Spin:
        class Drifting(Spin):
            def __call__(self) -> None:
                self.seconds = share * (1e-5 if int((perf_counter() - begun) * 20) % 2 else 5e-5)
                super().__call__()

        return Drifting()

    lot = measure_lot(drifting(1.0), drifting(2.0), replace(QUICK, min_time=0.0005, max_time=0.5))
    assert len(lot.rounds) == len(lot.baseline)
    assert 1.6 < statistics.median(ratios(lot)) < 2.4


def test_two_requests_under_once_are_not_timed() -> None:
    request = Spin()
    assert measure_lot(request, request, replace(QUICK, once=True)) == Lot((), 1)
