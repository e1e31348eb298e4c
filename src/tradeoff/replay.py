"""How the samples of a worker reach pytest-benchmark: through its own timer, round by round.

pytest-benchmark asks its timer before and after each round. Here the timer answers with what a worker
measured, so that its statistics, tables, JSON and comparisons are over real samples.
"""

from __future__ import annotations

from typing import Any

from tradeoff.measuring import Samples


class ReplayClock:
    """A timer that gives back durations that were measured elsewhere.

    Each pair of calls starts at zero, so that no digit is lost to a large running sum.
    """

    __name__ = "tradeoff.worker"
    __module__ = "tradeoff.replay"

    def __init__(self) -> None:
        self._durations: list[float] = []
        self._started = False

    def load(self, samples: Samples) -> None:
        """The durations to give back, in order."""
        self._durations = list(reversed(samples.per_call))
        self._started = False

    def __call__(self) -> float:
        self._started = not self._started
        return 0.0 if self._started else self._durations.pop()


def replay(benchmark: Any, clock: ReplayClock, samples: Samples) -> None:
    """Run pytest-benchmark's fixture over ``samples``."""
    clock.load(samples)
    benchmark.pedantic(_nothing, rounds=max(1, len(samples.rounds)), iterations=1)
    if benchmark.stats is not None:
        # The rounds were given per call; what remains is to say how many calls stood behind each.
        benchmark.stats.iterations = samples.iterations


def _nothing() -> None:
    """What the fixture calls; the work was done in a worker."""
