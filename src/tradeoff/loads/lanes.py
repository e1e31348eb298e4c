"""The loops that send requests: each lane is a thread that has one request in the air at a time.

There is no thread that generates requests for others to answer: it would compete with them for the interpreter. A free
lane takes the next arrival of the schedule and waits for its moment, which is the same queue, first come, first served.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from threading import Barrier
from time import perf_counter, sleep
from typing import Final, TypeVar

from tradeoff.loads.arrivals import Clock, wait_until

Call = Callable[[], object]
T = TypeVar("T")

#: Seconds between the decision to begin and the beginning, so that all lanes are ready.
_LEAD: Final = 0.001
#: Seconds for which a thread may keep the interpreter while another is waiting for it.
_SWITCH: Final = 1e-5
#: Requests that do nothing, to see what a loop costs.
_IDLE_REQUESTS: Final = 2000


@dataclass(frozen=True)
class Timeline:
    """What became of a schedule; in seconds from its beginning, in the order of arrival.

    :param due: when each request was to arrive.
    :param begins: when it was sent, of those that were.
    :param ends: when it was answered.
    :param lateness: how long it was not sent although it had arrived and its lane was free: the generator's fault.
    """

    due: tuple[float, ...]
    begins: tuple[float, ...]
    ends: tuple[float, ...]
    lateness: tuple[float, ...]

    @property
    def latencies(self) -> tuple[float, ...]:
        """From the arrival as it was scheduled: whoever waits for an answer does not care when it was sent."""
        return tuple(end - due for due, end in zip(self.due, self.ends, strict=False))

    @property
    def busy(self) -> tuple[float, ...]:
        """From sending to the answer."""
        return tuple(end - begin for begin, end in zip(self.begins, self.ends, strict=True))


def closed_loop(
    call: Call, seconds: float, fewest: int, most_seconds: float, clock: Clock = perf_counter
) -> list[float]:
    """Send the next request when the last is answered; the seconds of each.

    It goes on for ``seconds`` and until there are ``fewest``, but for no longer than ``most_seconds``.
    """
    taken: list[float] = []
    keep = taken.append
    sent = clock()
    enough, limit = sent + seconds, sent + most_seconds
    while True:
        call()
        # The next one is sent at the same moment: nothing lies between two requests.
        answered = clock()
        keep(answered - sent)
        sent = answered
        if (answered >= enough and len(taken) >= fewest) or answered >= limit:
            return taken


def open_loop(
    calls: Sequence[Call],
    due: Sequence[float],
    limit: float,
    clock: Clock = perf_counter,
    pause: Callable[[float], None] = sleep,
) -> Timeline:
    """Have requests arrive as scheduled, answered by as many lanes as there are calls.

    :param limit: seconds after which nothing more is sent, for a queue that only grows.
    """
    origin = clock() + _LEAD
    # Each lane takes the next arrival from the same iterator, which gives each number once.
    turns = iter(range(len(due)))
    lanes = [partial(_lane, call, due, turns, origin, limit, clock, pause, shared=len(calls) > 1) for call in calls]
    sent = sorted(entry for lane in in_lanes(lanes) for entry in lane)
    return Timeline(
        tuple(due),
        tuple(begin - origin for _, begin, _, _ in sent),
        tuple(end - origin for _, _, end, _ in sent),
        tuple(late for _, _, _, late in sent),
    )


def _lane(
    call: Call,
    due: Sequence[float],
    turns: Iterator[int],
    origin: float,
    limit: float,
    clock: Clock,
    pause: Callable[[float], None],
    *,
    shared: bool,
) -> list[tuple[int, float, float, float]]:
    """Number, begin and end of each request that this lane has sent, and how late it was."""
    numbers: list[int] = []
    begins: list[float] = []
    ends: list[float] = []
    for number in turns:
        moment = origin + due[number]
        begins.append(wait_until(moment, clock, pause, shared=shared))
        call()
        ended = clock()
        ends.append(ended)
        numbers.append(number)
        if ended > origin + limit:
            break
    free = [origin, *ends[:-1]] if ends else []
    late = [b - max(f, origin + due[n]) for n, b, f in zip(numbers, begins, free, strict=True)]
    return list(zip(numbers, begins, ends, late, strict=True))


def in_lanes(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """Do all of them at once; a single one in this thread."""
    if len(jobs) == 1:
        return [jobs[0]()]
    ready = Barrier(len(jobs))

    def begin(job: Callable[[], T]) -> T:
        ready.wait()
        return job()

    with _eager_switching(), ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(begin, jobs))


@contextmanager
def _eager_switching() -> Iterator[None]:
    """A lane that has its answer is not kept waiting by one that only waits."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def overhead() -> float:
    """Seconds that a loop adds to a request: the dearer of the two, of requests that do nothing."""
    closed = statistics.median(closed_loop(_nothing, 0.0, _IDLE_REQUESTS, 1.0))
    ends = open_loop([_nothing], [0.0] * _IDLE_REQUESTS, 1.0).ends
    between = statistics.median(later - earlier for earlier, later in pairwise(ends))
    return max(closed, between)


def _nothing() -> None:
    """A request that is answered at once."""
