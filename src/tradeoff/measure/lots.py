"""Has a cell timed on several loads in several processes, and again while that helps and there is time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any, Final

from tradeoff.measure.estimating import Sifted, control_of, estimate_lots, sift, timings
from tradeoff.measure.noise import Noise, summed
from tradeoff.measure.speed import SpeedBook
from tradeoff.measure.timing import Lot, Timing
from tradeoff.processes.workers import Workers
from tradeoff.vocabulary import Environment, Progress

#: Starting another process may take this share of what a cell is timed. It is done once for all cells; loading the
#: artifact is not, and where a runtime starts slowly it compiles what it loads, too.
CHEAP: Final = 0.7


@dataclass(frozen=True)
class Lots:
    """All that was timed of one cell.

    :param all: load by load.
    :param sifted: without what was disturbed.
    :param stopped: what ended it: ``time`` when all was well, ``precision`` when that was asked for and reached,
        ``budget`` when the time was used up before.
    :param noise: what else the machine did meanwhile.
    """

    all: tuple[Lot, ...]
    sifted: Sifted
    stopped: str
    noise: Noise | None = None

    @property
    def kept(self) -> tuple[Lot, ...]:
        """The lots that count."""
        return self.sifted.lots


def time_in_lots(
    workers: Workers,
    environment: Environment,
    request: Mapping[str, Any],
    timing: Timing,
    speed: SpeedBook,
    progress: Progress,
) -> Lots:
    """Time what ``request`` describes; its time is divided among the processes."""
    processes = 1 if timing.once else _processes(workers, environment, timing, progress)
    part = {**request, "timing": timing.divided(processes).to_json()}
    begun = monotonic()
    lots: list[Lot] = []
    noise: list[Mapping[str, Any]] = []
    for turn in count():
        process = turn % processes + 1
        answer = workers.ask(environment.numbered(process), part, progress)
        lots += [Lot.from_json(lot, process) for lot in answer["lots"]]
        noise += [answer["noise"]] if "noise" in answer else []
        if turn + 1 < processes:
            continue
        sifted = sift(lots, speed.best(control_of(lots)))
        stopped = _stopped(sifted, timing, monotonic() - begun)
        if stopped:
            return Lots(tuple(lots), sifted, stopped, summed(noise))
    raise AssertionError("counting has no end")


def _processes(workers: Workers, environment: Environment, timing: Timing, progress: Progress) -> int:
    """As many as are wanted, where the import is cheap or precision is asked for; else one."""
    cheap = workers.start(environment, progress) <= CHEAP * timing.max_time
    return timing.processes if cheap or timing.margin is not None else 1


def _stopped(sifted: Sifted, timing: Timing, spent: float) -> str:
    """What ends the measuring; empty when it goes on."""
    if timing.once or not sifted.disturbed:
        if timing.margin is None or timing.once:
            return "time"
        found = estimate_lots(sifted.lots, timings)
        # One load alone does not know how much another would differ.
        if found.over != "rounds" and found.margin <= timing.margin:
            return "precision"
    return "budget" if spent >= timing.most else ""
