"""When requests arrive, decided before the first is sent; and waiting for the moment precisely.

An arrival never waits for an answer: a schedule that is made beforehand cannot slow down with the thing it measures.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable
from time import perf_counter, sleep
from typing import Final

Clock = Callable[[], float]

#: A thread that sleeps wakes up late, by some 0.1 ms: the last part of a wait is spent looking at the clock.
SPIN_SECONDS: Final = 0.0003


def poisson_arrivals(rate: float, count: int, seed: str) -> tuple[float, ...]:
    """``count`` arrivals in seconds from the beginning, each as likely at any moment: ``rate`` in a second on average.

    The same seed gives the same arrivals, at another rate the same ones stretched.
    """
    draws = random.Random(seed)  # noqa: S311 - nothing here is secret
    moment = 0.0
    found = []
    for _ in range(count):
        # 1 - x is never zero, whose logarithm there is not.
        moment -= math.log(1.0 - draws.random()) / rate
        found.append(moment)
    return tuple(found)


def wait_until(
    moment: float, clock: Clock = perf_counter, pause: Callable[[float], None] = sleep, *, shared: bool = False
) -> float:
    """Wait for a moment of ``clock``; what the clock says then.

    :param shared: other threads of this process have something to do meanwhile.
    """
    while (now := clock()) < moment:
        left = moment - now
        if left > SPIN_SECONDS:
            pause(left - SPIN_SECONDS)
        elif shared:
            _let_others(pause)
    return now


def _let_others(pause: Callable[[float], None]) -> None:
    """Let go of the interpreter for a moment, far shorter than the shortest sleep."""
    if hasattr(os, "sched_yield"):
        os.sched_yield()
    else:
        pause(0.0)
