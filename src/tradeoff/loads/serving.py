"""What a scenario's blocks say: throughput, latency, percentiles, and whether they can be relied on."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from tradeoff.loads.blocks import Block
from tradeoff.measure.estimating import FEWEST_LOTS, Estimate, estimate, percentile

#: A queue that grows answers fewer than arrive: by more than this share, while so many wait at the end.
OVERLOADED: Final = 0.05
MOST_WAITING: Final = 10
#: The generator's own lateness is small up to this share of a latency.
LATE: Final = 0.1
ENDLESS: Final = "the queue grows without end: this number would only tell how long it was watched"
#: Scenarios in which somebody waits for the answer; the others are about throughput.
_AWAITED: Final = ("stream", "multi", "server")


@dataclass(frozen=True)
class Served:
    """What was found out about one cell under a scenario.

    :param cell: the cell it was measured for: another one, where that has the same content.
    :param scenario: its name.
    :param blocks: stretches of requests.
    :param facts: what else is known.
    """

    cell: str
    scenario: str
    blocks: tuple[Block, ...]
    facts: Mapping[str, Any]

    @property
    def latencies(self) -> list[float]:
        """Of all requests that were kept."""
        return [seconds for block in self.best for seconds in block.latencies]

    @cached_property
    def best(self) -> tuple[Block, ...]:
        """The blocks of the batch that answers most in a second; where there is one batch, all of them."""
        batches = self.by_batch().values()
        return max(batches, key=lambda blocks: statistics.median(block.rate for block in blocks), default=())

    def by_batch(self) -> dict[int, tuple[Block, ...]]:
        """Blocks by the samples in a request."""
        batches = sorted({block.batch for block in self.blocks})
        return {batch: tuple(block for block in self.blocks if block.batch == batch) for batch in batches}

    @property
    def overloaded(self) -> bool:
        """Whether more arrived than could be answered."""
        if "offered_rate" not in self.facts:
            return False
        behind = self.facts["achieved_rate"] < (1 - OVERLOADED) * self.facts["offered_rate"]
        return bool(behind and self.facts["waiting"] > MOST_WAITING)

    @cached_property
    def throughput(self) -> Estimate:
        """Samples in a second."""
        return _throughput(self.best)

    @cached_property
    def latency(self) -> Estimate | None:
        """Of a request; none where nobody waits for one."""
        return _latency(self.best) if self.awaited and not self.overloaded else None

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for each answer."""
        return self.scenario in _AWAITED

    @property
    def independent(self) -> bool:
        """Whether one request's latency says nothing of the next one's: in a queue it does."""
        return self.scenario != "server"

    @property
    def verdicts(self) -> dict[str, bool]:
        """What a reader must be told, and whether it is so."""
        return {"overloaded": self.overloaded, "noisy": self.noisy}

    @property
    def noisy(self) -> bool:
        """Whether the numbers would be others, were they taken again."""
        if self.scenario == "server":
            return self._late or (self.overloaded and self.throughput.noisy)
        return self.throughput.noisy or _latency(self.best).noisy

    @property
    def _late(self) -> bool:
        """Whether the generator's lateness is more than a small part of the latencies."""
        shares = ((0.5, self.facts["lateness_p50_s"]), (0.99, self.facts["lateness_p99_s"]))
        found = [(late, percentile(self.latencies, share)) for share, late in shares]
        return any(late is not None and whole is not None and late > LATE * whole.value for late, whole in found)

    def points(self) -> list[dict[str, float]]:
        """Each batch of a sweep with its throughput."""
        found = {batch: _throughput(blocks) for batch, blocks in self.by_batch().items()}
        return [
            {"batch": batch, "throughput": point.median, "low": point.low, "high": point.high}
            for batch, point in found.items()
        ]


def _throughput(blocks: Iterable[Block]) -> Estimate:
    return _over(blocks, lambda block: block.rates)


def _latency(blocks: Iterable[Block]) -> Estimate:
    return _over(blocks, lambda block: block.latencies)


def _over(blocks: Iterable[Block], values: Callable[[Block], Sequence[float]]) -> Estimate:
    """Over loads where there are enough of them, else over blocks, which resemble each other more."""
    by_load: dict[int, list[float]] = {}
    each: list[Sequence[float]] = []
    for block in blocks:
        by_load.setdefault(block.load, []).extend(values(block))
        each.append(values(block))
    enough = len(by_load) >= FEWEST_LOTS
    found = estimate(list(by_load.values()) if enough else each)
    return found if enough else replace(found, over="blocks" if len(each) >= FEWEST_LOTS else "requests")
