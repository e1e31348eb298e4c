"""The timing loop that runs in a worker. It follows pytest-benchmark's options, with short batches.

A round calls the request often enough to last ``min_time``; rounds go on until ``max_time`` is used. The
samples go back as they are: statistics are made of them elsewhere, and the mean decides nothing.
"""

from __future__ import annotations

import gc
import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import get_clock_info, perf_counter
from typing import Any, Final

#: A batch this long is far above what a clock call costs, and short enough that a scheduler's slice hits few.
SHORT_BATCH: Final = 0.001
#: Middle half wider than this share of the median: the number does not repeat.
NOISY_SPREAD: Final = 0.25
_Z: Final = statistics.NormalDist().inv_cdf(0.975)


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
    """

    min_rounds: int = 20
    min_time: float = SHORT_BATCH
    max_time: float = 1.0
    warmup: bool = True
    warmup_iterations: int = 1000
    calibration_precision: int = 10
    disable_gc: bool = False
    precision: float | None = None
    confidence: float = 0.99
    once: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain data for a worker."""
        return asdict(self)


@dataclass(frozen=True)
class Samples:
    """Seconds of each round, and the calls in a round."""

    rounds: tuple[float, ...]
    iterations: int

    @property
    def per_call(self) -> tuple[float, ...]:
        """Seconds of one call, round by round."""
        return tuple(seconds / self.iterations for seconds in self.rounds)


def measure(call: Callable[[], Any], timing: Timing) -> Samples:
    """Time ``call``."""
    if timing.once:
        call()
        return Samples((), 1)
    with _collector(off=timing.disable_gc):
        iterations = _prepared(call, timing)
        return Samples(tuple(_rounds(lambda: _batch(call, iterations), timing)), iterations)


def measure_beside(call: Callable[[], Any], other: Callable[[], Any], timing: Timing) -> tuple[Samples, Samples]:
    """Time both in turns, a round of each: a machine that changes its speed changes it for both alike."""
    if timing.once:
        call()
        return Samples((), 1), Samples((), 1)
    others: list[float] = []
    with _collector(off=timing.disable_gc):
        iterations, other_iterations = _prepared(call, timing), _prepared(other, timing)

        def pair() -> float:
            # Each finds its data in the cache again before its round begins.
            other()
            others.append(_batch(other, other_iterations))
            call()
            return _batch(call, iterations)

        rounds = tuple(_rounds(pair, timing))
    return Samples(rounds, iterations), Samples(tuple(others), other_iterations)


@contextmanager
def _collector(*, off: bool) -> Iterator[None]:
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
        _warm_up(call, timing)
    return _calibrate(call, timing)


def _batch(call: Callable[[], Any], iterations: int) -> float:
    """Seconds of one round; the cheapest loop that Python has."""
    start = perf_counter()
    for _ in itertools.repeat(None, iterations):
        call()
    return perf_counter() - start


def _warm_up(call: Callable[[], Any], timing: Timing) -> None:
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


@dataclass(frozen=True)
class Summary:
    """The median with a distribution-free 95 % interval, and how wide the middle half is."""

    median: float
    low: float
    high: float
    spread: float

    @property
    def noisy(self) -> bool:
        """Whether the spread is too wide for the number to be relied on."""
        return self.spread > NOISY_SPREAD


def summarise(samples: Sequence[float]) -> Summary:
    """What stands in the record; order statistics bound the median without assuming a distribution."""
    ordered = sorted(samples)
    count = len(ordered)
    half = _Z * math.sqrt(count) / 2
    low = ordered[max(0, math.floor(count / 2 - half))]
    high = ordered[min(count - 1, math.ceil(count / 2 + half))]
    median = statistics.median(ordered)
    quarter, three_quarters = ordered[count // 4], ordered[(3 * count) // 4 if count > 1 else 0]
    return Summary(median, low, high, (three_quarters - quarter) / median if median else 0.0)
