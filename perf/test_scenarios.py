"""What a scenario's generator adds to a request, and how late it is."""

from __future__ import annotations

import hashlib
import math
import statistics
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from figures import Note, show
from pytest_benchmark.fixture import BenchmarkFixture
from scipy import stats

from tradeoff.loads.arrivals import poisson_arrivals
from tradeoff.loads.lanes import Call, closed_loop, in_lanes, open_loop, overhead

#: Seconds that a request may cost beside itself.
TARGET = 20e-6
REQUESTS = 2000
#: A request that lets go of the interpreter, as native runtimes do.
NATIVE = bytes(200_000)


def nothing() -> None:
    """A request that is answered at once."""


def native() -> object:
    """A request of some 0.1 ms outside of the interpreter."""
    return hashlib.sha256(NATIVE).digest()


def alone(call: Call) -> float:
    """Seconds of the request without any scenario."""
    return statistics.median(closed_loop(call, 0.2, 100, 10.0))


@pytest.mark.benchmark(group="a scenario's overhead per request")
def test_what_a_worker_states(benchmark: BenchmarkFixture, figure: Note) -> None:
    found = [overhead() for _ in range(20)]
    show(benchmark, found)
    figure("overhead as each record states it", statistics.median(found), TARGET)


@pytest.mark.benchmark(group="a scenario's overhead per request")
def test_a_closed_loop(benchmark: BenchmarkFixture, figure: Note) -> None:
    taken = closed_loop(nothing, 0.2, REQUESTS, 10.0)
    show(benchmark, taken[:REQUESTS])
    figure("closed loop, a request that does nothing", statistics.median(taken), TARGET)
    figure("closed loop, mean of them", statistics.fmean(taken), TARGET)


@pytest.mark.benchmark(group="a scenario's overhead per request")
@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("rate", [200, 2000])
def test_an_open_loop_that_waits(rate: int, lanes: int, benchmark: BenchmarkFixture, figure: Note) -> None:
    """From the scheduled arrival to the answer of a request that does nothing: all of it is the generator's."""
    due = poisson_arrivals(rate, 2 * rate if rate < REQUESTS else REQUESTS, "0/0")
    found = open_loop([nothing] * lanes, due, 60.0)
    show(benchmark, found.latencies)
    figure(f"open loop, {rate}/s, lanes {lanes}", statistics.median(found.latencies), TARGET)
    gaps = [later - earlier for earlier, later in pairwise(sorted(found.begins))]
    # As far as that apart lies one of a thousand samples of the distribution itself. Of gaps as short as half a
    # millisecond it would be a figure of the machine: another process has the processor for longer.
    most = 1.95 / math.sqrt(len(gaps)) if rate < REQUESTS else float("inf")
    distance = float(stats.kstest(gaps, "expon", args=(0, 1 / rate)).statistic)
    figure(f"sent {rate}/s, lanes {lanes}: gaps apart from a Poisson process's", distance, most, "")


@pytest.mark.benchmark(group="a scenario's overhead per request")
@pytest.mark.parametrize("lanes", [1, 2])
def test_an_open_loop_that_never_waits(lanes: int, benchmark: BenchmarkFixture, figure: Note) -> None:
    found = open_loop([native] * lanes, [0.0] * REQUESTS, 60.0)
    show(benchmark, found.busy)
    between = found.lateness
    figure(f"open loop, all at once, lanes {lanes}: from one request to the next", statistics.median(between), TARGET)


@pytest.mark.benchmark(group="a scenario's overhead per request")
def test_two_lanes_beside_each_other(benchmark: BenchmarkFixture, figure: Note) -> None:
    """What a request of native code takes longer in two lanes than in one; means something on two idle cores."""
    jobs: list[Callable[[], list[float]]] = [partial(closed_loop, native, 0.2, 100, 10.0)] * 2
    both = [seconds for lane in in_lanes(jobs) for seconds in lane]
    show(benchmark, both)
    figure("two closed loops, beyond one alone", max(0.0, statistics.median(both) - alone(native)), TARGET)
