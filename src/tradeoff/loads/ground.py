"""What a scenario runs on: an artifact to load, samples to ask about, and how long there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradeoff.loads.blocks import Block, rates_of
from tradeoff.loads.lanes import Call
from tradeoff.measure.timing import Timing, warm_up
from tradeoff.vocabulary import Progress, Runner

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

#: Blocks, and what else is to be known.
Found = tuple[list[Block], dict[str, Any]]


@dataclass(frozen=True)
class Ground:
    """What a scenario runs on.

    :param load: loads the artifact anew.
    :param batch: so many real samples, repeated where there are too few.
    :param samples: how many there are.
    :param loads: how often to load it.
    :param most: samples the backend takes in one request; ``None`` for any.
    :param seed: of the run.
    """

    load: Callable[[], Runner]
    batch: Callable[[int], Array]
    samples: int
    loads: int
    most: int | None
    timing: Timing
    seed: int
    progress: Progress

    def fitting(self, size: int) -> int:
        """The samples of one request where ``size`` are wanted."""
        return min(size, self.most or size)

    def calls(self, size: int) -> list[Call]:
        """Requests for so many samples, on a load of their own, warmed up."""
        return self.calls_on(self.load(), size)

    def calls_on(self, runner: Runner, size: int) -> list[Call]:
        """Requests for so many samples: one, or as many as the backend needs for them."""
        step, x = self.fitting(size), self.batch(size)
        calls: list[Call] = [runner.bind(x[start : start + step]) for start in range(0, size, step)]
        if self.timing.warmup and not self.timing.once:
            warm_up(_one_after_the_other(calls), self.timing)
        return calls

    def query(self, size: int) -> Call:
        """One call that answers so many samples."""
        return _one_after_the_other(self.calls(size))

    def block(self, load: int, batch: int, taken: Sequence[float]) -> Block:
        """Requests of ``batch`` samples that went one after the other on a load."""
        return Block(load, batch, tuple(taken), tuple(rates_of(taken, batch, self.timing.min_time)))


def _one_after_the_other(calls: Sequence[Call]) -> Call:
    if len(calls) == 1:
        return calls[0]

    def all_of_them() -> None:
        for call in calls:
            call()

    return all_of_them
