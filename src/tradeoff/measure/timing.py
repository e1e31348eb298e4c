"""The timing loop that runs in a worker. It follows pytest-benchmark's options, with short batches.

A round calls the request often enough to last ``min_time``; rounds go on until ``max_time`` is used. The
samples go back as they are: statistics are made of them in :mod:`tradeoff.measure.estimating`, and the mean decides
nothing.
"""

from __future__ import annotations

import gc
import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from time import get_clock_info, perf_counter, process_time
from typing import Any, Final

#: A batch this long is far above what a clock call costs, and short enough that a scheduler's slice hits few.
SHORT_BATCH: Final = 0.0005
#: A round of the control lasts this share of a round.
CONTROL_SHARE: Final = 0.1
#: Single requests take at most this share of the time, and are at most so many, for each load.
SINGLES_SHARE: Final = 0.1
MOST_SINGLES: Final = 200


@dataclass(frozen=True)
class Timing:
    """How long to measure; the names are those of pytest-benchmark's options.

    :param min_rounds: at least so many rounds.
    :param min_time: seconds a round lasts at least.
    :param max_time: seconds of all rounds together, unless ``min_rounds`` needs more.
    :param warmup: whether to run without timing first.
    :param warmup_iterations: at most so many calls of warming up.
    :param calibration_precision: a round lasts at least so many ticks of the clock.
    :param disable_gc: keep the garbage collector off.
    :param precision: stop early when the mean's relative margin is below this; ``None`` for never.
    :param confidence: of that margin.
    :param once: one call and no timing, as under ``--benchmark-disable``.
    :param processes: in so many processes, where starting one takes not much longer than measuring.
    :param margin: go on until half the interval of the median is at most this share of it; ``None`` for never.
    :param budget: seconds for all of that, and for repeating what was disturbed; three times ``max_time`` by default.
    """

    min_rounds: int = 20
    min_time: float = SHORT_BATCH
    max_time: float = 0.5
    warmup: bool = True
    warmup_iterations: int = 1000
    calibration_precision: int = 10
    disable_gc: bool = False
    precision: float | None = None
    confidence: float = 0.99
    once: bool = False
    processes: int = 5
    margin: float | None = None
    budget: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data for a worker."""
        return asdict(self)

    @property
    def most(self) -> float:
        """Seconds after which nothing is repeated."""
        return self.budget if self.budget is not None else 3 * self.max_time

    def divided(self, count: int) -> Timing:
        """For one of ``count`` equal parts of the time."""
        return replace(self, max_time=self.max_time / count, min_rounds=math.ceil(self.min_rounds / count))


@dataclass(frozen=True)
class Lot:
    """What was timed on one load of the artifact, all of it in seconds of one call.

    :param rounds: of the cell, round by round.
    :param iterations: the calls in a round.
    :param baseline: of the baseline, in the round just before each round of the cell.
    :param controls: of work that is always the same, just before that.
    :param waits: the share of each such turn in which this process did not have the processor.
    :param singles: of the cell, each request by itself.
    :param process: the worker process it was timed in, from 1.
    """

    rounds: tuple[float, ...]
    iterations: int
    baseline: tuple[float, ...] = ()
    controls: tuple[float, ...] = ()
    waits: tuple[float, ...] = ()
    singles: tuple[float, ...] = ()
    process: int = 1

    def to_json(self) -> dict[str, Any]:
        """Plain data for the process that plans."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], process: int) -> Lot:
        """Read what a worker sent."""
        plain: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in data.items()}
        return cls(**{**plain, "process": process})


def measure_lot(call: Callable[[], Any], other: Callable[[], Any] | None, timing: Timing) -> Lot:
    """Time ``call``, ``other`` and the control in turns, a round of each: a machine that changes its speed changes it
    for all of them alike.
    """
    if timing.once:
        call()
        return Lot((), 1)
    if other is not None:
        # Half of the time is the other's.
        timing = replace(timing, max_time=timing.max_time / 2)
    others: list[float] = []
    controls: list[float] = []
    waits: list[float] = []
    with collector(off=timing.disable_gc):
        iterations = _prepared(call, timing)
        other_iterations = _prepared(other, timing) if other else 1
        steady = _calibrate(control, replace(timing, min_time=timing.min_time * CONTROL_SHARE))

        def turn() -> float:
            wall, busy = perf_counter(), process_time()
            seconds = in_turns()
            busy = process_time() - busy
            waits.append(max(0.0, 1 - busy / (perf_counter() - wall)))
            return seconds

        def in_turns() -> float:
            controls.append(_batch(control, steady) / steady)
            if other:
                # Each finds its data in the cache again before its round begins.
                other()
                others.append(_batch(other, other_iterations) / other_iterations)
            call()
            return _batch(call, iterations)

        rounds = _rounds(turn, timing)
        singles = _singles(call, timing)
    per_call = tuple(seconds / iterations for seconds in rounds)
    return Lot(per_call, iterations, tuple(others), tuple(controls), tuple(waits), singles)


def control() -> int:
    """Work that is the same on every machine and in every run: it shows at what speed the processor goes just now."""
    total = 0
    for number in range(200):
        total += number * number
    return total


def _singles(call: Callable[[], Any], timing: Timing) -> tuple[float, ...]:
    """Single requests, each by itself, for the percentiles: a batch hides the slow one among the others."""
    found: list[float] = []
    end = perf_counter() + timing.max_time * SINGLES_SHARE
    while len(found) < MOST_SINGLES and perf_counter() < end:
        found.append(_batch(call, 1))
    return tuple(found)


@contextmanager
def collector(*, off: bool) -> Iterator[None]:
    """Without Python's garbage collector, if it is to be off."""
    was_enabled = gc.isenabled()
    if off:
        gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _prepared(call: Callable[[], Any], timing: Timing) -> int:
    if timing.warmup:
        warm_up(call, timing)
    return _calibrate(call, timing)


def _batch(call: Callable[[], Any], iterations: int) -> float:
    """Seconds of one round; the cheapest loop that Python has."""
    start = perf_counter()
    for _ in itertools.repeat(None, iterations):
        call()
    return perf_counter() - start


def warm_up(call: Callable[[], Any], timing: Timing) -> None:
    """Call without timing, so often or so long as is enough."""
    end = perf_counter() + min(timing.max_time, 0.2)
    for _ in range(timing.warmup_iterations):
        call()
        if perf_counter() > end:
            return


def _calibrate(call: Callable[[], Any], timing: Timing) -> int:
    """How many calls fill a round."""
    wanted = max(timing.min_time, timing.calibration_precision * get_clock_info("perf_counter").resolution)
    iterations = 1
    while True:
        seconds = _undisturbed(call, iterations)
        if seconds >= wanted:
            return iterations
        if seconds >= wanted / 5:
            return math.ceil(iterations * wanted / seconds)
        iterations *= 5


def _undisturbed(call: Callable[[], Any], iterations: int) -> float:
    """The shortest of three batches, lest one interruption decide the size of all rounds."""
    first = _batch(call, iterations)
    return first if first > 0.05 else min(first, _batch(call, iterations), _batch(call, iterations))


def _rounds(one: Callable[[], float], timing: Timing) -> list[float]:
    found: list[float] = []
    total = 0.0
    while len(found) < timing.min_rounds or total < timing.max_time:
        seconds = one()
        found.append(seconds)
        total += seconds
        if timing.precision is not None and len(found) >= max(2, timing.min_rounds) and _precise(found, timing):
            break
    return found


def _precise(rounds: Sequence[float], timing: Timing) -> bool:
    """pytest-benchmark's criterion: the relative margin of the mean; looked at when the rounds have doubled."""
    count = len(rounds)
    if count & (count - 1) and count > 64:
        return False
    z = statistics.NormalDist().inv_cdf(0.5 + timing.confidence / 2)
    margin = z * statistics.stdev(rounds) / math.sqrt(count) / statistics.fmean(rounds)
    return timing.precision is not None and margin <= timing.precision
