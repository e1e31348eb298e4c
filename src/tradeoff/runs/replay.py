"""How the samples of a worker reach pytest-benchmark: through its own timer, round by round.

pytest-benchmark asks its timer before and after each round. Here the timer answers with what a worker
measured, so that its statistics, tables, JSON and comparisons are over real samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tradeoff.errors import BadInput
from tradeoff.record import JSON_KEY, Axes


class ReplayClock:
    """A timer that gives back durations that were measured elsewhere.

    Each pair of calls starts at zero, so that no digit is lost to a large running sum.
    """

    __name__ = "tradeoff.processes.worker"
    __module__ = "tradeoff.runs.replay"

    def __init__(self) -> None:
        self._durations: list[float] = []
        self._started = False

    def load(self, durations: Sequence[float]) -> None:
        """The durations to give back, in order."""
        self._durations = list(reversed(durations))
        self._started = False

    def __call__(self) -> float:
        self._started = not self._started
        return 0.0 if self._started else self._durations.pop()


@dataclass(frozen=True)
class Tape:
    """What is given back: seconds of one call, round by round, and how many calls stood behind each.

    :param group: the heading under which pytest-benchmark shows it, where it is not the one that was planned.
    """

    durations: tuple[float, ...] = ()
    iterations: int = 1
    group: str = ""


def replay(benchmark: Any, clock: ReplayClock, axes: Axes, tape: Tape) -> None:
    """Run pytest-benchmark's fixture over ``tape``, under the name of the cell with these axes."""
    benchmark.fullname = axes.spelling
    benchmark.params = {name: getattr(axes, name) for name in ("model", "chain", "backend", "device", "load")}
    benchmark.extra_info[JSON_KEY] = {"cell": axes.spelling}
    if tape.group:
        benchmark.group = tape.group
    clock.load(tape.durations)
    benchmark.pedantic(_nothing, rounds=max(1, len(tape.durations)), iterations=1)
    if benchmark.stats is not None:
        # The rounds were given per call; what remains is to say how many calls stood behind each.
        benchmark.stats.iterations = tape.iterations


def leave_untimed(benchmark: Any) -> None:
    """Tell pytest-benchmark's fixture that there is nothing to time, or it warns that it was not used.

    It has a switch for that, ``skipped``, and sets it anew by the outcome of the test, which is a pass.
    """
    benchmark._mode = "untimed"


def entry_of(benchmark: Any) -> dict[str, Any] | None:
    """What pytest-benchmark will write of a cell, samples included; ``None`` when nothing was timed."""
    stats = getattr(benchmark, "stats", None)
    found: dict[str, Any] | None = stats.as_dict(include_data=True) if stats is not None and stats.stats else None
    return found


def tape_of(entry: Mapping[str, Any] | None) -> Tape:
    """The samples in what :func:`entry_of` gave."""
    if entry is None:
        return Tape()
    try:
        stats = entry["stats"]
        return Tape(tuple(map(float, stats["data"])), int(stats["iterations"]), str(entry.get("group") or ""))
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"the journal's samples of a cell cannot be read: {error!r}") from error


def _nothing() -> None:
    """What the fixture calls; the work was done in a worker."""
