"""Requests are sent as scheduled, whoever is slow; and sending them costs next to nothing."""

from __future__ import annotations

import statistics
import sys
from threading import Barrier

import pytest
from test_arrivals import Clock

from tradeoff.loads.arrivals import poisson_arrivals
from tradeoff.loads.lanes import Timeline, closed_loop, in_lanes, open_loop, overhead


def served(clock: Clock, due: tuple[float, ...], seconds: list[float], limit: float = 1e9) -> Timeline:
    """A schedule whose requests take these seconds, on one lane."""
    left = iter(seconds)

    def call() -> None:
        clock.now += next(left)

    return open_loop([call], due, limit, clock, clock.pause)


def test_a_latency_counts_from_the_scheduled_arrival_with_all_the_waiting_in_the_queue() -> None:
    due = poisson_arrivals(400, 2000, "0/0")
    seconds = [0.001 * (1 + number % 3 / 2) for number in range(len(due))]
    found = served(Clock(), due, seconds)
    free = 0.0
    for latency, moment, taken in zip(found.latencies, due, seconds, strict=True):
        free = max(free, moment) + taken
        assert latency == pytest.approx(free - moment, abs=5e-4)
    assert statistics.median(found.lateness) < 1e-5


def test_the_mean_wait_is_that_of_queueing_theory() -> None:
    rate, seconds = 700.0, 0.001
    due = poisson_arrivals(rate, 20_000, "0/0")
    found = served(Clock(), due, [seconds] * len(due))
    busy = rate * seconds
    # Pollaczek and Khinchine, for requests that all take the same time.
    wait = busy * seconds / (2 * (1 - busy))
    assert statistics.fmean(found.latencies) == pytest.approx(wait + seconds, rel=0.1)


def test_one_slow_answer_is_felt_by_all_who_arrived_meanwhile() -> None:
    due = tuple(number / 100 for number in range(1, 101))
    found = served(Clock(), due, [0.5, *[0.0001] * 99])
    waited = [latency for latency in found.latencies if latency > 0.05]
    assert len(waited) == pytest.approx(45, abs=1)
    assert max(found.busy[1:]) < 0.001


def test_the_schedule_is_the_same_however_slow_the_answers_are() -> None:
    due = poisson_arrivals(100, 500, "0/0")
    quick, slow = (served(Clock(), due, [seconds] * 500) for seconds in (0.0, 0.02))
    assert quick.due == slow.due == due
    assert list(quick.begins) == pytest.approx(list(due), abs=2e-5)


def test_a_queue_that_only_grows_comes_to_an_end() -> None:
    due = tuple(number / 1000 for number in range(1, 1001))
    found = served(Clock(), due, [0.01] * 1000, limit=2.0)
    assert len(found.ends) == pytest.approx(200, abs=2)
    assert len(found.due) == 1000
    assert len(found.latencies) == len(found.lateness) == len(found.ends)


def test_no_real_request_is_sent_before_it_is_due() -> None:
    """How much later it is, `perf/` measures: here other programs may have the processor."""
    due = poisson_arrivals(200, 60, "0/0")
    found = open_loop([lambda: None], due, 10.0)
    assert all(begin >= moment for begin, moment in zip(found.begins, due, strict=True))
    assert list(found.begins) == sorted(found.begins)


def test_two_lanes_have_two_requests_in_the_air() -> None:
    meeting = Barrier(2)
    found = open_loop([lambda: meeting.wait(10)] * 2, [0.0] * 20, 60.0)
    assert len(found.ends) == 20
    assert in_lanes([lambda: closed_loop(lambda: meeting.wait(10), 0.0, 5, 60.0)] * 2)[0]


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_each_arrival_is_answered_once(lanes: int) -> None:
    due = poisson_arrivals(5000, 400, "0/0")
    calls = [0] * lanes

    def answer(lane: int) -> None:
        calls[lane] += 1

    found = open_loop([lambda lane=lane: answer(lane) for lane in range(lanes)], due, 60.0)  # type: ignore[misc]
    assert sum(calls) == len(found.ends) == 400
    assert all(end >= begin >= moment for moment, begin, end in zip(due, found.begins, found.ends, strict=True))


def test_what_goes_wrong_in_a_lane_is_told_and_the_interpreter_is_left_as_it_was() -> None:
    usual = sys.getswitchinterval()
    with pytest.raises(ZeroDivisionError):
        open_loop([lambda: None, lambda: 1 / 0], [0.0] * 50, 10.0)
    assert sys.getswitchinterval() == usual


def test_in_a_closed_loop_the_next_request_is_sent_when_the_last_is_answered() -> None:
    clock = Clock()

    def call() -> None:
        clock.now += 0.01

    taken = closed_loop(call, 1.0, 5, 60.0, clock)
    assert sum(taken) == pytest.approx(clock.now, abs=1e-5)
    assert len(taken) == 100
    assert len(closed_loop(call, 0.1, 299, 60.0, clock)) == 299
    assert len(closed_loop(call, 0.1, 299, 0.5, clock)) == pytest.approx(50, abs=1)


def test_a_request_costs_less_than_twenty_microseconds_to_send() -> None:
    assert 0 < overhead() < 20e-6
